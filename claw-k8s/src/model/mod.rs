//! Kubernetes objects, reduced to what a diagnosis uses.
//!
//! The structs mirror the API's JSON. They skip what they do not know, take `null` for absent, leave out what holds its
//! default when written, and never hold the data of a Secret. A list of thousands of pods is parsed straight into them.
mod config;
mod container;
mod dynamic;
mod event;
mod gitops;
mod meta;
mod network;
mod node;
mod pod;
mod policy;
mod selector;
mod service;
mod slim;
mod storage;
mod volume;
mod workload;

#[cfg(test)]
mod tests;

pub use config::{ConfigMap, ConfigValue, Metadata};
pub use container::{
    Amount, Amounts, Capabilities, Container, ContainerPort, EnvFrom, EnvSource, EnvVar, ExecAction,
    FieldReference, GrpcAction, HttpGet, IntOrString, KeyReference, Lifecycle, LifecycleHandler,
    OptionalReference, Probe, ResourceFieldReference, Resources, SeccompProfile, SecurityContext, TcpSocket,
    VolumeMount,
};
pub use dynamic::DynamicObject;
pub use event::{Event, EventSeries, EventSource};
pub use gitops::{
    Application, ApplicationDestination, ApplicationSource, ApplicationSpec, ApplicationStatus,
    ApplicationSummary, Delivery, DeliverySpec, DeliveryStatus, HelmSnapshot, Initiator, Inventory,
    InventoryEntry, OperationState, ResourceHealth, ResourceInventory, RevisionHistory, SourceReference,
    SyncResult, SyncStatus,
};
pub use meta::{
    Condition, LAST_APPLIED, LocalReference, ManagedFields, Meta, Object, ObjectReference, OwnerReference,
    Written, WrittenFields, WrittenSpec, condition,
};
pub use network::{
    EgressPolicyRule, Ingress, IngressBackend, IngressClass, IngressClassSpec, IngressPath, IngressPaths,
    IngressPolicyRule, IngressRule, IngressService, IngressServicePort, IngressSpec, IngressStatus,
    IngressTls, IpBlock, LoadBalancer, LoadBalancerAddress, Namespace, NamespaceStatus, NetworkPolicy,
    NetworkPolicySpec, Peer, PolicyPort, ServiceAccount,
};
pub use node::{
    ContainerMetrics, Node, NodeAddress, NodeInfo, NodeMetrics, NodeSpec, NodeStatus, PodMetrics, Taint,
};
pub use pod::{
    ContainerState, ContainerStatus, HostAlias, Pod, PodSpec, PodStatus, PodTemplate, ReadinessGate, Running,
    Terminated, Toleration, TopologySpread, Waiting,
};
pub use policy::{
    AutoscalerSpec, AutoscalerStatus, BudgetSpec, BudgetStatus, CustomMetric, HorizontalPodAutoscaler,
    LimitRange, LimitRangeItem, LimitRangeSpec, MetricName, MetricSpec, MetricTarget, PodDisruptionBudget,
    QuotaSpec, QuotaStatus, ResourceMetric, ResourceQuota, Webhook, WebhookClient, WebhookConfiguration,
    WebhookRule, WebhookService,
};
pub use selector::{LabelSelector, Requirement};
pub use service::{
    Endpoint, EndpointConditions, EndpointPort, EndpointSlice, SERVICE_NAME, Service, ServicePort,
    ServiceSpec,
};
pub use storage::{
    ClaimSpec, ClaimStatus, ClaimTemplate, PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeSpec,
    VolumeStatus,
};
pub use volume::{
    ClaimVolume, ConfigMapVolume, CsiVolume, EmptyDir, EphemeralVolume, HostPath, KeyToPath, Nfs, Projected,
    ProjectedSource, SecretVolume, Volume,
};
pub use workload::{
    Active, ControllerRevision, JobTemplate, REVISION, RevisionData, RevisionSpec, RollingUpdate, Strategy,
    Workload, WorkloadSpec, WorkloadStatus,
};
