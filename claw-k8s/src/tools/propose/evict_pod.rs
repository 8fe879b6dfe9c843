//! `evict_pod`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::action::Verb;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::managed::controller;
use super::proposal::Words;
use super::target::Target;
use super::{Proposal, input};
use crate::cluster::{Cluster, Resource};

/// On pods that the kubelet made from a file: what is deleted is only their image at the API server.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Where the kubelet has a pod from; `api` unless it is a static one.
const SOURCE: &str = "kubernetes.io/config.source";

/// Which pod.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvictPodInput {
    /// Namespace of the pod.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Has to be `true` for a pod without a controller: nothing makes it anew.
    #[serde(default)]
    pub and_lose_it: bool,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to evict a pod.
#[derive(Clone, Debug)]
pub struct EvictPod {
    cluster: Cluster,
}

impl EvictPod {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for EvictPod {
    const NAME: &'static str = "evict_pod";
    const EFFECT: Effect = Effect::Propose;
    type Input = EvictPodInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose to evict a pod, within its disruption budget, so that its controller makes a new one; nothing is changed by \
         the call"
    }

    fn access(&self) -> Access {
        Access::none()
            .requires("", "pods", &["get"])
            .writes("", "pods/eviction", &["create"])
            .performing(&["drain"])
    }

    async fn call(&self, cx: &ToolContext, input: EvictPodInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let namespace = Some(input.namespace.as_str());
        let target = Target::look(&self.cluster, cx, &Resource::PODS, namespace, &input.name).await?;
        let entity = &target.entity;
        if is_static(&target) {
            return Err(ToolError::invalid_input(format!(
                "{entity} is a static pod: the kubelet runs it from a file on its node, and starts it again; change that file"
            )));
        }
        if let Some(phase @ ("Succeeded" | "Failed")) = target.text("/status/phase") {
            return Err(ToolError::invalid_input(format!(
                "{entity} is finished ({phase}), so that nothing runs that could be evicted; use delete_object to remove it"
            )));
        }
        let owner = controller(&target.object);
        if owner.is_none() && !input.and_lose_it {
            return Err(ToolError::invalid_input(format!(
                "{entity} has no controller, so that nothing makes it anew; say `and_lose_it: true` if it may be lost"
            )));
        }
        let then = match &owner {
            Some(owner) => format!("{owner} makes a new one"),
            None => "nothing makes a new one".to_owned(),
        };
        let words = Words {
            expected: format!("1 pod, {entity}, is evicted as its disruption budget allows, and {then}"),
            reason,
            warnings: warnings(&target, owner.is_none()),
            ..Words::default()
        };
        target.propose_end(Verb::Evict, words)
    }
}

fn is_static(target: &Target) -> bool {
    let owners = target.object.pointer("/metadata/ownerReferences");
    let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
    target.annotation(MIRROR).is_some()
        || target.annotation(SOURCE).is_some_and(|source| source != "api")
        || owners.any(|owner| owner.get("kind").and_then(Value::as_str) == Some("Node"))
}

fn warnings(target: &Target, is_bare: bool) -> Vec<String> {
    let entity = &target.entity;
    let mut warnings = Vec::new();
    if is_bare {
        warnings.push(format!("{entity} is lost: no controller makes it anew"));
    }
    let volumes = target.object.pointer("/spec/volumes").and_then(Value::as_array);
    let on_node = |volume: &&Value| volume.get("emptyDir").is_some();
    let lost = volumes.into_iter().flatten().filter(on_node).count();
    if lost > 0 {
        warnings.push(format!(
            "what {entity} keeps in emptyDir volumes ({lost}) is lost"
        ));
    }
    let by_daemon_set = |owner: &Value| {
        owner.get("kind").and_then(Value::as_str) == Some("DaemonSet")
            && owner.get("controller").and_then(Value::as_bool) == Some(true)
    };
    let owners = target.object.pointer("/metadata/ownerReferences");
    if owners
        .and_then(Value::as_array)
        .is_some_and(|owners| owners.iter().any(by_daemon_set))
    {
        warnings.push(format!("a DaemonSet makes {entity} anew on the same node"));
    }
    warnings
}
