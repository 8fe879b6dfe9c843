//! What programs say of their own state, as a piece of information rather than as an error.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The feature flag, and the state, that a text says it has or got: `feature flag "new-pricing" set to true`.
pub fn flag(text: &str) -> Option<(String, String)> {
    static TOLD: LazyLock<[Option<Regex>; 5]> = LazyLock::new(|| {
        let name = r#"["'`]?(?<flag>[a-z0-9][a-z0-9_.-]{2,60})["'`]?"#;
        let state = r"(?<state>(true|false|enabled|disabled|activated|deactivated)\b|[0-9]{1,3} ?%)";
        // Alone these two are prepositions.
        let switched = r"(?<state>on|off)\b";
        let before = format!(r"(?i)\b(feature[ _-]?(flag|toggle)|flag|toggle)s?[ :=]+{name}");
        let after = format!(r"(the )?(feature[ _-]?)?(flag|toggle)[ :=]+{name}");
        [
            format!(r"{before}[ :,=(]{{1,3}}.{{0,40}}\b{state}"),
            format!(r#"{before}(.{{0,40}}\b(now|set|switched|to|turned) |.{{0,40}}[:=>] ?)["'`]?{switched}"#),
            format!(r#"{before}.{{0,40}}\bis ["'`]?{switched}["'`]?\s*([.,;)]|$)"#),
            format!(r"(?i)\b{state} {after}"),
            format!(r"(?i)\b(set|switched|turned) {switched} {after}"),
        ]
        .map(|pattern| Regex::new(&pattern).ok())
    });
    let lower = text.to_ascii_lowercase();
    if !lower.contains("flag") && !lower.contains("toggle") {
        return None;
    }
    let found = TOLD.iter().flatten().find_map(|told| told.captures(text))?;
    let part = |name: &str| found.name(name).map(|part| part.as_str().to_ascii_lowercase());
    Some((part("flag")?, part("state")?))
}

/// Whether a text says that somebody waits for a lock. Databases log that as a piece of information, not as an error.
pub fn waits_for_lock(text: &str) -> bool {
    static WAITS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?i)still waiting for \w*lock|waits? for \w+lock on |process(es)? holding the lock|waiting for (table|schema|stored \w+|trigger) (metadata|level) lock",
        )
        .ok()
    });
    WAITS.as_ref().is_some_and(|waits| waits.is_match(text))
}

/// Whether a text tells of a collection of all of a heap that left nine tenths of it in use: the runtime has next to no memory
/// left, and spends its time looking for some. As the virtual machines of Java (`-Xlog:gc`, `-verbose:gc`) write it, and that
/// of V8 (`--trace-gc`): what it has committed is always a little more than what is in use, but it tells how much of its time
/// is left for the program (`mu`, the utilization by the mutator).
///
/// ```
/// use claw_metrics::logs::indicators::collects_in_vain;
/// assert!(collects_in_vain("GC(97) Pause Full (G1 Compaction Pause) 1021M->1017M(1024M) 5047.203ms"));
/// assert!(!collects_in_vain("GC(97) Pause Full (System.gc()) 1021M->310M(1024M) 847.203ms"));
/// let v8 = "Mark-Compact 2045.3 (2083.3) -> 2044.6 (2083.5) MB, 1212.06 / 0.00 ms (average mu = 0.142, current mu = 0.003)";
/// assert!(collects_in_vain(v8));
/// assert!(!collects_in_vain("Mark-sweep 157.6 (161.2) -> 150.1 (159.6) MB, 8.1 / 0.0 ms (average mu = 0.98, current mu = 0.97)"));
/// ```
pub fn collects_in_vain(text: &str) -> bool {
    /// Share of the heap in use after a collection from which on it is as good as full.
    const FULL: f64 = 0.9;
    static COLLECTED: LazyLock<[Option<Regex>; 2]> = LazyLock::new(|| {
        [
            r"(?i)\b(?:pause full|full gc)\b.*->(?<left>\d+(?:\.\d+)?)(?<lu>[kmg])b?\((?<all>\d+(?:\.\d+)?)(?<au>[kmg])b?\)",
            r"(?i)\bmark-(?:sweep|compact)\b.*->\s*(?<left>\d+(?:\.\d+)?) \((?<all>\d+(?:\.\d+)?)\) mb.*\bcurrent mu = 0\.0",
        ]
        .map(|pattern| Regex::new(pattern).ok())
    });
    let bytes = |found: &Captures<'_>, number: &str, unit: &str| -> Option<f64> {
        let number: f64 = found.name(number)?.as_str().parse().ok()?;
        let factor = match found.name(unit).map(|unit| unit.as_str().to_ascii_lowercase()) {
            Some(unit) if unit == "k" => 1.0 / 1024.0,
            Some(unit) if unit == "g" => 1024.0,
            _ => 1.0,
        };
        Some(number * factor)
    };
    let found = COLLECTED
        .iter()
        .flatten()
        .find_map(|pattern| pattern.captures(text));
    found.is_some_and(|found| {
        let (left, all) = (bytes(&found, "left", "lu"), bytes(&found, "all", "au"));
        left.zip(all)
            .is_some_and(|(left, all)| all > 0.0 && left / all >= FULL)
    })
}
