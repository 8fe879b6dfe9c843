//! Services and the endpoints behind them.

use std::collections::BTreeMap;

use super::container::IntOrString;
use super::meta::{Meta, ObjectReference};
use super::slim::{objects, slim};

/// Label by which an EndpointSlice names its Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

slim! {
    /// A Service.
    pub struct Service {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: ServiceSpec,
    }

    /// What a Service shall be.
    pub struct ServiceSpec {
        /// `ClusterIP` where empty, `NodePort`, `LoadBalancer` or `ExternalName`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Labels of its pods. Empty: endpoints are made by somebody else.
        pub selector: BTreeMap<String, String>,
        /// Ports.
        pub ports: Vec<ServicePort>,
        /// Its address; `None` as text for headless Services.
        #[serde(rename = "clusterIP")]
        pub cluster_ip: String,
        /// Host that an `ExternalName` Service stands for.
        pub external_name: String,
        /// Whether endpoints that are not ready are published.
        pub publish_not_ready_addresses: bool,
        /// `Cluster` or `Local`.
        pub internal_traffic_policy: String,
        /// `Cluster` or `Local`.
        pub external_traffic_policy: String,
    }

    /// A port of a Service.
    pub struct ServicePort {
        /// Name.
        pub name: String,
        /// Number.
        pub port: i32,
        /// Port of the pods by number or name; `port` where absent.
        pub target_port: Option<IntOrString>,
        /// Port on every node.
        pub node_port: Option<i32>,
        /// `TCP` where empty.
        pub protocol: String,
        /// Protocol on top: `http`, `kubernetes.io/h2c`, …
        pub app_protocol: String,
    }

    /// Endpoints behind a Service.
    pub struct EndpointSlice {
        /// Metadata; the label [`SERVICE_NAME`] names the Service.
        pub metadata: Meta,
        /// `IPv4`, `IPv6` or `FQDN`.
        pub address_type: String,
        /// Endpoints.
        pub endpoints: Vec<Endpoint>,
        /// Ports of all of them.
        pub ports: Vec<EndpointPort>,
    }

    /// One endpoint.
    pub struct Endpoint {
        /// Addresses.
        pub addresses: Vec<String>,
        /// Whether it serves.
        pub conditions: EndpointConditions,
        /// What it is, usually a pod.
        pub target_ref: Option<ObjectReference>,
        /// Node it is on.
        pub node_name: String,
        /// Zone it is in.
        pub zone: String,
    }

    /// Whether an endpoint serves.
    pub struct EndpointConditions {
        /// Whether traffic is sent to it; absent means yes.
        pub ready: Option<bool>,
        /// Whether it passes its readiness probe, even while it terminates.
        pub serving: Option<bool>,
        /// Whether it is being shut down.
        pub terminating: Option<bool>,
    }

    /// A port of endpoints.
    pub struct EndpointPort {
        /// Name of the Service's port.
        pub name: String,
        /// Number.
        pub port: Option<i32>,
        /// `TCP` where empty.
        pub protocol: String,
    }
}

objects! {
    Service => "Service",
    EndpointSlice => "EndpointSlice",
}

impl Service {
    /// Whether it stands for a host outside.
    pub fn is_external_name(&self) -> bool {
        self.spec.kind == "ExternalName"
    }

    /// Whether a pod with these labels is behind it. A Service without a selector selects nothing.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.is_external_name()
            && !self.spec.selector.is_empty()
            && self
                .spec
                .selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    }

    /// The port of that number.
    pub fn port(&self, number: i32) -> Option<&ServicePort> {
        self.spec.ports.iter().find(|port| port.port == number)
    }
}

impl EndpointSlice {
    /// Name of the Service that it belongs to.
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.get(SERVICE_NAME).map(String::as_str)
    }
}

impl Endpoint {
    /// Whether traffic is sent to it.
    pub fn is_ready(&self) -> bool {
        self.conditions.ready.unwrap_or(true)
    }
}
