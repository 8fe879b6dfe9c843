//! Calls that have to succeed, and calls that have to fail.

use claw_core::gate::ObserveError;
use claw_core::tool::ToolError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::agent_under_test::AgentUnderTest;

impl AgentUnderTest {
    /// The answer of a call that has to succeed.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, tool: &str, input: Value) -> T {
        let asked = input.clone();
        let answer = self.call(tool, input).await;
        let answer = answer.unwrap_or_else(|error| panic!("{tool} {asked}: {error}"));
        serde_json::from_value(answer).unwrap()
    }

    /// What is said when a call has to fail.
    pub(crate) async fn refusal(&self, tool: &str, input: Value) -> ToolError {
        let asked = input.clone();
        match self.call(tool, input).await {
            Err(ObserveError::Tool(error)) => error,
            Err(error) => panic!("{tool} {asked}: {error}"),
            Ok(answer) => panic!("{tool} {asked} answers {answer}"),
        }
    }
}
