//! What the definitions of an agent may ask for.

use std::collections::BTreeSet;

use claw_core::definition::{Capabilities, StepCapability, TriggerCapability, WorkflowCapability};
use claw_core::workflow::Workflow as _;

use crate::incident::IncidentInvestigation;

/// Tools of the incident investigation, by step.
const STEPS: [(&str, &[&str]); 5] = [
    (
        "gather_context",
        &[
            "get_pods",
            "get_workloads",
            "get_nodes",
            "describe_events",
            "query_prometheus",
            "list_metrics",
        ],
    ),
    ("analyze_logs", &["get_pod_logs", "search_logs"]),
    (
        "check_dependencies",
        &[
            "get_dependencies",
            "query_topology",
            // The namespace that is called into.
            "get_pods",
            "get_workloads",
            "describe_events",
            "get_pod_logs",
            "query_prometheus",
            "list_metrics",
        ],
    ),
    (
        "correlate_changes",
        &["get_deployment_history", "query_gitops", "query_changes"],
    ),
    // To tell the likeliest causes apart.
    (
        "synthesize",
        &[
            // Of other namespaces.
            "get_dependencies",
            "get_pods",
            "get_workloads",
            "describe_events",
            "get_pod_logs",
            // To name those that show it.
            "find_dashboards",
        ],
    ),
];

/// The tools that an investigation reads with, wherever an agent has their source.
pub(super) fn reads() -> BTreeSet<&'static str> {
    STEPS
        .iter()
        .flat_map(|(_, tools)| tools.iter().copied())
        .collect()
}

/// Parameters that steps give values of their own choice, by step and tool. What a step asks about (namespace, name,
/// time) is not among them: there a list of values is a limit that can be kept.
const SET: [(&str, &str, &[&str]); 6] = [
    ("gather_context", "get_pods", &["brief"]),
    ("analyze_logs", "get_pod_logs", &["tail_lines", "previous"]),
    ("analyze_logs", "search_logs", &["limit"]),
    ("check_dependencies", "get_pods", &["brief"]),
    ("correlate_changes", "get_deployment_history", &["brief"]),
    ("synthesize", "get_pods", &["brief"]),
];

/// Labels by which alerts are told apart in a definition.
const LABELS: [&str; 8] = [
    "alertname",
    "severity",
    "namespace",
    "cluster",
    "environment",
    "team",
    "service",
    "job",
];

/// What an agent that comes from an [`Assembly`](super::Assembly) can do today: everything else that a definition says is
/// refused as "not available yet".
pub fn capabilities() -> Capabilities {
    let mut investigation = WorkflowCapability::new(IncidentInvestigation::NAME)
        .with_trigger(TriggerCapability::new("webhook", "alertmanager").filters_by(LABELS))
        .with_guardrails(["max_actions", "escalation"]);
    for (name, tools) in STEPS {
        let mut step = StepCapability::new(name).uses(tools.iter().copied());
        for (_, tool, parameters) in SET.iter().filter(|(step, ..)| *step == name) {
            step = step.sets(tool, parameters.iter().copied());
        }
        investigation = investigation.with_step(match name {
            "synthesize" => step.delivers_to(["slack_channel"]),
            _ => step,
        });
    }
    Capabilities::new()
        .with_workflow(investigation)
        .with_planned_workflows(["resource_rightsizing", "security_scan", "capacity_forecast"])
        .with_planned_tools(["create_gitops_pr", "send_slack_summary"])
}
