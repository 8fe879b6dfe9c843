//! What is wrong, seen directly. Symptoms have no opinion about causes.

use claw_core::evidence::Severity;
use claw_k8s::model::{Condition, Node, Object, Pod, Workload};
use jiff::Timestamp;

use super::candidate::Symptom;
use super::degradation;
use super::facts::{Facts, clip, trouble_since};

/// A score below this is noise rather than a symptom.
const NOTABLE: f64 = 5.0;

/// Everything that is wrong, in a fixed order.
pub fn detect(facts: &Facts<'_>) -> Vec<Symptom> {
    let mut found: Vec<Symptom> = facts.pods().flat_map(|pod| pod_symptoms(facts, pod)).collect();
    found.extend(
        facts
            .top_workloads()
            .filter_map(|workload| short_of_pods(facts, workload)),
    );
    found.extend(
        facts
            .top_workloads()
            .flat_map(|workload| control(facts, workload)),
    );
    found.extend(
        facts
            .case
            .objects
            .services
            .iter()
            .filter_map(|service| no_endpoints(facts, service)),
    );
    found.extend(
        facts
            .case
            .objects
            .nodes
            .iter()
            .flat_map(|node| node_symptoms(facts, node)),
    );
    found.extend(claims(facts));
    found.extend(autoscalers(facts));
    found.extend(log_symptoms(facts));
    found.extend(metric_symptoms(facts));
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.entity.cmp(&b.entity))
            .then_with(|| (a.id, &a.statement).cmp(&(b.id, &b.statement)))
    });
    found.dedup_by(|a, b| a.id == b.id && a.entity == b.entity && a.statement == b.statement);
    found
}

fn pod_symptoms(facts: &Facts<'_>, pod: &Pod) -> Vec<Symptom> {
    let entity = pod.entity();
    let symptom = |id, severity, since: Option<Timestamp>, statement: String| Symptom {
        id,
        entity: entity.clone(),
        severity,
        since,
        evidence: vec![facts.object(pod, since, statement.clone())],
        statement,
    };
    let mut found = Vec::new();
    if pod.status.reason == "Evicted" {
        found.push(symptom(
            "pod.evicted",
            Severity::Warning,
            pod.status.start_time,
            format!("evicted: {}", clip(&pod.status.message, 200)),
        ));
    }
    if pod.status.phase == "Failed" && pod.status.reason != "Evicted" {
        found.push(symptom(
            "pod.failed",
            Severity::Critical,
            pod.status.start_time,
            "failed".to_owned(),
        ));
    }
    if !pod.spec.scheduling_gates.is_empty() {
        found.push(symptom(
            "pod.scheduling_gated",
            Severity::Warning,
            pod.metadata.creation_timestamp,
            "waits for its scheduling gates".to_owned(),
        ));
    }
    if let Some(condition) = pod
        .condition("PodScheduled")
        .filter(|c| c.status == "False" && c.reason == "Unschedulable")
    {
        let since = condition.last_transition_time.or(pod.metadata.creation_timestamp);
        found.push(symptom(
            "pod.unschedulable",
            Severity::Critical,
            since,
            format!("cannot be scheduled: {}", clip(&condition.message, 200)),
        ));
    }
    for status in pod.all_statuses() {
        if let Some(waiting) = &status.state.waiting
            && !matches!(
                waiting.reason.as_str(),
                "ContainerCreating" | "PodInitializing" | ""
            )
        {
            let since = trouble_since(pod, status);
            found.push(symptom(
                waiting_id(&waiting.reason),
                Severity::Critical,
                since,
                format!(
                    "container {} waits: {}{}",
                    status.name,
                    waiting.reason,
                    said(&waiting.message)
                ),
            ));
        }
        if super::mechanism::killed_for_memory(status).is_some() {
            let since = super::mechanism::killed_for_memory(status).and_then(|end| end.finished_at);
            found.push(symptom(
                "pod.oom_killed",
                Severity::Critical,
                since,
                format!("container {} was killed for memory", status.name),
            ));
        } else if let Some(end) = status
            .state
            .terminated
            .as_ref()
            .or(status.last_state.terminated.as_ref())
            && end.exit_code != 0
        {
            found.push(symptom(
                "pod.exited",
                if status.ready {
                    Severity::Info
                } else {
                    Severity::Warning
                },
                end.finished_at,
                format!(
                    "container {} ended with exit code {} ({}), {} restarts",
                    status.name, end.exit_code, end.reason, status.restart_count
                ),
            ));
        }
    }
    let creating = pod.all_statuses().any(|s| {
        s.state
            .waiting
            .as_ref()
            .is_some_and(|w| w.reason == "ContainerCreating" || w.reason == "PodInitializing")
    });
    if creating
        && let Some(event) = facts.event(&entity, |event| {
            event.is_warning()
                && matches!(
                    event.reason.as_str(),
                    "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox"
                )
        })
    {
        let mut stuck = symptom(
            "pod.not_created",
            Severity::Critical,
            event.first_seen(),
            format!("cannot be set up: {}", clip(&event.message, 200)),
        );
        stuck.evidence.push(facts.event_evidence(event));
        found.push(stuck);
    }
    let running = pod.status.phase == "Running" && pod.metadata.deletion_timestamp.is_none();
    if running && !pod.is_ready() && found.is_empty() {
        let since = pod
            .condition("Ready")
            .and_then(|condition| condition.last_transition_time);
        let mut unready = symptom(
            "pod.not_ready",
            Severity::Critical,
            since,
            "runs and is not ready".to_owned(),
        );
        if let Some(event) = facts.event(&entity, |event| event.reason == "Unhealthy") {
            unready.evidence.push(facts.event_evidence(event));
        }
        found.push(unready);
    }
    found
}

fn waiting_id(reason: &str) -> &'static str {
    match reason {
        "CrashLoopBackOff" => "pod.crash_loop",
        "ErrImageNeverPull" => "pod.image_never_pull",
        "InvalidImageName" => "pod.invalid_image_name",
        "ImageInspectError" => "pod.image_inspect_error",
        "CreateContainerConfigError" => "pod.create_container_config_error",
        "CreateContainerError" => "pod.create_container_error",
        "RunContainerError" => "pod.run_container_error",
        "PreCreateHookError" | "PreStartHookError" | "PostStartHookError" => "pod.hook_error",
        reason if reason.contains("ImagePull") => "pod.image_pull",
        _ => "pod.waiting",
    }
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({})", clip(message, 160))
    }
}

fn short_of_pods(facts: &Facts<'_>, workload: &Workload) -> Option<Symptom> {
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

fn control(facts: &Facts<'_>, workload: &Workload) -> Vec<Symptom> {
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
    if let Some(condition) = workload
        .condition("Failed")
        .filter(|c| c.is_true() && workload.kind == "Job")
    {
        add("job.failed", Severity::Critical, condition, "failed");
    }
    found
}

fn no_endpoints(facts: &Facts<'_>, service: &claw_k8s::model::Service) -> Option<Symptom> {
    let ns = service.metadata.ns();
    if service.is_external_name() || service.spec.selector.is_empty() {
        return None;
    }
    let slices: Vec<_> = facts
        .case
        .objects
        .endpoint_slices
        .iter()
        .filter(|slice| slice.metadata.ns() == ns && slice.service() == Some(service.metadata.name.as_str()))
        .collect();
    let ready = if slices.is_empty() {
        if !facts.case.namespaces.contains(ns) || facts.case.objects.pods.is_empty() {
            return None;
        }
        facts
            .pods()
            .any(|pod| pod.metadata.ns() == ns && service.selects(&pod.metadata.labels) && pod.is_ready())
    } else {
        slices
            .iter()
            .flat_map(|slice| &slice.endpoints)
            .any(claw_k8s::model::Endpoint::is_ready)
    };
    // A workload that is scaled to zero on purpose leaves its service without endpoints on purpose.
    let asleep = facts.top_workloads().any(|workload| {
        workload.metadata.ns() == ns
            && workload.desired() == Some(0)
            && service.selects(&workload.template().metadata.labels)
    });
    if ready || asleep {
        return None;
    }
    let statement = "has no ready endpoints".to_owned();
    let mut evidence = vec![facts.object(service, None, statement.clone())];
    evidence.extend(
        slices
            .iter()
            .take(2)
            .map(|slice| facts.object(*slice, None, "holds no ready endpoint")),
    );
    Some(Symptom {
        id: "service.no_endpoints",
        entity: service.entity(),
        severity: Severity::Critical,
        since: None,
        statement,
        evidence,
    })
}

fn node_symptoms(facts: &Facts<'_>, node: &Node) -> Vec<Symptom> {
    node.status
        .conditions
        .iter()
        .filter(|condition| {
            if condition.kind == "Ready" {
                !condition.is_true()
            } else {
                condition.is_true()
            }
        })
        .map(|condition| {
            let statement = format!(
                "{} is {}{}",
                condition.kind,
                condition.status,
                said(&condition.message)
            );
            Symptom {
                id: if condition.kind == "Ready" {
                    "node.not_ready"
                } else {
                    "node.condition"
                },
                entity: node.entity(),
                severity: if condition.kind == "Ready" {
                    Severity::Critical
                } else {
                    Severity::Warning
                },
                since: condition.last_transition_time,
                evidence: vec![facts.object(node, condition.last_transition_time, statement.clone())],
                statement,
            }
        })
        .collect()
}

fn claims(facts: &Facts<'_>) -> Vec<Symptom> {
    facts
        .case
        .objects
        .claims
        .iter()
        .filter(|claim| claim.status.phase == "Lost" || claim.status.phase == "Pending")
        .filter(|claim| {
            claim.status.phase == "Lost"
                || facts
                    .event(&claim.entity(), |event| {
                        event.is_warning() || event.reason == "FailedBinding"
                    })
                    .is_some()
        })
        .map(|claim| {
            let statement = format!("is {}", claim.status.phase);
            let since = claim.metadata.creation_timestamp;
            Symptom {
                id: "claim.not_bound",
                entity: claim.entity(),
                severity: Severity::Warning,
                since,
                evidence: vec![facts.object(claim, since, statement.clone())],
                statement,
            }
        })
        .collect()
}

fn autoscalers(facts: &Facts<'_>) -> Vec<Symptom> {
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

fn log_symptoms(facts: &Facts<'_>) -> Vec<Symptom> {
    let mut found = Vec::new();
    for digest in &facts.case.logs {
        let notable = digest.patterns.iter().filter(|pattern| {
            pattern.fatal || !pattern.indications.is_empty() || pattern.exception.is_some()
        });
        for pattern in notable.take(3) {
            found.push(Symptom {
                id: if pattern.fatal { "log.fatal" } else { "log.error" },
                entity: digest.pod.clone(),
                severity: Severity::Warning,
                since: pattern.first,
                statement: format!("{} logs: {}", digest.container, clip(&pattern.sample, 160)),
                evidence: vec![facts.log_evidence(digest, pattern)],
            });
        }
    }
    found
}

fn metric_symptoms(facts: &Facts<'_>) -> Vec<Symptom> {
    use claw_metrics::classify::Measure;
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.harmful && signal.score >= NOTABLE)
        .filter_map(|signal| {
            let (id, severity) = match signal.measure {
                Measure::Errors | Measure::Availability => ("metric.errors", Severity::Critical),
                Measure::Latency => ("metric.latency", Severity::Critical),
                Measure::Restarts | Measure::OutOfMemory => ("metric.restarts", Severity::Warning),
                Measure::Cpu
                | Measure::CpuThrottling
                | Measure::Memory
                | Measure::Disk
                | Measure::Queue
                | Measure::Connections
                | Measure::Saturation => ("metric.saturation", Severity::Info),
                Measure::NetworkErrors => ("metric.network", Severity::Warning),
                _ => return None,
            };
            Some(Symptom {
                id,
                entity: signal.entity.clone(),
                severity,
                since: signal.onset,
                statement: signal.statement(),
                evidence: vec![degradation::evidence(signal)],
            })
        })
        .collect()
}
