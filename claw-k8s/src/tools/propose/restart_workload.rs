//! `restart_workload`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::proposal::Words;
use super::target::Target;
use super::{Proposal, gitops, input};
use crate::cluster::{Cluster, Resource};

const KINDS: [Resource; 3] = [
    Resource::DEPLOYMENTS,
    Resource::STATEFUL_SETS,
    Resource::DAEMON_SETS,
];

/// The annotation by which `kubectl rollout restart` makes a template another one.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// What to restart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartWorkloadInput {
    /// Kind of the workload: `Deployment`, `StatefulSet` or `DaemonSet`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to replace the pods of a workload, one after another.
#[derive(Clone, Debug)]
pub struct RestartWorkload {
    cluster: Cluster,
}

impl RestartWorkload {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for RestartWorkload {
    const NAME: &'static str = "restart_workload";
    const EFFECT: Effect = Effect::Propose;
    type Input = RestartWorkloadInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose a rolling restart: the pods of a workload are replaced by its own update strategy; nothing is changed by \
         the call"
    }

    fn access(&self) -> Access {
        gitops::asked(Access::none())
            .looks_up("apps", "deployments", &["get"])
            .looks_up("apps", "statefulsets", &["get"])
            .looks_up("apps", "daemonsets", &["get"])
            .writes("apps", "deployments", &["patch"])
            .writes("apps", "statefulsets", &["patch"])
            .writes("apps", "daemonsets", &["patch"])
            .performing(&["restart"])
    }

    async fn call(&self, cx: &ToolContext, input: RestartWorkloadInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let kind = input::kind(&input.kind, &KINDS)?;
        let namespace = Some(input.namespace.as_str());
        let target = Target::read(&self.cluster, cx, &kind, namespace, &input.name).await?;
        let entity = &target.entity;
        if target.is_true("/spec/paused") {
            return Err(ToolError::invalid_input(format!(
                "{entity} is paused, so that no pod would be replaced; have it resumed first"
            )));
        }
        if target.is_on_delete() {
            return Err(ToolError::invalid_input(format!(
                "{entity} replaces pods only when they are deleted (update strategy OnDelete); evict its pods one by one \
                 with evict_pod"
            )));
        }
        if target.pods() == Some(0) {
            return Err(ToolError::invalid_input(format!(
                "{entity} has 0 pods to restart: there is nothing to change"
            )));
        }
        let now = cx.clock.now();
        // In whole seconds, as kubectl writes it.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}});
        let words = Words {
            expected: format!(
                "{entity} rolls out the same template once more, and {}",
                target.replaced()
            ),
            reason,
            warnings: target.held_up(),
            is_final: Some(format!(
                "a restart of {entity} cannot be taken back: its pods would be replaced once more"
            )),
        };
        target.propose_patch(&patch, words)
    }
}
