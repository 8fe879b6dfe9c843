//! Names of the things an agent reasons about.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Kubernetes object, or something a cluster depends on (`ExternalHost`), by kind and name.
///
/// Kinds are spelled as in manifests (`Pod`, `Service`, `Deployment`). Cluster-scoped entities have no namespace.
/// Displayed as `Kind namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityRef {
    /// Kind as in manifests.
    pub kind: String,
    /// Namespace; `None` for cluster-scoped entities and external hosts.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name within kind and namespace.
    pub name: String,
}

impl EntityRef {
    /// Kind of a host outside the cluster, named `host` or `host:port`.
    pub const EXTERNAL_HOST: &'static str = "ExternalHost";

    /// A namespaced entity.
    pub fn namespaced(
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            kind: kind.into(),
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// A cluster-scoped entity.
    pub fn cluster(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            namespace: None,
            name: name.into(),
        }
    }

    /// A host outside the cluster.
    pub fn external(host: impl Into<String>) -> Self {
        Self::cluster(Self::EXTERNAL_HOST, host)
    }

    /// `namespace/name`, or the bare name where there is no namespace.
    pub fn path(&self) -> String {
        match &self.namespace {
            Some(ns) => format!("{ns}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(ns) => write!(f, "{} {ns}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
