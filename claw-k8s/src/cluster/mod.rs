//! Reading a cluster.
//!
//! [`ClusterReader`] is the port: requests out, bytes in. [`KubeCluster`] answers it over the network; tests answer it
//! from memory. [`Cluster`] is what tools hold: it lists page by page straight into the structs of
//! [`model`](crate::model), and lets tools share for a moment what they read.
mod body;
mod connect;
mod credentials;
mod discovery;
mod error;
mod kube;
mod list;
mod proxy;
mod resource;
mod retry;
mod review;
mod room;
mod shared;
mod warning;
mod wire;
pub(crate) mod write;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use claw_core::tool::ToolContext;
use jiff::Timestamp;

pub use self::connect::{Connection, TokenAccess};
pub use self::discovery::{ApiGroup, Discovery};
pub use self::error::{ClusterError, ServerSaid, Source};
pub use self::kube::{KubeCluster, Limits};
pub use self::list::{Incomplete, Listed, Query, list_all};
pub use self::proxy::Proxies;
pub use self::resource::Resource;
pub(crate) use self::review::Review;
pub use self::shared::Cluster;
pub(crate) use self::wire::{FIELD_MANAGER, check as check_name};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListRequest {
    /// The kind.
    pub resource: Resource,
    /// One namespace; all where `None`.
    pub namespace: Option<String>,
    /// Restricts the list by labels.
    pub label_selector: Option<String>,
    /// Restricts the list by fields.
    pub field_selector: Option<String>,
    /// Most objects on the page.
    pub limit: u32,
    /// Where the previous page ended.
    pub continue_token: Option<String>,
    /// Whether only metadata is wanted.
    pub metadata_only: bool,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GetRequest {
    /// The kind.
    pub resource: Resource,
    /// The namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// Whether only metadata is wanted.
    pub metadata_only: bool,
}

/// Log lines of one container. Each line begins with its time, as the kubelet writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container; the only one where `None`.
    pub container: Option<String>,
    /// Whether the container's run before the last restart is meant.
    pub previous: bool,
    /// Most lines, counted from the end.
    pub tail_lines: Option<i64>,
    /// From when on.
    pub since: Option<Timestamp>,
    /// Most bytes, counted from the end.
    pub limit_bytes: usize,
}

/// What was read of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBytes {
    /// The end of the log. May begin in the middle of a line if `cut`.
    pub bytes: Vec<u8>,
    /// Whether something before it was left out for size.
    pub cut: bool,
    /// Whether something after it could not be read, because the log is larger than what is read at most.
    pub cut_end: bool,
}

/// May the agent do something?
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessQuestion {
    /// Verb as in RBAC.
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Resource in plural.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// One namespace; all where `None`.
    pub namespace: Option<String>,
}

/// The version that the API server gives itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerVersion {
    /// `v1.35.1`.
    #[serde(default)]
    pub git_version: String,
    /// `1`.
    #[serde(default)]
    pub major: String,
    /// `35`, with a `+` on some providers.
    #[serde(default)]
    pub minor: String,
}

/// Reads a cluster. Cannot write to it.
///
/// Implementers keep to this: a call ends by the deadline of the context and when it is cancelled; answers are bounded
/// in size; a failure is never an empty answer. Calls can be dropped and repeated at any time.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ClusterReader: Send + Sync {
    /// One page of a list: the JSON of a Kubernetes list.
    async fn list_page(&self, cx: &ToolContext, request: &ListRequest) -> Result<Vec<u8>, ClusterError>;

    /// The JSON of one object.
    async fn get(&self, cx: &ToolContext, request: &GetRequest) -> Result<Vec<u8>, ClusterError>;

    /// Log lines.
    async fn pod_logs(&self, cx: &ToolContext, request: &LogRequest) -> Result<LogBytes, ClusterError>;

    /// Whether the agent has a right, by SelfSubjectAccessReview.
    async fn can_i(&self, cx: &ToolContext, question: &AccessQuestion) -> Result<bool, ClusterError>;

    /// The API groups that are served.
    async fn discover(&self, cx: &ToolContext) -> Result<Discovery, ClusterError>;

    /// The kinds that are served in a version of an API group (`apps/v1`), or of the core group (`v1`).
    async fn kinds(&self, cx: &ToolContext, api_version: &str) -> Result<Vec<Resource>, ClusterError>;

    /// The server's version.
    async fn version(&self, cx: &ToolContext) -> Result<ServerVersion, ClusterError>;
}

impl fmt::Debug for dyn ClusterReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterReader")
    }
}
