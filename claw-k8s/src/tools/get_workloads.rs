//! `get_workloads`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::redact::Redactor;
use claw_core::report::Gap;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Reading, absence, list, wanted};
use super::redacted;
use crate::cluster::{Cluster, Resource};
use crate::model::{HorizontalPodAutoscaler, Object, Workload};

/// Which workloads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetWorkloadsInput {
    /// Kubernetes namespace to query; all namespaces when left out.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// What makes pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetWorkloadsOutput {
    /// Deployments, StatefulSets, DaemonSets, ReplicaSets that have or want pods, Jobs and CronJobs, by namespace, kind and
    /// name. Values that look secret are left out.
    pub workloads: Vec<Workload>,
    /// What scales them.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// Lists workloads.
#[derive(Clone, Debug)]
pub struct GetWorkloads {
    cluster: Cluster,
    jobs: bool,
}

impl GetWorkloads {
    /// The tool over a cluster, for the rights of the role `openclaw-agent-readonly`.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, jobs: false }
    }

    /// Reads Jobs and CronJobs too, for which it needs rights on them.
    #[must_use]
    pub fn with_jobs(mut self) -> Self {
        self.jobs = true;
        self
    }
}

#[async_trait]
impl Tool for GetWorkloads {
    const NAME: &'static str = "get_workloads";
    const EFFECT: Effect = Effect::Read;
    type Input = GetWorkloadsInput;
    type Output = GetWorkloadsOutput;

    fn description(&self) -> &str {
        "List Deployments, StatefulSets, DaemonSets, Jobs and CronJobs with what they want and what they have"
    }

    fn access(&self) -> Access {
        let verbs = &["get", "list", "watch"];
        let access = Access::none()
            .uses("apps", "deployments", verbs)
            .uses("apps", "replicasets", verbs)
            .uses("apps", "statefulsets", verbs)
            .uses("apps", "daemonsets", verbs)
            .uses("autoscaling", "horizontalpodautoscalers", verbs)
            .looks_up("", "namespaces", verbs);
        if self.jobs {
            access
                .uses("batch", "jobs", verbs)
                .uses("batch", "cronjobs", verbs)
        } else {
            access
        }
    }

    async fn call(
        &self,
        cx: &ToolContext,
        input: GetWorkloadsInput,
    ) -> Result<GetWorkloadsOutput, ToolError> {
        let namespace = wanted(input.namespace.as_deref());
        let mut kinds = vec![
            Resource::DEPLOYMENTS,
            Resource::REPLICA_SETS,
            Resource::STATEFUL_SETS,
            Resource::DAEMON_SETS,
        ];
        if self.jobs {
            kinds.extend([Resource::JOBS, Resource::CRON_JOBS]);
        }
        let lists = kinds
            .iter()
            .map(|resource| list::<Workload>(&self.cluster, cx, resource.clone(), namespace));
        let (lists, autoscalers) = futures::join!(
            futures::future::join_all(lists),
            list::<HorizontalPodAutoscaler>(&self.cluster, cx, Resource::AUTOSCALERS, namespace),
        );
        let mut reading = Reading::default();
        let mut workloads = Vec::new();
        for (resource, listed) in kinds.iter().zip(lists) {
            workloads.append(&mut reading.take(resource, listed));
        }
        let autoscalers = reading.take(&Resource::AUTOSCALERS, autoscalers);
        if !self.jobs {
            reading.gap(Gap {
                source: "Jobs and CronJobs".to_owned(),
                reason: "this agent is not set up to read them".to_owned(),
                remedy: "allow get_workloads to read batch jobs".to_owned(),
            });
        }
        if workloads.is_empty()
            && autoscalers.is_empty()
            && let Some(gap) = absence(&self.cluster, cx, namespace).await
        {
            reading.gap(gap);
        }
        workloads.retain(|workload| !is_old_revision(workload));
        let redactor = Redactor::new();
        workloads
            .iter_mut()
            .for_each(|workload| redacted::workload(&redactor, workload));
        workloads.sort_by_cached_key(|workload| {
            let entity = workload.entity();
            (entity.namespace, entity.kind, entity.name)
        });
        Ok(GetWorkloadsOutput {
            workloads,
            autoscalers,
            gaps: reading.gaps()?,
        })
    }
}

/// Whether it is a ReplicaSet that only keeps an old revision of its Deployment.
fn is_old_revision(workload: &Workload) -> bool {
    workload.kind == "ReplicaSet"
        && workload.metadata.controller().is_some()
        && workload.spec.replicas == Some(0)
        && workload.status.replicas.unwrap_or(0) == 0
}
