//! A workload logs errors that it did not log before, in words that are not known.

use super::rollback::roll_back;
use super::said::{Said, said};
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::Pattern;
use crate::incident::relay::relayed_from;
use claw_metrics::logs::indicators::Indicator;
use jiff::SignedDuration;

/// How soon after a change the errors have to begin for the change to count.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// What errors weigh that were never there before.
const NEW: f64 = 1.2;
/// What errors weigh of which it is not known whether they were there before.
const GOING_ON: f64 = 0.5;
/// What a change right before weighs.
const CHANGED: f64 = 0.8;

/// Errors that went on since the trouble began and were never there before. What they mean is not known; that something is
/// wrong with whoever writes them is.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewErrors;

impl Mechanism for NewErrors {
    fn id(&self) -> &'static str {
        "new_errors"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unknown = |pattern: &Pattern| (pattern.emerged || pattern.repeated) && names_nobody(pattern);
        said(facts, unknown)
            .iter()
            .filter_map(|said| candidate(facts, said))
            .collect()
    }
}

/// Whether an entry tells of nothing that is known, or of a call without a word of whom.
fn names_nobody(pattern: &Pattern) -> bool {
    const OF_CALLS: [Indicator; 4] = [
        Indicator::ConnectionReset,
        Indicator::RateLimited,
        Indicator::Timeout,
        Indicator::UpstreamError,
    ];
    pattern
        .indications
        .iter()
        .all(|indication| indication.target.is_none() && OF_CALLS.contains(&indication.kind))
}

fn candidate(facts: &Facts<'_>, said: &Said<'_>) -> Option<Candidate> {
    let workload = &said.workload;
    let own = said
        .entries
        .iter()
        .any(|(_, pattern)| relayed_from(facts, workload, pattern).is_none());
    let since = said.since(facts).filter(|_| own)?;
    let new = said.entries.iter().any(|(_, pattern)| pattern.emerged);
    if !new && !facts.is_concerned(workload) {
        return None;
    }
    let (words, clue, weight) = if new {
        (
            "logs errors that it did not log before",
            "errors that are new",
            NEW,
        )
    } else {
        ("logs errors all the time", "errors that go on", GOING_ON)
    };
    let mut candidate = Candidate::new(
        "new_errors",
        workload.clone(),
        format!("{workload} {words}: {}", clip(said.sample(), 160)),
    )
    .clue(clue, weight, said.evidence(facts))
    .since(Some(since))
    .hurting(said.hurt(facts))
    .derived(0.6)
    .general();
    let changed = recent_change::of_unit(facts, workload, Some(since)).filter(|(_, age)| *age <= SOON);
    if let Some((change, age)) = changed {
        let nearness = 1.0 - 0.5 * age.as_secs_f64() / SOON.as_secs_f64();
        // Of errors that may have been there before, what was changed says as much less.
        let told = if new { 1.0 } else { GOING_ON / NEW };
        candidate = candidate
            .clue(
                "changed before the first one",
                CHANGED * nearness * told,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
        let reason = "It did not log them before that";
        candidate
            .advice
            .extend(roll_back(facts, workload, change, reason));
    }
    Some(candidate.advise(advice(said)))
}

fn advice(said: &Said<'_>) -> Advice {
    let workload = &said.workload;
    let indicates = |kind: Indicator| {
        let mut entries = said.entries.iter();
        entries.any(|(_, pattern)| pattern.indications.iter().any(|other| other.kind == kind))
    };
    if indicates(Indicator::RateLimited) {
        Advice::new(
            format!("Look who sends so many requests to {workload}, or for it, and whose limit that is"),
            "Requests beyond a limit are refused, and the log does not name both sides",
        )
    } else if indicates(Indicator::Timeout) {
        Advice::new(
            format!("Look whom {workload} waits for there, and what keeps the answer"),
            "It gives up waiting, and the log names no address",
        )
    } else {
        Advice::new(
            format!("Look up in the program of {workload} what this error means"),
            "It is what began with the trouble, and nothing else says what is wrong",
        )
    }
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use serde_json::json;

    use super::super::fixture;
    use super::NewErrors;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::of;

    fn found(text: &str, emerged: bool, changed: Option<&str>) -> Vec<Candidate> {
        let mut case = fixture::case(json!({
            "workloads": [fixture::workload("shop", "stock", json!([{"name": "app"}]))],
            "pods": [fixture::pod("shop", "stock", json!([{"name": "app"}]))],
        }));
        fixture::log(&mut case, "stock-7d9f8b6c5-x1", &format!("ERROR {text}"));
        for pattern in case.logs.iter_mut().flat_map(|digest| &mut digest.patterns) {
            pattern.emerged = emerged;
        }
        if let Some(time) = changed {
            let mut change = fixture::change(time, &fixture::deployment("stock"), &[]);
            change.kind = ChangeKind::Deploy;
            case.changes.push(change);
        }
        of(&NewErrors, &case)
    }

    #[test]
    fn errors_of_unknown_words_that_are_new_say_that_something_is_wrong() {
        let new = found("reserving stock failed: quota of the warehouse", true, None);
        assert_eq!(new.len(), 1);
        assert!(new[0].general && new[0].derived > 0.0);
        // They were there before; a mechanism of its own speaks of them.
        assert!(found("reserving stock failed: quota", false, None).is_empty());
        assert!(found("dial tcp 10.0.0.1:80: connection refused", true, None).is_empty());
    }

    #[test]
    fn errors_that_may_have_been_there_before_say_less_and_only_of_what_the_alert_is_about() {
        let found = |alerting: &str| {
            let mut case = fixture::case(json!({
                "workloads": [fixture::workload("shop", "stock", json!([{"name": "app"}]))],
                "pods": [fixture::pod("shop", "stock", json!([{"name": "app"}]))],
            }));
            case.subject = vec![fixture::deployment(alerting)];
            fixture::log(&mut case, "stock-7d9f8b6c5-x1", "ERROR quota of the warehouse");
            for pattern in case.logs.iter_mut().flat_map(|digest| &mut digest.patterns) {
                (pattern.emerged, pattern.repeated) = (false, true);
            }
            of(&NewErrors, &case)
        };
        assert!(found("cart").is_empty());
        let score = found("stock")[0].own_score();
        assert!(score > 0.0 && score < self::found("quota of the warehouse", true, None)[0].own_score());
    }

    #[test]
    fn a_change_right_before_them_makes_them_weigh_more() {
        let score = |changed| found("quota of the warehouse", true, changed)[0].own_score();
        assert!(score(Some("2026-05-01T09:50:00Z")) > score(None));
        assert_eq!(score(Some("2026-05-01T08:10:00Z")), score(None));
        assert_eq!(score(Some("2026-05-01T09:58:00Z")), score(None));
    }
}
