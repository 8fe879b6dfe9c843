//! A request in words.

use claw_guardrails::approval::{Shown, State};

use crate::deliver::untrusted::line;

/// Longest line, in characters.
const WIDTH: usize = 1_000;
/// Characters of a digest that tell requests apart on sight.
pub(super) const GLANCE: usize = 12;

/// A request as lines of plain text, without anything that a terminal would act on.
pub(super) fn lines(shown: &Shown) -> Vec<String> {
    let mut all = vec![
        shown.title.clone(),
        format!("  request: {}", shown.id),
        format!("  cluster: {}", shown.cluster),
        format!("  why: {}", shown.reason),
        format!("  then: {}", shown.expected),
    ];
    for (head, lines) in [
        ("  changes:", &shown.diff),
        ("  reaches:", &shown.reach),
        ("  against:", &shown.warnings),
        ("  rules:", &shown.rules),
    ] {
        if !lines.is_empty() {
            all.push(head.to_owned());
            all.extend(lines.iter().map(|line| format!("    {line}")));
        }
    }
    if let Some(pull) = &shown.pull_request {
        all.push(format!(
            "  merges: {}#{} at {}",
            pull.repository, pull.number, pull.head
        ));
    }
    all.push(format!("  needed: {}", needed(shown)));
    all.push(format!("  until: {}", shown.expires));
    all.push(format!("  digest: {}", shown.digest));
    // Indentation is ours; the rest is on one line each.
    all.iter()
        .map(|text| {
            let indent = text.len().saturating_sub(text.trim_start().len());
            format!("{}{}", " ".repeat(indent), line(text, WIDTH))
        })
        .collect()
}

/// Who has to say yes.
pub(super) fn needed(shown: &Shown) -> String {
    let people = match shown.needed {
        1 => "one person".to_owned(),
        more => format!("{more} people"),
    };
    let groups: Vec<String> = shown
        .asked
        .iter()
        .enumerate()
        .map(|(place, asked)| match place {
            0 => asked.group.clone(),
            _ => format!("from {} on also of {}", asked.from, asked.group),
        })
        .collect();
    if groups.is_empty() {
        return format!("{people}, and nobody may");
    }
    format!("{people} of {}", groups.join(", "))
}

/// How it stands.
pub(super) fn state(state: &State) -> String {
    match state {
        State::Pending => "waits for a decision".to_owned(),
        State::Approved { at } => format!("approved at {at}"),
        State::Denied { by, at } => format!("denied by {} at {at}", line(by, 100)),
        State::Expired => "over without a decision: denied".to_owned(),
        State::Used { at } => format!("approved, and used at {at}"),
        other => other.name().to_owned(),
    }
}
