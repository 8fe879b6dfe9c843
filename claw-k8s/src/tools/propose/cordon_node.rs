//! `cordon_node`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::proposal::Words;
use super::target::Target;
use super::{Proposal, input};
use crate::cluster::{Cluster, Resource};

/// Which node, and whether new pods may go there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CordonNodeInput {
    /// Name of the node.
    pub name: String,
    /// `true` keeps new pods off the node, `false` lets them on again. Pods that run there stay.
    pub unschedulable: bool,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to keep new pods off a node, or to let them on again.
#[derive(Clone, Debug)]
pub struct CordonNode {
    cluster: Cluster,
}

impl CordonNode {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for CordonNode {
    const NAME: &'static str = "cordon_node";
    const EFFECT: Effect = Effect::Propose;
    type Input = CordonNodeInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose to keep new pods off a node, or to let them on again; nothing is changed by the call"
    }

    fn access(&self) -> Access {
        Access::none()
            .requires("", "nodes", &["get"])
            .writes("", "nodes", &["patch"])
            .performing(&["cordon"])
    }

    async fn call(&self, cx: &ToolContext, input: CordonNodeInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let target = Target::look(&self.cluster, cx, &Resource::NODES, None, &input.name).await?;
        let entity = &target.entity;
        if target.is_true("/spec/unschedulable") == input.unschedulable {
            return Err(target.unchanged());
        }
        let expected = if input.unschedulable {
            format!("1 node, {entity}, takes no new pods, and those that run there stay")
        } else {
            format!("1 node, {entity}, takes new pods again")
        };
        // The API server keeps `false` as absent: the patch says what will be stored.
        let value = if input.unschedulable {
            json!(true)
        } else {
            Value::Null
        };
        let words = Words {
            expected,
            reason,
            ..Words::default()
        };
        target.propose_patch(&json!({"spec": {"unschedulable": value}}), words)
    }
}
