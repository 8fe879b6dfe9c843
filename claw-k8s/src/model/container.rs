//! Containers and what they are given.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slim::slim;

/// A port by number or by name, or a count by number or by percentage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum IntOrString {
    /// A number.
    Int(i64),
    /// A name or a percentage.
    String(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl std::fmt::Display for IntOrString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::String(text) => f.write_str(text),
        }
    }
}

/// Amounts by resource, as written: `cpu` → `500m`.
pub type Amounts = BTreeMap<String, Amount>;

/// An amount as written. Clusters write strings; people also write bare numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Amount(pub String);

impl Amount {
    /// The amount as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(serde_json::Number),
            Null(()),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
            Written::Null(()) => String::new(),
        }))
    }
}

slim! {
    /// One container of a pod.
    pub struct Container {
        /// Name within the pod.
        pub name: String,
        /// Image as written.
        pub image: String,
        /// Entrypoint; the image's own where empty.
        pub command: Vec<String>,
        /// Arguments of the entrypoint.
        pub args: Vec<String>,
        /// Working directory.
        pub working_dir: String,
        /// `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String,
        /// Ports that it says it listens on.
        pub ports: Vec<ContainerPort>,
        /// Environment.
        pub env: Vec<EnvVar>,
        /// ConfigMaps and Secrets whose keys become environment variables.
        pub env_from: Vec<EnvFrom>,
        /// Requests and limits.
        pub resources: Resources,
        /// Decides whether traffic is sent to it.
        pub readiness_probe: Option<Box<Probe>>,
        /// Decides whether it is restarted.
        pub liveness_probe: Option<Box<Probe>>,
        /// Holds the other probes back until it first succeeds.
        pub startup_probe: Option<Box<Probe>>,
        /// Where volumes appear.
        pub volume_mounts: Vec<VolumeMount>,
        /// What the process may do.
        pub security_context: Option<Box<SecurityContext>>,
        /// `Always` on an init container makes it a sidecar.
        pub restart_policy: String,
        /// Commands at start and stop.
        pub lifecycle: Option<Box<Lifecycle>>,
    }

    /// A port that a container says it listens on.
    pub struct ContainerPort {
        /// Name by which Services and probes can refer to it.
        pub name: String,
        /// Number.
        pub container_port: i32,
        /// Port on the node.
        pub host_port: Option<i32>,
        /// `TCP` where empty.
        pub protocol: String,
    }

    /// One environment variable.
    pub struct EnvVar {
        /// Name.
        pub name: String,
        /// Value in clear, where it is written so.
        pub value: Option<String>,
        /// Where the value comes from otherwise.
        pub value_from: Option<EnvSource>,
    }

    /// Where the value of an environment variable comes from.
    pub struct EnvSource {
        /// A key of a ConfigMap.
        pub config_map_key_ref: Option<KeyReference>,
        /// A key of a Secret.
        pub secret_key_ref: Option<KeyReference>,
        /// A field of the pod.
        pub field_ref: Option<FieldReference>,
        /// A request or limit of a container.
        pub resource_field_ref: Option<ResourceFieldReference>,
    }

    /// A key of a ConfigMap or Secret.
    pub struct KeyReference {
        /// The ConfigMap or Secret.
        pub name: String,
        /// The key.
        pub key: String,
        /// Whether the container starts without it.
        pub optional: bool,
    }

    /// A field of the pod.
    pub struct FieldReference {
        /// Its path: `metadata.name`, `status.podIP`.
        pub field_path: String,
    }

    /// A request or limit of a container.
    pub struct ResourceFieldReference {
        /// The container.
        pub container_name: String,
        /// `limits.memory`, `requests.cpu`.
        pub resource: String,
    }

    /// A ConfigMap or Secret whose keys become environment variables.
    pub struct EnvFrom {
        /// Prefix of the variables' names.
        pub prefix: String,
        /// The ConfigMap.
        pub config_map_ref: Option<OptionalReference>,
        /// The Secret.
        pub secret_ref: Option<OptionalReference>,
    }

    /// A ConfigMap or Secret by name.
    pub struct OptionalReference {
        /// Its name.
        pub name: String,
        /// Whether the container starts without it.
        pub optional: bool,
    }

    /// Requests and limits.
    pub struct Resources {
        /// What is set aside for it.
        pub requests: Amounts,
        /// What it may use at most.
        pub limits: Amounts,
    }

    /// A check of a container's health.
    pub struct Probe {
        /// A request over HTTP.
        pub http_get: Option<HttpGet>,
        /// A TCP connection.
        pub tcp_socket: Option<TcpSocket>,
        /// A command in the container.
        pub exec: Option<ExecAction>,
        /// The gRPC health service.
        pub grpc: Option<GrpcAction>,
        /// Seconds from the start of the container to the first check.
        pub initial_delay_seconds: Option<i32>,
        /// Seconds between checks; 10 where absent.
        pub period_seconds: Option<i32>,
        /// Seconds until a check counts as failed; 1 where absent.
        pub timeout_seconds: Option<i32>,
        /// Successes in a row that make it healthy; 1 where absent.
        pub success_threshold: Option<i32>,
        /// Failures in a row that make it unhealthy; 3 where absent.
        pub failure_threshold: Option<i32>,
    }

    /// A request over HTTP.
    pub struct HttpGet {
        /// Path.
        pub path: String,
        /// Port by number or name.
        pub port: IntOrString,
        /// `HTTP` where empty.
        pub scheme: String,
        /// Host, the pod's address where empty.
        pub host: String,
    }

    /// A TCP connection.
    pub struct TcpSocket {
        /// Port by number or name.
        pub port: IntOrString,
        /// Host, the pod's address where empty.
        pub host: String,
    }

    /// A command in the container.
    pub struct ExecAction {
        /// The command with its arguments.
        pub command: Vec<String>,
    }

    /// A call of the gRPC health service.
    pub struct GrpcAction {
        /// Port.
        pub port: i32,
        /// Name of the service asked about.
        pub service: String,
    }

    /// Where a volume appears in a container.
    pub struct VolumeMount {
        /// The volume's name in the pod.
        pub name: String,
        /// Path in the container.
        pub mount_path: String,
        /// Path within the volume.
        pub sub_path: String,
        /// Whether it can only be read.
        pub read_only: bool,
    }

    /// What the processes of a pod or container may do.
    pub struct SecurityContext {
        /// Numeric user.
        pub run_as_user: Option<i64>,
        /// Numeric group.
        pub run_as_group: Option<i64>,
        /// Whether the kubelet refuses to run it as root.
        pub run_as_non_root: Option<bool>,
        /// Group that owns the volumes.
        pub fs_group: Option<i64>,
        /// Whether it has all rights on the node.
        pub privileged: Option<bool>,
        /// Whether a process can gain more rights than its parent.
        pub allow_privilege_escalation: Option<bool>,
        /// Whether the image's file system can only be read.
        pub read_only_root_filesystem: Option<bool>,
        /// Capabilities added and dropped.
        pub capabilities: Option<Capabilities>,
        /// System calls allowed.
        pub seccomp_profile: Option<SeccompProfile>,
    }

    /// Capabilities added and dropped.
    pub struct Capabilities {
        /// Added.
        pub add: Vec<String>,
        /// Dropped.
        pub drop: Vec<String>,
    }

    /// System calls allowed.
    pub struct SeccompProfile {
        /// `RuntimeDefault`, `Localhost` or `Unconfined`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Profile on the node.
        pub localhost_profile: String,
    }

    /// Commands at start and stop.
    pub struct Lifecycle {
        /// Right after the start.
        pub post_start: Option<LifecycleHandler>,
        /// Before the stop.
        pub pre_stop: Option<LifecycleHandler>,
    }

    /// What is done at start or stop.
    pub struct LifecycleHandler {
        /// A command.
        pub exec: Option<ExecAction>,
        /// A request.
        pub http_get: Option<HttpGet>,
    }
}
