//! From a proposed action to an effect: the one way there is, in an order that is part of the contract.
//!
//! | step | what | where |
//! |---|---|---|
//! | 1 | the action says what it means | `intent` |
//! | 2 | no emergency stop, no other leader, and time left | `guard` |
//! | 3 | nothing that no answer of the cluster could make lawful | `judge` |
//! | 4 | the target, read anew | `look` |
//! | 5 | how far it reaches | `look` |
//! | 6 | policy and phase | `judge` |
//! | 7 | circuit breakers and budgets | `spend` |
//! | 8 | the rights of the account that writes | `rehearse` |
//! | 9 | the server's dry run, and what it would do besides | `rehearse` |
//! | 10 | a durable record of what is meant to be done | `judge` |
//! | 11 | the approval of people, where the policy wants it | `ask` |
//! | 12 | steps 2 to 9 again | `ask` |
//! | 13 | the write, as a compare-and-swap, with a [`Permit`](claw_core::gate::Permit) | `send` |
//! | 14 | what was stored is what was rehearsed | `send` |
//! | 15 | a record of what came of it, with the way back; the target's health for a while after | `send`, `watch` |
//!
//! Where nobody is asked, step 12 is step 2 alone: what steps 3 to 9 found is a moment old, and the write itself is a
//! compare-and-swap on the version that they looked at.
//!
//! [`Pipeline`] is an [`Actuator`]: [`submit`](Actuator::submit) takes an action through as many steps as it can, and says how far it came. What waits for people is kept
//! as a document, and [`Pipeline::tend`] takes it further when they have decided. After a crash it finds out what became of a
//! write of which no answer came, by the annotation that the write carried.
//!
//! One task at a time is in the pipeline, so that two actions never count on the same budget.

mod ask;
mod board;
mod builder;
mod error;
mod guard;
mod intent;
mod judge;
mod kept;
mod look;
mod notice;
mod recover;
mod rehearse;
mod replay;
mod send;
mod settings;
mod spend;
mod tend;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::actuate::{ActuateError, Actuator, Submitted};
use claw_core::execute::Executor;
use claw_core::gate::{Gate, Scope};
use claw_core::store::Documents;
use claw_core::tool::ErasedTool;

use crate::approval::Board;
use crate::engine::Engine;
use crate::policy::Policy;

pub use builder::Builder;
pub use error::PipelineError;
pub use intent::{Asked, Intent, IntentState, Watched};
pub use notice::{Notice, Noticed, Notices};
pub use replay::{Judgement, Replayed, replay};
pub use settings::{Approvals, Settings};
pub use tend::Tended;

use kept::Kept;

/// The pipeline. Clones are the same one.
#[derive(Clone)]
pub struct Pipeline(Arc<Parts>);

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("policy", &self.0.policy)
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

/// What a pipeline is made of.
struct Parts {
    engine: Arc<Engine>,
    gate: Gate,
    policy: Policy,
    policy_digest: String,
    settings: Settings,
    executor: Arc<dyn Executor>,
    surveyor: Arc<dyn ErasedTool>,
    documents: Arc<dyn Documents>,
    notices: Vec<Arc<dyn Notices>>,
    board: Board,
    /// Votes that carriers bring again and again though they do not count.
    idle: Mutex<BTreeSet<String>>,
    /// Tells this process from the one before it, and requests for approval from each other.
    seed: String,
    /// Held by whoever takes an action through the steps.
    turn: tokio::sync::Mutex<()>,
}

impl Pipeline {
    /// How an intent stands.
    ///
    /// # Errors
    /// When there is none of that id, or it cannot be read.
    pub async fn intent(&self, id: &str) -> Result<Intent, PipelineError> {
        Ok(self.0.load(id).await?.value)
    }

    /// All intents that are known, in the order of their ids: open ones, and those that were settled of late.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn intents(&self) -> Result<Vec<Intent>, PipelineError> {
        let listed = Kept::list(&*self.0.documents, intent::PREFIX).await?;
        Ok(listed.into_iter().map(|kept| kept.value).collect())
    }
}

#[async_trait]
impl Actuator for Pipeline {
    async fn submit(
        &self,
        scope: &Scope,
        workflow: &str,
        action: &Action,
    ) -> Result<Submitted, ActuateError> {
        let (parts, scope) = (Arc::clone(&self.0), scope.clone());
        let intent = Intent::new(&scope, workflow, action, parts.gate.clock().now());
        let submitted = own_task(async move {
            let _turn = parts.turn.lock().await;
            let kept = match Kept::load(&*parts.documents, &intent.key()).await? {
                Some(known) => known,
                None => Kept::new(intent.key(), intent),
            };
            parts.advance(&scope, kept).await
        });
        submitted.await.map_err(|error| ActuateError {
            target: action.target.to_string(),
            source: Box::new(error),
        })
    }
}

impl Parts {
    async fn load(&self, id: &str) -> Result<Kept<Intent>, PipelineError> {
        let found = Kept::load(&*self.documents, &intent::key(id)).await?;
        found.ok_or_else(|| PipelineError::UnknownIntent { id: id.to_owned() })
    }

    /// Takes an intent from where it is as far as it comes.
    async fn advance(&self, scope: &Scope, kept: Kept<Intent>) -> Result<Submitted, PipelineError> {
        match &kept.value.state {
            IntentState::Open => self.begin(scope, kept).await,
            // A no on any carrier is heard before a yes on another one is used.
            IntentState::Asked => {
                let kept = self.collect(scope, kept).await?;
                self.hear(scope, kept).await
            }
            IntentState::Sent { .. } => self.resolve(scope, kept).await,
            IntentState::Settled { settlement, .. } => Ok(Submitted::Settled(settlement.clone())),
        }
    }
}

/// Runs to its end: a caller that goes away leaves nothing between a write and its record.
async fn own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, PipelineError>> + Send + 'static,
) -> Result<T, PipelineError> {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|error| {
        Err(PipelineError::Interrupted {
            source: Box::new(error),
        })
    })
}
