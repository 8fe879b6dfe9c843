//! Tools: the only way in which an agent sees or proposes anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::clock::Clock;
use crate::requests::Requests;

/// What a call to a tool does to the world: nothing, in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Observes.
    Read,
    /// Observes and returns an [`Action`](crate::action::Action): a write as data, performed by nobody yet.
    Propose,
}

/// What a tool is handed with each call.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The run's clock.
    pub clock: Arc<dyn Clock>,
    /// When the answer is of no more use; every network call ends before it.
    pub deadline: Timestamp,
    /// Fires when the run is cancelled.
    pub cancel: CancellationToken,
    /// Gives requests to an API server the ids by which the call's record names them. Whoever makes a context out of this one
    /// passes it on.
    pub requests: Requests,
}

impl ToolContext {
    /// A context that ends `budget` from now. What is asked with it is in no record of the agent, unless
    /// [`requests`](Self::requests) are set.
    pub fn new(clock: Arc<dyn Clock>, budget: Duration) -> Self {
        let deadline = clock.deadline(budget);
        Self {
            clock,
            deadline,
            cancel: CancellationToken::new(),
            requests: Requests::default(),
        }
    }

    /// The same context for requests that are recorded together with `requests`.
    #[must_use]
    pub fn with_requests(mut self, requests: Requests) -> Self {
        self.requests = requests;
        self
    }

    /// Time left until the deadline; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        Duration::try_from(self.deadline.duration_since(self.clock.now())).unwrap_or(Duration::ZERO)
    }
}

/// A typed capability with one job.
///
/// Implementers keep to this: a call changes nothing in the world; it ends by [`ToolContext::deadline`] and when
/// [`ToolContext::cancel`] fires; it may be repeated at any time; what could not be read is said in the output, and
/// never shown as absence of trouble. The doc comments of `Input` become the schema's descriptions.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a claw tool",
    note = "implement `claw_core::tool::Tool`: a NAME, an EFFECT, an Input and an Output with JSON schemas, and `call`"
)]
pub trait Tool: Send + Sync + 'static {
    /// Name by which definitions and models call the tool: lower case with underscores.
    const NAME: &'static str;
    /// What a call does.
    const EFFECT: Effect;
    /// Arguments. Use `#[serde(deny_unknown_fields)]`.
    type Input: Serialize + DeserializeOwned + JsonSchema + Send + Sync;
    /// Answer.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send;

    /// One sentence that tells a reader, or a model, when to call it.
    fn description(&self) -> &str;

    /// The rights that calls need.
    fn access(&self) -> Access;

    /// Performs the call.
    async fn call(&self, cx: &ToolContext, input: Self::Input) -> Result<Self::Output, ToolError>;
}

/// Why a call failed, in the terms that decide what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolErrorKind {
    /// The arguments are wrong; the message says how to right them.
    InvalidInput,
    /// What was asked for does not exist.
    NotFound,
    /// The source refused for lack of rights.
    Denied,
    /// The source asks to come back later.
    RateLimited,
    /// The source is not there or not able to answer.
    Unavailable,
    /// The deadline passed.
    Timeout,
    /// The run was cancelled.
    Cancelled,
    /// The answer was larger than the limit.
    TooLarge,
    /// The source's answer makes no sense, or a defect.
    Internal,
}

/// A failed call. Only the kind and message may reach a model; the source is for operators.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    kind: ToolErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ToolError {
    /// An error with a message that says what to do. The message must not quote text that came from a source.
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Attaches the underlying error, for operators.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error with another message.
    pub(crate) fn map_message(mut self, map: impl FnOnce(&str) -> String) -> Self {
        self.message = map(&self.message);
        self
    }

    /// Wrong arguments.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::InvalidInput, message)
    }

    /// The kind.
    pub fn kind(&self) -> ToolErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ToolErrorKind::RateLimited | ToolErrorKind::Unavailable | ToolErrorKind::Timeout
        )
    }
}

/// A tool's face towards definitions and models.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Name to call it by.
    pub name: String,
    /// When to call it.
    pub description: String,
    /// What a call does.
    pub effect: Effect,
    /// JSON schema of the arguments.
    pub input: Schema,
    /// JSON schema of the answer.
    pub output: Schema,
    /// Rights that calls need.
    pub access: Access,
}

/// Any [`Tool`] with its types erased to JSON. Implemented for every tool; do not implement it yourself.
#[async_trait]
pub trait ErasedTool: Send + Sync {
    /// The tool's name.
    fn name(&self) -> &'static str;

    /// What a call does.
    fn effect(&self) -> Effect;

    /// The tool itself, so that callers that know its type need not go through JSON.
    fn as_any(&self) -> &dyn std::any::Any;

    /// The tool's face.
    fn spec(&self) -> ToolSpec;

    /// Performs a call with JSON arguments. Arguments that do not fit the schema are [`ToolErrorKind::InvalidInput`].
    async fn call_json(&self, cx: &ToolContext, input: Value) -> Result<Value, ToolError>;
}

#[async_trait]
impl<T: Tool> ErasedTool for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn effect(&self) -> Effect {
        T::EFFECT
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: T::NAME.to_owned(),
            description: self.description().to_owned(),
            effect: T::EFFECT,
            input: schemars::schema_for!(T::Input),
            output: schemars::schema_for!(T::Output),
            access: self.access(),
        }
    }

    async fn call_json(&self, cx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let input = T::Input::deserialize(input)
            .map_err(|error| ToolError::invalid_input(format!("arguments of {}: {error}", T::NAME)))?;
        let output = self.call(cx, input).await?;
        serde_json::to_value(output).map_err(|error| {
            ToolError::new(
                ToolErrorKind::Internal,
                format!("answer of {} is not JSON", T::NAME),
            )
            .with_source(error)
        })
    }
}

impl fmt::Debug for dyn ErasedTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tool").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests;
