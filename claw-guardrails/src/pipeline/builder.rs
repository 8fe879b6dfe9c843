use std::sync::Arc;

use claw_core::canonical::for_digest;
use claw_core::clock::{Monotonic, MonotonicClock};
use claw_core::digest::sha256;
use claw_core::execute::Executor;
use claw_core::gate::Gate;
use claw_core::store::{Documents, Journal};
use claw_core::tool::ErasedTool;
use serde_json::json;

use super::memory::Memory;
use super::notice::Notices;
use super::settings::{Settings, SettingsError};
use super::{Parts, Pipeline};
use crate::approval::Board;
use crate::engine::Engine;
use crate::policy::Policy;

/// What a pipeline works with and by. Whether it writes at all is for the mode of the engine to say, and for the policy.
#[derive(Clone)]
#[must_use = "`build` makes the pipeline"]
pub struct Builder {
    executor: Arc<dyn Executor>,
    surveyor: Arc<dyn ErasedTool>,
    documents: Arc<dyn Documents>,
    policy: Policy,
    settings: Settings,
    notices: Vec<Arc<dyn Notices>>,
    board: Board,
    journal: Option<Arc<dyn Journal>>,
    monotonic: Arc<dyn Monotonic>,
    seed: String,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("policy", &self.policy)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// A pipeline in which `executor` performs; `surveyor` takes an [`Action`](claw_core::action::Action) and answers a
    /// [`Survey`](claw_core::survey::Survey); `documents` keep what has to survive a restart. `seed` is a text that no other
    /// process was given: approvals of two of them are told apart by it.
    ///
    /// The policy is [`Policy::default`] unless set, which lets nothing be written.
    pub fn builder(
        executor: Arc<dyn Executor>,
        surveyor: Arc<dyn ErasedTool>,
        documents: Arc<dyn Documents>,
        seed: impl Into<String>,
    ) -> Builder {
        Builder {
            executor,
            surveyor,
            documents,
            policy: Policy::default(),
            settings: Settings::default(),
            notices: Vec::new(),
            board: Board::new(),
            journal: None,
            monotonic: Arc::new(MonotonicClock::start()),
            seed: seed.into(),
        }
    }
}

impl Builder {
    /// Sets the policy.
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the bounds besides.
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Adds a way to tell people.
    pub fn with_notices(mut self, notices: Arc<dyn Notices>) -> Self {
        self.notices.push(notices);
        self
    }

    /// Sets the carriers that show people what is asked, and bring their votes back. Without any, votes come by
    /// [`Pipeline::vote`] alone.
    pub fn with_board(mut self, board: Board) -> Self {
        self.board = board;
        self
    }

    /// Sets the journal of the runs that submit: what a cancelled run has submitted is dropped, and what came of an action is
    /// remembered for as long as its run goes on.
    pub fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Sets the clock that does not jump, for tests.
    pub fn with_monotonic(mut self, monotonic: Arc<dyn Monotonic>) -> Self {
        self.monotonic = monotonic;
        self
    }

    /// The pipeline. `engine` is the arbiter that `gate` asks, and clears the permits.
    ///
    /// # Errors
    /// When the settings would protect nothing, or nothing could ever be done with them.
    pub fn build(self, engine: Arc<Engine>, gate: Gate) -> Result<Pipeline, SettingsError> {
        self.settings.check()?;
        let bounds = json!({"policy": self.policy, "settings": self.settings});
        let why = "people may have decided, and what came of a write may be seen";
        Ok(Pipeline(Arc::new(Parts {
            chore: gate.chore("claw", "intents that are open", why),
            engine,
            gate,
            policy_digest: sha256(for_digest(&bounds)),
            policy: self.policy,
            settings: self.settings,
            executor: self.executor,
            surveyor: self.surveyor,
            documents: self.documents,
            notices: self.notices,
            board: self.board,
            journal: self.journal,
            monotonic: self.monotonic,
            memory: Memory::default(),
            seed: self.seed,
            turn: tokio::sync::Mutex::new(()),
        })))
    }
}
