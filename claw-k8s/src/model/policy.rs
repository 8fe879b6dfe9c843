//! What scales, protects and limits workloads.

use serde_json::Value;

use super::container::{Amount, Amounts, IntOrString};
use super::meta::{Condition, Meta, ObjectReference};
use super::selector::LabelSelector;
use super::slim::{objects, slim};
use jiff::Timestamp;

slim! {
    /// A HorizontalPodAutoscaler, `autoscaling/v2`.
    pub struct HorizontalPodAutoscaler {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: AutoscalerSpec,
        /// What is.
        pub status: AutoscalerStatus,
    }

    /// What an autoscaler shall do.
    pub struct AutoscalerSpec {
        /// What it scales.
        pub scale_target_ref: ObjectReference,
        /// Fewest pods; 1 where absent.
        pub min_replicas: Option<i32>,
        /// Most pods.
        pub max_replicas: i32,
        /// What it looks at.
        pub metrics: Vec<MetricSpec>,
        /// How fast it goes, as written.
        pub behavior: Option<Value>,
    }

    /// What an autoscaler looks at. One of the sources is set.
    pub struct MetricSpec {
        /// `Resource`, `ContainerResource`, `Pods`, `Object` or `External`.
        #[serde(rename = "type")]
        pub kind: String,
        /// A resource of the pods.
        pub resource: Option<ResourceMetric>,
        /// A resource of one container.
        pub container_resource: Option<ResourceMetric>,
        /// A metric of the pods.
        pub pods: Option<CustomMetric>,
        /// A metric of an object.
        pub object: Option<CustomMetric>,
        /// A metric from outside.
        pub external: Option<CustomMetric>,
    }

    /// A resource with its target, or with its present value in a status.
    pub struct ResourceMetric {
        /// `cpu`, `memory`.
        pub name: String,
        /// Container, for `ContainerResource`.
        pub container: String,
        /// Target.
        pub target: MetricTarget,
        /// Present value.
        pub current: MetricTarget,
    }

    /// A metric with its target, or with its present value in a status.
    pub struct CustomMetric {
        /// The metric.
        pub metric: MetricName,
        /// The object, for `Object`.
        pub described_object: Option<ObjectReference>,
        /// Target.
        pub target: MetricTarget,
        /// Present value.
        pub current: MetricTarget,
    }

    /// Name of a metric.
    pub struct MetricName {
        /// The name.
        pub name: String,
        /// Which of its series.
        pub selector: Option<LabelSelector>,
    }

    /// A target or present value.
    pub struct MetricTarget {
        /// `Utilization`, `AverageValue` or `Value`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Percentage of the request.
        pub average_utilization: Option<i32>,
        /// Amount for each pod.
        pub average_value: Option<Amount>,
        /// Amount.
        pub value: Option<Amount>,
    }

    /// What an autoscaler is.
    pub struct AutoscalerStatus {
        /// Pods now.
        pub current_replicas: i32,
        /// Pods that it wants.
        pub desired_replicas: i32,
        /// When it last scaled.
        pub last_scale_time: Option<Timestamp>,
        /// What it saw.
        pub current_metrics: Vec<MetricSpec>,
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// Generation that the status speaks about.
        pub observed_generation: Option<i64>,
    }

    /// A PodDisruptionBudget.
    pub struct PodDisruptionBudget {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: BudgetSpec,
        /// What is.
        pub status: BudgetStatus,
    }

    /// What a budget keeps.
    pub struct BudgetSpec {
        /// Pods that must stay.
        pub min_available: Option<IntOrString>,
        /// Pods that may be missing.
        pub max_unavailable: Option<IntOrString>,
        /// Its pods; absent selects none.
        pub selector: Option<LabelSelector>,
    }

    /// What a budget allows now.
    pub struct BudgetStatus {
        /// Pods that may be evicted now.
        pub disruptions_allowed: i32,
        /// Healthy pods.
        pub current_healthy: i32,
        /// Healthy pods that must stay.
        pub desired_healthy: i32,
        /// Pods counted.
        pub expected_pods: i32,
        /// Conditions.
        pub conditions: Vec<Condition>,
    }

    /// A ResourceQuota.
    pub struct ResourceQuota {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: QuotaSpec,
        /// What is.
        pub status: QuotaStatus,
    }

    /// What a quota allows.
    pub struct QuotaSpec {
        /// Most that may be asked for, by resource.
        pub hard: Amounts,
        /// Which pods it counts.
        pub scopes: Vec<String>,
    }

    /// What is left of a quota.
    pub struct QuotaStatus {
        /// Most that may be asked for.
        pub hard: Amounts,
        /// What is asked for.
        pub used: Amounts,
    }

    /// A LimitRange.
    pub struct LimitRange {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: LimitRangeSpec,
    }

    /// Bounds and defaults for the objects of a namespace.
    pub struct LimitRangeSpec {
        /// Bounds by type.
        pub limits: Vec<LimitRangeItem>,
    }

    /// Bounds and defaults for one type.
    pub struct LimitRangeItem {
        /// `Container`, `Pod` or `PersistentVolumeClaim`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Most.
        pub max: Amounts,
        /// Least.
        pub min: Amounts,
        /// Limits where none are given.
        #[serde(rename = "default")]
        pub default_limits: Amounts,
        /// Requests where none are given.
        pub default_request: Amounts,
        /// Greatest ratio of limit to request.
        pub max_limit_request_ratio: Amounts,
    }

    /// A ValidatingWebhookConfiguration or MutatingWebhookConfiguration.
    pub struct WebhookConfiguration {
        /// Which of them.
        pub kind: String,
        /// Metadata.
        pub metadata: Meta,
        /// Webhooks.
        pub webhooks: Vec<Webhook>,
    }

    /// A webhook that the API server asks.
    pub struct Webhook {
        /// Name.
        pub name: String,
        /// Where it is.
        pub client_config: WebhookClient,
        /// What it is asked about.
        pub rules: Vec<WebhookRule>,
        /// `Fail` where empty, or `Ignore`.
        pub failure_policy: String,
        /// Seconds until it counts as failed; 10 where absent.
        pub timeout_seconds: Option<i32>,
        /// Namespaces that it is asked about.
        pub namespace_selector: Option<LabelSelector>,
        /// Objects that it is asked about.
        pub object_selector: Option<LabelSelector>,
        /// Whether it can be asked in a dry run.
        pub side_effects: String,
    }

    /// Where a webhook is.
    pub struct WebhookClient {
        /// A Service.
        pub service: Option<WebhookService>,
        /// An address outside.
        pub url: Option<String>,
    }

    /// Service of a webhook.
    pub struct WebhookService {
        /// Namespace.
        pub namespace: String,
        /// Name.
        pub name: String,
        /// Path.
        pub path: String,
        /// Port; 443 where absent.
        pub port: Option<i32>,
    }

    /// What a webhook is asked about.
    pub struct WebhookRule {
        /// API groups.
        pub api_groups: Vec<String>,
        /// API versions.
        pub api_versions: Vec<String>,
        /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT` or `*`.
        pub operations: Vec<String>,
        /// Resources in plural.
        pub resources: Vec<String>,
        /// `Namespaced`, `Cluster` or `*`.
        pub scope: String,
    }
}

objects! {
    HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
    PodDisruptionBudget => "PodDisruptionBudget",
    ResourceQuota => "ResourceQuota",
    LimitRange => "LimitRange",
}

impl super::meta::Object for WebhookConfiguration {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn set_kind(&mut self, kind: &str) {
        if self.kind.is_empty() {
            kind.clone_into(&mut self.kind);
        }
    }
}

impl HorizontalPodAutoscaler {
    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        super::meta::condition(&self.status.conditions, kind)
    }

    /// The conditions by which it says that it cannot do its work.
    pub fn hindrances(&self) -> impl Iterator<Item = &Condition> {
        ["AbleToScale", "ScalingActive"]
            .into_iter()
            .filter_map(|kind| self.condition(kind))
            .filter(|condition| condition.status == "False")
    }

    /// Whether it cannot do its work.
    pub fn is_hindered(&self) -> bool {
        self.hindrances().next().is_some()
    }
}
