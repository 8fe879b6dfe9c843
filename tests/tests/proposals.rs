//! What the tools that propose ask of an API server, and what the policy makes of their proposals.
#![allow(clippy::unwrap_used)] // also in what the tests share: a failure is a panic

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use claw_core::action::{Verb, pre_image};
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::gate::Scope;
use claw_core::patch::merged;
use claw_core::tool::ToolContext;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Mode};
use claw_guardrails::policy::{Labels, operations};
use claw_k8s::cluster::{Cluster, KubeCluster, Limits};
use claw_k8s::tools::propose::{self, Proposal};
use claw_testkit::api::{self, ApiServer};
use claw_workflows::assemble::{Assembly, Sources};
use serde_json::{Value, json};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()))
}

fn object(api_version: &str, kind: &str, name: &str, more: Value) -> Value {
    let named = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": format!("{kind}-{name}")}});
    merged(&named, &more)
}

fn template(image: &str, hash: Option<&str>) -> Value {
    json!({"metadata": {"labels": {"app": "cart", "pod-template-hash": hash}}, "spec": {"containers": [
        {"name": "app", "image": image, "resources": {"limits": {"memory": "256Mi"}}}, {"name": "proxy", "image": "proxy:1"}]}})
}

fn objects() -> Vec<Value> {
    let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("{kind}-{name}"), "controller": true}]);
    let revision = |number: &str| json!({"deployment.kubernetes.io/revision": number});
    let deployment = |name: &str| {
        let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "cart"}}, "template": template("cart:2", None)});
        object(
            "apps/v1",
            "Deployment",
            name,
            json!({"metadata": {"annotations": revision("2")}, "spec": spec}),
        )
    };
    let set = |number: &str| {
        let name = format!("cart-{number}");
        let spec = json!({"replicas": 0, "selector": {"matchLabels": {"app": "cart"}},
            "template": template(&format!("cart:{number}"), Some(&name))});
        let meta = json!({"annotations": revision(number), "ownerReferences": owner("Deployment", "cart")});
        object(
            "apps/v1",
            "ReplicaSet",
            &name,
            json!({"metadata": meta, "spec": spec}),
        )
    };
    vec![
        deployment("cart"),
        set("1"),
        set("2"),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            json!({"spec": {"minReplicas": 2, "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        ),
        object(
            "batch/v1",
            "CronJob",
            "report",
            json!({"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template":
            template("report:1", None)}}}}),
        ),
        object(
            "v1",
            "Node",
            "n1",
            json!({"metadata": {"namespace": null}, "spec": {}}),
        ),
        object(
            "v1",
            "Pod",
            "cart-1-a",
            json!({"metadata": {"ownerReferences": owner("ReplicaSet", "cart-1")},
            "spec": {"containers": [{"name": "app", "image": "cart:1"}]}, "status": {"phase": "Running"}}),
        ),
        object("v1", "ConfigMap", "cart", json!({"data": {"mode": "a"}})),
    ]
}

async fn world() -> (ApiServer, Cluster) {
    let server = ApiServer::start(api::Cluster::new(objects(), clock()))
        .await
        .unwrap();
    let reader = KubeCluster::with_client(server.client().unwrap(), Limits::default());
    (server, Cluster::new(Arc::new(reader)))
}

async fn propose(cluster: &Cluster, tool: &str, input: Value) -> Proposal {
    let cx = ToolContext::new(clock(), Duration::from_secs(20));
    let tools = propose::all(cluster);
    let found = tools.iter().find(|it| it.name() == tool).unwrap();
    serde_json::from_value(found.call_json(&cx, input).await.unwrap()).unwrap()
}

/// A tool, its input, and what its proposal is to the policy.
fn cases() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let workload = |more: Value| {
        let named = json!({"kind": "Deployment", "namespace": "shop", "name": "cart", "reason": "load"});
        merged(&named, &more)
    };
    let hpa = |more: Value| {
        merged(
            &json!({"namespace": "shop", "name": "web", "reason": "load"}),
            &more,
        )
    };
    let limits = json!({"containers": [{"name": "app", "limits": {"memory": "512Mi"}}]});
    let manifest = |name: &str, data: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: shop}}, data: {data}}}"
        );
        json!({"manifest": text, "reason": "mode"})
    };
    vec![
        ("scale_workload", workload(json!({"replicas": 5})), &["scale_up"]),
        (
            "scale_workload",
            workload(json!({"replicas": 2})),
            &["scale_down"],
        ),
        ("adjust_hpa", hpa(json!({"max_replicas": 9})), &["adjust_hpa"]),
        (
            "adjust_hpa",
            hpa(json!({"min_replicas": 1})),
            &["adjust_hpa", "scale_down"],
        ),
        ("patch_resources", workload(limits.clone()), &["change_resources"]),
        (
            "patch_resources",
            merged(&workload(limits), &json!({"kind": "CronJob", "name": "report"})),
            &["change_resources"],
        ),
        // What comes back is another image, and that may be any: nothing makes it a rollback in the eyes of the policy.
        ("rollback_deployment", workload(json!({})), &["configure"]),
        ("restart_workload", workload(json!({})), &["restart"]),
        (
            "cordon_node",
            json!({"name": "n1", "unschedulable": true, "reason": "disk"}),
            &["cordon"],
        ),
        (
            "evict_pod",
            json!({"namespace": "shop", "name": "cart-1-a", "reason": "stuck"}),
            &["drain"],
        ),
        (
            "delete_object",
            json!({"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "cart", "reason": "unused"}),
            &["delete"],
        ),
        ("apply_manifest", manifest("new", "{mode: b}"), &["create"]),
        ("apply_manifest", manifest("cart", "{mode: b}"), &["configure"]),
    ]
}

#[tokio::test]
async fn the_policy_sees_what_each_tool_means() {
    let (server, cluster) = world().await;
    let mut covered = BTreeSet::new();
    for (tool, input, expected) in cases() {
        let action = propose(&cluster, tool, input).await.action;
        let target = &action.target;
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let before = server.cluster().get(&target.kind, namespace, &target.name);
        assert_eq!(before.is_none(), action.verb == Verb::Create, "{tool}");
        let found = operations(&action, before.as_ref(), &Labels::default());
        let names: Vec<&str> = found.iter().map(|operation| operation.name()).collect();
        assert_eq!(names, expected, "{tool}");
        // Roles for writing are made by what tools declare.
        let declared = propose::all(&cluster)
            .iter()
            .find(|it| it.name() == tool)
            .unwrap()
            .spec()
            .access
            .writes;
        for rule in &declared {
            let undeclared = names
                .iter()
                .find(|name| !rule.operations.iter().any(|said| said == *name));
            assert_eq!(undeclared, None, "{tool}");
        }
        covered.insert(tool);
    }
    assert_eq!(covered.len(), propose::all(&cluster).len());
}

#[tokio::test]
async fn proposing_reads_and_writes_nothing() {
    let (server, cluster) = world().await;
    let version = server.cluster().version();
    for (tool, input, _) in cases() {
        let asked = server.faults().count();
        let action = propose(&cluster, tool, input).await.action;
        let exchanges = server.faults().exchanges();
        let asked = &exchanges[asked..];
        assert!(
            !asked.is_empty() && asked.len() <= 4,
            "{tool}: {} requests",
            asked.len()
        );
        for exchange in asked {
            assert_eq!(exchange.method, Method::GET, "{tool}: {exchange:?}");
            assert!(exchange.body.is_empty(), "{tool}: {exchange:?}");
        }
        let target = &action.target;
        let namespace = target.namespace.as_deref().unwrap_or_default();
        if let Some(stored) = server.cluster().get(&target.kind, namespace, &target.name) {
            assert_eq!(
                action.uid.as_deref(),
                stored["metadata"]["uid"].as_str(),
                "{tool}"
            );
            assert_eq!(
                action.resource_version.as_deref(),
                stored["metadata"]["resourceVersion"].as_str(),
                "{tool}"
            );
            assert_eq!(action.pre_image, Some(pre_image(&stored)), "{tool}");
            if let Some(reversal) = &action.reversal {
                let after = merged(&stored, &action.patch);
                assert_ne!(after, stored, "{tool}");
                assert_eq!(merged(&after, reversal), stored, "{tool}");
            }
        }
    }
    assert_eq!(server.cluster().version(), version);
}

/// The gate takes secrets out of answers: the action that it hands on is the one that was proposed.
#[tokio::test]
async fn an_action_comes_through_the_gate_as_it_was_proposed() {
    let (_server, cluster) = world().await;
    let clock = clock();
    let sources = propose::all(&cluster)
        .into_iter()
        .fold(Sources::new(), Sources::tool);
    let agent = Assembly::new(
        "shop",
        sources,
        Arc::new(MemoryAuditLog::default()),
        Arc::<ManualClock>::clone(&clock),
    )
    .guardrails(Config::default().with_mode(Mode::Propose))
    .build()
    .unwrap();
    let scope = Scope {
        run: "r".to_owned(),
        step: None,
        actor: "claw".to_owned(),
        deadline: clock.deadline(Duration::from_secs(60)),
        cancel: Default::default(),
    };
    for (tool, input, _) in cases() {
        let proposed = propose(&cluster, tool, input.clone()).await;
        let registered = agent.tools().get(tool).unwrap();
        let answer = agent.gate().observe_json(&scope, registered, input, "test").await;
        let answer: Proposal = serde_json::from_value(answer.unwrap()).unwrap();
        assert_eq!(answer.action.digest(), proposed.action.digest(), "{tool}");
        assert_eq!(answer, proposed, "{tool}");
    }
}
