//! Actions are performed on an API server: as they were approved, once, and only with a permit.
#![allow(clippy::unwrap_used)] // also in what the tests share: a failure is a panic

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use claw_core::action::Action;
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::execute::{
    ACTION_ANNOTATION, ActionId, Effected, ExecuteError, Executor as _, Rehearsal, Rights, Standing,
};
use claw_core::gate::{Gate, Permit, Scope};
use claw_core::patch::merged;
use claw_core::redact::Redactor;
use claw_core::tool::ToolContext;
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::propose::{self, Proposal};
use claw_testkit::AllowAll;
use claw_testkit::api::{self, ApiServer, User};
use claw_testkit::faults::{Fault, Rule};
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};

struct World {
    server: ApiServer,
    executor: KubeExecutor,
    cluster: Cluster,
    gate: Gate,
    /// Credentials are read anew when they run out.
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let object = |api_version: &str, kind: &str, name: &str, more: Value| {
            let named = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
            merged(&named, &more)
        };
        let template = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "app", "image": "cart:1"}]}});
        let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "cart"}}, "template": template});
        let objects = vec![
            object("apps/v1", "Deployment", "cart", json!({"spec": spec})),
            object(
                "v1",
                "Pod",
                "cart-1",
                json!({
                "metadata": {"labels": {"app": "cart"}, "ownerReferences":
                    [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-1", "uid": "r", "controller": true}]},
                "spec": {"containers": [{"name": "app", "image": "cart:1"}]}, "status": {"phase": "Running"}}),
            ),
            object("v1", "ConfigMap", "mode", json!({"data": {"mode": "a"}})),
        ];
        let server = ApiServer::start(api::Cluster::new(objects, Arc::new(SystemClock)))
            .await
            .unwrap();
        let limits = Limits {
            attempt: Duration::from_millis(300),
            ..Limits::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, server.kubeconfig(None)).unwrap();
        let connection = Connection::Kubeconfig {
            files: vec![kubeconfig],
            context: None,
        };
        let reader = KubeCluster::connect(connection.clone(), limits.clone())
            .await
            .unwrap();
        let executor = KubeExecutor::connect(connection, Proxies::default(), limits)
            .await
            .unwrap();
        let gate = Gate::new(
            Arc::new(AllowAll),
            Arc::new(MemoryAuditLog::default()),
            Arc::new(SystemClock),
            Redactor::new(),
        );
        Self {
            executor,
            cluster: Cluster::new(Arc::new(reader)),
            server,
            gate,
            _folder: folder,
        }
    }

    async fn propose(&self, tool: &str, input: Value) -> Action {
        let tools = propose::all(&self.cluster);
        let found = tools.iter().find(|it| it.name() == tool).unwrap();
        let answer = found.call_json(&cx(), input).await.unwrap();
        let proposal: Proposal = serde_json::from_value(answer).unwrap();
        proposal.action
    }

    async fn scale(&self, replicas: u32) -> Action {
        let input = json!({"kind": "Deployment", "namespace": "shop", "name": "cart", "replicas": replicas, "reason": "load"});
        self.propose("scale_workload", input).await
    }

    async fn permit(&self, action: &Action) -> Permit {
        let scope = Scope {
            run: "r".to_owned(),
            step: None,
            actor: "claw".to_owned(),
            deadline: SystemClock.deadline(Duration::from_secs(60)),
            cancel: Default::default(),
        };
        self.gate.admit(&scope, action).await.unwrap()
    }

    /// The name of the performance, and what came of it.
    async fn perform(&self, action: &Action) -> (ActionId, Result<Effected, ExecuteError>) {
        let permit = self.permit(action).await;
        let id = permit.action_id();
        (id, self.executor.perform(&cx(), permit, action).await)
    }

    /// That a dry run changes nothing, and promises what the write does.
    async fn perform_as_promised(&self, action: &Action) -> (ActionId, Rehearsal) {
        let version = self.server.cluster().version();
        let promised = self.executor.dry_run(&cx(), action).await.unwrap();
        assert_eq!(self.server.cluster().version(), version);
        let (id, effected) = self.perform(action).await;
        assert_eq!(effected.unwrap().outcome, promised.outcome);
        (id, promised)
    }

    async fn standing(&self, action: &Action, id: &ActionId) -> Standing {
        self.executor.standing(&cx(), action, id).await.unwrap()
    }

    /// Somebody changes it, so that its version is one of those that the API server remembers.
    fn touch(&self, label: &str) {
        let labels = json!({"metadata": {"labels": {"touched": label}}});
        let touched = merged(&self.stored("Deployment", "cart").unwrap(), &labels);
        self.server.cluster().put(touched);
    }

    fn stored(&self, kind: &str, name: &str) -> Option<Value> {
        self.server.cluster().get(kind, "shop", name)
    }

    /// Writes that the server has seen, dry runs left out.
    fn writes(&self) -> usize {
        let exchanges = self.server.faults().exchanges();
        let writes = exchanges
            .iter()
            .filter(|exchange| exchange.method != Method::GET && !exchange.query.contains("dryRun"));
        writes.count()
    }
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10))
}

#[tokio::test]
async fn a_dry_run_promises_what_the_write_does_and_changes_nothing() {
    let world = World::start().await;
    let action = world.scale(5).await;
    let (id, promised) = world.perform_as_promised(&action).await;
    assert_eq!(promised.diff, ["spec.replicas: 3 → 5"]);
    assert!(
        promised.unplanned.is_empty() && promised.taken_over.is_empty(),
        "{promised:?}"
    );
    let stored = world.stored("Deployment", "cart").unwrap();
    assert_eq!(stored["spec"]["replicas"], 5);
    assert_eq!(
        stored["metadata"]["annotations"][ACTION_ANNOTATION],
        id.0.as_str()
    );
    assert_eq!(world.standing(&action, &id).await, Standing::Ours);
    assert_eq!(world.writes(), 1);
}

/// An autoscaler writes the scale of what it scales.
#[tokio::test]
async fn replicas_that_somebody_else_has_set_are_taken_over() {
    let world = World::start().await;
    let patch = kube::api::Patch::Merge(json!({"spec": {"replicas": 4}}));
    let deployments = kube::Api::<Deployment>::namespaced(world.server.client().unwrap(), "shop");
    let parameters = kube::api::PatchParams {
        field_manager: Some("kube-controller-manager".to_owned()),
        ..Default::default()
    };
    #[allow(clippy::disallowed_methods)] // stands for the autoscaler
    deployments
        .patch_scale("cart", &parameters, &patch)
        .await
        .unwrap();
    let (_, promised) = world.perform_as_promised(&world.scale(6).await).await;
    let expected = [(
        "kube-controller-manager".to_owned(),
        vec!["spec.replicas".to_owned()],
    )];
    assert_eq!(promised.taken_over, expected.into());
    // Now they are ours.
    let (_, promised) = world.perform_as_promised(&world.scale(7).await).await;
    assert!(promised.taken_over.contains_key("kube-controller-manager"));
}

#[tokio::test]
async fn rights_are_those_of_the_account_that_writes() {
    let world = World::start().await;
    let (scale, granted) = (world.scale(5).await, Rights::Granted);
    let rights = || async { world.executor.rights(&cx(), &scale).await.unwrap() };
    assert_eq!(rights().await, granted);
    world.server.cluster().act_as(Some(User::named("reader")));
    let Rights::Missing { what } = rights().await else {
        panic!()
    };
    assert!(what.starts_with("patch apps/deployments in shop"), "{what}");
    for object in [
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "one", "namespace": "shop"},
            "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["cart"], "verbs": ["patch"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "one", "namespace": "shop"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "one"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "reader"}]}),
    ] {
        assert!(world.server.cluster().put(object));
    }
    assert_eq!(rights().await, granted, "a right on this object alone is enough");
}

#[tokio::test]
async fn what_has_changed_since_is_not_written() {
    let world = World::start().await;
    world.touch("before");
    let (first, second) = (world.scale(5).await, world.scale(4).await);
    world.perform(&first).await.1.unwrap();
    let (id, outcome) = world.perform(&second).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, ExecuteError::Changed { .. }), "{error:?}");
    assert_eq!(world.stored("Deployment", "cart").unwrap()["spec"]["replicas"], 5);
    assert_eq!(world.standing(&second, &id).await, Standing::Overtaken);
    // One of the same name is another object.
    let third = world.scale(6).await;
    let mut anew = world.stored("Deployment", "cart").unwrap();
    world.server.cluster().remove("Deployment", "shop", "cart");
    anew["metadata"] = json!({"name": "cart", "namespace": "shop", "uid": "another"});
    world.server.cluster().put(anew);
    let (id, outcome) = world.perform(&third).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, ExecuteError::Changed { .. }), "{error:?}");
    assert_eq!(world.standing(&third, &id).await, Standing::Gone);
}

/// Another agent, `kubectl annotate`, or a rollback that brings old annotations back.
#[tokio::test]
async fn a_write_whose_name_was_replaced_stands_or_nobody_can_say() {
    let world = World::start().await;
    let cluster = world.server.cluster();
    world.touch("before");
    let annotated = |name: Value| {
        let mut object = world.stored("Deployment", "cart").unwrap();
        let annotations = json!({"metadata": {"annotations": {ACTION_ANNOTATION: name}}});
        object = merged(&object, &annotations);
        world.server.cluster().put(object);
    };
    for (replicas, name) in [(4, json!("another")), (5, Value::Null)] {
        let action = world.scale(replicas).await;
        let (id, outcome) = world.perform(&action).await;
        outcome.unwrap();
        annotated(name);
        assert_eq!(world.standing(&action, &id).await, Standing::Ours, "it was first");
        // Also where what it wrote was changed once more.
        let mut object = world.stored("Deployment", "cart").unwrap();
        object["spec"]["replicas"] = json!(9);
        cluster.put(object);
        assert_eq!(world.standing(&action, &id).await, Standing::Ours);
        // The API server forgets.
        cluster.compact();
        assert_eq!(world.standing(&action, &id).await, Standing::Unclear);
        world.touch("later");
        assert_eq!(world.standing(&action, &id).await, Standing::Unclear);
    }
    // Another's write that came first, and one that came later, which changes nothing about that.
    let (action, id) = (world.scale(6).await, ActionId("never".to_owned()));
    for label in ["first", "later"] {
        world.touch(label);
        assert_eq!(world.standing(&action, &id).await, Standing::Overtaken, "{label}");
    }
    cluster.compact();
    assert_eq!(world.standing(&action, &id).await, Standing::Unclear);
    // Also where it was changed a moment ago, but not for long before that: from such a version on nothing is remembered.
    let (old, id) = (world.scale(7).await, ActionId("never".to_owned()));
    world.server.cluster().put(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "namespace": "shop"}}),
    );
    cluster.compact();
    world.touch("after");
    assert_eq!(world.standing(&old, &id).await, Standing::Unclear);
}

/// The right to look at changes is not needed for the write, and what cannot be looked at is not guessed.
#[tokio::test]
async fn whose_write_stands_is_not_told_without_the_right_to_see_changes() {
    let world = World::start().await;
    world.touch("before");
    let (first, second) = (world.scale(5).await, world.scale(4).await);
    world.perform(&first).await.1.unwrap();
    let (id, _) = world.perform(&second).await;
    let list = "/apis/apps/v1/namespaces/shop/deployments";
    for (code, expected) in [
        (StatusCode::FORBIDDEN, Some(Standing::Unclear)),
        (StatusCode::GONE, Some(Standing::Unclear)),
        // That passes.
        (StatusCode::INTERNAL_SERVER_ERROR, None),
    ] {
        let fault = Fault::Status {
            code,
            retry_after: None,
        };
        world
            .server
            .faults()
            .add(Rule::new(list, fault).query_contains("watch=true"));
        let told = world.executor.standing(&cx(), &second, &id).await;
        assert_eq!(told.ok(), expected, "{code}");
        world.server.faults().clear();
        assert_eq!(world.standing(&second, &id).await, Standing::Overtaken);
    }
}

#[tokio::test]
async fn a_permit_is_good_for_its_own_action_only() {
    let world = World::start().await;
    let (small, large) = (world.scale(4).await, world.scale(400).await);
    let permit = world.permit(&small).await;
    let error = world.executor.perform(&cx(), permit, &large).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Permit(_)), "{error:?}");
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn a_write_without_an_answer_is_not_sent_again_and_can_be_told() {
    let world = World::start().await;
    let status = |code| Fault::Status {
        code,
        retry_after: None,
    };
    let mut replicas = 3;
    for (name, fault, expected) in [
        (
            "failed before",
            status(StatusCode::INTERNAL_SERVER_ERROR),
            Standing::NotYet,
        ),
        ("never answered", Fault::Hang, Standing::NotYet),
        (
            "too late after it was written",
            Fault::StatusAfterEffect(StatusCode::GATEWAY_TIMEOUT),
            Standing::Ours,
        ),
        ("broken off", Fault::Cut { after_bytes: 20 }, Standing::Ours),
        ("half an answer", Fault::Malformed, Standing::Ours),
        (
            "another answer",
            Fault::Replace {
                content_type: "text/html",
                body: "<html>".into(),
            },
            Standing::NotYet,
        ),
    ] {
        replicas += 1;
        let action = world.scale(replicas).await;
        let path = "/apis/apps/v1/namespaces/shop/deployments/cart";
        world
            .server
            .faults()
            .add(Rule::new(path, fault).method(Method::PATCH));
        let before = world.writes();
        let (id, outcome) = world.perform(&action).await;
        let error = outcome.unwrap_err();
        assert!(!error.is_without_effect(), "{name}: {error:?}");
        assert_eq!(world.writes() - before, 1, "{name}: sent once");
        world.server.faults().clear();
        assert_eq!(world.standing(&action, &id).await, expected, "{name}");
        if expected == Standing::NotYet {
            // The same action, with a permit of its own.
            world.perform(&action).await.1.unwrap();
        }
        let stored = world.stored("Deployment", "cart").unwrap();
        assert_eq!(stored["spec"]["replicas"], replicas, "{name}");
    }
}

#[tokio::test]
async fn objects_are_created_evicted_and_deleted() {
    let world = World::start().await;
    let manifest =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: new, namespace: shop}, data: {mode: b}}";
    let create = world
        .propose("apply_manifest", json!({"manifest": manifest, "reason": "mode"}))
        .await;
    let (id, promised) = world.perform_as_promised(&create).await;
    assert!(promised.diff.contains(&"data.mode: (none) → b".to_owned()));
    assert_eq!(world.stored("ConfigMap", "new").unwrap()["data"]["mode"], "b");
    assert_eq!(world.standing(&create, &id).await, Standing::Ours);
    let again = world.perform(&create).await.1.unwrap_err();
    assert!(matches!(again, ExecuteError::Changed { .. }), "{again:?}");

    let evict = world
        .propose(
            "evict_pod",
            json!({"namespace": "shop", "name": "cart-1", "reason": "stuck"}),
        )
        .await;
    world.perform_as_promised(&evict).await;
    let left = world.stored("Pod", "cart-1");
    assert!(left.is_none_or(|pod| pod.pointer("/metadata/deletionTimestamp").is_some()));

    let delete = world
        .propose(
            "delete_object",
            json!({"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "mode", "reason": "unused"}),
        )
        .await;
    let mut stale = delete.clone();
    stale.resource_version = Some("1".to_owned());
    let error = world.perform(&stale).await.1.unwrap_err();
    assert!(matches!(error, ExecuteError::Changed { .. }), "{error:?}");
    world.perform_as_promised(&delete).await;
    assert!(world.stored("ConfigMap", "mode").is_none());
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_named() {
    let world = World::start().await;
    let mut action = world.scale(5).await;
    action.target.kind = "Deploymint".to_owned();
    let error = world.perform(&action).await.1.unwrap_err();
    assert!(
        error.to_string().contains("serves no Deploymint in apps/v1"),
        "{error}"
    );
    assert_eq!(world.writes(), 0);
}
