//! Starts pipelines.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::Permit;
use claw_core::outside::{Outside, PipelineRun};
use claw_core::tool::ToolContext;

use super::inputs::{self, Inputs};
use super::perform::{Provider, dry_run, malformed, perform, unsound};

/// Performs actions that start a pipeline: those that it was given, with the inputs that they declare, and no others.
#[derive(Clone, Debug, Default)]
pub struct PipelineTrigger {
    pipelines: BTreeMap<String, (Inputs, Arc<dyn Provider<PipelineRun>>)>,
}

impl PipelineTrigger {
    /// One without pipelines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pipeline and the inputs that it takes. Of two with one name the later one stands.
    #[must_use]
    pub fn pipeline(
        mut self,
        name: impl Into<String>,
        inputs: Inputs,
        provider: Arc<dyn Provider<PipelineRun>>,
    ) -> Self {
        self.pipelines.insert(name.into(), (inputs, provider));
        self
    }

    /// Names of its pipelines.
    pub fn pipelines(&self) -> impl Iterator<Item = &str> {
        self.pipelines.keys().map(String::as_str)
    }

    fn of(&self, action: &Action) -> Result<(&dyn Provider<PipelineRun>, PipelineRun), ExecuteError> {
        let (pipeline, run) = match Outside::of(action) {
            Ok(Some(Outside::PipelineRun { pipeline, run })) => (pipeline, run),
            Ok(_) => return Err(unsound(action, None)),
            Err(error) => return Err(unsound(action, Some(error))),
        };
        let Some((declared, provider)) = self.pipelines.get(&pipeline) else {
            return Err(malformed(
                action,
                "no pipeline of that name is configured; configure it, or name another",
            ));
        };
        // Also here: the action may come from elsewhere than from the tool.
        inputs::check(declared, &run).map_err(|reason| malformed(action, reason))?;
        Ok((&**provider, run))
    }
}

#[async_trait]
impl Executor for PipelineTrigger {
    async fn rights(&self, _cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        // What is configured may be used; what its credentials may do is for the dry run to find out.
        self.of(action).map(|_| Rights::Granted)
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        let (provider, run) = self.of(action)?;
        dry_run(provider, cx, action, &run).await
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        let (provider, run) = self.of(action)?;
        perform(provider, cx, permit, action, &run).await
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        let (provider, _) = self.of(action)?;
        let standing = provider.standing(cx, id).await;
        standing.map_err(|error| error.about(action))
    }
}
