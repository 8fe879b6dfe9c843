//! Nodes, and the usage that metrics.k8s.io reports.

use jiff::Timestamp;

use super::container::Amounts;
use super::meta::{Condition, Meta, condition};
use super::slim::{objects, slim};

slim! {
    /// A node.
    pub struct Node {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: NodeSpec,
        /// What is.
        pub status: NodeStatus,
    }

    /// What a node shall be.
    pub struct NodeSpec {
        /// Whether new pods are kept away (cordoned).
        pub unschedulable: bool,
        /// Taints.
        pub taints: Vec<Taint>,
        /// Name at the cloud provider.
        #[serde(rename = "providerID")]
        pub provider_id: String,
    }

    /// Keeps pods away that do not bear it.
    pub struct Taint {
        /// Key.
        pub key: String,
        /// Value.
        pub value: String,
        /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        pub effect: String,
        /// When it was added.
        pub time_added: Option<Timestamp>,
    }

    /// What a node is.
    pub struct NodeStatus {
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// What it has.
        pub capacity: Amounts,
        /// What pods can have of it.
        pub allocatable: Amounts,
        /// Versions.
        pub node_info: NodeInfo,
        /// Addresses.
        pub addresses: Vec<NodeAddress>,
    }

    /// Versions of a node.
    pub struct NodeInfo {
        /// Kubelet.
        pub kubelet_version: String,
        /// Container runtime.
        pub container_runtime_version: String,
        /// Kernel.
        pub kernel_version: String,
        /// Operating system's image.
        pub os_image: String,
        /// Processor architecture.
        pub architecture: String,
    }

    /// An address of a node.
    pub struct NodeAddress {
        /// `InternalIP`, `Hostname`, …
        #[serde(rename = "type")]
        pub kind: String,
        /// The address.
        pub address: String,
    }

    /// Usage of a pod.
    pub struct PodMetrics {
        /// The pod's name and namespace.
        pub metadata: Meta,
        /// End of the time that was measured.
        pub timestamp: Option<Timestamp>,
        /// Length of that time, as Go writes durations.
        pub window: String,
        /// Usage by container.
        pub containers: Vec<ContainerMetrics>,
    }

    /// Usage of a container.
    pub struct ContainerMetrics {
        /// The container.
        pub name: String,
        /// Usage by resource.
        pub usage: Amounts,
    }

    /// Usage of a node.
    pub struct NodeMetrics {
        /// The node's name.
        pub metadata: Meta,
        /// End of the time that was measured.
        pub timestamp: Option<Timestamp>,
        /// Length of that time, as Go writes durations.
        pub window: String,
        /// Usage by resource.
        pub usage: Amounts,
    }
}

objects! {
    Node => "Node",
    PodMetrics => "PodMetrics",
    NodeMetrics => "NodeMetrics",
}

impl Node {
    /// Whether the kubelet reports it as ready.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(Condition::is_true)
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        condition(&self.status.conditions, kind)
    }

    /// Failure domain, where the cloud provider labels it.
    pub fn zone(&self) -> Option<&str> {
        self.metadata
            .labels
            .get("topology.kubernetes.io/zone")
            .or_else(|| self.metadata.labels.get("failure-domain.beta.kubernetes.io/zone"))
            .map(String::as_str)
    }
}
