//! Which changes are to blame.

use std::collections::BTreeSet;

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_core::report::ChangeAssessment;
use jiff::Timestamp;

use super::LIKELY;
use crate::incident::candidate::Symptom;
use crate::incident::facts::{Facts, clip};
use crate::incident::rank::Ranked;

/// Changes that a report shows.
const MAX_CHANGES: usize = 50;
/// The least probability of a change that a cause rests on.
const LINKED: f64 = 0.001;

/// Each change of the window with what speaks for and against its being to blame, the blamed one first.
pub(super) fn changes(
    facts: &Facts<'_>,
    symptoms: &[Symptom],
    ranked: &[Ranked],
    onset: Option<Timestamp>,
) -> Vec<ChangeAssessment> {
    let case = facts.case;
    let troubled: BTreeSet<EntityRef> = symptoms
        .iter()
        .map(|symptom| facts.unit_of(&symptom.entity))
        .collect();
    let first = ranked
        .first()
        .filter(|ranked| ranked.hypothesis.confidence >= LIKELY);
    let blamed = first.and_then(|ranked| ranked.change.as_deref());
    let mut assessed: Vec<ChangeAssessment> = case
        .changes
        .iter()
        .filter(|change| {
            let near = change.time >= case.window.start && change.time <= case.window.end;
            near || blamed == Some(change.reference.as_str())
        })
        .map(|change| {
            let resting = ranked
                .iter()
                .find(|ranked| ranked.change.as_deref() == Some(change.reference.as_str()));
            // What a cause rests on is linked to the trouble, however unlikely the cause: only what is not has none.
            let confidence = resting.map_or(0.0, |ranked| ranked.hypothesis.confidence.max(LINKED));
            let blamed = blamed == Some(change.reference.as_str());
            let after = onset.is_some_and(|onset| change.time > onset);
            let reason = match (blamed, resting) {
                (true, _) if facts.is_creation(change) => {
                    "what is wrong is so since then, and there is nothing before it to go back to".to_owned()
                }
                (true, _) => "the most likely cause rests on it".to_owned(),
                (false, Some(ranked)) => {
                    let cause = clip(&ranked.hypothesis.cause, 120);
                    match (&ranked.explained_by, first) {
                        (Some(_), _) => format!("another cause explains what rests on it: {cause}"),
                        (None, Some(_)) => format!("a less likely cause rests on it: {cause}"),
                        (None, None) => format!("a cause rests on it that is not likely: {cause}"),
                    }
                }
                (false, None) if after => "it came after the trouble began".to_owned(),
                (false, None) => unlinked(facts, change, &troubled),
            };
            ChangeAssessment {
                change: change.clone(),
                blamed,
                confidence,
                reason,
            }
        })
        .collect();
    assessed.sort_by(|a, b| {
        b.blamed
            .cmp(&a.blamed)
            .then_with(|| b.confidence.total_cmp(&a.confidence))
            .then_with(|| b.change.time.cmp(&a.change.time))
    });
    assessed.truncate(MAX_CHANGES);
    assessed
}

/// Why no cause rests on a change that came before the trouble.
fn unlinked(facts: &Facts<'_>, change: &Change, troubled: &BTreeSet<EntityRef>) -> String {
    match facts.concern_of(change) {
        Some(concern) if troubled.contains(&concern.unit) => format!(
            "{}, which it concerns, is in trouble; nothing else that was seen speaks for it as the cause",
            concern.unit
        ),
        _ if troubled.contains(&facts.unit_of(&change.entity)) => {
            "what was changed is in trouble; nothing else that was seen speaks for it as the cause".to_owned()
        }
        _ => "nothing that was seen leads from it to the trouble".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::{at, case, deploy};

    #[test]
    fn a_change_that_nothing_speaks_against_is_not_cleared() {
        let mut case = case();
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        case.changes = vec![deploy(&cart, "before", -120), deploy(&cart, "after", 120)];
        let assessed = changes(&Facts::new(&case), &[], &[], Some(at(0)));
        let reasons: Vec<_> = assessed
            .iter()
            .map(|assessed| (assessed.change.reference.as_str(), assessed.reason.as_str()))
            .collect();
        assert_eq!(
            reasons,
            [
                ("after", "it came after the trouble began"),
                ("before", "nothing that was seen leads from it to the trouble")
            ]
        );
    }

    #[test]
    fn a_change_of_what_is_in_trouble_is_not_said_to_lead_nowhere() {
        let mut case = case();
        let service = |name: &str| EntityRef::namespaced("Service", "shop", name);
        case.calls.push(crate::incident::case::Call {
            caller: service("front"),
            callee: service("cart"),
            via: "topology".to_owned(),
        });
        for name in ["CartService", "front-svc"] {
            let entity = EntityRef::namespaced("Deployment", "shop", name);
            case.changes.push(deploy(&entity, name, -120));
        }
        let symptom = Symptom {
            id: "metric.errors",
            entity: service("cart"),
            severity: claw_core::evidence::Severity::Critical,
            since: Some(at(0)),
            statement: "fails".to_owned(),
            evidence: Vec::new(),
        };
        let assessed = changes(&Facts::new(&case), &[symptom], &[], Some(at(0)));
        let reason = |name: &str| {
            let mut all = assessed.iter();
            all.find(|assessed| assessed.change.reference == name)
                .map(|assessed| assessed.reason.clone())
                .unwrap()
        };
        assert!(reason("CartService").starts_with("Service shop/cart, which it concerns, is in trouble"));
        assert_eq!(
            reason("front-svc"),
            "nothing that was seen leads from it to the trouble"
        );
    }
}
