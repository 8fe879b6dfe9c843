//! The tools, one a file, and the lists of them.
mod changed;
mod describe_events;
mod get_dependencies;
mod get_deployment_history;
mod get_nodes;
mod get_pod_logs;
mod get_pods;
mod get_workloads;
mod history;
pub mod propose;
mod query_gitops;
mod reading;
mod redacted;
mod since;
mod survey_target;
mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use claw_core::tool::ErasedTool;

pub(crate) use changed::{changed_fields, is_cut};
pub use describe_events::{DescribeEvents, DescribeEventsInput, DescribeEventsOutput};
pub use get_dependencies::{GetDependencies, GetDependenciesInput, GetDependenciesOutput};
pub use get_deployment_history::{
    GetDeploymentHistory, GetDeploymentHistoryInput, GetDeploymentHistoryOutput,
};
pub use get_nodes::{GetNodes, GetNodesInput, GetNodesOutput};
pub use get_pod_logs::{GetPodLogs, GetPodLogsInput, GetPodLogsOutput, PodLogLine};
pub use get_pods::{GetPods, GetPodsInput, GetPodsOutput};
pub use get_workloads::{GetWorkloads, GetWorkloadsInput, GetWorkloadsOutput};
pub use history::{History, Revision};
pub use query_gitops::{QueryGitops, QueryGitopsInput, QueryGitopsOutput};
pub use since::{ParseSinceError, Since};
pub use survey_target::SurveyTarget;
pub use usage::{NodeUsage, PodUsage};

use crate::cluster::Cluster;

/// The tools that the role `openclaw-agent-readonly` is made for, and that need no more than it grants.
pub fn basic(cluster: &Cluster) -> Vec<Arc<dyn ErasedTool>> {
    vec![
        Arc::new(GetPods::new(cluster.clone())),
        Arc::new(GetPodLogs::new(cluster.clone())),
        Arc::new(DescribeEvents::new(cluster.clone())),
        Arc::new(GetWorkloads::new(cluster.clone())),
        Arc::new(GetNodes::new(cluster.clone())),
        Arc::new(GetDeploymentHistory::new(cluster.clone())),
    ]
}

/// Every tool of this crate that only reads, with all that each can read. Secrets are not looked at. Those that propose are
/// in [`propose`], and what looks around a write before it is judged, [`SurveyTarget`], is no tool for models.
///
/// What the agent has no right to read becomes a gap in the answers.
pub fn all(cluster: &Cluster) -> Vec<Arc<dyn ErasedTool>> {
    vec![
        Arc::new(GetPods::new(cluster.clone())),
        Arc::new(GetPodLogs::new(cluster.clone())),
        Arc::new(DescribeEvents::new(cluster.clone()).with_jobs()),
        Arc::new(GetWorkloads::new(cluster.clone()).with_jobs()),
        Arc::new(GetNodes::new(cluster.clone())),
        Arc::new(GetDeploymentHistory::new(cluster.clone()).with_controller_revisions()),
        Arc::new(GetDependencies::new(cluster.clone())),
        Arc::new(QueryGitops::new(cluster.clone())),
    ]
}
