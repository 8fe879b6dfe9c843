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
    /// What a second role named [`EXTENDED`](Self::EXTENDED) grants, by tool. There is no such role without extensions.
    pub extensions: Vec<Extension>,
}

/// What one tool can see beyond the read-only role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// The tool.
    pub tool: String,
    /// Its rules, whole: what two tools need is in both.
    pub rules: Vec<PolicyRule>,
}

/// The manifests could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the manifests cannot be written as YAML")]
pub struct ManifestError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Manifests {
    /// Name of the role that reads and nothing else.
    pub const READ_ONLY: &'static str = "openclaw-agent-readonly";
    /// Name of the role for what tools see beyond that.
    pub const EXTENDED: &'static str = "openclaw-agent-extended";

    /// The read-only role for an account named `openclaw-agent`.
    pub fn read_only(namespace: impl Into<String>, rules: Vec<PolicyRule>) -> Self {
        Self {
            role: Self::READ_ONLY.to_owned(),
            account: "openclaw-agent".to_owned(),
            namespace: namespace.into(),
            rules,
            extensions: Vec::new(),
        }
    }

    /// Adds a role with what tools see beyond the read-only role. Those that see nothing beyond are left out.
    #[must_use]
    pub fn with_extensions(mut self, extensions: impl IntoIterator<Item = Extension>) -> Self {
        let more = extensions.into_iter().filter(|it| !it.rules.is_empty());
        self.extensions.extend(more);
        self
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

    /// The ClusterRole of the extensions, each with a comment that names its tool, as YAML. `None` without extensions.
    pub fn extended_role(&self) -> Result<Option<String>, ManifestError> {
        if self.extensions.is_empty() {
            return Ok(None);
        }
        let mut text = yaml(&RoleHead {
            api_version: RBAC,
            kind: "ClusterRole",
            metadata: Meta::cluster(Self::EXTENDED),
        })?;
        text.truncate(text.trim_end().len());
        text.push_str("\n# What tools see beyond the read-only role. Each works without its part, and says what it did not see.\nrules:\n");
        for extension in &self.extensions {
            // A tool's name is made of lower-case letters and underscores: it cannot end the comment.
            let name: String = extension.tool.chars().filter(|c| !c.is_control()).collect();
            text.push_str(&format!("# {name}\n"));
            text.push_str(yaml(&extension.rules)?.trim_end());
            text.push('\n');
        }
        Ok(Some(text))
    }

    /// Account, roles and their bindings as one YAML stream, ready for `kubectl apply -f -`.
    pub fn to_yaml(&self) -> Result<String, ManifestError> {
        let account = yaml(&ServiceAccount {
            api_version: "v1",
            kind: "ServiceAccount",
            metadata: Meta {
                name: &self.account,
                namespace: Some(&self.namespace),
            },
        })?;
        let mut documents = vec![account, self.cluster_role()?, self.binding(&self.role)?];
        if let Some(role) = self.extended_role()? {
            documents.push(role);
            documents.push(self.binding(Self::EXTENDED)?);
        }
        Ok(stream(&documents))
    }

    fn binding(&self, role: &str) -> Result<String, ManifestError> {
        yaml(&ClusterRoleBinding {
            api_version: RBAC,
            kind: "ClusterRoleBinding",
            metadata: Meta::cluster(role),
            role_ref: RoleRef {
                api_group: RBAC_GROUP,
                kind: "ClusterRole",
                name: role,
            },
            subjects: [Subject {
                kind: "ServiceAccount",
                name: &self.account,
                namespace: &self.namespace,
            }],
        })
    }
}

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Objects as one YAML stream, ready for `kubectl apply -f -`.
pub fn to_yaml(objects: &[serde_json::Value]) -> Result<String, ManifestError> {
    let documents: Vec<String> = objects.iter().map(yaml).collect::<Result<_, _>>()?;
    Ok(stream(&documents))
}

fn stream(documents: &[String]) -> String {
    let documents: Vec<&str> = documents.iter().map(|document| document.trim_end()).collect();
    documents.join("\n---\n") + "\n"
}

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
struct RoleHead<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Meta<'a>,
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
