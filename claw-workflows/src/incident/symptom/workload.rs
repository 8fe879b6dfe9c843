//! What is wrong with workloads, and with what scales them.

use claw_core::evidence::Severity;
use claw_k8s::model::{Condition, Object, Workload};

use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// Fewer pods than wanted are ready.
pub(super) fn short_of_pods(facts: &Facts<'_>, workload: &Workload) -> Option<Symptom> {
    if workload.kind == "Job" || workload.kind == "CronJob" {
        return None;
    }
    let (wanted, ready) = (workload.desired()?, workload.ready());
    if ready >= wanted {
        return None;
    }
    let since = workload
        .condition("Available")
        .filter(|condition| !condition.is_true())
        .and_then(|condition| condition.last_transition_time)
        .or_else(|| {
            workload
                .condition("Progressing")
                .and_then(|condition| condition.last_transition_time)
        });
    let statement = format!("{ready} of {wanted} pods are ready");
    Some(Symptom {
        id: "workload.short",
        entity: workload.entity(),
        severity: if ready == 0 {
            Severity::Critical
        } else {
            Severity::Warning
        },
        since,
        evidence: vec![facts.object(workload, since, statement.clone())],
        statement,
    })
}

/// What its controller complains of.
pub(super) fn control(facts: &Facts<'_>, workload: &Workload) -> Vec<Symptom> {
    let mut found = Vec::new();
    let mut add = |id, severity, condition: &Condition, what: &str| {
        let statement = format!("{what}{}", said(&condition.message));
        found.push(Symptom {
            id,
            entity: workload.entity(),
            severity,
            since: condition.last_transition_time,
            evidence: vec![facts.object(workload, condition.last_transition_time, statement.clone())],
            statement,
        });
    };
    if let Some(condition) = workload.condition("Progressing").filter(|c| c.status == "False") {
        add(
            "workload.not_progressing",
            Severity::Critical,
            condition,
            "its rollout does not progress",
        );
    }
    if let Some(condition) = workload.condition("ReplicaFailure").filter(|c| c.is_true()) {
        add(
            "workload.creation_refused",
            Severity::Critical,
            condition,
            "its pods cannot be made",
        );
    }
    // Jobs that failed stay until somebody deletes them: one that failed before is no news, unless it is asked about.
    let start = facts.case.window.start;
    let asked = facts.case.subject.contains(&workload.entity());
    if let Some(condition) = workload
        .condition("Failed")
        .filter(|c| c.is_true() && workload.kind == "Job")
        .filter(|c| asked || c.last_transition_time.is_none_or(|time| time >= start))
    {
        add("job.failed", Severity::Critical, condition, "failed");
    }
    found
}

/// Autoscalers that cannot do their work.
pub(super) fn autoscalers(facts: &Facts<'_>) -> Vec<Symptom> {
    let mut found = Vec::new();
    for autoscaler in &facts.case.objects.autoscalers {
        for (kind, bad, id) in [
            ("AbleToScale", "False", "hpa.unable"),
            ("ScalingActive", "False", "hpa.inactive"),
            ("ScalingLimited", "True", "hpa.limited"),
        ] {
            let Some(condition) = autoscaler
                .condition(kind)
                .filter(|condition| condition.status == bad)
            else {
                continue;
            };
            if id == "hpa.limited" && condition.reason != "TooManyReplicas"
                || condition.reason == "ScalingDisabled"
            {
                continue;
            }
            let statement = format!("{} ({}){}", kind, condition.reason, said(&condition.message));
            found.push(Symptom {
                id,
                entity: autoscaler.entity(),
                severity: Severity::Warning,
                since: condition.last_transition_time,
                evidence: vec![facts.object(autoscaler, condition.last_transition_time, statement.clone())],
                statement,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::control;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, object};

    #[test]
    fn a_job_that_failed_long_ago_matters_if_it_is_asked_about() {
        let ids = |failed: i64, asked: bool| -> Vec<&'static str> {
            let mut case = case();
            let condition = json!({"type": "Failed", "status": "True", "lastTransitionTime": at(failed)});
            case.objects.workloads.push(object(
                "import",
                json!({"kind": "Job", "status": {"conditions": [condition]}}),
            ));
            if asked {
                case.subject = vec![claw_core::entity::EntityRef::namespaced("Job", "shop", "import")];
            }
            let facts = Facts::new(&case);
            control(&facts, &case.objects.workloads[0])
                .iter()
                .map(|symptom| symptom.id)
                .collect()
        };
        assert_eq!(ids(-90_000, true), ["job.failed"]);
        assert_eq!(ids(-90_000, false), [""; 0]);
        assert_eq!(ids(-60, false), ["job.failed"]);
    }
}
