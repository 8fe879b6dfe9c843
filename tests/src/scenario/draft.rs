//! What a report says, as the expectation that it would meet.

use std::collections::BTreeMap;

use claw_core::report::{Report, Verdict};

use super::expectation::{Expectation, MustNotBlame, RootCause};

/// The expectation that `report` meets, marked as a draft. A person has to say whether it is right, what must not be
/// blamed, and which mechanisms it is a counterexample of.
///
/// No answer is right that leaves it open which of several causes it is: of such a report the first cause is taken, and the report
/// itself misses the expectation.
pub fn draft(report: &Report) -> Expectation {
    let first = report
        .hypotheses
        .first()
        .filter(|_| matches!(report.verdict, Verdict::Cause | Verdict::Ambiguous));
    let root_cause = first.map(|first| RootCause {
        entity: first.entity.clone(),
        accept: Vec::new(),
        mechanisms: vec![first.mechanism.clone()],
        change: report
            .changes
            .iter()
            .find(|assessed| assessed.blamed)
            .map(|assessed| assessed.change.reference.clone()),
    });
    Expectation {
        verdict: match (report.verdict, &root_cause) {
            (_, Some(_)) => Verdict::Cause,
            (Verdict::Healthy, None) => Verdict::Healthy,
            _ => Verdict::Unknown,
        },
        cited: first.is_some_and(|first| !first.evidence.is_empty()),
        root_cause,
        must_not_blame: MustNotBlame::default(),
        absent: BTreeMap::new(),
        decoys: BTreeMap::new(),
        draft: true,
    }
}
