//! Reports for tests of renderers and sinks.

pub(crate) mod arbitrary;
mod edge;

use claw_core::action::{Action, Verb};
use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, EvidenceId, Finding, Hypothesis, Severity, Source, SourceKind, Term};
use claw_core::report::{
    ChangeAssessment, Dashboard, Gap, Group, Lane, Recommendation, Report, Role, RuledOut, Runbook,
    RunbookCall, Test, TimelineEntry, Topology, TopologyEdge, TopologyNode, Verdict, Window,
};
use jiff::Timestamp;

pub(crate) use edge::{ambiguous, crowded, mesh};

/// A time on the day of the incident.
pub(crate) fn at(clock: &str) -> Timestamp {
    format!("2026-03-01T{clock}Z").parse().unwrap()
}

/// A Deployment of the shop.
pub(crate) fn deployment(name: &str) -> EntityRef {
    EntityRef::namespaced("Deployment", "shop", name)
}

fn service(name: &str) -> EntityRef {
    EntityRef::namespaced("Service", "shop", name)
}

fn pod(name: &str) -> EntityRef {
    EntityRef::namespaced("Pod", "shop", name)
}

fn evidence(entity: EntityRef, time: &str, statement: &str, source: Source, tool: &str) -> Evidence {
    Evidence::new(
        entity,
        Some(at(time)),
        statement,
        source,
        tool,
        statement.as_bytes(),
    )
}

/// Nothing was seen to be wrong.
pub(crate) fn healthy() -> Report {
    Report {
        case: "ask-0041".into(),
        workflow: "incident_investigation".into(),
        cluster: "prod-eu-1".into(),
        title: "No trouble seen in shop".into(),
        summary: "All 12 workloads of shop are ready, and no metric left its usual range.".into(),
        verdict: Verdict::Healthy,
        severity: Severity::Info,
        since: None,
        window: Window {
            start: at("00:30:00"),
            end: at("02:30:00"),
        },
        subject: vec![service("checkout")],
        hypotheses: vec![],
        symptoms: vec![],
        changes: vec![],
        ruled_out: vec![],
        tests: vec![],
        recommendations: vec![],
        evidence: vec![],
        gaps: vec![],
        groups: vec![],
        timeline: vec![],
        runbooks: vec![],
        dashboards: vec![],
        topology: Topology::default(),
    }
}

/// Something is wrong, and nobody knows why.
pub(crate) fn unknown() -> Report {
    Report {
        case: "alert-4712".into(),
        title: "search answers slowly".into(),
        summary: "The 99th percentile of search rose from 180 ms to 2.4 s. No workload, node or change that was seen explains it.".into(),
        verdict: Verdict::Unknown,
        severity: Severity::Warning,
        since: Some(at("02:02:00")),
        symptoms: vec![Finding {
            id: "service.latency".into(),
            entity: service("search"),
            severity: Severity::Warning,
            since: Some(at("02:02:00")),
            statement: "p99 latency is 2.4 s, 13 times the usual".into(),
            evidence: vec![],
        }],
        gaps: gaps(),
        subject: vec![service("search")],
        timeline: vec![entry("02:02:00", Lane::Symptom, service("search"), "p99 latency 180 ms → 2.4 s", Severity::Warning)],
        ..healthy()
    }
}

/// A deploy lowered a memory limit; the service that shouts is another one.
pub(crate) fn incident() -> Report {
    let payments = deployment("payments");
    let killed = evidence(
        pod("payments-6c9f7d5b8-x2x7k"),
        "02:13:58",
        "container app was OOMKilled (exit code 137) at 128Mi, 4 times since 02:13:58",
        Source::object(&pod("payments-6c9f7d5b8-x2x7k")),
        "get_pods",
    );
    let lowered = evidence(
        payments.clone(),
        "02:12:40",
        "revision 14 changed resources.limits.memory of container app: 512Mi → 128Mi",
        Source::new(SourceKind::Change, "payments@14"),
        "get_deployment_history",
    );
    let memory = evidence(
        payments.clone(),
        "02:10:00",
        "working set was 310Mi to 345Mi in the week before, above the new limit of 128Mi",
        Source::new(
            SourceKind::Metric,
            "container_memory_working_set_bytes{namespace=\"shop\",container=\"app\"}",
        ),
        "query_prometheus",
    );
    let refused = evidence(
        pod("checkout-7d4b9c66f-m4tq2"),
        "02:14:05",
        "log: POST http://payments:8080/charge: connect: connection refused (212 times in 5 min)",
        Source::new(SourceKind::Log, "shop/checkout-7d4b9c66f-m4tq2/app"),
        "get_pod_logs",
    );
    let steady = evidence(
        service("payments"),
        "02:10:00",
        "requests per second stayed between 38 and 44: the load did not rise",
        Source::new(
            SourceKind::Metric,
            "service_requests_per_second{service=\"payments\"}",
        ),
        "query_prometheus",
    );
    let frontend_fine = evidence(
        deployment("frontend"),
        "02:20:00",
        "revision 31 has 3 of 3 replicas ready and an error ratio of 0.1 %",
        Source::object(&deployment("frontend")),
        "get_workloads",
    );
    let id = |evidence: &Evidence| evidence.id.clone();
    let term = |name: &str, log_odds: f64, ids: &[EvidenceId]| Term {
        name: name.into(),
        log_odds,
        evidence: ids.to_vec(),
    };
    let hypotheses = vec![
        Hypothesis {
            rank: 1,
            entity: payments.clone(),
            cause: "Revision 14 of payments lowered the memory limit to 128Mi, below the 310Mi that the container needs; it is OOMKilled over and over".into(),
            mechanism: "memory.limit_lowered".into(),
            confidence: 0.91,
            terms: vec![
                term("prior", -2.9, &[]),
                term("mechanism seen", 2.6, &[id(&killed), id(&lowered)]),
                term("change precedes onset by 78 s", 1.4, &[id(&lowered)]),
                term("usage above the new limit", 1.2, &[id(&memory)]),
                term("explains the alerting service", 0.9, &[id(&refused)]),
                term("load unchanged", -0.3, &[id(&steady)]),
            ],
            evidence: vec![id(&lowered), id(&killed), id(&memory), id(&refused)],
            against: vec![],
            unseen: vec![],
            explains: vec![service("payments"), service("checkout"), service("frontend")],
        },
        Hypothesis {
            rank: 2,
            entity: payments.clone(),
            cause: "payments leaks memory".into(),
            mechanism: "memory.leak".into(),
            confidence: 0.06,
            terms: vec![
                term("prior", -2.2, &[]),
                term("mechanism seen", 1.1, &[id(&killed)]),
                term("usage does not grow", -1.8, &[id(&memory)]),
            ],
            evidence: vec![id(&killed)],
            against: vec![id(&memory)],
            unseen: vec!["heap profile of the container".into()],
            explains: vec![service("payments")],
        },
        Hypothesis {
            rank: 3,
            entity: deployment("frontend"),
            cause: "Revision 31 of frontend sends malformed requests".into(),
            mechanism: "change.regression".into(),
            confidence: 0.02,
            terms: vec![term("prior", -2.5, &[]), term("healthy itself", -1.5, &[id(&frontend_fine)])],
            evidence: vec![],
            against: vec![id(&frontend_fine)],
            unseen: vec![],
            explains: vec![service("frontend")],
        },
    ];
    Report {
        case: "alert-4711".into(),
        title: "checkout fails for 38 % of requests".into(),
        summary: "checkout returns errors because payments refuses connections. payments has been OOMKilled since revision 14 lowered its memory limit from 512Mi to 128Mi at 02:12:40. Roll payments back to revision 13.".into(),
        verdict: Verdict::Cause,
        severity: Severity::Critical,
        since: Some(at("02:13:58")),
        subject: vec![service("checkout")],
        hypotheses,
        symptoms: vec![
            Finding {
                id: "pod.oom_killed".into(),
                entity: pod("payments-6c9f7d5b8-x2x7k"),
                severity: Severity::Critical,
                since: Some(at("02:13:58")),
                statement: "container app is OOMKilled and restarts (4 times)".into(),
                evidence: vec![id(&killed)],
            },
            Finding {
                id: "service.error_ratio".into(),
                entity: service("checkout"),
                severity: Severity::Critical,
                since: Some(at("02:14:30")),
                statement: "38 % of requests fail; 0.2 % is usual".into(),
                evidence: vec![id(&refused)],
            },
            Finding {
                id: "service.latency".into(),
                entity: service("frontend"),
                severity: Severity::Warning,
                since: Some(at("02:15:00")),
                statement: "p95 latency is 1.9 s; 240 ms is usual".into(),
                evidence: vec![],
            },
        ],
        changes: vec![
            ChangeAssessment {
                change: Change {
                    reference: "payments@14".into(),
                    time: at("02:12:40"),
                    kind: ChangeKind::Deploy,
                    entity: payments.clone(),
                    summary: "revision 14: memory limit lowered".into(),
                    detail: vec![
                        "spec.containers[app].resources.limits.memory: 512Mi → 128Mi".into(),
                        "spec.containers[app].resources.requests.memory: 256Mi → 128Mi".into(),
                    ],
                    author: Some("cost-bot".into()),
                },
                blamed: true,
                confidence: 0.91,
                reason: "it lowered the limit below the usage, 78 s before the first OOM kill".into(),
            },
            ChangeAssessment {
                change: Change {
                    reference: "frontend@31".into(),
                    time: at("02:09:12"),
                    kind: ChangeKind::Deploy,
                    entity: deployment("frontend"),
                    summary: "revision 31: image frontend:2.18.0 → 2.19.0".into(),
                    detail: vec!["spec.containers[web].image: registry.example/frontend:2.18.0 → registry.example/frontend:2.19.0".into()],
                    author: Some("ana".into()),
                },
                blamed: false,
                confidence: 0.02,
                reason: "it is healthy, and what fails is further down".into(),
            },
        ],
        ruled_out: vec![
            RuledOut {
                entity: EntityRef::cluster("Node", "ip-10-2-7-14"),
                cause: "Node memory pressure".into(),
                reason: "the node has 41 % of its memory free and no pressure condition".into(),
                evidence: vec![],
            },
            RuledOut {
                entity: deployment("frontend"),
                cause: "Deploy of frontend just before the onset".into(),
                reason: "its own error ratio and readiness did not change".into(),
                evidence: vec![id(&frontend_fine)],
            },
        ],
        runbooks: vec![
            Runbook {
                title: "Payments are killed for memory".into(),
                place: "runbooks/payments.md".into(),
                because: vec!["CheckoutErrors fires".into(), "cause 1 is memory_limit".into()],
                text: "1. Roll back first, ask later.\n2. Tell #payments <b>before</b> you raise the limit.".into(),
                calls: vec![RunbookCall {
                    tool: "get_deployment_history".into(),
                    input: r#"{"namespace":"shop"}"#.into(),
                    answer: Some(r#"{"revisions":[{"number":14}]}"#.into()),
                }],
            },
            Runbook {
                title: "Runbook of CheckoutErrors".into(),
                place: "https://runbooks.example.com/checkout?severity=critical&team=shop".into(),
                because: vec!["the alert names it".into()],
                text: String::new(),
                calls: vec![],
            },
        ],
        dashboards: vec![Dashboard {
            title: "Payments <live>".into(),
            url: "https://grafana.example.com/d/p4y/payments?from=1772330400000&to=1772337600000&var-namespace=shop".into(),
            because: "it names Deployment shop/payments".into(),
        }],
        tests: vec![Test {
            question: "Did the load on payments rise before the first OOM kill?".into(),
            answer: "No: 38 to 44 requests per second in the whole window.".into(),
        }],
        recommendations: vec![
            Recommendation {
                rank: 1,
                title: "Roll payments back to revision 13".into(),
                reason: "Restores the memory limit of 512Mi, under which it ran for 19 days".into(),
                command: Some("kubectl -n shop rollout undo deployment/payments --to-revision=13".into()),
                reversible: true,
                confidence: 0.9,
                action: Some(Action {
                    verb: Verb::Patch,
                    target: payments.clone(),
                    api_version: "apps/v1".into(),
                    uid: Some("6f0c".into()),
                    resource_version: Some("88112".into()),
                    pre_image: None,
                    patch: serde_json::json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "512Mi"}}}]}}}}),
                    expected: "payments runs with a memory limit of 512Mi".into(),
                    reversal: Some(serde_json::json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "128Mi"}}}]}}}})),
                    reason: "the limit is below the usage".into(),
                }),
            },
            Recommendation {
                rank: 2,
                title: "Raise the memory limit in the repository that the cluster is built from".into(),
                reason: "Otherwise the next sync lowers it again".into(),
                command: Some("--- a/shop/payments/deployment.yaml\n+++ b/shop/payments/deployment.yaml\n@@ -31,7 +31,7 @@\n           resources:\n             limits:\n-              memory: 128Mi\n+              memory: 512Mi".into()),
                reversible: true,
                confidence: 0.7,
                action: None,
            },
            Recommendation {
                rank: 3,
                title: "Watch the error ratio of checkout for ten minutes".into(),
                reason: "It falls within a minute once payments is ready".into(),
                command: None,
                reversible: true,
                confidence: 0.5,
                action: None,
            },
        ],
        gaps: gaps(),
        groups: vec![Group {
            entity: payments.clone(),
            cause: "payments is OOMKilled: 3 pods, 3 services affected".into(),
            members: vec![
                pod("payments-6c9f7d5b8-x2x7k"),
                pod("payments-6c9f7d5b8-9qk4h"),
                service("payments"),
                service("checkout"),
                service("frontend"),
            ],
        }],
        timeline: vec![
            entry("02:09:12", Lane::Change, deployment("frontend"), "revision 31 rolled out", Severity::Info),
            entry("02:12:40", Lane::Change, payments.clone(), "revision 14 lowered the memory limit", Severity::Warning),
            entry("02:12:44", Lane::Event, payments.clone(), "Scaled up replica set payments-6c9f7d5b8 to 3", Severity::Info),
            entry("02:13:58", Lane::Symptom, pod("payments-6c9f7d5b8-x2x7k"), "first OOM kill", Severity::Critical),
            entry("02:14:02", Lane::Event, pod("payments-6c9f7d5b8-x2x7k"), "BackOff restarting failed container", Severity::Warning),
            entry("02:14:05", Lane::Symptom, service("checkout"), "connection refused in the log", Severity::Critical),
            entry("02:14:30", Lane::Symptom, service("checkout"), "error ratio 0.2 % → 38 %", Severity::Critical),
            entry("02:15:00", Lane::Symptom, service("frontend"), "p95 latency 240 ms → 1.9 s", Severity::Warning),
            entry("02:16:30", Lane::Alert, service("checkout"), "CheckoutErrorRatioHigh fires", Severity::Critical),
        ],
        evidence: vec![lowered, killed, memory, refused, steady, frontend_fine],
        topology: topology(),
        ..healthy()
    }
}

fn topology() -> Topology {
    let node = |entity: EntityRef, role| TopologyNode { entity, role };
    let edge = |from: EntityRef, to: EntityRef, via: &str| TopologyEdge {
        from,
        to,
        via: via.into(),
    };
    Topology {
        nodes: vec![
            node(service("frontend"), Role::Affected),
            node(service("checkout"), Role::Alerting),
            node(service("payments"), Role::Affected),
            node(deployment("payments"), Role::Cause),
            node(service("catalog"), Role::Healthy),
            node(service("cart"), Role::Healthy),
            node(
                EntityRef::namespaced("StatefulSet", "shop", "redis"),
                Role::Healthy,
            ),
            node(EntityRef::external("api.bank.example:443"), Role::Unseen),
        ],
        edges: vec![
            edge(service("frontend"), service("checkout"), "metrics"),
            edge(service("frontend"), service("catalog"), "metrics"),
            edge(service("frontend"), service("cart"), "metrics"),
            edge(service("checkout"), service("payments"), "env"),
            edge(service("checkout"), service("cart"), "metrics"),
            edge(service("payments"), deployment("payments"), "endpoints"),
            edge(
                service("cart"),
                EntityRef::namespaced("StatefulSet", "shop", "redis"),
                "env",
            ),
            edge(
                deployment("payments"),
                EntityRef::external("api.bank.example:443"),
                "env",
            ),
        ],
    }
}

fn gaps() -> Vec<Gap> {
    vec![
        Gap {
            source: "loki".into(),
            reason: "no log source is configured, so only the last 200 lines of each container were read"
                .into(),
            remedy: "set logs.loki.url".into(),
        },
        Gap {
            source: "nodes".into(),
            reason: "the agent may not list nodes".into(),
            remedy: "grant get and list on nodes to its ClusterRole".into(),
        },
    ]
}

fn entry(time: &str, lane: Lane, entity: EntityRef, text: &str, severity: Severity) -> TimelineEntry {
    TimelineEntry {
        time: at(time),
        lane,
        entity,
        text: text.into(),
        severity,
    }
}
