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
mod behalf;
mod board;
mod builder;
mod circuits;
mod ending;
mod error;
mod guard;
mod intent;
mod judge;
mod kept;
mod look;
mod memory;
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

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::actuate::{ActuateError, Actuator, Submitted};
use claw_core::clock::Monotonic;
use claw_core::execute::Executor;
use claw_core::gate::{Gate, Scope};
use claw_core::requests::Chore;
use claw_core::store::{Documents, Journal};
use claw_core::tool::ErasedTool;

use crate::approval::Board;
use crate::engine::Engine;
use crate::policy::Policy;

pub use builder::Builder;
pub use circuits::OpenCircuit;
pub use error::PipelineError;
pub use intent::{Asked, Intent, IntentState, Watched};
pub use notice::{Notice, Noticed, Notices};
pub use replay::{Judgement, Replayed, replay};
pub use settings::{Approvals, Settings, SettingsError};
pub use tend::Tended;

use behalf::Behalf;
use board::Heard;
use kept::Kept;
use memory::Memory;

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
    /// Where it is to be seen that a run was cancelled.
    journal: Option<Arc<dyn Journal>>,
    monotonic: Arc<dyn Monotonic>,
    memory: Memory,
    /// What is asked again and again of the cluster: for votes, and for how writes stand.
    chore: Chore,
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

    /// Records which requests were sent to the API server to hear votes, and to see how writes stand, since that was recorded
    /// last. It is recorded every five minutes by itself; call it before the agent ends.
    ///
    /// # Errors
    /// When the audit log does not take it.
    pub async fn record_requests(&self) -> Result<(), PipelineError> {
        Ok(self.0.chore.record().await?)
    }

    /// All intents that are known: those of which something is left to do, then those that were settled of late. One whose
    /// document cannot be read is the error in its place.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn intents(&self) -> Result<Vec<Result<Intent, PipelineError>>, PipelineError> {
        let mut intents = Vec::new();
        for prefix in [intent::OPEN, intent::OVER] {
            let listed = Kept::<Intent>::list(&*self.0.documents, prefix).await?;
            intents.extend(listed.into_iter().map(|(_, kept)| kept.map(|kept| kept.value)));
        }
        Ok(intents)
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
            let id = intent.id.clone();
            // Whoever submits it again wants it looked at now.
            parts.memory.resume(&id);
            let heard = parts.gather_for(&id).await?;
            let submitted = parts.turn_of(&scope, intent, heard).await;
            parts.afterwards(&id).await;
            submitted
        });
        submitted.await.map_err(|error| ActuateError {
            target: action.target.to_string(),
            source: Box::new(error),
        })
    }
}

impl Parts {
    async fn load(&self, id: &str) -> Result<Kept<Intent>, PipelineError> {
        let found = self.find(id).await?;
        found.ok_or_else(|| PipelineError::UnknownIntent { id: id.to_owned() })
    }

    async fn find(&self, id: &str) -> Result<Option<Kept<Intent>>, PipelineError> {
        match Kept::load(&*self.documents, &intent::open_key(id)).await? {
            Some(open) => Ok(Some(open)),
            None => Kept::load(&*self.documents, &intent::over_key(id)).await,
        }
    }

    fn elapsed(&self) -> Duration {
        self.monotonic.elapsed()
    }

    async fn turn_of(&self, scope: &Scope, intent: Intent, heard: Heard) -> Result<Submitted, PipelineError> {
        let _turn = self.turn.lock().await;
        let kept = match self.find(&intent.id).await? {
            Some(known) => known,
            None => Kept::new(intent::open_key(&intent.id), intent),
        };
        let by = Behalf::of_run(&self.gate, scope.clone());
        self.advance(&by, kept, heard).await
    }

    /// Takes an intent from where it is as far as it comes, after the votes that carriers have brought.
    async fn advance(
        &self,
        by: &Behalf,
        kept: Kept<Intent>,
        heard: Heard,
    ) -> Result<Submitted, PipelineError> {
        match &kept.value.state {
            IntentState::Open => self.begin(by, kept).await,
            // A no on any carrier is heard before a yes on another one is used.
            IntentState::Asked => {
                let heard = self.still(&kept.value, heard).await;
                let kept = self.count_all(by, kept, heard.votes).await?;
                self.hear(by, kept, &heard.failed).await
            }
            IntentState::Sent { .. } => {
                let heard = self.still(&kept.value, heard).await;
                let kept = self.count_all(by, kept, heard.votes).await?;
                self.resolve(by, kept, &heard.failed).await
            }
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
