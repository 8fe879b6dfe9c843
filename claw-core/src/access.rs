//! The rights that a tool needs, as data: role generation and preflight checks read it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a tool can work without a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Need {
    /// Without it the tool fails.
    Required,
    /// Without it the tool answers less and says what it could not see.
    Optional,
}

/// One right on a Kubernetes resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct KubernetesRule {
    /// API group; empty for the core group.
    pub group: String,
    /// Resource in plural, with subresource where meant: `pods`, `pods/log`.
    pub resource: String,
    /// Verbs as in RBAC.
    pub verbs: Vec<String>,
    /// Whether the tool can do without.
    pub need: Need,
}

/// What a tool reaches for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Access {
    /// Rights on the Kubernetes API.
    pub kubernetes: Vec<KubernetesRule>,
    /// Other services by their role in the agent (`prometheus`, `loki`), reached over HTTP.
    pub services: Vec<String>,
}

impl Access {
    /// A tool that reaches for nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a right that the tool cannot do without.
    #[must_use]
    pub fn requires(self, group: &str, resource: &str, verbs: &[&str]) -> Self {
        self.with(group, resource, verbs, Need::Required)
    }

    /// Adds a right without which the tool answers less.
    #[must_use]
    pub fn uses(self, group: &str, resource: &str, verbs: &[&str]) -> Self {
        self.with(group, resource, verbs, Need::Optional)
    }

    /// Adds a service reached over HTTP.
    #[must_use]
    pub fn service(mut self, role: &str) -> Self {
        self.services.push(role.to_owned());
        self
    }

    fn with(mut self, group: &str, resource: &str, verbs: &[&str], need: Need) -> Self {
        self.kubernetes.push(KubernetesRule {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            need,
        });
        self
    }
}
