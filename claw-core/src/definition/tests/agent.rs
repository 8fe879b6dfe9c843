//! An agent for the definitions to be held against: tools with the parameters of the specification, and what it can do.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::access::Access;
use crate::definition::{
    Capabilities, DefinitionError, Document, StepCapability, TriggerCapability, WorkflowCapability, parse,
};
use crate::registry::Registry;
use crate::tool::{Effect, Tool, ToolContext, ToolError};

pub(super) const TOOLS: &str = include_str!("../fixtures/tools.yaml");
pub(super) const INCIDENT: &str = include_str!("../fixtures/incident_investigation.yaml");
pub(super) const RIGHTSIZING: &str = include_str!("../fixtures/resource_rightsizing.yaml");

macro_rules! tool {
    ($type:ident, $input:ident, $name:literal, $access:expr) => {
        #[derive(Debug)]
        pub(super) struct $type;

        #[async_trait]
        impl Tool for $type {
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::Read;
            type Input = $input;
            type Output = Json;

            fn description(&self) -> &str {
                concat!("The registered description of ", $name)
            }

            fn access(&self) -> Access {
                $access
            }

            /// Answers what it was asked.
            async fn call(&self, _: &ToolContext, input: $input) -> Result<Json, ToolError> {
                Ok(serde_json::json!(input))
            }
        }
    };
}

/// Which pods.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PodsInput {
    /// Namespace of the pods.
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) label_selector: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PodLogsInput {
    pub(super) pod_name: String,
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) container: Option<String>,
    #[serde(default)]
    pub(super) tail_lines: Option<u32>,
    #[serde(default)]
    pub(super) previous: bool,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsInput {
    namespace: String,
    #[serde(default)]
    resource_type: Option<String>,
    #[serde(default)]
    resource_name: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryInput {
    query: String,
}

tool!(
    Pods,
    PodsInput,
    "get_pods",
    Access::none().requires("", "pods", &["list"])
);
tool!(
    PodLogs,
    PodLogsInput,
    "get_pod_logs",
    Access::none().requires("", "pods/log", &["get"])
);
tool!(
    Events,
    EventsInput,
    "describe_events",
    Access::none().requires("", "events", &["list"])
);
tool!(
    Metrics,
    QueryInput,
    "query_prometheus",
    Access::none().service("prometheus")
);
tool!(
    Rollouts,
    QueryInput,
    "get_deployment_history",
    Access::none().requires("apps", "deployments", &["list"])
);
tool!(
    GitOps,
    QueryInput,
    "query_gitops",
    Access::none().uses("argoproj.io", "applications", &["list"])
);

pub(super) fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(Pods).unwrap();
    registry.register(PodLogs).unwrap();
    registry.register(Events).unwrap();
    registry.register(Metrics).unwrap();
    registry.register(Rollouts).unwrap();
    registry.register_erased(Arc::new(GitOps)).unwrap();
    registry
}

pub(super) fn capabilities() -> Capabilities {
    let gather = ["get_pods", "query_prometheus", "describe_events"];
    Capabilities::new()
        .with_workflow(
            WorkflowCapability::new("incident_investigation")
                .with_step(StepCapability::new("gather_context").uses(gather))
                .with_step(StepCapability::new("analyze_logs").uses(["get_pod_logs"]))
                .with_step(StepCapability::new("check_dependencies").uses(["query_prometheus", "get_pods"]))
                .with_step(
                    StepCapability::new("correlate_changes").uses(["get_deployment_history", "query_gitops"]),
                )
                .with_step(StepCapability::new("synthesize").delivers_to(["slack_channel"]))
                .with_trigger(TriggerCapability::new("webhook", "alertmanager").filters_by(["severity"]))
                .with_guardrails(["max_actions", "escalation"]),
        )
        .with_planned_workflows(["resource_rightsizing"])
        .with_planned_tools(["create_gitops_pr", "send_slack_summary"])
}

pub(super) fn documents(text: &str) -> Vec<Document> {
    parse("agent.yaml", text.as_bytes()).unwrap()
}

pub(super) fn refused(text: &str) -> DefinitionError {
    parse("agent.yaml", text.as_bytes()).unwrap_err()
}

pub(super) fn unbound(text: &str) -> DefinitionError {
    crate::definition::bind(&documents(text), &registry(), &capabilities()).unwrap_err()
}
