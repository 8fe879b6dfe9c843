//! What is sent to the API server, and what is made of its answers.

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::tool::ToolContext;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::tests::{spec, standing, wall};
use super::*;
use crate::cluster::{ClusterError, KubeCluster, Limits};

const OBJECTS: &str = "/apis/claw.dev/v1/namespaces/claw/approvals";
const POLICY: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/claw-approvals";
const BINDING: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/claw-approvals";

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10))
}

fn object(uid: &str, spec: &ApprovalSpec) -> Value {
    json!({"metadata": {"name": "req-1", "uid": uid}, "spec": spec})
}

async fn answers(server: &MockServer, at: &str, body: &Value) {
    Mock::given(method("GET"))
        .and(path(at))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

async fn walled() -> (MockServer, Approvals) {
    let (server, approvals) = bare().await;
    let [policy, binding] = standing();
    answers(&server, POLICY, &policy).await;
    answers(&server, BINDING, &binding).await;
    (server, approvals)
}

async fn bare() -> (MockServer, Approvals) {
    let server = MockServer::start().await;
    let mut config = ::kube::Config::new(server.uri().parse().unwrap());
    config.default_retry = false;
    let client = ::kube::Client::try_from(config).unwrap();
    let cluster = Arc::new(KubeCluster::with_client(client, Limits::default()));
    (server, Approvals::with_cluster(cluster, wall()))
}

async fn posts(server: &MockServer) -> usize {
    let sent = server.received_requests().await.unwrap();
    sent.iter()
        .filter(|request| request.method.as_str() == "POST")
        .count()
}

#[tokio::test]
async fn a_request_is_one_object_with_a_spec_and_nothing_else() {
    let (server, approvals) = walled().await;
    let wanted = json!({"apiVersion": "claw.dev/v1", "kind": "Approval",
        "metadata": {"name": "req-1", "namespace": "claw"}, "spec": spec()});
    Mock::given(method("POST"))
        .and(path(OBJECTS))
        .and(query_param("fieldValidation", "Strict"))
        .and(body_json(wanted))
        .respond_with(ResponseTemplate::new(201).set_body_json(object("uid-a", &spec())))
        .expect(1)
        .mount(&server)
        .await;
    let mark = approvals.ask(&cx(), "req-1", &spec()).await.unwrap();
    assert_eq!((&*mark.uid, &*mark.wall[0]), ("uid-a", "uid-p/1"));
    Mock::given(method("PATCH"))
        .and(path(format!("{OBJECTS}/req-1/status")))
        .and(header("content-type", "application/merge-patch+json"))
        .and(body_json(json!({"status": {"state": "denied", "by": "kim"}})))
        .respond_with(ResponseTemplate::new(200).set_body_json(object("uid-a", &spec())))
        .expect(1)
        .mount(&server)
        .await;
    approvals
        .tell(&cx(), "req-1", "denied", Some("kim"))
        .await
        .unwrap();
    answers(&server, &format!("{OBJECTS}/req-1"), &object("uid-a", &spec())).await;
    assert_eq!(
        approvals.decisions(&cx(), "req-1", &spec(), &mark).await.unwrap(),
        []
    );
    let elsewhere = ApprovalMark {
        wall: ["uid-p/1".to_owned(), "uid-b/2".to_owned()],
        ..mark
    };
    let changed = approvals.decisions(&cx(), "req-1", &spec(), &elsewhere).await;
    assert!(matches!(changed, Err(ApprovalsError::Wall(_))), "{changed:?}");
}

#[tokio::test]
async fn after_a_lost_answer_the_object_is_known_again_and_another_one_is_not() {
    let other = ApprovalSpec { needed: 2, ..spec() };
    for (stands, known) in [(spec(), true), (other, false)] {
        let (server, approvals) = walled().await;
        Mock::given(method("POST"))
            .and(path(OBJECTS))
            .respond_with(ResponseTemplate::new(409))
            .mount(&server)
            .await;
        answers(&server, &format!("{OBJECTS}/req-1"), &object("uid-a", &stands)).await;
        match approvals.ask(&cx(), "req-1", &spec()).await {
            Ok(mark) => assert!(known && mark.uid == "uid-a"),
            Err(error) => assert!(!known && matches!(error, ApprovalsError::Object(_)), "{error}"),
        }
        assert_eq!(posts(&server).await, 1, "a write is sent once");
    }
}

#[tokio::test]
async fn without_a_wall_nothing_is_asked() {
    let [policy, _] = standing();
    let (server, approvals) = bare().await;
    answers(&server, POLICY, &policy).await;
    Mock::given(method("GET"))
        .and(path(BINDING))
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    let error = approvals.ask(&cx(), "req-1", &spec()).await.unwrap_err();
    assert!(matches!(error, ApprovalsError::Wall(_)), "{error}");
    // One that may not be looked at is not taken for one that stands.
    let (blind, approvals) = bare().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(403))
        .mount(&blind)
        .await;
    let error = approvals.ask(&cx(), "req-1", &spec()).await.unwrap_err();
    assert!(
        matches!(error, ApprovalsError::Cluster(ClusterError::Denied { .. })),
        "{error}"
    );
    assert_eq!((posts(&server).await, posts(&blind).await), (0, 0));
}
