//! Each condition of `docs/parity.md` is seen: one object in that condition for each id of the table.

use std::collections::BTreeSet;

use claw_k8s::world::Objects;
use serde_json::{Value, json};

use super::detect;
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::testing::{at, case, event, object};

/// Objects of one kind of [`Objects`], with what is needed beside them.
struct World {
    case: Case,
}

impl World {
    /// All that there is of the kinds that matter is known.
    fn new() -> Self {
        let mut case = case();
        for kind in [
            "Deployment",
            "StorageClass",
            "PersistentVolume",
            "Gateway",
            "GatewayClass",
            "StatefulSet",
        ] {
            case.listed_everywhere.insert(kind.to_owned());
        }
        Self { case }
    }

    fn with(mut self, list: &str, name: &str, rest: Value) -> Self {
        let cluster = [
            "volumes",
            "storage_classes",
            "nodes",
            "webhooks",
            "ingress_classes",
        ]
        .contains(&list);
        let mut rest = rest;
        if cluster {
            rest["metadata"]["namespace"] = Value::Null;
        }
        let made: Value = object(name, rest);
        let mut all = serde_json::to_value(&self.case.objects).unwrap();
        let slot = &mut all[list];
        if slot.is_null() {
            *slot = json!([]);
        }
        slot.as_array_mut().unwrap().push(made);
        self.case.objects = serde_json::from_value::<Objects>(all).unwrap();
        self
    }

    fn told(mut self, kind: &str, name: &str, reason: &str, message: &str) -> Self {
        event(&mut self.case, kind, name, reason, message, -30);
        self
    }

    fn ids(&self) -> BTreeSet<&'static str> {
        detect(&Facts::new(&self.case))
            .iter()
            .map(|symptom| symptom.id)
            .collect()
    }
}

/// A pod with this status.
fn pod(status: Value) -> World {
    let spec = json!({"containers": [{"name": "app"}]});
    World::new().with("pods", "p", json!({"spec": spec, "status": status}))
}

/// A pod whose container waits for this reason.
fn waits(reason: &str) -> World {
    let state = json!({"waiting": {"reason": reason}});
    pod(
        json!({"phase": "Pending", "startTime": at(-60), "containerStatuses": [{"name": "app", "state": state}]}),
    )
}

fn workload(kind: &str, rest: Value) -> World {
    let mut rest = rest;
    rest["kind"] = json!(kind);
    World::new().with("workloads", "w", rest)
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"conditions": [{"type": kind, "status": status, "reason": reason, "message": "said"}]})
}

fn route(spec: Value, status: Value) -> World {
    World::new().with(
        "gateway",
        "r",
        json!({"kind": "HTTPRoute", "spec": spec, "status": status}),
    )
}

fn gateway(spec: Value, status: Value) -> World {
    World::new().with(
        "gateway",
        "g",
        json!({"kind": "Gateway", "spec": spec, "status": status}),
    )
}

fn claim(phase: &str, class: &str) -> World {
    World::new().with(
        "claims",
        "c",
        json!({"spec": {"storageClassName": class}, "status": {"phase": phase}}),
    )
}

fn autoscaler(kind: &str, rest: Value) -> World {
    let mut rest = rest;
    rest["spec"]["scaleTargetRef"] = json!({"apiVersion": "apps/v1", "kind": kind, "name": "w"});
    World::new().with("autoscalers", "h", rest)
}

fn webhook() -> World {
    let hook =
        json!({"name": "w.example.com", "clientConfig": {"service": {"namespace": "shop", "name": "s"}}});
    World::new().with(
        "webhooks",
        "hooks",
        json!({"kind": "ValidatingWebhookConfiguration", "webhooks": [hook]}),
    )
}

fn service() -> Value {
    json!({"spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}})
}

/// One world for each id.
fn worlds() -> Vec<(&'static str, World)> {
    let unready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
    let ended = json!({"phase": "Running", "containerStatuses": [{
        "name": "app", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": at(-10)}},
    }]});
    let slice = |ready: Value| {
        let ends = json!([{"conditions": {"ready": true}}, {"conditions": {"ready": ready}}]);
        json!({"metadata": {"labels": {"kubernetes.io/service-name": "s"}}, "endpoints": ends})
    };
    let reads = json!({"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "m"}}]}]});
    let default = json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"});
    let held = json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {"startedAt": at(0)}}}]});
    vec![
        ("pod.unschedulable", pod(condition("PodScheduled", "False", "Unschedulable"))),
        ("pod.scheduling_gated", World::new().with("pods", "p", json!({"spec": {"schedulingGates": [{"name": "g"}]}}))),
        ("pod.evicted", pod(json!({"phase": "Failed", "reason": "Evicted", "startTime": at(-60)}))),
        ("pod.failed", pod(json!({"phase": "Failed", "startTime": at(-60)}))),
        ("pod.not_created", waits("ContainerCreating").told("Pod", "p", "FailedMount", "no")),
        ("pod.crash_loop", pod(ended.clone())),
        ("pod.exited", pod(ended)),
        ("pod.image_pull", waits("ImagePullBackOff")),
        ("pod.image_never_pull", waits("ErrImageNeverPull")),
        ("pod.invalid_image_name", waits("InvalidImageName")),
        ("pod.image_inspect_error", waits("ImageInspectError")),
        ("pod.create_container_error", waits("CreateContainerError")),
        ("pod.create_container_config_error", waits("CreateContainerConfigError")),
        ("pod.hook_error", waits("PreStartHookError")),
        ("pod.run_container_error", waits("RunContainerError")),
        ("pod.init_blocked", pod(held)),
        ("pod.not_ready", pod(unready.clone()).told("Pod", "p", "Unhealthy", "probe failed")),
        ("workload.short", workload("Deployment", json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}))),
        ("workload.not_progressing", workload("Deployment", json!({"status": condition("Progressing", "False", "ProgressDeadlineExceeded")}))),
        ("workload.creation_refused", workload("ReplicaSet", json!({"status": condition("ReplicaFailure", "True", "FailedCreate")}))),
        ("workload.pull_secret_missing", workload("DaemonSet", json!({"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "x"}]}}}}))),
        ("statefulset.service_missing", workload("StatefulSet", json!({"spec": {"serviceName": "x"}}))),
        ("statefulset.storage_class_missing", workload("StatefulSet", json!({"spec": {"volumeClaimTemplates": [{"spec": {"storageClassName": "x"}}]}})).with("storage_classes", "y", json!({"provisioner": "p"}))),
        ("statefulset.pod_missing", workload("StatefulSet", json!({"spec": {"replicas": 1}}))),
        ("statefulset.pod_not_running", workload("StatefulSet", json!({"spec": {"replicas": 1}})).with(
            "pods",
            "w-0",
            json!({"metadata": {"ownerReferences": [{"kind": "StatefulSet", "name": "w", "controller": true}]}, "status": {"phase": "Pending"}}),
        )),
        ("job.suspended", workload("Job", json!({"spec": {"suspend": true}}))),
        ("job.failed", workload("Job", json!({"status": condition("Failed", "True", "BackoffLimitExceeded")}))),
        ("cronjob.suspended", workload("CronJob", json!({"spec": {"suspend": true, "schedule": "@daily"}}))),
        ("cronjob.bad_schedule", workload("CronJob", json!({"spec": {"schedule": "every day"}}))),
        ("cronjob.negative_deadline", workload("CronJob", json!({"spec": {"schedule": "@daily", "startingDeadlineSeconds": -1}}))),
        ("claim.not_bound", claim("Pending", "x").told("PersistentVolumeClaim", "c", "ProvisioningFailed", "no")),
        ("claim.lost", claim("Lost", "x")),
        ("volume.released", World::new().with("volumes", "v", json!({"status": {"phase": "Released"}}))),
        ("volume.failed", World::new().with("volumes", "v", json!({"status": {"phase": "Failed"}}))),
        ("storage_class.no_provisioner", claim("Pending", "x").with("storage_classes", "x", json!({}))),
        ("storage_class.several_defaults", World::new().with("storage_classes", "x", default.clone()).with("storage_classes", "y", default)),
        ("service.no_endpoints", World::new().with("services", "s", service())),
        ("service.unready_endpoints", World::new().with("services", "s", service()).with("endpoint_slices", "s-1", slice(json!(false)))),
        ("service.warning", World::new().with("services", "s", service()).told("Service", "s", "SyncLoadBalancerFailed", "no")),
        ("ingress.no_class", World::new().with("ingress_classes", "c", json!({})).with("ingresses", "i", json!({}))),
        ("ingress.class_missing", World::new().with("ingress_classes", "c", json!({})).with("ingresses", "i", json!({"spec": {"ingressClassName": "x"}}))),
        ("ingress.backend_missing", World::new().with("ingresses", "i", json!({"spec": {"defaultBackend": {"service": {"name": "x"}}}}))),
        ("ingress.tls_secret_missing", World::new().with("ingresses", "i", json!({"spec": {"tls": [{"secretName": "x"}]}}))),
        ("node.not_ready", World::new().with("nodes", "n", json!({"status": condition("Ready", "Unknown", "NodeStatusUnknown")}))),
        ("node.condition", World::new().with("nodes", "n", json!({"status": condition("DiskPressure", "True", "KubeletHasDiskPressure")}))),
        ("webhook.service_missing", webhook()),
        ("webhook.no_pods", webhook().with("services", "s", service())),
        ("webhook.pod_not_running", webhook().with("services", "s", service()).with(
            "pods",
            "p",
            json!({"metadata": {"labels": {"app": "a"}}, "status": {"phase": "Pending"}}),
        )),
        ("config_map.empty", World::new().with("config_maps", "m", json!({})).with("pods", "p", json!({"spec": reads, "status": unready}))),
        ("config_map.oversized", World::new().with("config_maps", "m", json!({"data": {"k": {"size": 2_000_000}}})).with(
            "pods",
            "p",
            json!({"spec": reads, "status": unready}),
        )),
        ("hpa.limited", autoscaler("Deployment", json!({"status": condition("ScalingLimited", "True", "TooManyReplicas")}))),
        ("hpa.unable", autoscaler("Deployment", json!({"status": condition("AbleToScale", "False", "FailedGetScale")}))),
        ("hpa.inactive", autoscaler("Deployment", json!({"status": condition("ScalingActive", "False", "FailedGetResourceMetric")}))),
        ("hpa.target_invalid", autoscaler("DaemonSet", json!({}))),
        ("hpa.target_missing", autoscaler("Deployment", json!({}))),
        ("hpa.no_requests", autoscaler("Deployment", json!({"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}]}})).with(
            "workloads",
            "w",
            json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}}),
        )),
        ("budget.exhausted", World::new().with("disruption_budgets", "b", json!({"status": {
            "currentHealthy": 1, "desiredHealthy": 2, "conditions": [{"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}],
        }}))),
        ("gateway_class.not_accepted", World::new().with("gateway", "k", json!({"kind": "GatewayClass", "status": condition("Accepted", "False", "InvalidParameters")}))),
        ("gateway.class_missing", gateway(json!({"gatewayClassName": "x"}), json!({})).with("gateway", "y", json!({"kind": "GatewayClass"}))),
        ("gateway.not_accepted", gateway(json!({}), condition("Accepted", "False", "ListenersNotValid"))),
        ("route.gateway_missing", route(json!({"parentRefs": [{"name": "x"}]}), json!({}))),
        ("route.not_accepted", route(json!({}), json!({"parents": [condition("Accepted", "False", "NoMatchingParent")]}))),
        ("route.not_allowed", route(json!({"parentRefs": [{"name": "g", "namespace": "edge"}]}), json!({})).with(
            "gateway",
            "g",
            json!({"kind": "Gateway", "metadata": {"namespace": "edge"}, "spec": {"listeners": [{"name": "http"}]}}),
        )),
        ("route.backend_missing", route(json!({"rules": [{"backendRefs": [{"name": "x", "port": 80}]}]}), json!({}))),
        ("route.port_mismatch", route(json!({"rules": [{"backendRefs": [{"name": "s", "port": 81}]}]}), json!({})).with("services", "s", service())),
        ("log.error", logs("ERROR dial tcp 10.0.0.3:5432: connect: connection refused", false)),
        ("log.fatal", logs("panic: runtime error: index out of range", true)),
    ]
}

/// A container's previous run that logged `line`.
fn logs(line: &str, fatal: bool) -> World {
    let mut world = World::new();
    let since = at(-3600);
    let mut digest = crate::incident::logs::digest(
        claw_core::entity::EntityRef::namespaced("Pod", "shop", "p"),
        "app".to_owned(),
        true,
        format!("{} {line}\n", at(-20)).as_bytes(),
        since,
        None,
        false,
    );
    assert!(!digest.patterns.is_empty(), "{line}");
    digest.patterns[0].fatal = fatal;
    world.case.logs.push(digest);
    world
}

#[test]
fn each_condition_is_seen_where_it_is() {
    let nothing = World::new().ids();
    assert!(nothing.is_empty(), "{nothing:?}");
    let missed: Vec<String> = worlds()
        .iter()
        .map(|(id, world)| (id, world.ids()))
        .filter(|(id, found)| !found.contains(*id))
        .map(|(id, found)| format!("{id}: {found:?}"))
        .collect();
    assert!(missed.is_empty(), "not seen:\n{}", missed.join("\n"));
}

#[test]
fn the_table_names_what_is_seen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/parity.md");
    let text = std::fs::read_to_string(path).unwrap();
    let named: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|word| word.contains('.'))
        .collect();
    let seen: BTreeSet<&str> = worlds().iter().map(|(id, _)| *id).collect();
    let difference: Vec<&&str> = named.symmetric_difference(&seen).collect();
    assert!(
        difference.is_empty(),
        "in the table or in the code only: {difference:?}"
    );
}

#[test]
fn what_is_written_badly_and_hurts_nobody_is_information() {
    use claw_core::evidence::Severity;
    for (id, world) in worlds() {
        let config = [
            "ingress.",
            "config_map.",
            "statefulset.service",
            "job.suspended",
            "cronjob.suspended",
            "hpa.no_requests",
            "hpa.target_invalid",
            "volume.released",
            "storage_class.several_defaults",
            "service.unready_endpoints",
            "service.warning",
        ];
        if !config.iter().any(|start| id.starts_with(start)) {
            continue;
        }
        let worst = detect(&Facts::new(&world.case))
            .into_iter()
            .filter(|symptom| symptom.id == id)
            .map(|symptom| symptom.severity)
            .max();
        assert_eq!(worst, Some(Severity::Info), "{id}");
    }
}
