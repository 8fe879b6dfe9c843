//! `get_nodes`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::report::Gap;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Reading, list, list_served};
use super::usage::{NodeUsage, node_usage, not_measured};
use crate::cluster::{Cluster, Query, Resource};
use crate::model::{Event, Node, NodeMetrics};

/// No arguments.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetNodesInput {}

/// Nodes with what they use and what was said about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetNodesOutput {
    /// The nodes by name.
    pub nodes: Vec<Node>,
    /// What they use now, where the cluster measures it.
    pub usage: Vec<NodeUsage>,
    /// Events about them, oldest first.
    pub events: Vec<Event>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// Lists the nodes of the cluster.
#[derive(Clone, Debug)]
pub struct GetNodes {
    cluster: Cluster,
}

impl GetNodes {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for GetNodes {
    const NAME: &'static str = "get_nodes";
    const EFFECT: Effect = Effect::Read;
    type Input = GetNodesInput;
    type Output = GetNodesOutput;

    fn description(&self) -> &str {
        "List nodes with their conditions, taints, capacity, resource usage, and recent events"
    }

    fn access(&self) -> Access {
        Access::none()
            .requires("", "nodes", &["get", "list", "watch"])
            .uses("", "events", &["get", "list", "watch"])
            .everywhere()
            .uses("metrics.k8s.io", "nodes", &["get", "list"])
    }

    async fn call(&self, cx: &ToolContext, _input: GetNodesInput) -> Result<GetNodesOutput, ToolError> {
        // Events about nodes are kept in the default namespace.
        let about_nodes =
            Query::new(Resource::EVENTS, Some("default")).fields(Some("involvedObject.kind=Node".to_owned()));
        let (nodes, events, metrics) = futures::join!(
            list::<Node>(&self.cluster, cx, Resource::NODES, None),
            self.cluster.list::<Event>(cx, &about_nodes),
            async {
                let discovery = self.cluster.discovery(cx).await?;
                list_served::<NodeMetrics>(&self.cluster, cx, &discovery, &Resource::NODE_METRICS, None)
                    .await
                    .transpose()
            },
        );
        let mut reading = Reading::default();
        let nodes = reading.take(&Resource::NODES, Ok(nodes?));
        let mut events = reading.take(&Resource::EVENTS, events);
        events.retain(|event| event.involved_object.kind == "Node");
        super::describe_events::sort(&mut events);
        let usage = match metrics {
            Ok(Some(listed)) => listed.items.iter().map(node_usage).collect(),
            Ok(None) => {
                reading.gap(not_measured());
                Vec::new()
            }
            Err(error) => {
                reading.gap(error.gap("resource usage (metrics.k8s.io)"));
                Vec::new()
            }
        };
        Ok(GetNodesOutput {
            nodes,
            usage,
            events,
            gaps: reading.gaps()?,
        })
    }
}
