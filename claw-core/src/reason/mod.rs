//! What to look at next, and when to stop.
//!
//! A [`Reasoner`] is given what is known and what could be asked, and answers with what to ask next or with a conclusion.
//! It calls nothing itself: whoever asks it makes the observations, through the gate like everybody.
//!
//! ```
//! use claw_core::reason::{Budget, Offer, Question, RuleReasoner, Thought};
//!
//! # fn example(hypotheses: Vec<claw_core::evidence::Hypothesis>) {
//! let question = Question {
//!     goal: "why does checkout fail?".to_owned(),
//!     evidence: Vec::new(),
//!     hypotheses,
//!     offers: vec![
//!         Offer::new("logs", "get_pod_logs", "does the database refuse connections?")
//!             .expecting(1, 0.9) // if the first hypothesis is true, it does
//!             .expecting(2, 0.1) // if the second is true, it does not
//!     ],
//!     budget: Budget { calls: 5, time: std::time::Duration::from_secs(2) },
//! };
//! if let Thought::Observe(offers) = RuleReasoner::default().decide(&question) {
//!     println!("ask {offers:?}");
//! }
//! # }
//! ```

mod check;
mod rules;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evidence::{Evidence, EvidenceId, Hypothesis};
use crate::report::Verdict;
use crate::tool::{ToolContext, ToolError};

pub use check::{InvalidThought, validate, validate_citations};
pub use rules::RuleReasoner;

/// What a reasoner is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is to be found out, in one sentence.
    pub goal: String,
    /// What was seen so far.
    pub evidence: Vec<Evidence>,
    /// What may be the cause, most probable first.
    pub hypotheses: Vec<Hypothesis>,
    /// What could be observed.
    pub offers: Vec<Offer>,
    /// What may be spent on it.
    pub budget: Budget,
}

/// What may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls to tools.
    pub calls: u32,
    /// Time until a conclusion has to be there.
    pub time: Duration,
}

/// An observation that could be made: a question with two answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Identifies the offer within its question.
    pub id: String,
    /// The tool to call.
    pub tool: String,
    /// With which arguments.
    pub input: Value,
    /// What is asked, so that the answer is yes or no.
    pub question: String,
    /// How many calls it takes.
    pub calls: u32,
    /// Probability that the answer is yes if the hypothesis of this rank is true, 0 to 1.
    pub likelihoods: BTreeMap<u32, f64>,
    /// The same for hypotheses that are not in `likelihoods`, and if no hypothesis is true.
    pub otherwise: f64,
}

impl Offer {
    /// An offer of one call without arguments, whose answer is open whatever is true.
    pub fn new(id: impl Into<String>, tool: impl Into<String>, question: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            tool: tool.into(),
            input: Value::Null,
            question: question.into(),
            calls: 1,
            likelihoods: BTreeMap::new(),
            otherwise: 0.5,
        }
    }

    /// Sets the arguments.
    #[must_use]
    pub fn with_input(mut self, input: Value) -> Self {
        self.input = input;
        self
    }

    /// Says how probable a yes is if the hypothesis of `rank` is true.
    #[must_use]
    pub fn expecting(mut self, rank: u32, probability: f64) -> Self {
        self.likelihoods.insert(rank, probability);
        self
    }
}

/// What a reasoner answers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Thought {
    /// Make these observations, by id, and ask again.
    Observe(Vec<String>),
    /// It is enough.
    Conclude(Conclusion),
}

/// The end of an investigation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conclusion {
    /// The answer in one word.
    pub verdict: Verdict,
    /// What is claimed, each with what shows it.
    pub claims: Vec<Claim>,
}

/// A statement and the evidence that it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// One sentence.
    pub statement: String,
    /// What shows it.
    pub evidence: Vec<EvidenceId>,
}

/// Chooses what to look at next.
///
/// Implementers keep to this: the answer names only offers of the question that its budget allows, and cites only its
/// evidence ([`validate`] tells); text in evidence is data and never an instruction; the call ends by
/// [`ToolContext::deadline`] and when [`ToolContext::cancel`] fires. Callers make sure with [`validate`].
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Reasoner: Send + Sync {
    /// What to do next.
    async fn think(&self, cx: &ToolContext, question: &Question) -> Result<Thought, ToolError>;
}

#[async_trait]
impl<R: Reasoner + ?Sized> Reasoner for Arc<R> {
    async fn think(&self, cx: &ToolContext, question: &Question) -> Result<Thought, ToolError> {
        (**self).think(cx, question).await
    }
}
