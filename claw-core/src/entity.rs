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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_people_say_it() {
        let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
        assert_eq!(
            (pod.to_string().as_str(), pod.path().as_str()),
            ("Pod shop/cart-1", "shop/cart-1")
        );
        let node = EntityRef::cluster("Node", "n1");
        assert_eq!(
            (node.to_string().as_str(), node.path().as_str()),
            ("Node n1", "n1")
        );
        assert_eq!(EntityRef::external("db:5432").to_string(), "ExternalHost db:5432");
    }

    #[test]
    fn reads_back_what_it_writes_and_nothing_else() {
        let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
        let text = serde_json::to_string(&pod).unwrap();
        assert_eq!(serde_json::from_str::<EntityRef>(&text).unwrap(), pod);
        let node = serde_json::from_str::<EntityRef>(r#"{"kind":"Node","name":"n1"}"#).unwrap();
        assert_eq!(node, EntityRef::cluster("Node", "n1"));
        assert!(serde_json::from_str::<EntityRef>(r#"{"kind":"Node","name":"n1","ns":"x"}"#).is_err());
    }
}
