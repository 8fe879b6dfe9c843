//! What an agent sees with.

use std::fmt;
use std::sync::Arc;

use claw_core::registry::{DuplicateTool, Registry};
use claw_core::tool::ErasedTool;
use claw_k8s::bundle::{Bundle, RecordedChanges, RecordedTopology};
use claw_k8s::cluster::Cluster;
use claw_k8s::tools;
use claw_metrics::logs::LogSource;
use claw_metrics::source::MetricSource;
use claw_metrics::tools::{ListMetrics, QueryPrometheus, SearchLogs};

/// What an agent sees with. A source that is left out is a gap in its reports, not an error.
#[derive(Clone, Default)]
#[must_use = "sources do nothing until an agent is made of them"]
pub struct Sources {
    cluster: Option<Cluster>,
    metrics: Option<Arc<dyn MetricSource>>,
    logs: Option<Arc<dyn LogSource>>,
    changes: Option<RecordedChanges>,
    topology: Option<RecordedTopology>,
    others: Vec<Arc<dyn ErasedTool>>,
}

impl Sources {
    /// No source at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sees the objects and container logs of `cluster`.
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Sees metrics.
    pub fn metrics(mut self, source: Arc<dyn MetricSource>) -> Self {
        self.metrics = Some(source);
        self
    }

    /// Sees the log store.
    pub fn logs(mut self, source: Arc<dyn LogSource>) -> Self {
        self.logs = Some(source);
        self
    }

    /// Sees the changes and call edges that `bundle` lists, where it lists any.
    pub fn recorded(mut self, bundle: &Bundle) -> Self {
        self.changes = (!bundle.changes.is_empty()).then(|| bundle.changes_tool());
        self.topology = (!bundle.topology.is_empty()).then(|| bundle.topology_tool());
        self
    }

    /// Has one more tool.
    pub fn tool(mut self, tool: Arc<dyn ErasedTool>) -> Self {
        self.others.push(tool);
        self
    }

    /// The tools over these sources.
    ///
    /// # Errors
    /// If a tool that was added has the name of another one.
    pub fn tools(&self) -> Result<Registry, DuplicateTool> {
        let mut registry = Registry::new();
        if let Some(cluster) = &self.cluster {
            for tool in tools::all(cluster) {
                registry.register_erased(tool)?;
            }
        }
        if let Some(metrics) = &self.metrics {
            registry.register(QueryPrometheus::new(Arc::clone(metrics)))?;
            registry.register(ListMetrics::new(Arc::clone(metrics)))?;
        }
        if let Some(logs) = &self.logs {
            registry.register(SearchLogs::new(Arc::clone(logs)))?;
        }
        if let Some(changes) = &self.changes {
            registry.register(changes.clone())?;
        }
        if let Some(topology) = &self.topology {
            registry.register(topology.clone())?;
        }
        for tool in &self.others {
            registry.register_erased(Arc::clone(tool))?;
        }
        Ok(registry)
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("cluster", &self.cluster.is_some())
            .field("metrics", &self.metrics.is_some())
            .field("logs", &self.logs.is_some())
            .field("changes", &self.changes.is_some())
            .field("topology", &self.topology.is_some())
            .field("others", &self.others)
            .finish()
    }
}
