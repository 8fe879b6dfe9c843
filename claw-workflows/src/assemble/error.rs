use claw_core::registry::DuplicateTool;
use claw_guardrails::breaker::SettingsError;
use claw_guardrails::pipeline::PipelineError;

use crate::runtime::RunnerError;

/// No agent can be made of this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// Two tools have one name.
    #[error(transparent)]
    Tool(#[from] DuplicateTool),
    /// The circuit breaker would protect nothing.
    #[error("the settings of the circuit breaker make no sense")]
    Breaker(#[from] SettingsError),
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
