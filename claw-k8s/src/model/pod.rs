//! Pods.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::container::{Amounts, Container, SecurityContext};
use super::meta::{Condition, LocalReference, Meta, condition};
use super::selector::LabelSelector;
use super::slim::{objects, slim};
use super::volume::Volume;

slim! {
    /// A pod.
    pub struct Pod {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: PodSpec,
        /// What is.
        pub status: PodStatus,
    }

    /// What a workload makes pods from.
    pub struct PodTemplate {
        /// Labels and annotations of the pods.
        pub metadata: Meta,
        /// Spec of the pods.
        pub spec: PodSpec,
    }

    /// What a pod shall be.
    pub struct PodSpec {
        /// Node it was put on; empty while it is not scheduled.
        pub node_name: String,
        /// Account that its processes act as.
        pub service_account_name: String,
        /// Whether the account's token is mounted.
        pub automount_service_account_token: Option<bool>,
        /// Scheduler that places it.
        pub scheduler_name: String,
        /// Containers that run one after the other before the others start.
        pub init_containers: Vec<Container>,
        /// Containers.
        pub containers: Vec<Container>,
        /// Volumes.
        pub volumes: Vec<Volume>,
        /// Labels that its node must have.
        pub node_selector: BTreeMap<String, String>,
        /// Affinity to nodes and pods, as written.
        pub affinity: Option<Value>,
        /// Taints that it bears.
        pub tolerations: Vec<Toleration>,
        /// How it spreads over nodes and zones.
        pub topology_spread_constraints: Vec<TopologySpread>,
        /// What holds its scheduling back.
        pub scheduling_gates: Vec<LocalReference>,
        /// Priority class.
        pub priority_class_name: String,
        /// Priority as a number.
        pub priority: Option<i32>,
        /// `Never` keeps it from pushing others out.
        pub preemption_policy: String,
        /// Secrets with which images are pulled.
        pub image_pull_secrets: Vec<LocalReference>,
        /// `Always`, `OnFailure` or `Never`.
        pub restart_policy: String,
        /// Whether it uses the node's network.
        pub host_network: bool,
        /// Whether it sees the node's processes.
        #[serde(rename = "hostPID")]
        pub host_pid: bool,
        /// How names are resolved.
        pub dns_policy: String,
        /// Settings of the resolver, as written.
        pub dns_config: Option<Value>,
        /// Names with fixed addresses.
        pub host_aliases: Vec<HostAlias>,
        /// Host name, where it is set.
        pub hostname: String,
        /// Headless Service that gives it a name.
        pub subdomain: String,
        /// What its processes may do.
        pub security_context: Option<Box<SecurityContext>>,
        /// Container runtime class.
        pub runtime_class_name: String,
        /// Seconds from the request to stop to the kill.
        pub termination_grace_period_seconds: Option<i64>,
        /// Seconds after which it is failed.
        pub active_deadline_seconds: Option<i64>,
        /// Further conditions that it must have to be ready.
        pub readiness_gates: Vec<ReadinessGate>,
        /// What the sandbox itself needs.
        pub overhead: Amounts,
    }

    /// A taint that a pod bears.
    pub struct Toleration {
        /// Key; empty bears every key.
        pub key: String,
        /// `Equal` where empty, or `Exists`.
        pub operator: String,
        /// Value for `Equal`.
        pub value: String,
        /// Effect; empty bears every effect.
        pub effect: String,
        /// How long it bears `NoExecute`.
        pub toleration_seconds: Option<i64>,
    }

    /// How pods spread over the values of a node label.
    pub struct TopologySpread {
        /// Node label.
        pub topology_key: String,
        /// Greatest difference between two values.
        pub max_skew: i32,
        /// `DoNotSchedule` or `ScheduleAnyway`.
        pub when_unsatisfiable: String,
        /// Pods that are counted.
        pub label_selector: Option<LabelSelector>,
    }

    /// Names with a fixed address.
    pub struct HostAlias {
        /// Address.
        pub ip: String,
        /// Names.
        pub hostnames: Vec<String>,
    }

    /// A further condition that a pod must have to be ready.
    pub struct ReadinessGate {
        /// Type of the condition.
        pub condition_type: String,
    }

    /// What a pod is.
    pub struct PodStatus {
        /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        pub phase: String,
        /// Reason of the phase: `Evicted`, `NodeLost`, …
        pub reason: String,
        /// Reason for people.
        pub message: String,
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// State of the init containers.
        pub init_container_statuses: Vec<ContainerStatus>,
        /// State of the containers.
        pub container_statuses: Vec<ContainerStatus>,
        /// When the kubelet took it over.
        pub start_time: Option<Timestamp>,
        /// Its address.
        #[serde(rename = "podIP")]
        pub pod_ip: String,
        /// Address of its node.
        #[serde(rename = "hostIP")]
        pub host_ip: String,
        /// `Guaranteed`, `Burstable` or `BestEffort`.
        pub qos_class: String,
        /// Node for which others are being pushed out.
        pub nominated_node_name: String,
    }

    /// State of a container.
    pub struct ContainerStatus {
        /// The container.
        pub name: String,
        /// Whether its readiness probe passes.
        pub ready: bool,
        /// Whether its startup probe has passed.
        pub started: Option<bool>,
        /// How often it was started again.
        pub restart_count: i32,
        /// Image as written.
        pub image: String,
        /// Image by digest.
        #[serde(rename = "imageID")]
        pub image_id: String,
        /// State now.
        pub state: ContainerState,
        /// State before the last restart.
        pub last_state: ContainerState,
    }

    /// Exactly one of these is set; none means that it waits.
    pub struct ContainerState {
        /// Not running yet, or not running again yet.
        pub waiting: Option<Waiting>,
        /// Running.
        pub running: Option<Running>,
        /// Ended.
        pub terminated: Option<Terminated>,
    }

    /// Why a container is not running.
    pub struct Waiting {
        /// `CrashLoopBackOff`, `ImagePullBackOff`, `ContainerCreating`, …
        pub reason: String,
        /// Reason for people.
        pub message: String,
    }

    /// Since when a container is running.
    pub struct Running {
        /// Start.
        pub started_at: Option<Timestamp>,
    }

    /// How a container ended.
    pub struct Terminated {
        /// `Error`, `OOMKilled`, `Completed`, …
        pub reason: String,
        /// Reason for people, or what the container wrote to its termination log.
        pub message: String,
        /// Exit code.
        pub exit_code: i32,
        /// Signal.
        pub signal: Option<i32>,
        /// Start.
        pub started_at: Option<Timestamp>,
        /// End.
        pub finished_at: Option<Timestamp>,
    }
}

objects! { Pod => "Pod", }

impl Pod {
    /// Whether it can serve: its condition `Ready` holds.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(Condition::is_true)
    }

    /// Whether it is done, well or not.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        condition(&self.status.conditions, kind)
    }

    /// Init containers and containers.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.spec.all_containers()
    }

    /// States of init containers and containers.
    pub fn all_statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status
            .init_container_statuses
            .iter()
            .chain(&self.status.container_statuses)
    }

    /// The container of that name, whether init or not.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.all_containers().find(|container| container.name == name)
    }

    /// How often its containers were started again, all together.
    pub fn restarts(&self) -> i64 {
        self.all_statuses()
            .map(|status| i64::from(status.restart_count))
            .sum()
    }
}

impl PodSpec {
    /// Init containers and containers.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// The account that its processes act as.
    pub fn account(&self) -> &str {
        if self.service_account_name.is_empty() {
            "default"
        } else {
            &self.service_account_name
        }
    }
}
