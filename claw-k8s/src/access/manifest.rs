//! The manifests that give an agent its rights.

use serde::Serialize;

use super::role::PolicyRule;

/// What to apply so that an agent has an account with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifests {
    /// Name of the role and its binding.
    pub role: String,
    /// Name of the account.
    pub account: String,
    /// Namespace of the account.
    pub namespace: String,
    /// What the role grants.
    pub rules: Vec<PolicyRule>,
}

/// The manifests could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the manifests cannot be written as YAML")]
pub struct ManifestError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Manifests {
    /// Name of the role that reads and nothing else.
    pub const READ_ONLY: &'static str = "openclaw-agent-readonly";

    /// The read-only role for an account named `openclaw-agent`.
    pub fn read_only(namespace: impl Into<String>, rules: Vec<PolicyRule>) -> Self {
        Self {
            role: Self::READ_ONLY.to_owned(),
            account: "openclaw-agent".to_owned(),
            namespace: namespace.into(),
            rules,
        }
    }

    /// The ClusterRole alone, as YAML.
    pub fn cluster_role(&self) -> Result<String, ManifestError> {
        yaml(&ClusterRole {
            api_version: RBAC,
            kind: "ClusterRole",
            metadata: Meta::cluster(&self.role),
            rules: &self.rules,
        })
    }

    /// ServiceAccount, ClusterRole and ClusterRoleBinding as one YAML stream, ready for `kubectl apply -f -`.
    pub fn to_yaml(&self) -> Result<String, ManifestError> {
        let account = yaml(&ServiceAccount {
            api_version: "v1",
            kind: "ServiceAccount",
            metadata: Meta {
                name: &self.account,
                namespace: Some(&self.namespace),
            },
        })?;
        let binding = yaml(&ClusterRoleBinding {
            api_version: RBAC,
            kind: "ClusterRoleBinding",
            metadata: Meta::cluster(&self.role),
            role_ref: RoleRef {
                api_group: RBAC_GROUP,
                kind: "ClusterRole",
                name: &self.role,
            },
            subjects: [Subject {
                kind: "ServiceAccount",
                name: &self.account,
                namespace: &self.namespace,
            }],
        })?;
        let documents = [account, self.cluster_role()?, binding];
        Ok(documents
            .map(|document| document.trim_end().to_owned())
            .join("\n---\n")
            + "\n")
    }
}

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

fn yaml<T: Serialize>(document: &T) -> Result<String, ManifestError> {
    serde_saphyr::to_string(document).map_err(|error| ManifestError(error.into()))
}

#[derive(Serialize)]
struct Meta<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
}

impl<'a> Meta<'a> {
    fn cluster(name: &'a str) -> Self {
        Self {
            name,
            namespace: None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccount<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Meta<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterRole<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Meta<'a>,
    rules: &'a [PolicyRule],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterRoleBinding<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Meta<'a>,
    role_ref: RoleRef<'a>,
    subjects: [Subject<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleRef<'a> {
    api_group: &'a str,
    kind: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Subject<'a> {
    kind: &'a str,
    name: &'a str,
    namespace: &'a str,
}
