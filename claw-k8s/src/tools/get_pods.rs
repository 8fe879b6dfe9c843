//! `get_pods`

use std::collections::BTreeSet;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::redact::Redactor;
use claw_core::report::Gap;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use futures::future::OptionFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Reading, absence, list, list_served, wanted};
use super::redacted;
use super::usage::{PodUsage, pod_usage};
use crate::cluster::{Cluster, Query, Resource};
use crate::model::{Event, Object, Pod, PodMetrics};

/// Most events of one answer, the newest ones.
const MAX_EVENTS: usize = 500;

/// Which pods.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetPodsInput {
    /// Kubernetes namespace to query; all namespaces when left out.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Label selector to filter pods (e.g., app=payment-service).
    #[serde(default)]
    pub label_selector: Option<String>,
    /// One pod by name.
    #[serde(default)]
    pub pod_name: Option<String>,
    /// The pods alone, without resource usage and events: one request instead of three.
    #[serde(default)]
    pub brief: bool,
}

/// Pods with what they use and what was said about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetPodsOutput {
    /// The pods, by namespace and name. Values that look secret are left out.
    pub pods: Vec<Pod>,
    /// What their containers use now, where the cluster measures it.
    pub usage: Vec<PodUsage>,
    /// The newest events about them, oldest first.
    pub events: Vec<Event>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// Lists pods with their status, resource usage, and recent events.
#[derive(Clone, Debug)]
pub struct GetPods {
    cluster: Cluster,
}

impl GetPods {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for GetPods {
    const NAME: &'static str = "get_pods";
    const EFFECT: Effect = Effect::Read;
    type Input = GetPodsInput;
    type Output = GetPodsOutput;

    fn description(&self) -> &str {
        "List pods in a namespace with their status, resource usage, and recent events"
    }

    fn access(&self) -> Access {
        Access::none()
            .requires("", "pods", &["get", "list", "watch"])
            .uses("", "events", &["get", "list", "watch"])
            .looks_up("", "namespaces", &["get", "list", "watch"])
            .uses("metrics.k8s.io", "pods", &["get", "list"])
    }

    async fn call(&self, cx: &ToolContext, input: GetPodsInput) -> Result<GetPodsOutput, ToolError> {
        let namespace = wanted(input.namespace.as_deref());
        let name = wanted(input.pod_name.as_deref());
        let query = Query::new(Resource::PODS, namespace)
            .labels(input.label_selector.as_deref())
            .fields(name.map(|name| format!("metadata.name={name}")));
        let whole = !input.brief;
        let (pods, events, metrics) = futures::join!(
            self.cluster.list::<Pod>(cx, &query),
            OptionFuture::from(whole.then(|| list::<Event>(&self.cluster, cx, Resource::EVENTS, namespace))),
            OptionFuture::from(whole.then(|| self.metrics(cx, namespace))),
        );
        // Without pods there is no answer; without the rest there is less of one.
        let mut reading = Reading::default();
        let mut pods = reading.take(&Resource::PODS, Ok(pods?));
        let events = events.map_or_else(Vec::new, |events| reading.take(&Resource::EVENTS, events));
        let metrics = match metrics.transpose() {
            Ok(metrics) => metrics.unwrap_or_default(),
            Err(gap) => {
                reading.gap(gap);
                Vec::new()
            }
        };
        let redactor = Redactor::new();
        pods.iter_mut().for_each(|pod| redacted::pod(&redactor, pod));
        if pods.is_empty()
            && let Some(gap) = absence(&self.cluster, cx, namespace).await
        {
            reading.gap(gap);
        }

        let known: BTreeSet<_> = pods.iter().map(Object::entity).collect();
        let mut events: Vec<_> = events
            .into_iter()
            .filter(|event| known.contains(&event.about()))
            .collect();
        super::describe_events::sort(&mut events);
        let surplus = events.len().saturating_sub(MAX_EVENTS);
        events.drain(..surplus);
        if surplus > 0 {
            reading.gap(Gap {
                source: "events about pods".to_owned(),
                reason: format!("only the newest {MAX_EVENTS}; {surplus} older ones are left out"),
                remedy: "ask for fewer pods, or describe_events about one of them".to_owned(),
            });
        }
        let usage = metrics
            .iter()
            .filter(|metrics| {
                let mut pod = metrics.entity();
                "Pod".clone_into(&mut pod.kind);
                known.contains(&pod)
            })
            .flat_map(pod_usage)
            .collect();
        Ok(GetPodsOutput {
            pods,
            usage,
            events,
            gaps: reading.gaps()?,
        })
    }
}

impl GetPods {
    async fn metrics(&self, cx: &ToolContext, namespace: Option<&str>) -> Result<Vec<PodMetrics>, Gap> {
        let resource = &Resource::POD_METRICS;
        let discovery = self
            .cluster
            .discovery(cx)
            .await
            .map_err(|error| error.gap("API groups"))?;
        match list_served::<PodMetrics>(&self.cluster, cx, &discovery, resource, namespace).await {
            Some(Ok(listed)) => Ok(listed.items),
            Some(Err(error)) => Err(error.gap("resource usage (metrics.k8s.io)")),
            None => Err(super::usage::not_measured()),
        }
    }
}
