//! How do I give an agent a tool of my own?
//!
//! Implement [`Tool`]: a name, typed arguments and a typed answer, the rights it needs, and the call. The schema for
//! definitions and models is derived; the gate judges, audits and redacts every call.
//!
//! ```text
//! cargo run --example custom_tool
//! ```

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::clock::{Clock, SystemClock};
use claw_core::gate::{Gate, Scope};
use claw_core::redact::Redactor;
use claw_core::tool::{Effect, ErasedTool, Tool, ToolContext, ToolError, ToolErrorKind};
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is on call for a service.
struct WhoIsOnCall;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OnCallInput {
    /// Name of the service.
    service: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct OnCallOutput {
    /// The team that answers.
    team: String,
    /// How to reach it.
    contact: String,
}

#[async_trait]
impl Tool for WhoIsOnCall {
    const NAME: &'static str = "who_is_on_call";
    const EFFECT: Effect = Effect::Read;
    type Input = OnCallInput;
    type Output = OnCallOutput;

    fn description(&self) -> &str {
        "Say which team is on call for a service, and how to reach it"
    }

    fn access(&self) -> Access {
        // Needs no right in the cluster; reads a service of ours.
        Access::none().service("rota")
    }

    async fn call(&self, _cx: &ToolContext, input: OnCallInput) -> Result<OnCallOutput, ToolError> {
        match input.service.as_str() {
            "cart" | "checkout" => Ok(OnCallOutput {
                team: "shop".to_owned(),
                contact: "#shop-oncall".to_owned(),
            }),
            _ => Err(ToolError::new(
                ToolErrorKind::NotFound,
                "no team is on call for this service; add it to the rota",
            )),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tool: Arc<dyn ErasedTool> = Arc::new(WhoIsOnCall);
    println!("{}\n", serde_json::to_string_pretty(&tool.spec().input)?);

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = Arc::new(Engine::new(Config::default(), Arc::clone(&clock)));
    let audit = Arc::new(MemoryAuditLog::default());
    let gate = Gate::new(
        engine,
        Arc::<MemoryAuditLog>::clone(&audit),
        Arc::clone(&clock),
        Redactor::new(),
    );
    let scope = Scope {
        run: "example".to_owned(),
        step: None,
        actor: "me".to_owned(),
        deadline: clock.deadline(Duration::from_secs(5)),
        cancel: Default::default(),
    };
    let input = OnCallInput {
        service: "cart".to_owned(),
    };
    let answer = gate
        .observe::<WhoIsOnCall>(&scope, &tool, input, "whom to tell")
        .await?;
    println!("{} is on call: {}", answer.team, answer.contact);
    println!("in the audit log: {} record", audit.events().len());
    Ok(())
}
