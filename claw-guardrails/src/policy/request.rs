//! What a policy is asked about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::{Activity, Amounts, Criticality, Environment, Evidence, Nature, Place, Reach, Season};
use super::operation::Operation;

/// One operation on one target, with all that rules look at. What is not known stands for the worst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Request {
    /// What is done.
    pub operation: Operation,
    /// The kind of the target, as in manifests.
    pub kind: String,
    /// The namespace of the target; `None` for what has none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The name of the target.
    pub name: String,
    /// What the namespace is to the agent.
    pub place: Place,
    /// What depends on it.
    pub environment: Environment,
    /// What a failure costs.
    pub criticality: Criticality,
    /// What the pods hold. What holds several things is asked about once for each.
    pub nature: Nature,
    /// Whether they are at something.
    pub activity: Activity,
    /// How far the action reaches.
    pub reach: Reach,
    /// Whether changes are frozen.
    pub season: Season,
    /// Whether requests of containers stay at what the policy wants at least.
    pub amounts: Amounts,
    /// Whether there are as many days of data as the policy wants.
    pub evidence: Evidence,
    /// How many replicas there were and would be, where that changes; of an autoscaler, how many it could run.
    #[serde(default)]
    pub replicas: Option<Replicas>,
}

impl Request {
    /// A request about a target of which nothing is known, which is to say the worst.
    pub fn new(operation: Operation, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            operation,
            kind: kind.to_owned(),
            // A Namespace is in itself: what is said about a namespace is said about its object.
            namespace: match kind {
                "Namespace" => Some(name.to_owned()),
                _ => namespace.map(str::to_owned),
            },
            name: name.to_owned(),
            place: Place::of(operation, kind, namespace, name),
            environment: Environment::Production,
            criticality: Criticality::Critical,
            nature: Nature::Stateful,
            activity: Activity::Working,
            reach: Reach::Beyond,
            season: Season::Open,
            amounts: Amounts::Below,
            evidence: Evidence::Short,
            replicas: None,
        }
    }

    /// The same about another operation.
    pub(super) fn of(mut self, operation: Operation) -> Self {
        self.place = Place::of(operation, &self.kind, self.namespace.as_deref(), &self.name);
        self.operation = operation;
        self
    }
}

/// Namespaces of Kubernetes itself.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Kinds that are in no namespace, and that agents may be allowed to change.
pub(crate) const CLUSTER_KINDS: [&str; 12] = [
    "Namespace",
    "Node",
    "PersistentVolume",
    "StorageClass",
    "PriorityClass",
    "IngressClass",
    "RuntimeClass",
    "ClusterRole",
    "ClusterRoleBinding",
    "CertificateSigningRequest",
    "GatewayClass",
    "APIService",
];

impl Place {
    /// What the place of a target is by its names alone. A Namespace is in itself; what should be in a namespace and names
    /// none may be in any.
    fn of(operation: Operation, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        let namespace = match namespace {
            _ if kind == "Namespace" => Some(name),
            Some(named) if !named.is_empty() => Some(named),
            _ => None,
        };
        match namespace {
            Some(name) if SYSTEM_NAMESPACES.contains(&name) => Self::System,
            Some(_) => Self::Application,
            None if !operation.is_write() || CLUSTER_KINDS.contains(&kind) => Self::Cluster,
            None => Self::System,
        }
    }
}

/// Numbers of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // two numbers
pub struct Replicas {
    /// How many there were when the sliding window of 24 hours began. Small steps then add up to no more than a large one
    /// could have been.
    pub at_start: u32,
    /// How many there would be.
    pub wanted: u32,
}

impl Replicas {
    /// Whether there would be at most `percent` of those at the start.
    pub fn is_within(self, percent: u32) -> bool {
        u64::from(self.wanted) * 100 <= u64::from(self.at_start) * u64::from(percent)
    }
}
