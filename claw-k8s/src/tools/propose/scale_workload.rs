//! `scale_workload`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::managed::{controller, shown};
use super::proposal::Words;
use super::target::Target;
use super::{Proposal, input};
use crate::cluster::{Cluster, ClusterError, Query, Resource, list_all};
use crate::model::HorizontalPodAutoscaler;

const KINDS: [Resource; 3] = [
    Resource::DEPLOYMENTS,
    Resource::STATEFUL_SETS,
    Resource::REPLICA_SETS,
];

/// What to scale, and to how many.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleWorkloadInput {
    /// Kind of the workload: `Deployment`, `StatefulSet`, or a `ReplicaSet` that belongs to no Deployment.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many pods it is to have; 0 stops it.
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes another number of replicas.
#[derive(Clone, Debug)]
pub struct ScaleWorkload {
    cluster: Cluster,
}

impl ScaleWorkload {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for ScaleWorkload {
    const NAME: &'static str = "scale_workload";
    const EFFECT: Effect = Effect::Propose;
    type Input = ScaleWorkloadInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose another number of replicas for a workload that no autoscaler scales; nothing is changed by the call"
    }

    fn access(&self) -> Access {
        Access::none()
            .looks_up("apps", "deployments", &["get"])
            .looks_up("apps", "statefulsets", &["get"])
            .looks_up("apps", "replicasets", &["get"])
            .requires("autoscaling", "horizontalpodautoscalers", &["list"])
            .writes("apps", "deployments", &["patch"])
            .writes("apps", "statefulsets", &["patch"])
            .writes("apps", "replicasets", &["patch"])
    }

    async fn call(&self, cx: &ToolContext, input: ScaleWorkloadInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let kind = input::kind(&input.kind, &KINDS)?;
        if input.replicas < 0 {
            return Err(ToolError::invalid_input("replicas must be 0 or more"));
        }
        let (namespace, wanted) = (input.namespace.as_str(), i64::from(input.replicas));
        let target = Target::read(&self.cluster, cx, &kind, Some(namespace), &input.name).await?;
        let entity = &target.entity;
        if kind == Resource::REPLICA_SETS
            && let Some(owner) = controller(&target.object)
        {
            return Err(ToolError::invalid_input(format!(
                "{entity} is controlled by {owner}, which sets its replicas; scale that instead"
            )));
        }
        if let Some(autoscaler) = self.autoscaler(cx, &target, namespace).await? {
            return Err(ToolError::invalid_input(format!(
                "{entity} is scaled by HorizontalPodAutoscaler {autoscaler}, which would set its replicas back; use adjust_hpa"
            )));
        }
        let present = target.number("/spec/replicas").unwrap_or(1);
        if present == wanted {
            return Err(target.unchanged());
        }
        let mut warnings = Vec::new();
        if wanted == 0 {
            warnings.push(format!("with 0 replicas nothing answers for {entity}"));
        }
        let expected = format!("{entity} has {wanted} replicas instead of {present}");
        let words = Words {
            expected,
            reason,
            warnings,
        };
        target.propose_patch(&json!({"spec": {"replicas": wanted}}), words)
    }
}

impl ScaleWorkload {
    /// The autoscaler that scales the workload. It has to be known that there is none.
    async fn autoscaler(
        &self,
        cx: &ToolContext,
        target: &Target,
        namespace: &str,
    ) -> Result<Option<String>, ToolError> {
        let query = Query::new(Resource::AUTOSCALERS, Some(namespace));
        let reader = &**self.cluster.reader();
        let listed = match list_all::<HorizontalPodAutoscaler>(reader, cx, &query).await {
            Ok(listed) => listed,
            Err(ClusterError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let scales = |autoscaler: &&HorizontalPodAutoscaler| {
            let scaled = &autoscaler.spec.scale_target_ref;
            scaled.kind == target.entity.kind && scaled.name == target.entity.name
        };
        if let Some(found) = listed.items.iter().find(scales) {
            let name = shown(&found.metadata.name).unwrap_or("of another name");
            return Ok(Some(name.to_owned()));
        }
        if listed.incomplete.is_empty() {
            return Ok(None);
        }
        Err(ToolError::new(
            ToolErrorKind::Unavailable,
            format!(
                "not all autoscalers of the namespace could be read, so that one may scale {}; try again",
                target.entity
            ),
        ))
    }
}
