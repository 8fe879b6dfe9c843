//! Which changes are to blame.

use claw_core::report::ChangeAssessment;
use jiff::Timestamp;

use super::LIKELY;
use crate::incident::case::Case;
use crate::incident::facts::clip;
use crate::incident::rank::Ranked;

/// Changes that a report shows.
const MAX_CHANGES: usize = 50;

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
            let confidence = resting.map_or(0.0, |ranked| ranked.hypothesis.confidence);
            let blamed = blamed == Some(change.reference.as_str());
            let after = onset.is_some_and(|onset| change.time > onset);
            let reason = match (blamed, resting) {
                (true, _) => "the likely cause rests on it".to_owned(),
                (false, Some(ranked)) => format!(
                    "a less likely cause rests on it: {}",
                    clip(&ranked.hypothesis.cause, 120)
                ),
                (false, None) if after => "it came after the trouble began".to_owned(),
                (false, None) => "no mechanism was seen by which it would have caused the trouble".to_owned(),
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
