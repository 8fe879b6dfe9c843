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
    /// The one of them that calls use. The others are granted with it, to look at one object or to follow changes.
    pub used: String,
    /// Whether calls need it in all namespaces, whichever they are given: a role in one namespace does not do.
    pub everywhere: bool,
    /// Whether the tool can do without.
    pub need: Need,
}

/// One right that performing a proposal takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteRule {
    /// API group; empty for the core group.
    pub group: String,
    /// Resource in plural, with subresource where meant: `deployments`, `pods/eviction`.
    pub resource: String,
    /// Verbs as in RBAC.
    pub verbs: Vec<String>,
    /// What the proposals are to a policy, by the names of its operations: `scale_up`. Empty where that is not known
    /// beforehand: it may be anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
}

/// What a tool reaches for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Access {
    /// Rights on the Kubernetes API.
    pub kubernetes: Vec<KubernetesRule>,
    /// Other services by their role in the agent (`prometheus`, `loki`), reached over HTTP.
    pub services: Vec<String>,
    /// Rights that it takes to perform what the tool proposes. The tool itself has no use for them: they are for the account
    /// that performs proposals, and the account that reads must not have them. Roles for reading are made without them.
    ///
    /// Empty for tools that only read, and for tools that propose writes to whatever kind their input names: for those no
    /// role can be made beforehand, and whoever runs the agent grants the kinds that are to be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<WriteRule>,
}

impl Access {
    /// A tool that reaches for nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a right that the tool cannot do without. Calls list what can be listed, and get what is a part of an object.
    #[must_use]
    pub fn requires(self, group: &str, resource: &str, verbs: &[&str]) -> Self {
        self.with(group, resource, verbs, usual(resource, verbs), Need::Required)
    }

    /// The same for a right without which the tool answers less.
    #[must_use]
    pub fn uses(self, group: &str, resource: &str, verbs: &[&str]) -> Self {
        self.with(group, resource, verbs, usual(resource, verbs), Need::Optional)
    }

    /// Adds a right without which the tool answers less, for calls that get single objects and list none.
    #[must_use]
    pub fn looks_up(self, group: &str, resource: &str, verbs: &[&str]) -> Self {
        self.with(group, resource, verbs, "get", Need::Optional)
    }

    /// Says of the right that was added last that calls need it in all namespaces, whichever they are given.
    #[must_use]
    pub fn everywhere(mut self) -> Self {
        if let Some(rule) = self.kubernetes.last_mut() {
            rule.everywhere = true;
        }
        self
    }

    /// Adds a service reached over HTTP.
    #[must_use]
    pub fn service(mut self, role: &str) -> Self {
        self.services.push(role.to_owned());
        self
    }

    /// Adds a right that performing the tool's proposals takes.
    #[must_use]
    pub fn writes(mut self, group: &str, resource: &str, verbs: &[&str]) -> Self {
        self.writes.push(WriteRule {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            operations: Vec::new(),
        });
        self
    }

    /// Says what the tool's proposals are to a policy, by the names of its operations: roles for writing hold what the phase
    /// of the policy has reached.
    #[must_use]
    pub fn performing(mut self, operations: &[&str]) -> Self {
        for rule in &mut self.writes {
            rule.operations = operations.iter().map(|name| (*name).to_owned()).collect();
        }
        self
    }

    fn with(mut self, group: &str, resource: &str, verbs: &[&str], used: &str, need: Need) -> Self {
        self.kubernetes.push(KubernetesRule {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            used: used.to_owned(),
            everywhere: false,
            need,
        });
        self
    }
}

/// The verb by which tools read a resource: parts of objects, such as logs, cannot be listed.
fn usual<'a>(resource: &str, verbs: &[&'a str]) -> &'a str {
    let can_be_listed = verbs.contains(&"list") && !resource.contains('/');
    let first = verbs.first().copied().unwrap_or_default();
    if can_be_listed { "list" } else { first }
}
