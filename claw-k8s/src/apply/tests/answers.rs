//! What dry runs and questions about rights are told, over HTTP.

use std::time::Duration;

use claw_core::clock::SystemClock;
use wiremock::matchers::{body_json, body_partial_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const CART: &str = "/apis/apps/v1/namespaces/shop/deployments/cart";

struct World {
    server: MockServer,
    executor: KubeExecutor,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server.uri()}}], "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
        std::fs::write(&file, config.to_string()).unwrap();
        let connection = Connection::Kubeconfig {
            files: vec![file],
            context: None,
        };
        let executor = KubeExecutor::connect(connection, Proxies::default(), Limits::default())
            .await
            .unwrap();
        let world = Self {
            server,
            executor,
            _folder: folder,
        };
        for (version, kinds) in [
            (
                "/apis/apps/v1",
                json!([{"name": "deployments", "kind": "Deployment", "namespaced": true}]),
            ),
            (
                "/api/v1",
                json!([{"name": "pods", "kind": "Pod", "namespaced": true}]),
            ),
        ] {
            let kinds = json!({"kind": "APIResourceList", "resources": kinds});
            world.answers("GET", version, 200, kinds).await;
        }
        world
    }

    async fn answers(&self, verb: &str, at: &str, code: u16, body: Value) {
        let answer = ResponseTemplate::new(code).set_body_json(body);
        let asked = Mock::given(method(verb)).and(path(at)).respond_with(answer);
        asked.mount(&self.server).await;
    }

    async fn dry_run(&self, action: &Action) -> Result<Rehearsal, ExecuteError> {
        self.executor.dry_run(&cx(), action).await
    }
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10))
}

fn cart(version: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop", "uid": "uid-1", "resourceVersion": version},
        "spec": {"replicas": 3}})
}

#[tokio::test]
async fn a_dry_run_compares_with_the_object_as_it_is() {
    let world = World::start().await;
    world.answers("GET", CART, 200, cart("41")).await;
    let after = merged(
        &cart("41"),
        &json!({"spec": {"replicas": 5}, "metadata": {"labels": {"by": "webhook"}}}),
    );
    let answer = ResponseTemplate::new(200)
        .insert_header("warning", r#"299 - "it is old""#)
        .set_body_json(after);
    Mock::given(method("PATCH"))
        .and(path(CART))
        .and(query_param("dryRun", "All"))
        .respond_with(answer)
        .expect(1)
        .mount(&world.server)
        .await;
    let rehearsal = world.dry_run(&action(Verb::Patch)).await.unwrap();
    assert_eq!(
        rehearsal.diff,
        ["metadata.labels.by: (none) → webhook", "spec.replicas: 3 → 5"]
    );
    assert_eq!(rehearsal.unplanned, ["metadata.labels"]);
    assert_eq!(rehearsal.warnings, ["it is old"]);
    assert!(rehearsal.taken_over.is_empty());
}

#[tokio::test]
async fn an_object_in_another_version_is_not_tried() {
    for found in [
        cart("42"),
        merged(&cart("41"), &json!({"metadata": {"uid": "uid-2"}})),
    ] {
        let world = World::start().await;
        world.answers("GET", CART, 200, found).await;
        let error = world.dry_run(&action(Verb::Patch)).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Changed { .. }), "{error:?}");
        let sent = world.server.received_requests().await.unwrap();
        assert!(
            sent.iter().all(|request| request.method.as_str() == "GET"),
            "{sent:?}"
        );
    }
}

#[tokio::test]
async fn a_webhook_without_dry_runs_is_named_as_the_reason() {
    let world = World::start().await;
    world.answers("GET", CART, 200, cart("41")).await;
    let said = json!({"kind": "Status", "code": 400, "reason": "BadRequest",
        "message": "admission webhook \"audit.example.com\" does not support dry run"});
    world.answers("PATCH", CART, 400, said).await;
    let error = world.dry_run(&action(Verb::Patch)).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("sideEffects: None"), "{error}");
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_is_named_as_the_reason() {
    let world = World::start().await;
    world.answers("GET", CART, 200, cart("41")).await;
    let said = json!({"kind": "Status", "code": 500, "reason": "InternalError",
        "message": "Internal error occurred: failed calling webhook \"images.example\": failed to call webhook: no endpoints available"});
    world.answers("PATCH", CART, 500, said).await;
    let error = world.dry_run(&action(Verb::Patch)).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("have it brought back"), "{error}");
}

#[tokio::test]
async fn a_dry_run_without_an_answer_has_written_nothing() {
    for (code, body) in [
        (500, json!({})),
        (200, json!([])),
        (200, merged(&cart("41"), &json!({"metadata": {"uid": "x"}}))),
    ] {
        let world = World::start().await;
        world.answers("GET", CART, 200, cart("41")).await;
        world.answers("PATCH", CART, code, body).await;
        let error = world.dry_run(&action(Verb::Patch)).await.unwrap_err();
        assert!(error.is_without_effect(), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn the_right_is_asked_for_that_the_request_takes() {
    let attributes = |verb: &str, group: &str, resource: &str, subresource: &str| json!({"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": "shop"});
    let cart = json!({"name": "cart"});
    for (action, expected) in [
        (
            action(Verb::Patch),
            merged(&attributes("patch", "apps", "deployments", ""), &cart),
        ),
        (creation(), attributes("create", "apps", "deployments", "")),
        (
            action(Verb::Delete),
            merged(&attributes("delete", "apps", "deployments", ""), &cart),
        ),
        (
            eviction(),
            merged(
                &attributes("create", "", "pods", "eviction"),
                &json!({"name": "cart-1"}),
            ),
        ),
    ] {
        let world = World::start().await;
        let asked = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": expected}});
        let answer = ResponseTemplate::new(201).set_body_json(json!({"status": {"allowed": true}}));
        Mock::given(method("POST"))
            .and(body_json(asked))
            .respond_with(answer)
            .expect(1)
            .mount(&world.server)
            .await;
        let rights = world.executor.rights(&cx(), &action).await.unwrap();
        assert_eq!(rights, Rights::Granted, "{expected}");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_with_the_reason() {
    let world = World::start().await;
    let answer = ResponseTemplate::new(201)
        .set_body_json(json!({"status": {"allowed": false, "reason": "no role; password=hunter2"}}));
    Mock::given(method("POST"))
        .and(body_partial_json(json!({"kind": "SelfSubjectAccessReview"})))
        .respond_with(answer)
        .mount(&world.server)
        .await;
    let Rights::Missing { what } = world.executor.rights(&cx(), &eviction()).await.unwrap() else {
        panic!()
    };
    assert!(
        what.starts_with("create pods/eviction in shop: no role"),
        "{what}"
    );
    assert!(!what.contains("hunter2"), "{what}");
    // That it could not be asked is not that it is there.
    let world = World::start().await;
    let error = world.executor.rights(&cx(), &eviction()).await.unwrap_err();
    assert!(error.is_without_effect(), "{error:?}");
}
