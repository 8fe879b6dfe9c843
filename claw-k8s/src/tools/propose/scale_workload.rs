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
use super::{Proposal, gitops, input};
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
        gitops::asked(Access::none())
            .looks_up("apps", "deployments", &["get"])
            .looks_up("apps", "statefulsets", &["get"])
            .looks_up("apps", "replicasets", &["get"])
            .requires("autoscaling", "horizontalpodautoscalers", &["list"])
            .writes("apps", "deployments", &["patch"])
            .writes("apps", "statefulsets", &["patch"])
            .writes("apps", "replicasets", &["patch"])
            .performing(&["scale_up", "scale_down"])
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
        let present = target.number("/spec/replicas").unwrap_or(1);
        let autoscaler = self.autoscaler(cx, &target, namespace).await?;
        let mut warnings = match &autoscaler {
            Some(autoscaler) if (present != 0 && wanted != 0) || autoscaler.spec.min_replicas == Some(0) => {
                return Err(ToolError::invalid_input(format!(
                    "{entity} is scaled by {}, which would set its replicas back; use adjust_hpa",
                    name(autoscaler)
                )));
            }
            Some(autoscaler) => switched(autoscaler, wanted)?,
            None => Vec::new(),
        };
        if present == wanted {
            return Err(target.unchanged());
        }
        if wanted == 0 {
            warnings.push(format!("with 0 replicas nothing answers for {entity}"));
        }
        let expected = format!("{entity} has {wanted} replicas instead of {present}");
        let words = Words {
            expected,
            reason,
            warnings,
            ..Words::default()
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
    ) -> Result<Option<HorizontalPodAutoscaler>, ToolError> {
        let query = Query::new(Resource::AUTOSCALERS, Some(namespace));
        let reader = &**self.cluster.reader();
        let listed = match list_all::<HorizontalPodAutoscaler>(reader, cx, &query).await {
            Ok(listed) => listed,
            Err(ClusterError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let scales = |autoscaler: &HorizontalPodAutoscaler| {
            let scaled = &autoscaler.spec.scale_target_ref;
            scaled.kind == target.entity.kind && scaled.name == target.entity.name
        };
        let is_whole = listed.incomplete.is_empty();
        let found = listed.items.into_iter().find(scales);
        if found.is_some() || is_whole {
            return Ok(found);
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

/// An autoscaler leaves what has 0 replicas alone, unless 0 is its minimum: what follows from coming from there, or going
/// there. One that somebody else controls is switched on and off by that.
fn switched(autoscaler: &HorizontalPodAutoscaler, wanted: i64) -> Result<Vec<String>, ToolError> {
    let called = name(autoscaler);
    if autoscaler.metadata.controller().is_some() {
        return Err(ToolError::invalid_input(format!(
            "{called} belongs to a controller, which scales to and from 0 by itself; change it there"
        )));
    }
    let spec = &autoscaler.spec;
    Ok(vec![if wanted == 0 {
        format!("{called} does nothing as long as there are 0 replicas")
    } else {
        format!(
            "{called}, which does nothing at 0 replicas, takes over and keeps {} to {} of them",
            spec.min_replicas.unwrap_or(1),
            spec.max_replicas
        )
    }])
}

fn name(autoscaler: &HorizontalPodAutoscaler) -> String {
    let name = shown(&autoscaler.metadata.name).unwrap_or("of another name");
    format!("HorizontalPodAutoscaler {name}")
}
