//! What feels an action is looked at on an API server, and judged by the limits.
#![allow(clippy::unwrap_used)] // also in what the tests share: a failure is a panic

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use claw_core::action::{Action, Verb};
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::entity::EntityRef;
use claw_core::gate::{Gate, Scope};
use claw_core::patch::merged;
use claw_core::redact::Redactor;
use claw_core::survey::Survey;
use claw_core::tool::ErasedTool;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::policy::Reach;
use claw_guardrails::radius::Limits;
use claw_k8s::cluster::{self, Cluster, KubeCluster};
use claw_k8s::tools::SurveyTarget;
use claw_testkit::AllowAll;
use claw_testkit::api::{self, ApiServer, User};
use claw_testkit::faults::{Fault, Rule};
use serde_json::{Value, json};

struct World {
    server: ApiServer,
    tool: Arc<dyn ErasedTool>,
    gate: Gate,
}

fn object(api_version: &str, kind: &str, name: &str, more: Value) -> Value {
    let named =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
    merged(&named, &more)
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true}])
}

/// A Deployment of `count` pods on two nodes behind a Service, with an old ReplicaSet, a budget and an autoscaler.
fn shop(count: usize) -> Vec<Value> {
    let labels = json!({"app": "cart"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [
        {"name": "app", "image": "cart:1", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}});
    let spec = json!({"replicas": count, "selector": {"matchLabels": labels}, "template": template});
    let set = |name: &str, replicas: usize| {
        let more = json!({"metadata": {"labels": labels, "ownerReferences": owner("Deployment", "cart")},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}, "status": {"replicas": replicas}});
        object("apps/v1", "ReplicaSet", name, more)
    };
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "cluster-1"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"env": "staging"}}}),
        object(
            "apps/v1",
            "Deployment",
            "cart",
            json!({"spec": spec, "status": {"replicas": count, "availableReplicas": count,
            "updatedReplicas": count, "readyReplicas": count}}),
        ),
        set("cart-0", 0),
        set("cart-1", count),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "cart",
            json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
            "status": {"disruptionsAllowed": 1}}),
        ),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "cart",
            json!({"spec": {"minReplicas": 1, "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}}}),
        ),
    ];
    let mut endpoints = Vec::new();
    for number in 0..count {
        let (name, node) = (format!("cart-1-{number}"), format!("n{}", number % 2));
        objects.push(object("v1", "Pod", &name, json!({
            "metadata": {"labels": labels, "ownerReferences": owner("ReplicaSet", "cart-1")}, "spec": {"nodeName": node, "containers": []},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})));
        endpoints.push(json!({"addresses": [format!("10.0.0.{number}")], "conditions": {"ready": true}, "nodeName": node,
            "zone": format!("z{}", number % 2), "targetRef": {"kind": "Pod", "name": name, "namespace": "shop"}}));
    }
    let slice = json!({"metadata": {"labels": {"kubernetes.io/service-name": "cart"}}, "addressType": "IPv4", "endpoints": endpoints});
    objects.push(object("discovery.k8s.io/v1", "EndpointSlice", "cart-x", slice));
    objects
}

impl World {
    async fn start(count: usize) -> Self {
        let server = ApiServer::start(api::Cluster::new(shop(count), Arc::new(SystemClock)))
            .await
            .unwrap();
        let limits = cluster::Limits {
            attempt: Duration::from_millis(300),
            attempts: 1,
            ..cluster::Limits::default()
        };
        let reader = KubeCluster::with_client(server.client().unwrap(), limits);
        let gate = Gate::new(
            Arc::new(AllowAll),
            Arc::new(MemoryAuditLog::default()),
            Arc::new(SystemClock),
            Redactor::new(),
        );
        Self {
            tool: Arc::new(SurveyTarget::new(Cluster::new(Arc::new(reader)))),
            server,
            gate,
        }
    }

    async fn survey(&self, action: &Action) -> Survey {
        let scope = Scope {
            run: "r".to_owned(),
            step: None,
            actor: "claw".to_owned(),
            deadline: SystemClock.deadline(Duration::from_secs(10)),
            cancel: Default::default(),
        };
        let seen = self
            .gate
            .observe::<SurveyTarget>(&scope, &self.tool, action.clone(), "to judge it");
        seen.await.unwrap()
    }

    fn cart(&self, patch: Value) -> Action {
        let stored = self.server.cluster().get("Deployment", "shop", "cart").unwrap();
        let text = |place: &str| stored.pointer(place).and_then(Value::as_str).map(str::to_owned);
        Action {
            verb: Verb::Patch,
            target: EntityRef::namespaced("Deployment", "shop", "cart"),
            api_version: "apps/v1".to_owned(),
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            pre_image: Some(claw_core::action::pre_image(&stored)),
            patch,
            expected: String::new(),
            reversal: None,
            reason: "load".to_owned(),
        }
    }
}

fn reach(survey: &Survey) -> Reach {
    Limits::default().reach(&survey.radius)
}

#[tokio::test]
async fn a_deployment_is_looked_at_with_few_requests() {
    let world = World::start(4).await;
    let action = world.cart(json!({"spec": {"replicas": 3}}));
    let survey = world.survey(&action).await;
    let asked = world.server.faults().count();
    assert!(asked <= 8, "{asked} requests");
    let target = survey.target.as_ref().unwrap();
    assert_eq!(Some(&target.pre_image), action.pre_image.as_ref());
    assert_eq!(Some(&target.uid), action.uid.as_ref());
    // Secrets are taken out on the way through the gate, after the digest was taken.
    assert!(!target.object.to_string().contains("hunter2"), "{target:?}");
    assert_eq!(survey.cluster.as_deref(), Some("cluster-1"));
    assert_eq!(survey.radius.pods, Some(1));
    assert_eq!(survey.radius.objects.len(), 2, "{:?}", survey.radius.objects);
    assert_eq!(reach(&survey), Reach::Within, "{:?}", survey.radius);
}

#[tokio::test]
async fn what_reaches_too_far_is_beyond() {
    let world = World::start(4).await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "cart:2"}]}}}});
    for (name, action, expected) in [
        ("up", world.cart(json!({"spec": {"replicas": 9}})), Reach::Within),
        (
            "down to nothing",
            world.cart(json!({"spec": {"replicas": 0}})),
            Reach::Beyond,
        ),
        // All four pods on two nodes are made anew, and the budget lets one go.
        ("anew", world.cart(image), Reach::Beyond),
        (
            "deleted",
            Action {
                verb: Verb::Delete,
                ..world.cart(Value::Null)
            },
            Reach::Beyond,
        ),
    ] {
        assert_eq!(reach(&world.survey(&action).await), expected, "{name}");
    }
}

/// Whatever cannot be read, for whatever reason: the action is not within the limits.
#[tokio::test]
async fn what_is_unseen_is_never_within() {
    let world = World::start(4).await;
    let down = world.cart(json!({"spec": {"replicas": 3}}));
    world.survey(&down).await;
    let mut paths: Vec<String> = world
        .server
        .faults()
        .exchanges()
        .iter()
        .map(|exchange| exchange.path.clone())
        .collect();
    paths.sort();
    paths.dedup();
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        for fault in [
            Fault::Status {
                code: StatusCode::FORBIDDEN,
                retry_after: None,
            },
            Fault::unavailable(),
            Fault::Hang,
            Fault::Malformed,
            Fault::Replace {
                content_type: "text/html",
                body: "<html>".into(),
            },
        ] {
            world.server.faults().add(Rule::new(path.clone(), fault.clone()));
            let survey = world.survey(&down).await;
            world.server.faults().clear();
            assert_eq!(reach(&survey), Reach::Beyond, "{path} {fault:?}: {survey:?}");
        }
    }
}

#[tokio::test]
async fn an_account_without_rights_sees_nothing_and_says_so() {
    let world = World::start(4).await;
    world.server.cluster().act_as(Some(User::named("nobody")));
    let survey = world.survey(&world.cart(json!({"spec": {"replicas": 9}}))).await;
    assert_eq!(reach(&survey), Reach::Beyond);
    assert!(survey.target.is_none() && survey.cluster.is_none() && survey.namespace_labels.is_none());
    assert!(survey.radius.unseen.len() >= 2, "{:?}", survey.radius.unseen);
}
