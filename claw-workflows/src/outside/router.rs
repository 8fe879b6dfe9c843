//! Hands each action to the executor of its kind.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::Permit;
use claw_core::outside::{API_VERSION, Notification, PipelineRun};
use claw_core::tool::ToolContext;

use super::perform::malformed;

/// One executor out of several: messages go to one, pipelines to another, and what is in the cluster to a third. What is for
/// none of those that it was given is refused, and so is every other kind in the group of the agent's own objects.
#[derive(Clone, Default)]
pub struct Router {
    cluster: Option<Arc<dyn Executor>>,
    messages: Option<Arc<dyn Executor>>,
    pipelines: Option<Arc<dyn Executor>>,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("cluster", &self.cluster.is_some())
            .field("messages", &self.messages.is_some())
            .field("pipelines", &self.pipelines.is_some())
            .finish()
    }
}

impl Router {
    /// A router that refuses everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// What writes to the cluster.
    #[must_use]
    pub fn cluster(mut self, executor: Arc<dyn Executor>) -> Self {
        self.cluster = Some(executor);
        self
    }

    /// What sends messages: a [`Notifier`](super::Notifier), or one of your own.
    #[must_use]
    pub fn messages(mut self, executor: Arc<dyn Executor>) -> Self {
        self.messages = Some(executor);
        self
    }

    /// What starts pipelines: a [`PipelineTrigger`](super::PipelineTrigger), or one of your own.
    #[must_use]
    pub fn pipelines(mut self, executor: Arc<dyn Executor>) -> Self {
        self.pipelines = Some(executor);
        self
    }

    fn executor(&self, action: &Action) -> Result<&dyn Executor, ExecuteError> {
        let group = action.api_version.split('/').next().unwrap_or_default();
        let own = API_VERSION.split('/').next().unwrap_or_default();
        let (found, missing) = match action.target.kind.as_str() {
            Notification::KIND if action.api_version == API_VERSION => {
                (&self.messages, "no channel is configured; configure one")
            }
            PipelineRun::KIND if action.api_version == API_VERSION => {
                (&self.pipelines, "no pipeline is configured; configure one")
            }
            _ if group.eq_ignore_ascii_case(own) => {
                return Err(malformed(
                    action,
                    format!(
                        "of {own} only {} and {} in {API_VERSION} are performed",
                        Notification::KIND,
                        PipelineRun::KIND
                    ),
                ));
            }
            _ => (
                &self.cluster,
                "nothing writes to a cluster here; set up an executor that does",
            ),
        };
        found.as_deref().ok_or_else(|| malformed(action, missing))
    }
}

#[async_trait]
impl Executor for Router {
    async fn rights(&self, cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        self.executor(action)?.rights(cx, action).await
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        self.executor(action)?.dry_run(cx, action).await
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        self.executor(action)?.perform(cx, permit, action).await
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        self.executor(action)?.standing(cx, action, id).await
    }
}
