//! A program fails with an exception of its own since it was changed.

use claw_core::change::ChangeKind;
use claw_metrics::logs::indicators::Indicator;
use jiff::SignedDuration;

use super::crash::DEPENDENCY;
use super::rollback::roll_back;
use super::said::{Said, said};
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::Pattern;

/// How soon after a change the exception has to be thrown first.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// Thrown more seldom, it says nothing.
const FEW: u64 = 3;
/// What a change right before the first exception weighs.
const CHANGED: f64 = 1.8;

/// Exceptions that a program logs since a rollout, an edit or a flag of its own, and that are about nobody else: it goes on
/// running, and fails its requests. What ends over it is said by [`super::crash`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ApplicationError;

impl Mechanism for ApplicationError {
    fn id(&self) -> &'static str {
        "application_error"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        said(facts, is_own)
            .iter()
            .filter_map(|said| candidate(facts, said))
            .collect()
    }
}

/// Whether an entry holds an exception that speaks of nothing else that is wrong.
fn is_own(pattern: &Pattern) -> bool {
    const OTHERS: [Indicator; 4] = [
        Indicator::OutOfMemory,
        Indicator::HandlesExhausted,
        Indicator::NoSpace,
        Indicator::ControlPlaneTrouble,
    ];
    pattern.exception.is_some()
        && !pattern.fatal
        && !pattern.indicates(DEPENDENCY)
        && !pattern.indicates(&OTHERS)
}

fn candidate(facts: &Facts<'_>, said: &Said<'_>) -> Option<Candidate> {
    let workload = &said.workload;
    let count: u64 = said.entries.iter().map(|(_, pattern)| pattern.count).sum();
    let since = said.since(facts).filter(|_| count >= FEW)?;
    let (change, age) =
        recent_change::of_unit(facts, workload, Some(since)).filter(|(_, age)| *age <= SOON)?;
    let nearness = 1.0 - 0.5 * age.as_secs_f64() / SOON.as_secs_f64();
    let reason = format!("{workload} did not throw it before that");
    let created = facts.is_creation(change);
    let back = roll_back(facts, workload, change, &reason).unwrap_or_else(|| {
        if created {
            return Advice::new(
                format!(
                    "Mend what the error names in the program of {workload}, or in what it is configured with"
                ),
                "It fails so since it was created: there is nothing to go back to",
            );
        }
        let what = match change.kind {
            ChangeKind::Flag => "Set the flag back",
            _ => "Take the change back",
        };
        Advice::new(format!("{what}: {}", clip(&change.summary, 100)), reason)
    });
    let found = Candidate::new(
        "application_error",
        workload.clone(),
        format!(
            "{workload} fails with an error of its own since {}: {}",
            if created {
                "it was created".to_owned()
            } else {
                clip(&change.summary, 100)
            },
            clip(said.sample(), 160)
        ),
    )
    .clue("logs an exception that is new", 1.4, said.evidence(facts))
    .clue(
        "changed before the first one",
        CHANGED * nearness,
        vec![facts.change_evidence(change)],
    )
    .brought_by(Some(&change.reference))
    .since(Some(since))
    .hurting(said.hurt(facts))
    .derived(0.4)
    .advise(back);
    Some(found)
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use serde_json::json;

    use super::super::fixture;
    use super::ApplicationError;
    use crate::incident::testing::of;

    const THROWN: &str = "java.lang.NullPointerException: price is null";

    /// Whom an exception of `cart`, first thrown at five minutes to ten, is put down to.
    fn blamed(text: &str, exception: bool, changed: &str, name: &str, kind: ChangeKind) -> Vec<String> {
        let names = ["cart", "mail"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
        }));
        fixture::log(&mut case, "cart-7d9f8b6c5-x1", text);
        for digest in &mut case.logs {
            digest.patterns[0].exception = exception.then(|| "E".to_owned());
        }
        let mut change = fixture::change(changed, &fixture::deployment(name), &[]);
        change.kind = kind;
        case.changes.push(change);
        of(&ApplicationError, &case)
            .into_iter()
            .map(|found| found.entity.name)
            .collect()
    }

    #[test]
    fn an_exception_since_a_change_of_its_own_is_the_programs() {
        use ChangeKind::{Deploy, Flag, Job, Scale};
        let soon = "2026-05-01T09:50:00Z";
        assert_eq!(blamed(THROWN, true, soon, "cart", Deploy), ["cart"]);
        assert_eq!(blamed(THROWN, true, soon, "cart", Flag), ["cart"]);
        for (text, exception, changed, name, kind) in [
            // It is about somebody else, or is no exception.
            (
                "java.net.ConnectException: Connection refused",
                true,
                soon,
                "cart",
                Deploy,
            ),
            (THROWN, false, soon, "cart", Deploy),
            // Another was changed, it was changed long before or only after, or only scaled.
            (THROWN, true, soon, "mail", Deploy),
            (THROWN, true, "2026-05-01T08:30:00Z", "cart", Deploy),
            (THROWN, true, "2026-05-01T09:59:00Z", "cart", Deploy),
            (THROWN, true, soon, "cart", Scale),
            (THROWN, true, soon, "cart", Job),
        ] {
            let found = blamed(text, exception, changed, name, kind);
            assert!(found.is_empty(), "{text} {exception} {changed} {name} {kind:?}");
        }
    }
}
