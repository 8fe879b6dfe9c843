//! `adjust_hpa`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::managed::shown;
use super::proposal::Words;
use super::target::Target;
use super::template::at;
use super::volumes::with_pods;
use super::{Proposal, gitops, input};
use crate::cluster::{Cluster, ClusterError, Resource};

/// Which autoscaler, and its bounds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustHpaInput {
    /// Namespace of the HorizontalPodAutoscaler.
    pub namespace: String,
    /// Its name, which need not be that of the workload.
    pub name: String,
    /// Fewest replicas; as it is when left out.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub min_replicas: Option<i32>,
    /// Most replicas; as it is when left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_replicas: Option<i32>,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes other bounds for an autoscaler.
#[derive(Clone, Debug)]
pub struct AdjustHpa {
    cluster: Cluster,
}

impl AdjustHpa {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for AdjustHpa {
    const NAME: &'static str = "adjust_hpa";
    const EFFECT: Effect = Effect::Propose;
    type Input = AdjustHpaInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose other minimum or maximum replicas for a HorizontalPodAutoscaler; nothing is changed by the call"
    }

    fn access(&self) -> Access {
        gitops::asked(Access::none())
            .requires("autoscaling", "horizontalpodautoscalers", &["get"])
            .looks_up("apps", "statefulsets", &["get"])
            .writes("autoscaling", "horizontalpodautoscalers", &["patch"])
            .performing(&["adjust_hpa", "scale_down"])
    }

    async fn call(&self, cx: &ToolContext, input: AdjustHpaInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        if input.min_replicas.is_none() && input.max_replicas.is_none() {
            return Err(ToolError::invalid_input(
                "give min_replicas, max_replicas, or both",
            ));
        }
        let namespace = Some(input.namespace.as_str());
        let target = Target::read(&self.cluster, cx, &Resource::AUTOSCALERS, namespace, &input.name).await?;
        let entity = &target.entity;
        let old_min = target.number("/spec/minReplicas").unwrap_or(1);
        let Some(old_max) = target.number("/spec/maxReplicas") else {
            return Err(ToolError::new(
                ToolErrorKind::Internal,
                format!("{entity} has no maximum; look at the object"),
            ));
        };
        let min = input.min_replicas.map_or(old_min, i64::from);
        let max = input.max_replicas.map_or(old_max, i64::from);
        check(min, max, old_min)?;
        let mut bounds = Map::new();
        // A minimum that is not written is 1.
        for (key, old, new) in [("minReplicas", old_min, min), ("maxReplicas", old_max, max)] {
            if old != new {
                bounds.insert(key.to_owned(), new.into());
            }
        }
        let mut expected =
            format!("{entity} keeps {min} to {max} replicas instead of {old_min} to {old_max}");
        let mut warnings = Vec::new();
        if let Some(now) = target.number("/status/currentReplicas") {
            expected.push_str(&format!("; there are {now} now"));
            if now > max {
                warnings.push(format!(
                    "pods that end at once: {} of {now}",
                    now.saturating_sub(max)
                ));
            }
            // At 0 it is switched off.
            if now > 0 && now < min {
                warnings.push(format!("pods that start at once: {}", min.saturating_sub(now)));
            }
        }
        let mut is_final = None;
        if min < old_min || max < old_max {
            match self.loses_volumes(cx, &target).await {
                Ok(lost) => is_final = lost,
                Err(error) if error.kind() == ToolErrorKind::Denied => warnings
                    .push("whether volumes are deleted with the pods that end could not be seen".to_owned()),
                Err(error) => return Err(error.into()),
            }
        }
        let words = Words {
            expected,
            reason,
            warnings,
            is_final,
        };
        target.propose_patch(&at("/spec", Value::Object(bounds)), words)
    }
}

impl AdjustHpa {
    /// That what is scaled is a StatefulSet which deletes the volumes of pods that it has no more.
    async fn loses_volumes(&self, cx: &ToolContext, target: &Target) -> Result<Option<String>, ClusterError> {
        let scaled = |key: &str| target.text(&format!("/spec/scaleTargetRef/{key}"));
        let (Some("StatefulSet"), Some(name)) = (scaled("kind"), scaled("name")) else {
            return Ok(None);
        };
        let namespace = target.entity.namespace.as_deref();
        let kind = Resource::STATEFUL_SETS;
        let set = match self.cluster.object(cx, &kind, namespace, name).await {
            Ok(set) => set,
            Err(ClusterError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let name = shown(name).unwrap_or("of another name");
        Ok(with_pods(&set).then(|| {
            format!(
                "StatefulSet {name}, which it scales, deletes the volumes of pods that it has no more, and the data on them; \
                 no patch brings them back"
            )
        }))
    }
}

fn check(min: i64, max: i64, old_min: i64) -> Result<(), ToolError> {
    let wrong = |text: String| Err(ToolError::invalid_input(text));
    if min < 0 || max < 1 {
        return wrong("min_replicas must be 0 or more, and max_replicas 1 or more".to_owned());
    }
    if min == 0 && old_min != 0 {
        return wrong(format!(
            "min_replicas 0 lets the last pod end, and the autoscaler keeps {old_min} now; give 1 or more, or have a person \
             set it up to scale to zero"
        ));
    }
    if min > max {
        return wrong(format!(
            "min_replicas would be {min} and max_replicas {max}; give both so that the minimum is not above the maximum"
        ));
    }
    Ok(())
}
