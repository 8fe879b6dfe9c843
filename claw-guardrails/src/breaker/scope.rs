//! What circuits protect.

use std::fmt;
use std::str::FromStr;

use claw_core::entity::EntityRef;
use serde::{Deserialize, Serialize};

use crate::policy::Operation;

/// What a circuit protects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// Everything. Only a person closes this circuit.
    Cluster,
    /// A namespace.
    Namespace(String),
    /// An object.
    Object(EntityRef),
    /// A kind of action.
    Operation(Operation),
    /// A workflow, whatever it wants to write.
    Workflow(String),
    /// Something without which no write is safe.
    Backend(Backend),
}

/// Something without which no write is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Backend {
    /// The audit log: what is done could not be recorded.
    Audit,
    /// Where approvals are kept: what people decided could not be seen.
    Approvals,
    /// Metrics: what a write does could not be seen.
    Metrics,
    /// The API server: what a write meets, and what it does, could not be seen.
    ApiServer,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Audit, Self::Approvals, Self::Metrics, Self::ApiServer];

    /// Its name, as keys of circuits have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Approvals => "approvals",
            Self::Metrics => "metrics",
            Self::ApiServer => "api_server",
        }
    }
}

/// A text that is no key of a circuit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{key}` names no circuit; write cluster, namespace:NAME, object:KIND:NAMESPACE:NAME (no namespace: object:KIND::NAME), operation:NAME, workflow:NAME or backend:NAME"
)]
pub struct ScopeError {
    /// The text.
    pub key: String,
}

impl Scope {
    /// The name of the rule that refuses, as refusals and the audit log have it.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Cluster => "breaker.cluster",
            Self::Namespace(_) => "breaker.namespace",
            Self::Object(_) => "breaker.object",
            Self::Operation(_) => "breaker.operation",
            Self::Workflow(_) => "breaker.workflow",
            Self::Backend(_) => "breaker.backend",
        }
    }

    /// The key by which people name the circuit, in one word: `object:Deployment:shop:cart`. It is read back with
    /// [`FromStr`].
    ///
    /// ```
    /// use claw_guardrails::breaker::Scope;
    ///
    /// let scope: Scope = "object:Deployment:shop:cart".parse()?;
    /// assert_eq!(scope.to_string(), "Deployment shop/cart");
    /// assert_eq!(scope.key(), "object:Deployment:shop:cart");
    /// assert!("object:Deployment".parse::<Scope>().is_err());
    /// # Ok::<(), claw_guardrails::breaker::ScopeError>(())
    /// ```
    pub fn key(&self) -> String {
        match self {
            Self::Cluster => "cluster".to_owned(),
            Self::Namespace(name) => format!("namespace:{name}"),
            Self::Object(object) => {
                let namespace = object.namespace.as_deref().unwrap_or_default();
                format!("object:{}:{namespace}:{}", object.kind, object.name)
            }
            Self::Operation(operation) => format!("operation:{operation}"),
            Self::Workflow(name) => format!("workflow:{name}"),
            Self::Backend(backend) => format!("backend:{}", backend.name()),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(key: &str) -> Result<Self, ScopeError> {
        let wrong = || ScopeError { key: key.to_owned() };
        let named = |name: &str| match name.trim().is_empty() || name.chars().any(char::is_whitespace) {
            true => Err(wrong()),
            false => Ok(name.to_owned()),
        };
        if key == "cluster" {
            return Ok(Self::Cluster);
        }
        let (of, name) = key.split_once(':').ok_or_else(wrong)?;
        match of {
            "namespace" => named(name).map(Self::Namespace),
            "workflow" => named(name).map(Self::Workflow),
            "operation" => {
                let known = Operation::ALL.iter().find(|operation| operation.name() == name);
                known.copied().map(Self::Operation).ok_or_else(wrong)
            }
            "backend" => {
                let known = Backend::ALL.into_iter().find(|backend| backend.name() == name);
                known.map(Self::Backend).ok_or_else(wrong)
            }
            "object" => {
                // The name comes last: that of a role may have colons.
                let mut parts = name.splitn(3, ':');
                let (Some(kind), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next())
                else {
                    return Err(wrong());
                };
                Ok(Self::Object(EntityRef {
                    kind: named(kind)?,
                    namespace: match namespace {
                        "" => None,
                        namespace => Some(named(namespace)?),
                    },
                    name: named(name)?,
                }))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("the cluster"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
            Self::Object(object) => object.fmt(f),
            Self::Operation(operation) => write!(f, "operation {operation}"),
            Self::Workflow(name) => write!(f, "workflow {name}"),
            Self::Backend(Backend::Audit) => f.write_str("the audit log"),
            Self::Backend(Backend::Approvals) => f.write_str("the store of approvals"),
            Self::Backend(Backend::Metrics) => f.write_str("the source of metrics"),
            Self::Backend(Backend::ApiServer) => f.write_str("the API server"),
        }
    }
}
