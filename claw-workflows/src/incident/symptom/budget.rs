//! What keeps workloads from being scaled, and nodes from being emptied.

use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_k8s::model::{HorizontalPodAutoscaler, PodDisruptionBudget, condition};

use super::finding::finding;
use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// Kinds that can be scaled without a definition of somebody's own.
const SCALABLE: [&str; 4] = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];

/// Autoscalers that are told to scale what does not exist, cannot be scaled, or says not how much it needs.
pub(super) fn targets(facts: &Facts<'_>, autoscaler: &HorizontalPodAutoscaler) -> Vec<Symptom> {
    let ns = autoscaler.metadata.ns();
    let reference = &autoscaler.spec.scale_target_ref;
    let target = EntityRef::namespaced(&reference.kind, ns, &reference.name);
    let mut found = Vec::new();
    let mut add = |id, severity, statement: String| {
        found.push(finding(facts, autoscaler, id, severity, None, statement))
    };
    let own = reference.api_version.is_empty()
        || reference.api_version.starts_with("apps/")
        || reference.api_version == "v1";
    if own && !SCALABLE.contains(&reference.kind.as_str()) {
        add(
            "hpa.target_invalid",
            Severity::Info,
            format!("scales {target}, which is nothing that can be scaled"),
        );
        return found;
    }
    let Some(workload) = facts.workload(&target) else {
        if facts.case.knows_all(&reference.kind, ns) {
            add(
                "hpa.target_missing",
                Severity::Warning,
                format!("scales {target}, which does not exist"),
            );
        }
        return found;
    };
    let silent = autoscaler
        .spec
        .metrics
        .iter()
        .filter_map(|metric| metric.resource.as_ref())
        .filter(|metric| metric.target.average_utilization.is_some())
        .find_map(|metric| {
            let containers = &workload.template().spec.containers;
            let without = containers.iter().find(|container| {
                let resources = &container.resources;
                !resources.requests.contains_key(&metric.name) && !resources.limits.contains_key(&metric.name)
            })?;
            Some((metric.name.as_str(), without.name.as_str()))
        });
    if let Some((resource, container)) = silent {
        let statement = format!(
            "scales by the share of {resource} that is used, and container {container} of {target} requests none"
        );
        add("hpa.no_requests", Severity::Info, statement);
    }
    found
}

/// A budget that lets no pod go, where that matters: pods are missing, or a node is to be emptied.
pub(super) fn exhausted(facts: &Facts<'_>, budget: &PodDisruptionBudget) -> Option<Symptom> {
    let refused = condition(&budget.status.conditions, "DisruptionAllowed")
        .filter(|condition| condition.status == "False")?;
    let status = &budget.status;
    let short = status.current_healthy < status.desired_healthy;
    let draining = facts
        .case
        .objects
        .nodes
        .iter()
        .any(|node| node.spec.unschedulable);
    let severity = match (short, draining) {
        (true, _) => Severity::Warning,
        (false, true) => Severity::Info,
        (false, false) => return None,
    };
    let statement = format!(
        "lets no pod go: {} of {} that it wants are healthy{}",
        status.current_healthy,
        status.desired_healthy,
        said(&refused.message)
    );
    Some(finding(
        facts,
        budget,
        "budget.exhausted",
        severity,
        refused.last_transition_time,
        statement,
    ))
}
