//! The objects of a cluster, as far as they were read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    Application, ConfigMap, Delivery, DynamicObject, EndpointSlice, Event, HorizontalPodAutoscaler, Ingress,
    IngressClass, LimitRange, Metadata, Namespace, NetworkPolicy, Node, PersistentVolume,
    PersistentVolumeClaim, Pod, PodDisruptionBudget, ResourceQuota, Service, ServiceAccount, StorageClass,
    WebhookConfiguration, Workload,
};

/// The objects of a cluster, as far as they were read. An empty list may mean that none were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Objects {
    /// Pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<Pod>,
    /// Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Workload>,
    /// Nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// Services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// EndpointSlices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoint_slices: Vec<EndpointSlice>,
    /// Ingresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<Ingress>,
    /// IngressClasses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress_classes: Vec<IngressClass>,
    /// NetworkPolicies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_policies: Vec<NetworkPolicy>,
    /// PersistentVolumeClaims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<PersistentVolumeClaim>,
    /// PersistentVolumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<PersistentVolume>,
    /// StorageClasses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage_classes: Vec<StorageClass>,
    /// HorizontalPodAutoscalers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// PodDisruptionBudgets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    /// ResourceQuotas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<ResourceQuota>,
    /// LimitRanges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limit_ranges: Vec<LimitRange>,
    /// ConfigMaps, without their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<ConfigMap>,
    /// Metadata of Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Metadata>,
    /// ServiceAccounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_accounts: Vec<ServiceAccount>,
    /// Namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Validating and mutating webhook configurations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookConfiguration>,
    /// Gateways, GatewayClasses and HTTPRoutes of the Gateway API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway: Vec<DynamicObject>,
    /// Objects of Istio and Linkerd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mesh: Vec<DynamicObject>,
    /// Certificates of cert-manager.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<DynamicObject>,
    /// Applications of Argo CD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<Application>,
    /// Kustomizations and HelmReleases of Flux.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// Events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
}
