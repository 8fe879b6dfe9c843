//! In what a report falls short of the right answer.

use claw_core::entity::EntityRef;
use claw_core::evidence::EvidenceId;
use claw_core::report::{Report, Verdict};

use super::expectation::{Expectation, RootCause};

/// From here on a hypothesis is likely: less sure, it would be no answer even if it came first.
const LIKELY: f64 = 0.35;

/// One point in which a report differs from the right answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Miss {
    /// The answer in one word is another.
    #[error("the verdict is {got:?} and should be {expected:?}")]
    Verdict {
        /// The right one.
        expected: Verdict,
        /// The report's.
        got: Verdict,
    },
    /// There is no hypothesis.
    #[error("there is no hypothesis; the cause is {expected}")]
    NoCause {
        /// What is at fault.
        expected: EntityRef,
    },
    /// The first hypothesis names something that is not at fault.
    #[error("the first hypothesis names {got}; the cause is {expected}")]
    Entity {
        /// What is at fault.
        expected: EntityRef,
        /// What is named.
        got: EntityRef,
    },
    /// The first hypothesis names a mechanism that is not at work.
    #[error("the first hypothesis speaks of {got}; at work is {expected}")]
    Mechanism {
        /// The right ones.
        expected: String,
        /// The named one.
        got: String,
    },
    /// Something is blamed that must not be.
    #[error("{0} is blamed and must not be")]
    BlamedEntity(EntityRef),
    /// A change is blamed that must not be.
    #[error("the change {0} is blamed and must not be")]
    BlamedChange(String),
    /// The change that brought the trouble is not blamed.
    #[error("the change {0} is not blamed and brought it")]
    ChangeNotBlamed(String),
    /// A mechanism is thought of whose setting is in order.
    #[error("{mechanism} of {entity} is among the hypotheses; but {there}")]
    Present {
        /// The mechanism.
        mechanism: String,
        /// Of what.
        entity: EntityRef,
        /// What is there instead.
        there: String,
    },
    /// What only looks like a mechanism is taken for it.
    #[error("{mechanism} of {entity} is the first or a likely hypothesis; but {there}")]
    TakenIn {
        /// The mechanism.
        mechanism: String,
        /// Of what.
        entity: EntityRef,
        /// What looks like it.
        there: String,
    },
    /// The first hypothesis cites nothing.
    #[error("the first hypothesis cites no evidence")]
    Uncited,
    /// Evidence is cited that is not in the report.
    #[error("{0} is cited and is not in the report")]
    Dangling(EvidenceId),
}

impl Expectation {
    /// In what `report` falls short; nothing if it is right.
    ///
    /// A hypothesis blames its entity, and a change is blamed where the report says so. A report whose verdict is
    /// neither [`Verdict::Cause`] nor [`Verdict::Ambiguous`] blames no entity, whatever it mentions.
    pub fn misses(&self, report: &Report) -> Vec<Miss> {
        let mut misses = Vec::new();
        if report.verdict != self.verdict {
            misses.push(Miss::Verdict {
                expected: self.verdict,
                got: report.verdict,
            });
        }
        if let Some(cause) = &self.root_cause {
            misses.extend(misses_of_cause(cause, report));
        }
        misses.extend(self.blamed(report));
        misses.extend(self.present(report));
        misses.extend(self.taken_in(report));
        if self.cited
            && report
                .hypotheses
                .first()
                .is_some_and(|first| first.evidence.is_empty())
        {
            misses.push(Miss::Uncited);
        }
        misses.extend(dangling(report).into_iter().map(Miss::Dangling));
        misses
    }

    fn present<'r>(&'r self, report: &'r Report) -> impl Iterator<Item = Miss> + 'r {
        report.hypotheses.iter().filter_map(|hypothesis| {
            let there = self.absent.get(&hypothesis.mechanism)?;
            Some(Miss::Present {
                mechanism: hypothesis.mechanism.clone(),
                entity: hypothesis.entity.clone(),
                there: there.clone(),
            })
        })
    }

    fn taken_in<'r>(&'r self, report: &'r Report) -> impl Iterator<Item = Miss> + 'r {
        let likely = report
            .hypotheses
            .iter()
            .enumerate()
            .filter(|(place, hypothesis)| *place == 0 || hypothesis.confidence >= LIKELY);
        likely.filter_map(|(_, hypothesis)| {
            let there = self.decoys.get(&hypothesis.mechanism)?;
            Some(Miss::TakenIn {
                mechanism: hypothesis.mechanism.clone(),
                entity: hypothesis.entity.clone(),
                there: there.clone(),
            })
        })
    }

    fn blamed(&self, report: &Report) -> Vec<Miss> {
        let blames = matches!(report.verdict, Verdict::Cause | Verdict::Ambiguous);
        let first = report.hypotheses.first().filter(|_| blames);
        let entity = first
            .map(|first| &first.entity)
            .filter(|entity| self.must_not_blame.entities.contains(entity))
            .map(|entity| Miss::BlamedEntity(entity.clone()));
        let changes = report
            .changes
            .iter()
            .filter(|assessed| assessed.blamed)
            .map(|assessed| &assessed.change.reference)
            // Where nothing is to be blamed, no change is.
            .filter(|reference| {
                self.verdict != Verdict::Cause || self.must_not_blame.changes.contains(reference)
            })
            .map(|reference| Miss::BlamedChange(reference.clone()));
        entity.into_iter().chain(changes).collect()
    }
}

fn misses_of_cause(cause: &RootCause, report: &Report) -> Vec<Miss> {
    let Some(first) = report.hypotheses.first() else {
        return vec![Miss::NoCause {
            expected: cause.entity.clone(),
        }];
    };
    let mut misses = Vec::new();
    if !cause.is(&first.entity) {
        misses.push(Miss::Entity {
            expected: cause.entity.clone(),
            got: first.entity.clone(),
        });
    }
    if !cause.mechanisms.contains(&first.mechanism) {
        misses.push(Miss::Mechanism {
            expected: cause.mechanisms.join(" or "),
            got: first.mechanism.clone(),
        });
    }
    let blamed = |reference: &String| {
        let mut changes = report.changes.iter();
        changes.any(|assessed| assessed.blamed && assessed.change.reference == *reference)
    };
    let change = cause.change.iter().find(|reference| !blamed(reference));
    misses.extend(change.cloned().map(Miss::ChangeNotBlamed));
    misses
}

/// Evidence that some part of the report refers to and that is not among its evidence.
fn dangling(report: &Report) -> Vec<EvidenceId> {
    let hypotheses = report
        .hypotheses
        .iter()
        .flat_map(|h| h.evidence.iter().chain(&h.against));
    let symptoms = report.symptoms.iter().flat_map(|symptom| &symptom.evidence);
    let mut missing: Vec<EvidenceId> = hypotheses
        .chain(symptoms)
        .filter(|id| report.evidence(id).is_none())
        .cloned()
        .collect();
    missing.sort();
    missing.dedup();
    missing
}
