//! What an agent writes with.

use std::fmt;
use std::sync::Arc;

use claw_core::execute::Executor;
use claw_core::gate::Gate;
use claw_core::store::{Documents, Journal};
use claw_core::tool::ErasedTool;
use claw_guardrails::approval::Board;
use claw_guardrails::engine::Engine;
use claw_guardrails::pipeline::{Notices, Pipeline, Settings, SettingsError};
use claw_guardrails::policy::Policy;

/// What an agent writes with. Whether it writes at all is for the mode of its guardrails to say, and for the policy.
#[derive(Clone)]
#[must_use = "writes do nothing until an agent is made of them"]
pub struct Writes {
    executor: Arc<dyn Executor>,
    surveyor: Arc<dyn ErasedTool>,
    documents: Arc<dyn Documents>,
    policy: Policy,
    settings: Settings,
    notices: Vec<Arc<dyn Notices>>,
    board: Board,
    seed: String,
}

impl Writes {
    /// Performs with `executor`, looks around with `surveyor`, and keeps in `documents` what has to survive a restart. `seed` is a
    /// text that no other process was given.
    pub fn new(
        executor: Arc<dyn Executor>,
        surveyor: Arc<dyn ErasedTool>,
        documents: Arc<dyn Documents>,
        seed: impl Into<String>,
    ) -> Self {
        Self {
            executor,
            surveyor,
            documents,
            policy: Policy::default(),
            settings: Settings::default(),
            notices: Vec::new(),
            board: Board::new(),
            seed: seed.into(),
        }
    }

    /// Sets the policy. The default lets nothing be written.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the bounds besides.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Adds a way to tell people what was done.
    pub fn notices(mut self, notices: Arc<dyn Notices>) -> Self {
        self.notices.push(notices);
        self
    }

    /// Asks people by these carriers.
    pub fn board(mut self, board: Board) -> Self {
        self.board = board;
        self
    }

    pub(super) fn pipeline(
        self,
        engine: &Arc<Engine>,
        gate: &Gate,
        journal: &Arc<dyn Journal>,
    ) -> Result<Pipeline, SettingsError> {
        let engine = Arc::clone(engine);
        let mut builder =
            Pipeline::builder(engine, gate.clone(), self.executor, self.surveyor, self.documents)
                .with_policy(self.policy)
                .with_settings(self.settings)
                .with_board(self.board)
                .with_journal(Arc::clone(journal));
        for notices in self.notices {
            builder = builder.with_notices(notices);
        }
        builder.build(self.seed)
    }
}

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes")
            .field("policy", &self.policy)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
