//! Who calls whom, as traces, meshes or recorded lists have it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityRef;

/// `from` calls `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CallEdge {
    /// The caller.
    pub from: EntityRef,
    /// What it calls.
    pub to: EntityRef,
    /// Protocol as the source names it: `grpc`, `http`, `tcp`.
    #[serde(default)]
    pub protocol: Option<String>,
}

/// Arguments of a tool that lists call edges. Every source of edges takes them and answers with [`CallGraph`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallGraphQuery {
    /// Only edges with an end in this namespace or in none that is known; all edges when left out.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl CallGraphQuery {
    /// Whether `edge` is asked for.
    pub fn admits(&self, edge: &CallEdge) -> bool {
        let Some(wanted) = &self.namespace else {
            return true;
        };
        [&edge.from, &edge.to]
            .iter()
            .any(|end| end.namespace.as_ref().is_none_or(|namespace| namespace == wanted))
    }
}

/// Call edges, each once, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallGraph {
    /// The edges.
    pub edges: Vec<CallEdge>,
}
