//! How urgent an alert says that it is.

use super::Alert;

/// How urgent an alert is, by its label `severity`. Teams call the grades in their own ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Nobody has to do anything.
    Info,
    /// Somebody has to look at it in their own time. An alert that does not say how urgent it is, or in words of its own, counts
    /// as such a one.
    Warning,
    /// Something fails.
    Error,
    /// Somebody is to be woken.
    Critical,
}

/// What the grades are called, in small letters and without anything but letters and digits.
const WORDS: [(Urgency, &[&str]); 3] = [
    (
        Urgency::Info,
        &[
            "none",
            "debug",
            "info",
            "information",
            "informational",
            "notice",
            "low",
            "ok",
            "p4",
            "p5",
            "sev4",
            "sev5",
            "s4",
            "s5",
        ],
    ),
    (
        Urgency::Error,
        &["error", "err", "high", "major", "p2", "sev2", "s2"],
    ),
    (
        Urgency::Critical,
        &[
            "critical",
            "crit",
            "page",
            "fatal",
            "emergency",
            "disaster",
            "blocker",
            "urgent",
            "highest",
            "p0",
            "p1",
            "sev0",
            "sev1",
            "s0",
            "s1",
        ],
    ),
];

impl Alert {
    /// How urgent it says that it is.
    pub(crate) fn urgency(&self) -> Urgency {
        let said: String = self
            .severity()
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let known = WORDS.iter().find(|(_, words)| words.contains(&said.as_str()));
        known.map_or(Urgency::Warning, |(urgency, _)| *urgency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urgency(severity: Option<&str>) -> Urgency {
        let labels = severity.map(|word| ("severity".to_owned(), word.to_owned()));
        let alert = serde_json::json!({
            "fingerprint": "a",
            "starts_at": "2026-03-01T10:00:00Z",
            "labels": labels.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        });
        serde_json::from_value::<Alert>(alert).unwrap().urgency()
    }

    #[test]
    fn grades_go_by_many_names() {
        let grades = [
            ["none", "info", "Informational", "P4"],
            ["warning", "ticket", "medium", "what the team likes"],
            ["error", "High", "SEV-2", "major"],
            ["critical", "PAGE", "sev 1", "P1"],
        ];
        let read = |words: [&str; 4]| words.map(|word| urgency(Some(word)));
        let all = [Urgency::Info, Urgency::Warning, Urgency::Error, Urgency::Critical];
        assert_eq!(grades.map(read), all.map(|urgency| [urgency; 4]));
        assert!(all.is_sorted_by(|lower, higher| lower < higher));
    }

    #[test]
    fn one_that_says_nothing_is_as_urgent_as_a_warning() {
        assert_eq!(urgency(None), urgency(Some("warning")));
        assert_eq!(urgency(Some(" ")), Urgency::Warning);
    }
}
