//! Tools that answer from a bundle what no API of the simulated world serves: its changes and call edges.

use std::sync::Arc;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::change::{Change, ChangeList, ChangeQuery};
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use claw_core::topology::{CallEdge, CallGraph, CallGraphQuery};

/// The changes that a bundle lists in `changes.jsonl`.
#[derive(Clone, Debug, Default)]
pub struct RecordedChanges {
    changes: Arc<[Change]>,
}

impl RecordedChanges {
    /// A tool that answers from `changes`, in any order.
    pub fn new(mut changes: Vec<Change>) -> Self {
        changes.sort_by(|a, b| (a.time, &a.reference).cmp(&(b.time, &b.reference)));
        Self {
            changes: changes.into(),
        }
    }
}

#[async_trait]
impl Tool for RecordedChanges {
    const NAME: &'static str = "query_changes";
    const EFFECT: Effect = Effect::Read;
    type Input = ChangeQuery;
    type Output = ChangeList;

    fn description(&self) -> &str {
        "Deployments, configuration changes, commits, scalings and flag changes that somebody recorded"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, input: ChangeQuery) -> Result<ChangeList, ToolError> {
        let changes = self.changes.iter().filter(|change| input.admits(change));
        Ok(ChangeList {
            changes: changes.cloned().collect(),
        })
    }
}

/// The call edges that a bundle lists in `topology.jsonl`.
#[derive(Clone, Debug, Default)]
pub struct RecordedTopology {
    edges: Arc<[CallEdge]>,
}

impl RecordedTopology {
    /// A tool that answers from `edges`, in any order and with repetitions.
    pub fn new(mut edges: Vec<CallEdge>) -> Self {
        edges.sort();
        edges.dedup();
        Self { edges: edges.into() }
    }
}

#[async_trait]
impl Tool for RecordedTopology {
    const NAME: &'static str = "query_topology";
    const EFFECT: Effect = Effect::Read;
    type Input = CallGraphQuery;
    type Output = CallGraph;

    fn description(&self) -> &str {
        "Which service calls which, as somebody recorded it"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, input: CallGraphQuery) -> Result<CallGraph, ToolError> {
        let edges = self.edges.iter().filter(|edge| input.admits(edge));
        Ok(CallGraph {
            edges: edges.cloned().collect(),
        })
    }
}
