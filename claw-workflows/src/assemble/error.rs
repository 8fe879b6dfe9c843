use claw_core::definition::DefinitionError;
use claw_core::registry::DuplicateTool;
use claw_guardrails::pipeline::{PipelineError, SettingsError};

use crate::runtime::RunnerError;

/// No agent can be made of this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// Two tools have one name.
    #[error(transparent)]
    Tool(#[from] DuplicateTool),
    /// A runbook asks for what no tool can do, or may not do.
    #[error(transparent)]
    Runbooks(#[from] DefinitionError),
    /// What the agent writes with would protect nothing, or could never do anything.
    #[error("the settings of the pipeline make no sense")]
    Settings(#[from] SettingsError),
}

/// Actions that wait could not be looked after.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TendError {
    /// They could not be listed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The runs that wait for them could not be woken.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}
