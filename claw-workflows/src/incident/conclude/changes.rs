//! Which changes are to blame.

use claw_core::report::ChangeAssessment;
use jiff::Timestamp;

use super::LIKELY;
use crate::incident::case::Case;
use crate::incident::facts::clip;
use crate::incident::rank::Ranked;

/// Changes that a report shows.
const MAX_CHANGES: usize = 50;
/// The least probability of a change that a cause rests on.
const LINKED: f64 = 0.001;

/// Each change of the window with what speaks for and against its being to blame, the blamed one first.
pub(super) fn changes(case: &Case, ranked: &[Ranked], onset: Option<Timestamp>) -> Vec<ChangeAssessment> {
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
                (false, None) => "nothing that was seen leads from it to the trouble".to_owned(),
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

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;

    use super::*;
    use crate::incident::testing::{at, case, deploy};

    #[test]
    fn a_change_that_nothing_speaks_against_is_not_cleared() {
        let mut case = case();
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        case.changes = vec![deploy(&cart, "before", -120), deploy(&cart, "after", 120)];
        let assessed = changes(&case, &[], Some(at(0)));
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
}
