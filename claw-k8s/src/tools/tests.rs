use claw_core::change::ChangeKind;
use claw_core::tool::{Tool, ToolErrorKind};
use serde_json::{Value, json};

use super::*;
use crate::cluster::fake::{Fake, context};

fn pod(name: &str, labels: Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-1a", "controller": true}]},
        "spec": {"containers": [{"name": "app", "env": [{"name": "API_TOKEN", "value": "hunter2"}]}]}})
}

fn event(name: &str, about: &str, kind: &str, last: &str) -> Value {
    let ns = if kind == "Node" { "default" } else { "shop" };
    json!({"kind": "Event", "metadata": {"name": name, "namespace": ns}, "reason": "Because", "type": "Warning",
        "involvedObject": {"kind": kind, "namespace": (kind != "Node").then_some("shop"), "name": about}, "lastTimestamp": last})
}

fn deployment(name: &str, extra: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "env": [{"name": "REDIS", "value": "redis://redis:6379"},
            {"name": "DB_PASSWORD", "value": "hunter2"}]}]}}}, "status": {"replicas": 2}});
    merge(&mut object, extra);
    object
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn set(name: &str, owner: &str, revision: &str, created: &str, container: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created,
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"kind": "Deployment", "name": owner, "controller": true}]},
        "spec": {"replicas": 0, "template": {"metadata": {"labels": {"app": owner, "pod-template-hash": name}}, "spec": {"containers": [container]}}}})
}

fn input<T: Default + serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn get_pods_gives_usage_and_events_of_those_pods_only() {
    let cluster = Fake::new([
        pod("cart-1", json!({"app": "cart"})),
        pod("web-1", json!({"app": "web"})),
        event("late", "cart-1", "Pod", "2026-03-01T09:00:00Z"),
        event("early", "cart-1", "Pod", "2026-03-01T08:00:00Z"),
        event("other", "web-1", "Pod", "2026-03-01T08:00:00Z"),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": "cart-1", "namespace": "shop"},
               "containers": [{"name": "app", "usage": {"cpu": "12345678n", "memory": "20Mi"}}]}),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": "web-1", "namespace": "shop"}, "containers": []}),
    ])
    .serve("metrics.k8s.io", &["v1beta1"])
    .cluster();
    let output = GetPods::new(cluster)
        .call(
            &context(),
            input(json!({"namespace": "shop", "label_selector": "app=cart"})),
        )
        .await
        .unwrap();
    assert_eq!(output.pods.len(), 1);
    let events: Vec<_> = output
        .events
        .iter()
        .map(|event| event.metadata.name.as_str())
        .collect();
    assert_eq!(events, ["early", "late"]);
    let usage = &output.usage[0];
    assert_eq!(
        (usage.cpu.unwrap().milli(), usage.memory.unwrap().bytes()),
        (13, 20 << 20)
    );
    assert!(output.gaps.is_empty(), "{:?}", output.gaps);
    assert!(!serde_json::to_string(&output).unwrap().contains("hunter2"));
}

#[tokio::test]
async fn get_pods_names_what_it_could_not_see() {
    let cluster = Fake::new([pod("cart-1", json!({}))]).deny("events").cluster();
    let output = GetPods::new(cluster)
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let sources: Vec<_> = output.gaps.iter().map(|gap| gap.source.as_str()).collect();
    assert_eq!(sources, ["events", "resource usage (metrics.k8s.io)"]);
}

#[tokio::test]
async fn get_pods_fails_without_the_right_to_pods() {
    let cluster = Fake::new([]).deny("pods").cluster();
    let error = GetPods::new(cluster)
        .call(&context(), input(json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::Denied);
}

#[tokio::test]
async fn get_pods_tells_an_empty_namespace_from_one_that_is_not_there() {
    let namespaces = [json!({"kind": "Namespace", "metadata": {"name": "empty"}})];
    let tool = GetPods::new(
        Fake::new(namespaces)
            .serve("metrics.k8s.io", &["v1beta1"])
            .cluster(),
    );
    let empty = tool
        .call(&context(), input(json!({"namespace": "empty"})))
        .await
        .unwrap();
    assert!(empty.gaps.is_empty());
    let absent = tool
        .call(&context(), input(json!({"namespace": "shpo"})))
        .await
        .unwrap();
    assert_eq!(absent.gaps[0].source, "namespace shpo");
}

#[tokio::test]
async fn the_parameters_of_the_specification_are_taken() {
    let cx = context();
    let cluster = Fake::new([pod("cart-1", json!({}))])
        .log("cart-1", "app", false, Ok("x"))
        .cluster();
    for tool in all(&cluster) {
        let arguments = match tool.name() {
            "get_pods" => json!({"namespace": "shop", "label_selector": "app=cart"}),
            "get_pod_logs" => {
                json!({"pod_name": "cart-1", "namespace": "shop", "container": "app", "tail_lines": 200})
            }
            "describe_events" => {
                json!({"namespace": "shop", "resource_type": "Pod", "resource_name": "cart-1"})
            }
            _ => json!({}),
        };
        tool.call_json(&cx, arguments)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", tool.name()));
        let error = tool.call_json(&cx, json!({"nonsense": 1})).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{}", tool.name());
    }
    let defaults: GetPodLogsInput =
        serde_json::from_value(json!({"pod_name": "a", "namespace": "b"})).unwrap();
    assert_eq!(defaults.tail_lines, 200);
}

#[tokio::test]
async fn schemas_are_stable() {
    let cluster = Fake::default().cluster();
    let inputs: serde_json::Map<_, _> = all(&cluster)
        .iter()
        .map(|tool| {
            (
                tool.name().to_owned(),
                serde_json::to_value(tool.spec().input).unwrap(),
            )
        })
        .collect();
    insta::assert_json_snapshot!("inputs", inputs);
}

#[tokio::test]
async fn logs_come_with_their_times() {
    let text = "2026-03-01T09:59:58.5Z started\n2026-03-01T09:59:59Z \nno time here\n2026-03-01T10:00:01Z too late\n";
    let cluster = Fake::new([]).log("cart-1", "app", false, Ok(text)).cluster();
    let mut asked = GetPodLogsInput::new("shop", "cart-1");
    asked.container = Some("app".into());
    asked.until = Some("2026-03-01T10:00:00Z".parse().unwrap());
    let output = GetPodLogs::new(cluster).call(&context(), asked).await.unwrap();
    let lines: Vec<_> = output
        .lines
        .iter()
        .map(|line| (line.time.is_some(), line.text.as_str()))
        .collect();
    assert_eq!(lines, [(true, "started"), (true, ""), (false, "no time here")]);
    assert!(!output.truncated);
}

#[tokio::test]
async fn logs_of_a_pod_with_several_containers_are_those_of_the_one_in_trouble() {
    let pod = json!({"kind": "Pod", "metadata": {"name": "cart-1", "namespace": "shop"},
        "spec": {"containers": [{"name": "proxy"}, {"name": "app"}]},
        "status": {"containerStatuses": [{"name": "proxy", "ready": true}, {"name": "app", "ready": false, "restartCount": 3}]}});
    let cluster = Fake::new([pod])
        .log(
            "cart-1",
            "",
            false,
            Err("a container name must be specified for pod cart-1, choose one of: [proxy app]"),
        )
        .log("cart-1", "app", false, Ok("2026-03-01T09:59:58Z boom"))
        .cluster();
    let output = GetPodLogs::new(cluster)
        .call(&context(), GetPodLogsInput::new("shop", "cart-1"))
        .await
        .unwrap();
    assert_eq!(
        (output.container.as_str(), output.lines[0].text.as_str()),
        ("app", "boom")
    );
}

#[tokio::test]
async fn a_container_without_a_log_is_no_error_and_a_pod_that_is_not_there_is() {
    let cluster = Fake::new([])
        .log(
            "cart-1",
            "app",
            true,
            Err("previous terminated container \"app\" in pod \"cart-1\" not found"),
        )
        .log(
            "cart-1",
            "app",
            false,
            Err("container \"app\" in pod \"cart-1\" is waiting to start: ContainerCreating"),
        )
        .cluster();
    let tool = GetPodLogs::new(cluster);
    for previous in [true, false] {
        let mut asked = GetPodLogsInput::new("shop", "cart-1");
        asked.container = Some("app".into());
        asked.previous = previous;
        let output = tool.call(&context(), asked).await.unwrap();
        assert!(output.lines.is_empty() && output.note.is_some());
    }
    let error = tool
        .call(&context(), GetPodLogsInput::new("shop", "gone"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    for (lines, bytes) in [(0, None), (10_001, None), (1, Some(0)), (1, Some(u32::MAX))] {
        let mut asked = GetPodLogsInput::new("shop", "cart-1");
        (asked.tail_lines, asked.limit_bytes) = (lines, bytes);
        let error = tool.call(&context(), asked).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn events_of_a_deployment_include_those_of_its_pods() {
    let cluster = Fake::new([
        pod("cart-1a-x", json!({})),
        set(
            "cart-1a",
            "cart",
            "1",
            "2026-01-01T00:00:00Z",
            json!({"name": "app"}),
        ),
        event("a", "cart-1a-x", "Pod", "2026-03-01T09:00:00Z"),
        event("b", "cart-1a", "ReplicaSet", "2026-03-01T09:01:00Z"),
        event("c", "cart", "Deployment", "2026-03-01T09:02:00Z"),
        event("d", "cart-1a-y", "Pod", "2026-03-01T09:03:00Z"),
        event("e", "cart", "Service", "2026-03-01T09:04:00Z"),
    ])
    .cluster();
    let tool = DescribeEvents::new(cluster);
    let names = |output: &DescribeEventsOutput| -> Vec<String> {
        output
            .events
            .iter()
            .map(|event| event.metadata.name.clone())
            .collect()
    };
    for kind in ["Deployment", "deployments", "deploy"] {
        let asked = input(json!({"namespace": "shop", "resource_type": kind, "resource_name": "cart"}));
        assert_eq!(
            names(&tool.call(&context(), asked).await.unwrap()),
            ["a", "b", "c"],
            "{kind}"
        );
    }
    let asked = input(json!({"namespace": "shop", "resource_type": "pod", "since": "60m"}));
    assert_eq!(names(&tool.call(&context(), asked).await.unwrap()), ["a", "d"]);
    let asked = input(json!({"namespace": "shop", "since": "2026-03-01T09:03:30Z"}));
    assert_eq!(names(&tool.call(&context(), asked).await.unwrap()), ["e"]);
}

#[tokio::test]
async fn events_of_nodes_are_found_whatever_namespace_is_asked_for() {
    let cluster = Fake::new([
        event("n", "node-1", "Node", "2026-03-01T09:00:00Z"),
        json!({"kind": "Node", "metadata": {"name": "node-1"}}),
    ])
    .cluster();
    let asked = input(json!({"namespace": "shop", "resource_type": "Node", "resource_name": "node-1"}));
    assert_eq!(
        DescribeEvents::new(cluster.clone())
            .call(&context(), asked)
            .await
            .unwrap()
            .events
            .len(),
        1
    );
    let nodes = GetNodes::new(cluster)
        .call(&context(), GetNodesInput::default())
        .await
        .unwrap();
    assert_eq!(
        (nodes.nodes.len(), nodes.events.len(), nodes.gaps.len()),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn workloads_are_given_without_old_revisions_and_secrets() {
    let mut current = set(
        "cart-2b",
        "cart",
        "2",
        "2026-02-01T00:00:00Z",
        json!({"name": "app"}),
    );
    current["spec"]["replicas"] = json!(2);
    let cluster = Fake::new([
        deployment("cart", json!({})),
        set("cart-1a", "cart", "1", "2026-01-01T00:00:00Z", json!({"name": "app"})),
        current,
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "namespace": "shop"}}),
    ])
    .cluster();
    let tool = GetWorkloads::new(cluster.clone()).with_jobs();
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let names: Vec<_> = output
        .workloads
        .iter()
        .map(|one| format!("{} {}", one.kind, one.metadata.name))
        .collect();
    assert_eq!(
        names,
        ["CronJob nightly", "Deployment cart", "ReplicaSet cart-2b"]
    );
    assert!(!serde_json::to_string(&output).unwrap().contains("hunter2"));
    assert!(output.gaps.is_empty());
    let basic = GetWorkloads::new(cluster)
        .call(&context(), input(json!({})))
        .await
        .unwrap();
    assert_eq!(basic.gaps.len(), 1, "what is not read is said");
}

fn history_fixture() -> Fake {
    let old = json!({"name": "app", "image": "cart:1.2", "env": [{"name": "MODE", "value": "a"}, {"name": "API_TOKEN", "value": "old-secret"}],
        "resources": {"limits": {"memory": "512Mi"}}, "readinessProbe": {"httpGet": {"path": "/ok", "port": 8080}}});
    let new = json!({"name": "app", "image": "cart:1.3", "env": [{"name": "API_TOKEN", "value": "new-secret"}, {"name": "DB", "value": "postgres://u:pw@db/x"}],
        "resources": {"limits": {"memory": "256Mi"}}, "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}}});
    Fake::new([
        deployment(
            "cart",
            json!({"metadata": {"managedFields": [
            {"manager": "helm", "operation": "Update", "time": "2026-03-01T09:30:01Z"},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-03-01T09:40:00Z"},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": "2026-03-01T09:59:00Z"}]}}),
        ),
        set("cart-1a", "cart", "1", "2026-01-01T00:00:00Z", old),
        set("cart-2b", "cart", "2", "2026-03-01T09:30:02Z", new),
        json!({"kind": "ConfigMap", "metadata": {"name": "cart", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T09:20:00Z"},
            {"manager": "kubectl-create", "operation": "Update", "time": "2026-01-01T00:00:00Z"}]}}),
    ])
}

#[tokio::test]
async fn history_shows_what_changed_between_revisions() {
    let tool = GetDeploymentHistory::new(history_fixture().cluster());
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert_eq!(output.histories.len(), 1);
    let revisions = &output.histories[0].revisions;
    assert_eq!(revisions[0].diff, None);
    assert_eq!(
        revisions[1].diff.as_deref().unwrap(),
        [
            "containers[app].env[API_TOKEN]: [redacted:env] → [redacted:env]",
            "containers[app].env[DB]: (none) → postgres://[redacted]@db/x",
            "containers[app].env[MODE]: a → (none)",
            "containers[app].image: cart:1.2 → cart:1.3",
            "containers[app].readinessProbe.httpGet.path: /ok → /ready",
            "containers[app].resources.limits.memory: 512Mi → 256Mi",
        ]
    );
    assert!(revisions[1].current && !revisions[1].rollback);
    let changes: Vec<_> = output
        .changes
        .iter()
        .map(|change| (change.kind, change.summary.as_str(), change.author.as_deref()))
        .collect();
    assert_eq!(
        changes,
        [
            (
                ChangeKind::Deploy,
                "Deployment shop/cart created as revision 1",
                None
            ),
            (
                ChangeKind::Config,
                "ConfigMap shop/cart edited by kubectl-edit",
                Some("kubectl-edit")
            ),
            (
                ChangeKind::Deploy,
                "Deployment shop/cart rolled out as revision 2: containers[app].image: cart:1.2 → cart:1.3 and 5 more",
                Some("helm")
            ),
            (
                ChangeKind::Scale,
                "Deployment shop/cart scaled by kubectl; it now wants 2 replicas",
                Some("kubectl")
            ),
        ]
    );
    assert!(!serde_json::to_string(&output).unwrap().contains("secret\""));
    let references: std::collections::BTreeSet<_> =
        output.changes.iter().map(|change| &change.reference).collect();
    assert_eq!(references.len(), output.changes.len());
}

#[tokio::test]
async fn a_rollback_is_dated_by_the_edit_and_not_by_the_old_replica_set() {
    let first = json!({"name": "app", "image": "cart:1"});
    let second = json!({"name": "app", "image": "cart:2"});
    let cluster = Fake::new([
        deployment("cart", json!({"metadata": {"managedFields": [{"manager": "kubectl-rollout", "operation": "Update", "time": "2026-03-01T09:55:00Z"}]}})),
        set("cart-1a", "cart", "3", "2026-01-01T00:00:00Z", first),
        set("cart-2b", "cart", "2", "2026-03-01T09:30:00Z", second),
    ])
    .cluster();
    let output = GetDeploymentHistory::new(cluster)
        .call(&context(), input(json!({"name": "cart"})))
        .await
        .unwrap();
    let last = output.changes.last().unwrap();
    assert_eq!(last.time.to_string(), "2026-03-01T09:55:00Z");
    assert_eq!(
        last.summary,
        "Deployment shop/cart brought back as revision 3: containers[app].image: cart:2 → cart:1"
    );
    assert_eq!(last.author.as_deref(), Some("kubectl-rollout"));
    assert_eq!(
        output.changes.len(),
        2,
        "the edit and the rollback are one change: {:#?}",
        output.changes
    );
}

#[tokio::test]
async fn history_of_sets_comes_from_controller_revisions() {
    let revision = |name: &str, number: i64, created: &str, image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created,
                "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "data": {"spec": {"template": {"$patch": "replace", "spec": {"containers": [{"name": "db", "image": image}]}}}}})
    };
    let objects = [
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"}}),
        revision("db-1", 1, "2026-01-01T00:00:00Z", "db:1"),
        revision("db-2", 2, "2026-03-01T00:00:00Z", "db:2"),
    ];
    let tool = GetDeploymentHistory::new(Fake::new(objects).cluster()).with_controller_revisions();
    let output = tool
        .call(
            &context(),
            input(json!({"kind": "sts", "since": "2026-02-01T00:00:00Z"})),
        )
        .await
        .unwrap();
    assert_eq!(output.changes.len(), 1);
    assert_eq!(output.changes[0].detail, ["containers[db].image: db:1 → db:2"]);
    let error = tool
        .call(&context(), input(json!({"name": "absent"})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    let error = tool
        .call(&context(), input(json!({"kind": "Pod"})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
}

#[tokio::test]
async fn dependencies_tell_who_calls_whom() {
    let fake = Fake::new([
        deployment("cart", json!({})),
        json!({"kind": "Service", "metadata": {"name": "redis", "namespace": "shop"}, "spec": {"selector": {"app": "redis"}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"},
               "spec": {"defaultBackend": {"service": {"name": "cart", "port": {"number": 80}}}}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "redis", "namespace": "shop"},
               "spec": {"hosts": ["redis"], "tcp": [{"route": [{"destination": {"host": "redis-v2"}}]}]}}),
    ])
    .serve("networking.istio.io", &["v1"])
    .deny("networkpolicies.networking.k8s.io");
    let asked = fake.asked();
    let tool = GetDependencies::new(fake.cluster());
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let edges: Vec<_> = output
        .edges
        .iter()
        .map(|edge| format!("{} → {} ({})", edge.from, edge.to, edge.via))
        .collect();
    assert_eq!(
        edges,
        [
            "Deployment shop/cart → Service shop/redis (env)",
            "Ingress shop/web → Service shop/cart (ingress)",
            "Service shop/redis → VirtualService shop/redis (mesh)",
            "VirtualService shop/redis → Service shop/redis-v2 (mesh)",
        ]
    );
    assert_eq!(output.gaps.len(), 1);
    assert!(output.complete.contains("Service") && !output.complete.contains("NetworkPolicy"));
    assert_eq!(output.objects.mesh.len(), 1);
    let asked = asked.lock().unwrap();
    assert!(
        !asked
            .iter()
            .any(|what| what.contains("secrets") || what.contains("gateway.")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn dependencies_go_into_depth_only_where_something_is_wrong() {
    let quiet = Fake::new([deployment("cart", json!({}))]);
    let asked_quiet = quiet.asked();
    GetDependencies::new(quiet.cluster())
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert!(
        !asked_quiet
            .lock()
            .unwrap()
            .iter()
            .any(|what| what.contains("webhook") || what.contains("storageclasses"))
    );

    let troubled = Fake::new([
        deployment("cart", json!({"status": {"replicas": 0}})),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}, "status": {"phase": "Pending"}}),
    ]);
    let asked = troubled.asked();
    GetDependencies::new(troubled.cluster())
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    for kind in [
        "webhook",
        "storageclasses",
        "persistentvolumes ",
        "serviceaccounts",
    ] {
        assert!(
            asked
                .lock()
                .unwrap()
                .iter()
                .any(|what| format!("{what} ").contains(kind)),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn secret_names_are_read_only_when_that_is_allowed() {
    let objects = || {
        [
            deployment(
                "cart",
                json!({"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "registry"}]}}}}),
            ),
            json!({"kind": "Secret", "metadata": {"name": "registry", "namespace": "shop"}, "data": {"k": "aHVudGVyMg=="}}),
        ]
    };
    let without = GetDependencies::new(Fake::new(objects()).cluster());
    let output = without.call(&context(), input(json!({}))).await.unwrap();
    assert!(output.objects.secrets.is_empty() && output.gaps.iter().any(|gap| gap.source == "secrets"));
    let with = GetDependencies::new(Fake::new(objects()).cluster()).with_secret_names();
    let output = with.call(&context(), input(json!({}))).await.unwrap();
    assert_eq!(output.objects.secrets[0].kind, "Secret");
    assert!(!serde_json::to_string(&output).unwrap().contains("aHVudGVyMg"));
}

#[tokio::test]
async fn gitops_is_asked_only_where_it_is_served() {
    let app = |name: &str, to: &str| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": "argocd"},
            "spec": {"destination": {"namespace": to}},
            "status": {"history": [{"id": 0, "revision": "abc", "deployedAt": "2026-03-01T09:00:00Z"}]}})
    };
    let fake = Fake::new([app("shop", "shop"), app("bank", "bank")]).serve("argoproj.io", &["v1alpha1"]);
    let asked = fake.asked();
    let tool = QueryGitops::new(fake.cluster());
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert_eq!(output.controllers, ["argocd"]);
    assert_eq!(
        (output.delivered.len(), output.changes.len(), output.gaps.len()),
        (1, 1, 0)
    );
    assert_eq!(asked.lock().unwrap().len(), 2, "discovery and one list");
    let output = tool
        .call(&context(), input(json!({"app": "bank"})))
        .await
        .unwrap();
    assert_eq!(output.delivered[0].entity.name, "bank");
    let none = QueryGitops::new(Fake::default().cluster())
        .call(&context(), input(json!({})))
        .await
        .unwrap();
    assert_eq!(none, QueryGitopsOutput::default());
}

#[tokio::test]
async fn one_investigation_stays_within_its_requests() {
    let fake = history_fixture();
    let asked = fake.asked();
    let cluster = fake.cluster();
    let cx = context();
    for tool in all(&cluster) {
        if tool.name() != "get_pod_logs" {
            let arguments = if tool.name() == "get_nodes" || tool.name() == "query_gitops" {
                json!({})
            } else {
                json!({"namespace": "shop"})
            };
            tool.call_json(&cx, arguments).await.unwrap();
        }
    }
    let asked = asked.lock().unwrap();
    assert!(asked.len() <= 26, "{} requests: {asked:#?}", asked.len());
    let unique: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!(unique.len(), asked.len(), "nothing is read twice");
}
