//! What circuits protect.

use std::fmt;

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
}

impl Backend {
    pub(super) const ALL: [Self; 3] = [Self::Audit, Self::Approvals, Self::Metrics];
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
        }
    }
}
