//! What pods and nodes use, as metrics.k8s.io measures it.

use claw_core::report::Gap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Amounts, NodeMetrics, PodMetrics};
use crate::quantity::{Cpu, Memory};

/// What a container uses now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PodUsage {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Processor time in thousandths of a core.
    pub cpu: Option<Cpu>,
    /// Working set in bytes.
    pub memory: Option<Memory>,
    /// When it was measured.
    pub time: Option<Timestamp>,
}

/// What a node uses now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeUsage {
    /// The node.
    pub node: String,
    /// Processor time in thousandths of a core.
    pub cpu: Option<Cpu>,
    /// Working set in bytes.
    pub memory: Option<Memory>,
    /// When it was measured.
    pub time: Option<Timestamp>,
}

/// Usage by container.
pub(super) fn pod_usage(metrics: &PodMetrics) -> impl Iterator<Item = PodUsage> {
    metrics.containers.iter().map(|container| {
        let (cpu, memory) = amounts(&container.usage);
        PodUsage {
            namespace: metrics.metadata.ns().to_owned(),
            pod: metrics.metadata.name.clone(),
            container: container.name.clone(),
            cpu,
            memory,
            time: metrics.timestamp,
        }
    })
}

/// Usage of a node.
pub(super) fn node_usage(metrics: &NodeMetrics) -> NodeUsage {
    let (cpu, memory) = amounts(&metrics.usage);
    NodeUsage {
        node: metrics.metadata.name.clone(),
        cpu,
        memory,
        time: metrics.timestamp,
    }
}

fn amounts(usage: &Amounts) -> (Option<Cpu>, Option<Memory>) {
    let text = |name| usage.get(name).map(crate::model::Amount::as_str);
    (
        text("cpu").and_then(|text| text.parse().ok()),
        text("memory").and_then(|text| text.parse().ok()),
    )
}

/// The cluster does not measure usage.
pub(super) fn not_measured() -> Gap {
    Gap {
        source: "resource usage (metrics.k8s.io)".to_owned(),
        reason: "the cluster does not serve metrics.k8s.io".to_owned(),
        remedy: "install metrics-server, or rely on Prometheus".to_owned(),
    }
}
