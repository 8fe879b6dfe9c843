use std::collections::BTreeSet;

use super::{Conclusion, Question, Thought};
use crate::evidence::{Evidence, EvidenceId};

/// A reasoner answered something that must not be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidThought {
    /// It wants an observation that was not offered.
    #[error("the reasoner chose {id:?}, which was not offered; ask it again, or go on by rules")]
    UnknownOffer {
        /// What it chose.
        id: String,
    },
    /// It wants nothing, and does not conclude either.
    #[error("the reasoner neither observes nor concludes; ask it again, or go on by rules")]
    Nothing,
    /// It wants more than it may spend.
    #[error("the reasoner chose observations of {calls} calls, and {budget} are left; choose fewer")]
    OverBudget {
        /// What it chose would take so many.
        calls: u32,
        /// So many are left.
        budget: u32,
    },
    /// It rests on evidence that does not exist.
    #[error("the claim {statement:?} cites {id}, which does not exist; drop the claim")]
    UnknownEvidence {
        /// The claim.
        statement: String,
        /// What it cites.
        id: EvidenceId,
    },
    /// It rests on nothing.
    #[error("the claim {statement:?} cites no evidence; drop the claim")]
    Uncited {
        /// The claim.
        statement: String,
    },
}

/// Whether the answer fits the question: it chooses among the offers, within the budget, and cites what exists.
pub fn validate(thought: &Thought, question: &Question) -> Result<(), InvalidThought> {
    match thought {
        Thought::Conclude(conclusion) => validate_citations(conclusion, &question.evidence),
        Thought::Observe(ids) if ids.is_empty() => Err(InvalidThought::Nothing),
        Thought::Observe(ids) => {
            let mut calls = 0_u32;
            for id in ids.iter().collect::<BTreeSet<_>>() {
                let offer = question.offers.iter().find(|offer| offer.id == *id);
                let offer = offer.ok_or_else(|| InvalidThought::UnknownOffer { id: id.clone() })?;
                calls = calls.saturating_add(offer.calls);
            }
            let budget = question.budget.calls;
            if calls > budget {
                Err(InvalidThought::OverBudget { calls, budget })
            } else {
                Ok(())
            }
        }
    }
}

/// Whether every claim cites evidence, and only evidence that exists.
pub fn validate_citations(conclusion: &Conclusion, evidence: &[Evidence]) -> Result<(), InvalidThought> {
    let known: BTreeSet<_> = evidence.iter().map(|evidence| &evidence.id).collect();
    for claim in &conclusion.claims {
        let statement = || claim.statement.clone();
        if claim.evidence.is_empty() {
            return Err(InvalidThought::Uncited {
                statement: statement(),
            });
        }
        if let Some(id) = claim.evidence.iter().find(|id| !known.contains(id)) {
            return Err(InvalidThought::UnknownEvidence {
                statement: statement(),
                id: id.clone(),
            });
        }
    }
    Ok(())
}
