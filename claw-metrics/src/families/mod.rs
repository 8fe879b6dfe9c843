//! Typed queries for the metric families that a server turns out to have.
//!
//! Meshes, libraries and exporters name the same things differently. [`Families::of`] tells from the names of metrics which
//! families are there; each builder then returns one [`Query`] for every family that can answer, none if no family can.
//!
//! ```
//! use claw_metrics::families::{Families, Scope};
//! let families = Families::of(["istio_requests_total", "up"]);
//! let scope = Scope::namespace("shop").with_workload("cart");
//! let queries = families.error_ratio(&scope);
//! assert_eq!(queries.len(), 1);
//! assert!(queries[0].promql.contains("destination_service_namespace=\"shop\""));
//! ```

mod catalogue;
mod edges;
mod requests;
mod resources;
mod selector;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::classify::{Measure, Stat, Unit};

/// A group of metrics that one mesh, library or exporter writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Family {
    /// Istio's standard metrics.
    Istio,
    /// Linkerd's proxy metrics.
    Linkerd,
    /// HTTP servers by OpenTelemetry's semantic conventions.
    OpenTelemetryHttp,
    /// HTTP servers that Micrometer observes (Spring Boot and others).
    Micrometer,
    /// HTTP servers with hand-made metrics of the usual names.
    Http,
    /// gRPC servers.
    Grpc,
    /// The nginx ingress controller.
    NginxIngress,
    /// Service graphs that are made from traces.
    ServiceGraph,
    /// kube-state-metrics.
    KubeState,
    /// The kubelet's container metrics.
    Cadvisor,
    /// The node exporter.
    NodeExporter,
}

/// What to ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Only this namespace; all if `None`.
    pub namespace: Option<String>,
    /// Only this workload, or the Service of its name; all if `None`.
    pub workload: Option<String>,
    /// Seconds over which rates are taken. At least two, better four scrape intervals. 120 by default.
    pub window: u32,
}

impl Scope {
    /// Everything.
    pub fn cluster() -> Self {
        Self {
            namespace: None,
            workload: None,
            window: 120,
        }
    }

    /// One namespace.
    pub fn namespace(namespace: impl Into<String>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            ..Self::cluster()
        }
    }

    /// Only the workload of this name.
    #[must_use]
    pub fn with_workload(mut self, workload: impl Into<String>) -> Self {
        self.workload = Some(workload.into());
        self
    }

    /// Another window for rates, in seconds.
    #[must_use]
    pub fn with_window(mut self, seconds: u32) -> Self {
        self.window = seconds.max(1);
        self
    }
}

/// A query, and how to read its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The PromQL. It may be evaluated at one moment or over a range.
    pub promql: String,
    /// What the values measure.
    pub measure: Measure,
    /// Which statistic of it.
    pub stat: Stat,
    /// Unit of the values.
    pub unit: Unit,
    /// The family that answers.
    pub family: Family,
    /// Labels of the answer's series, all of which say what a series is about
    /// ([`subject_of`](crate::classify::subject_of)). Some may be missing.
    pub entity_labels: Vec<String>,
}

/// The families that a server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Families {
    metrics: BTreeSet<String>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Families {
    /// What the names of a server's metrics tell.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let metrics = names
            .into_iter()
            .filter(|name| catalogue::is_known(name))
            .map(str::to_owned)
            .collect();
        Self {
            metrics,
            labels: BTreeMap::new(),
        }
    }

    /// The names of all metrics that queries are built on. A server that has them all has every family.
    pub fn known_metrics() -> impl Iterator<Item = &'static str> {
        catalogue::names()
    }

    /// Every query that there is about `scope`; of durations the `q` quantile (0 to 1).
    pub fn all(&self, scope: &Scope, q: f64) -> Vec<Query> {
        [
            self.request_rate(scope),
            self.error_ratio(scope),
            self.latency_quantile(scope, q),
            self.call_edges(scope),
            self.edge_error_ratio(scope),
            self.edge_latency_quantile(scope, q),
            self.cpu_saturation(scope),
            self.cpu_usage(scope),
            self.throttling_ratio(scope),
            self.memory_saturation(scope),
            self.memory_usage(scope),
            self.restarts(scope),
            self.out_of_memory(scope),
            self.unavailable_replicas(scope),
            self.node_saturation(scope),
        ]
        .concat()
    }

    /// Adds the names of the labels that a metric's series have. Queries then use those; without, they try the usual ones.
    #[must_use]
    pub fn with_labels<'a>(mut self, metric: &str, labels: impl IntoIterator<Item = &'a str>) -> Self {
        self.labels
            .entry(metric.to_owned())
            .or_default()
            .extend(labels.into_iter().map(str::to_owned));
        self
    }

    /// The families, in order.
    pub fn families(&self) -> BTreeSet<Family> {
        self.metrics
            .iter()
            .filter_map(|name| catalogue::family_of(name))
            .collect()
    }

    fn has(&self, metric: &str) -> bool {
        self.metrics.contains(metric)
    }

    /// Of `candidates` those labels that `metric` has. Where that is not known, the usual ones: those that OpenTelemetry's
    /// resource attributes become only if somebody set that up would make queries long for nothing.
    fn labels<'a>(&self, metric: &str, candidates: &[&'a str]) -> Vec<&'a str> {
        let held: Vec<&str> = match self.labels.get(metric) {
            Some(known) => candidates
                .iter()
                .copied()
                .filter(|label| known.contains(*label))
                .collect(),
            None => candidates
                .iter()
                .copied()
                .filter(|label| !label.starts_with("k8s_"))
                .collect(),
        };
        if held.is_empty() {
            candidates.to_vec()
        } else {
            held
        }
    }
}

#[cfg(test)]
mod tests;
