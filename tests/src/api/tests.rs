//! The server as the real client and plain HTTP see it.
#![allow(clippy::disallowed_methods)] // these tests are about writes of the plain client

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::ManualClock;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::api::{
    DeleteParams, EvictParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, Error};
use serde_json::json;

use super::*;
use crate::faults::{Fault, Rule};
use crate::http_probe;

fn pod(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name, "labels": {"app": app}},
        "spec": {"nodeName": "n1", "containers": [{"name": "main"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "shop", "name": "cart", "generation": 3, "resourceVersion": "2000"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cart"}}, "template": {"metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "main", "image": "cart:1"}]}}},
        "status": {"replicas": 2, "readyReplicas": 2}})
}

async fn serve(objects: Vec<Value>) -> ApiServer {
    let clock = ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap());
    ApiServer::start(Cluster::new(objects, Arc::new(clock)))
        .await
        .unwrap()
}

/// A client's error with the fields of its status.
fn status(error: Error) -> (u16, String, String) {
    match error {
        Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("not an answer: {other:?}"),
    }
}

async fn fetch(server: &ApiServer, path: &str) -> http_probe::Answer {
    http_probe::send("GET", &format!("{}{path}", server.url()), &[], "").await
}

#[tokio::test]
async fn lists_come_in_pages_of_one_moment() {
    let server = serve(
        (0..7)
            .map(|n| pod(&format!("p{n}"), if n % 2 == 0 { "even" } else { "odd" }))
            .collect(),
    )
    .await;
    let pods: Api<Pod> = Api::all(server.client().unwrap());
    let first = pods.list(&ListParams::default().limit(3)).await.unwrap();
    assert_eq!(first.items.len(), 3);
    assert_eq!(first.metadata.remaining_item_count, Some(4));
    server.cluster().remove("Pod", "shop", "p5");
    server.cluster().put(pod("p1b", "odd"));
    let mut names: Vec<_> = first
        .items
        .iter()
        .map(|pod| pod.metadata.name.clone().unwrap())
        .collect();
    let mut token = first.metadata.continue_.clone();
    while let Some(next) = token.filter(|token| !token.is_empty()) {
        let page = pods
            .list(&ListParams::default().limit(3).continue_token(&next))
            .await
            .unwrap();
        assert_eq!(page.metadata.resource_version, first.metadata.resource_version);
        names.extend(page.items.iter().map(|pod| pod.metadata.name.clone().unwrap()));
        token = page.metadata.continue_;
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);

    let odd = pods
        .list(&ListParams::default().labels("app in (odd)").limit(2))
        .await
        .unwrap();
    assert_eq!((odd.items.len(), odd.metadata.remaining_item_count), (2, None));
    server.cluster().compact();
    let (code, reason, message) = status(
        pods.list(&ListParams::default().continue_token(&odd.metadata.continue_.unwrap()))
            .await
            .unwrap_err(),
    );
    assert_eq!((code, reason.as_str()), (410, "Expired"));
    assert!(message.starts_with("The provided continue parameter is too old"));
}

#[tokio::test]
async fn lists_are_selected_and_empty_lists_have_items() {
    let mut other = pod("x", "b");
    other["metadata"]["namespace"] = "else".into();
    other["status"]["phase"] = "Pending".into();
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": "e"},
        "involvedObject": {"kind": "Pod", "name": "a", "namespace": "shop"}, "type": "Warning", "reason": "BackOff"});
    let server = serve(vec![pod("a", "a"), other, event]).await;
    let client = server.client().unwrap();
    let all: Api<Pod> = Api::all(client.clone());
    let count = async |params: ListParams| all.list(&params).await.unwrap().items.len();
    assert_eq!(count(ListParams::default()).await, 2);
    assert_eq!(
        count(ListParams::default().fields("status.phase=Pending")).await,
        1
    );
    assert_eq!(
        count(ListParams::default().fields("spec.nodeName=n1,metadata.name=a")).await,
        1
    );
    assert_eq!(
        count(ListParams::default().fields("metadata.namespace=else")).await,
        1
    );
    let (code, _, message) = status(
        all.list(&ListParams::default().fields("spec.x=1"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (code, message.as_str()),
        (400, "field label not supported: spec.x")
    );
    let events: Api<Event> = Api::namespaced(client.clone(), "shop");
    let about = ListParams::default().fields("involvedObject.name=a,involvedObject.kind=Pod,type=Warning");
    assert_eq!(events.list(&about).await.unwrap().items.len(), 1);
    let new = fetch(
        &server,
        "/apis/events.k8s.io/v1/namespaces/shop/events?fieldSelector=regarding.name%3Da",
    )
    .await
    .json();
    assert_eq!(new["items"][0]["regarding"]["name"], "a");
    let none = fetch(&server, "/api/v1/namespaces/none/pods").await.json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["kind"], "PodList");
    assert!(
        fetch(&server, "/api/v1/namespaces/shop/pods").await.json()["items"][0]
            .get("kind")
            .is_none()
    );
    assert_eq!(
        fetch(&server, "/api/v1/namespaces/shop/pods/a").await.json()["kind"],
        "Pod"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found_in_the_words_of_the_real_server() {
    let server = serve(vec![deployment()]).await;
    let answer = fetch(&server, "/apis/apps/v1/namespaces/shop/deployments/x").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "deployments.apps \"x\" not found", "reason": "NotFound",
            "details": {"name": "x", "group": "apps", "kind": "deployments"}, "code": 404})
    );
    for path in [
        "/apis/argoproj.io/v1alpha1/applications",
        "/api/v1/foos",
        "/nothing",
    ] {
        let answer = fetch(&server, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.json()["message"],
            "the server could not find the requested resource"
        );
    }
}

#[tokio::test]
async fn metadata_alone_can_be_asked_for() {
    let server = serve(vec![deployment()]).await;
    let deployments: Api<Deployment> = Api::all(server.client().unwrap());
    let list = deployments.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(list.items[0].metadata.name.as_deref(), Some("cart"));
    let named: Api<Deployment> = Api::namespaced(server.client().unwrap(), "shop");
    assert_eq!(
        named.get_metadata("cart").await.unwrap().metadata.generation,
        Some(3)
    );
    let exchange = &server.faults().exchanges()[0];
    assert!(
        exchange.sent < 500,
        "no specification is sent: {} bytes",
        exchange.sent
    );
}

#[tokio::test]
async fn discovery_names_what_is_served() {
    let custom = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"namespace": "a", "name": "x"}});
    let usage = json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"namespace": "a", "name": "x"},
        "containers": [{"name": "main", "usage": {"cpu": "5m", "memory": "1Mi"}}]});
    let server = serve(vec![custom, usage]).await;
    let client = server.client().unwrap();
    let groups = client.list_api_groups().await.unwrap().groups;
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    for group in ["apps", "argoproj.io", "metrics.k8s.io", "autoscaling"] {
        assert!(names.contains(&group), "{group}: {names:?}");
    }
    let resources = client
        .list_api_group_resources("argoproj.io/v1alpha1")
        .await
        .unwrap()
        .resources;
    assert_eq!(
        (resources[0].name.as_str(), resources[0].namespaced),
        ("applications", true)
    );
    let core = client.list_core_api_resources("v1").await.unwrap().resources;
    assert!(core.iter().any(|resource| resource.name == "pods/eviction"));
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let metrics = fetch(&server, "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods")
        .await
        .json();
    assert_eq!(metrics["items"][0]["containers"][0]["usage"]["cpu"], "5m");
    assert_eq!(fetch(&server, "/readyz").await.text, "ok");
}

#[tokio::test]
async fn writes_move_versions_and_generations() {
    let server = serve(vec![deployment()]).await;
    let api: Api<Deployment> = Api::namespaced(server.client().unwrap(), "shop");
    let before = api.get("cart").await.unwrap();
    let patch = |value: Value| Patch::Merge(value);
    let dry = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let tried = api
        .patch("cart", &dry, &patch(json!({"spec": {"replicas": 9}})))
        .await
        .unwrap();
    assert_eq!(tried.spec.replicas, Some(9));
    assert_eq!(
        api.get("cart").await.unwrap(),
        before,
        "a dry run changes nothing"
    );

    let params = PatchParams {
        field_manager: Some("claw".into()),
        ..PatchParams::default()
    };
    let scaled = api
        .patch(
            "cart",
            &params,
            &patch(json!({"spec": {"replicas": 3}, "status": {"replicas": 7}})),
        )
        .await
        .unwrap();
    assert_eq!(scaled.metadata.generation, Some(4));
    assert_eq!(
        scaled.status.as_ref().unwrap().replicas,
        Some(2),
        "status is written elsewhere"
    );
    let signed = scaled.metadata.managed_fields.as_ref().unwrap();
    assert_eq!(signed[0].manager.as_deref(), Some("claw"));
    assert_eq!(
        signed[0].fields_v1.as_ref().unwrap().0,
        json!({"f:spec": {"f:replicas": {}}})
    );
    let labelled = api
        .patch(
            "cart",
            &params,
            &patch(json!({"metadata": {"labels": {"a": "b"}}})),
        )
        .await
        .unwrap();
    assert_eq!(
        labelled.metadata.generation,
        Some(4),
        "labels are no specification"
    );
    let same = api
        .patch("cart", &params, &patch(json!({"spec": {"replicas": 3}})))
        .await
        .unwrap();
    assert_eq!(
        same.metadata.resource_version, labelled.metadata.resource_version,
        "nothing changed"
    );

    let (code, reason, message) = status(
        api.replace("cart", &PostParams::default(), &before)
            .await
            .unwrap_err(),
    );
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on deployments.apps \"cart\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    let stale = patch(json!({"metadata": {"resourceVersion": "2000"}, "spec": {"replicas": 1}}));
    assert_eq!(
        status(api.patch("cart", &params, &stale).await.unwrap_err()).0,
        409
    );
    let other = patch(json!({"metadata": {"uid": "other"}}));
    assert!(
        status(api.patch("cart", &params, &other).await.unwrap_err())
            .2
            .contains("Precondition failed: UID")
    );

    let strategic =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "cart:2"}]}}}});
    let patched = api
        .patch("cart", &params, &Patch::Strategic(strategic))
        .await
        .unwrap();
    assert_eq!(patched.spec.template.spec.unwrap().containers.len(), 1);
    let path = "/apis/apps/v1/namespaces/shop/deployments/cart";
    let operations = r#"[{"op": "replace", "path": "/spec/replicas", "value": 9}, {"op": "test", "path": "/spec/paused", "value": 1}]"#;
    let json_patch = [("content-type", "application/json-patch+json")];
    let failed = http_probe::send(
        "PATCH",
        &format!("{}{path}", server.url()),
        &json_patch,
        operations,
    )
    .await;
    assert_eq!(failed.status, 422);
    let applied = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"}, "spec": {"paused": true}});
    let applied = api
        .patch("cart", &PatchParams::apply("owner"), &Patch::Apply(applied))
        .await
        .unwrap();
    assert_eq!(applied.spec.paused, Some(true));
    let status_patch = patch(json!({"status": {"readyReplicas": 1}, "spec": {"replicas": 50}}));
    let updated = api.patch_status("cart", &params, &status_patch).await.unwrap();
    assert_eq!(
        (updated.status.unwrap().ready_replicas, updated.spec.replicas),
        (Some(1), Some(3))
    );
}

#[tokio::test]
async fn the_scale_subresource_changes_replicas_only() {
    let server = serve(vec![deployment()]).await;
    let api: Api<Deployment> = Api::namespaced(server.client().unwrap(), "shop");
    let scale = api.get_scale("cart").await.unwrap();
    assert_eq!(scale.status.unwrap().selector.as_deref(), Some("app=cart"));
    let params = PatchParams::default();
    let scaled = api
        .patch_scale("cart", &params, &Patch::Merge(json!({"spec": {"replicas": 5}})))
        .await
        .unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(5));
    let now = api.get("cart").await.unwrap();
    assert_eq!((now.spec.replicas, now.metadata.generation), (Some(5), Some(4)));
    let stale = Patch::Merge(json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}}));
    assert_eq!(
        status(api.patch_scale("cart", &params, &stale).await.unwrap_err()).0,
        409
    );
    let negative = Patch::Merge(json!({"spec": {"replicas": -1}}));
    assert_eq!(
        status(api.patch_scale("cart", &params, &negative).await.unwrap_err()).0,
        422
    );
}

#[tokio::test]
async fn objects_are_created_and_deleted() {
    let server = serve(vec![pod("a", "a")]).await;
    let client = server.client().unwrap();
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "shop");
    let config = |name: &str| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": "v"}})).unwrap()
    };
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&dry, &config("c")).await.unwrap();
    assert_eq!(status(api.get("c").await.unwrap_err()).0, 404);
    let created = api.create(&PostParams::default(), &config("c")).await.unwrap();
    assert_eq!(
        created.metadata.creation_timestamp.unwrap().0.to_string(),
        "2026-03-01T10:00:00Z"
    );
    let uid = created.metadata.uid.unwrap();
    let (code, reason, message) = status(
        api.create(&PostParams::default(), &config("c"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (code, reason.as_str(), message.as_str()),
        (409, "AlreadyExists", "configmaps \"c\" already exists")
    );
    assert_eq!(
        status(
            api.create(&PostParams::default(), &config("Not_A_Name"))
                .await
                .unwrap_err()
        )
        .0,
        422
    );
    let elsewhere: Api<ConfigMap> = Api::namespaced(client.clone(), "nowhere");
    let (code, _, message) = status(
        elsewhere
            .create(&PostParams::default(), &config("c"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (code, message.as_str()),
        (404, "namespaces \"nowhere\" not found")
    );

    let wrong = DeleteParams::default().preconditions(kube::api::Preconditions {
        uid: Some("x".into()),
        resource_version: None,
    });
    assert_eq!(status(api.delete("c", &wrong).await.unwrap_err()).0, 409);
    api.delete("c", &DeleteParams::default().dry_run()).await.unwrap();
    let right = DeleteParams::default().preconditions(kube::api::Preconditions {
        uid: Some(uid),
        resource_version: None,
    });
    api.delete("c", &right).await.unwrap().right().expect("a status");
    assert_eq!(status(api.get("c").await.unwrap_err()).0, 404);

    let mut finalized = config("f");
    finalized.metadata.finalizers = Some(vec!["example.com/x".into()]);
    api.create(&PostParams::default(), &finalized).await.unwrap();
    api.delete("f", &DeleteParams::default()).await.unwrap();
    assert!(api.get("f").await.unwrap().metadata.deletion_timestamp.is_some());
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("f", &PatchParams::default(), &release).await.unwrap();
    assert_eq!(status(api.get("f").await.unwrap_err()).0, 404);

    let pods: Api<Pod> = Api::namespaced(client, "shop");
    assert!(
        pods.delete("a", &DeleteParams::default())
            .await
            .unwrap()
            .is_left(),
        "pods go gracefully"
    );
    assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn evictions_respect_disruption_budgets() {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"namespace": "shop", "name": "cart"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "cart"}}}});
    let server = serve(vec![
        pod("a", "cart"),
        pod("b", "cart"),
        pod("c", "cart"),
        pod("x", "other"),
        budget.clone(),
    ])
    .await;
    let pods: Api<Pod> = Api::namespaced(server.client().unwrap(), "shop");
    let params = EvictParams::default();
    let dry = EvictParams {
        post_options: PostParams {
            dry_run: true,
            ..PostParams::default()
        },
        ..EvictParams::default()
    };
    pods.evict("a", &dry).await.unwrap();
    pods.evict("a", &params).await.unwrap();
    pods.evict("x", &params).await.unwrap();
    // The plain client would come again after 429: this is one request.
    let url = format!("{}/api/v1/namespaces/shop/pods/b/eviction", server.url());
    let refused = http_probe::post(&url, "application/json", r#"{"metadata":{"name":"b"}}"#).await;
    assert_eq!(refused.status, 429);
    let body = refused.json();
    assert_eq!(
        body["message"],
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
    assert_eq!(body["details"]["causes"][0]["reason"], "DisruptionBudget");
    assert_eq!(
        body["details"]["causes"][0]["message"],
        "The disruption budget cart needs 2 healthy pods and has 2 currently"
    );
    let mut second = budget;
    second["metadata"]["name"] = "again".into();
    server.cluster().put(second);
    assert_eq!(http_probe::post(&url, "application/json", "{}").await.status, 500);
    let left = pods.list(&ListParams::default()).await.unwrap().items.len();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn watches_see_what_happens() {
    let server = serve(vec![pod("a", "cart")]).await;
    let pods: Api<Pod> = Api::namespaced(server.client().unwrap(), "shop");
    let version = pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    let params = WatchParams::default().labels("app=cart").timeout(20);
    let mut watch = pods.watch(&params, &version).await.unwrap().boxed();
    let mut again = pods.watch(&params, "0").await.unwrap().boxed();
    server.cluster().put(pod("b", "cart"));
    server.cluster().put(pod("other", "x"));
    server.cluster().put(pod("b", "changed"));
    server.cluster().put(pod("a", "cart"));
    server.cluster().remove("Pod", "shop", "a");
    let mut seen = Vec::new();
    let mut last = 0;
    for _ in 0..4 {
        let event = tokio::time::timeout(Duration::from_secs(10), watch.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let (kind, pod) = match event {
            WatchEvent::Added(pod) => ("added", pod),
            WatchEvent::Modified(pod) => ("modified", pod),
            WatchEvent::Deleted(pod) => ("deleted", pod),
            other => panic!("{other:?}"),
        };
        let version: u64 = pod.metadata.resource_version.unwrap().parse().unwrap();
        assert!(version > last);
        last = version;
        seen.push(format!("{kind} {}", pod.metadata.name.unwrap()));
    }
    assert_eq!(seen, ["added b", "deleted b", "modified a", "deleted a"]);
    let first = again.next().await.unwrap().unwrap();
    assert!(matches!(first, WatchEvent::Added(pod) if pod.metadata.name.as_deref() == Some("a")));

    server.cluster().compact();
    let mut late = pods.watch(&params, &version).await.unwrap().boxed();
    assert!(matches!(late.next().await.unwrap().unwrap(), WatchEvent::Error(error) if error.code == 410));
    assert!(late.next().await.is_none());
    server.faults().add(Rule::new("**", Fault::Switch(WATCH_EXPIRED)));
    let now = server.cluster().version().to_string();
    let mut switched = pods.watch(&params, &now).await.unwrap().boxed();
    assert!(matches!(switched.next().await.unwrap().unwrap(), WatchEvent::Error(error) if error.code == 410));
}

#[tokio::test]
async fn a_watch_can_begin_with_what_is_there() {
    let server = serve(vec![pod("a", "cart")]).await;
    let path = "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=0";
    let text = fetch(&server, path).await.text;
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["type"], "ADDED");
    assert_eq!(events[0]["object"]["kind"], "Pod");
    assert_eq!(
        events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn logs_are_served_as_the_kubelet_does() {
    let mut two = pod("two", "x");
    two["spec"]["containers"] = json!([{"name": "a"}, {"name": "b"}]);
    two["spec"]["initContainers"] = json!([{"name": "i"}]);
    two["status"]["containerStatuses"] =
        json!([{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]);
    let server = serve(vec![pod("one", "x"), two]).await;
    let log = "2026-03-01T09:58:00.5Z first\n2026-03-01T09:59:30Z second\n2026-03-01T09:59:59Z third\n";
    server
        .cluster()
        .set_log("shop", "one", "main", false, Content::text(log));
    server
        .cluster()
        .set_log("shop", "one", "main", true, Content::text("before\n"));
    let pods: Api<Pod> = Api::namespaced(server.client().unwrap(), "shop");
    let read = async |pod: &str, params: LogParams| pods.logs(pod, &params).await;
    assert_eq!(
        read("one", LogParams::default()).await.unwrap(),
        "first\nsecond\nthird\n"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                tail_lines: Some(1),
                timestamps: true,
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "2026-03-01T09:59:59.000000000Z third\n"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                since_seconds: Some(60),
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "second\nthird\n"
    );
    let since_time = Some("2026-03-01T09:59:40Z".parse().unwrap());
    assert_eq!(
        read(
            "one",
            LogParams {
                since_time,
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "third\n"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                limit_bytes: Some(3),
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "fir"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                previous: true,
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "before\n"
    );
    for (pod, params, code, message) in [
        (
            "two",
            LogParams::default(),
            400,
            "a container name must be specified for pod two, choose one of: [a b] or one of the init containers: [i]",
        ),
        (
            "two",
            LogParams {
                container: Some("z".into()),
                ..LogParams::default()
            },
            400,
            "container z is not valid for pod two",
        ),
        (
            "two",
            LogParams {
                container: Some("a".into()),
                ..LogParams::default()
            },
            400,
            "container \"a\" in pod \"two\" is waiting to start: trying and failing to pull image",
        ),
        (
            "two",
            LogParams {
                container: Some("b".into()),
                previous: true,
                ..LogParams::default()
            },
            400,
            "previous terminated container \"b\" in pod \"two\" not found",
        ),
        ("none", LogParams::default(), 404, "pods \"none\" not found"),
    ] {
        let (found, _, text) = status(read(pod, params).await.unwrap_err());
        assert_eq!((found, text.as_str()), (code, message));
    }
    let missing = fetch(&server, "/api/v1/namespaces/shop/pods/two/log?container=b").await;
    assert_eq!(missing.status, 500);
    assert!(
        missing.text.contains("was not recorded"),
        "silence would be a lie"
    );
}

#[tokio::test]
async fn roles_decide_what_a_token_may_do() {
    let rbac = |kind: &str, name: &str, rest: Value| {
        let mut object =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let subjects = json!([{"kind": "ServiceAccount", "namespace": "claw", "name": "agent"}]);
    let reader = rbac(
        "ClusterRole",
        "reader",
        json!({"rules": [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get"], "resourceNames": ["cart"]}]}),
    );
    let all = rbac(
        "ClusterRole",
        "all",
        json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]}}),
    );
    let mut part = rbac(
        "ClusterRole",
        "part",
        json!({"rules": [{"apiGroups": ["*"], "resources": ["pods/log"], "verbs": ["*"]}]}),
    );
    part["metadata"]["labels"] = json!({"to": "all"});
    let role_ref =
        |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let wide = rbac(
        "ClusterRoleBinding",
        "reader",
        json!({"subjects": subjects, "roleRef": role_ref("ClusterRole", "reader")}),
    );
    let mut narrow = rbac(
        "RoleBinding",
        "logs",
        json!({"subjects": subjects, "roleRef": role_ref("ClusterRole", "all")}),
    );
    narrow["metadata"]["namespace"] = "shop".into();
    let server = serve(vec![pod("a", "x"), deployment(), reader, all, part, wide, narrow]).await;
    server
        .cluster()
        .set_log("shop", "a", "main", false, Content::text("x\n"));
    server
        .cluster()
        .allow_token("secret", User::service_account("claw", "agent"));
    let client = server.client_with(Some("secret")).unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    pods.list(&ListParams::default()).await.unwrap();
    pods.logs("a", &LogParams::default()).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");
    deployments.get("cart").await.unwrap();
    client.apiserver_version().await.unwrap();
    let (code, reason, message) = status(deployments.list(&ListParams::default()).await.unwrap_err());
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        message,
        "deployments.apps is forbidden: User \"system:serviceaccount:claw:agent\" cannot list resource \"deployments\" in \
         API group \"apps\" in the namespace \"shop\""
    );
    let message = status(pods.delete("a", &DeleteParams::default()).await.unwrap_err()).2;
    assert!(message.starts_with("pods \"a\" is forbidden: User"), "{message}");

    let reviews: Api<SelfSubjectAccessReview> = Api::all(client);
    let ask = async |verb: &str, resource: &str, sub: &str, namespace: &str| {
        let review = serde_json::from_value(json!({"spec": {"resourceAttributes":
            {"verb": verb, "resource": resource, "subresource": sub, "namespace": namespace}}}))
        .unwrap();
        reviews
            .create(&PostParams::default(), &review)
            .await
            .unwrap()
            .status
            .unwrap()
    };
    let allowed = ask("list", "pods", "", "").await;
    assert!(allowed.allowed);
    assert_eq!(
        allowed.reason.unwrap(),
        "RBAC: allowed by ClusterRoleBinding \"reader\" of ClusterRole \"reader\" to ServiceAccount \"agent/claw\""
    );
    assert!(ask("get", "pods", "log", "shop").await.allowed);
    assert!(!ask("get", "pods", "log", "else").await.allowed);
    assert!(!ask("delete", "pods", "", "shop").await.allowed);

    server.cluster().revoke_token("secret");
    assert_eq!(
        status(pods.list(&ListParams::default()).await.unwrap_err()).0,
        401
    );
    server.cluster().act_as(Some(User::named("nobody")));
    assert_eq!(fetch(&server, "/api/v1/pods").await.status, 403);
    server.cluster().act_as(None);
    assert_eq!(fetch(&server, "/api/v1/pods").await.status, 200);
}

#[tokio::test]
async fn faults_have_the_shape_of_real_ones() {
    let server = serve(vec![pod("a", "x")]).await;
    let pods = "/api/v1/namespaces/shop/pods";
    server
        .faults()
        .add(Rule::new("/api/v1/**", Fault::too_many_requests(Duration::from_secs(3))).times(1));
    let refused = fetch(&server, pods).await;
    assert_eq!(
        (refused.status, &refused.json()["reason"]),
        (429, &json!("TooManyRequests"))
    );
    assert!(refused.head.contains("retry-after: 3"), "{}", refused.head);
    server
        .faults()
        .add(Rule::new("/api/v1/**", Fault::Switch(STALE)).times(1));
    server.cluster().put(pod("b", "x"));
    let version = |list: &Value| {
        list["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let stale = fetch(&server, pods).await.json();
    let fresh = fetch(&server, pods).await.json();
    assert_eq!(
        (
            stale["items"].as_array().unwrap().len(),
            fresh["items"].as_array().unwrap().len()
        ),
        (1, 2)
    );
    assert!(version(&stale) < version(&fresh));
    let log = server.faults().exchanges();
    assert_eq!(log.len(), 3);
    assert_eq!(
        (log[0].status.unwrap().as_u16(), log[0].path.as_str()),
        (429, pods)
    );
}

#[tokio::test]
async fn a_kubeconfig_leads_to_the_server() {
    let server = serve(vec![pod("a", "x")]).await;
    server
        .cluster()
        .allow_token("t", User::named("admin").in_group("system:masters"));
    let config = kube::config::Kubeconfig::from_yaml(&server.kubeconfig(Some("t"))).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default())
        .await
        .unwrap();
    let pods: Api<Pod> = Api::all(kube::Client::try_from(config).unwrap());
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn strange_requests_are_refused_and_do_no_harm() {
    let server = serve(vec![pod("a", "x"), deployment()]).await;
    let base = server.url();
    let path = "/apis/apps/v1/namespaces/shop/deployments";
    for (method, path, kind, body, status) in [
        ("POST", path.to_owned(), "application/json", "not json", 400),
        (
            "POST",
            path.to_owned(),
            "application/json",
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}"#,
            400,
        ),
        ("POST", path.to_owned(), "application/json", "{}", 422),
        (
            "POST",
            path.to_owned(),
            "application/json",
            r#"{"metadata":{"name":"x","namespace":"other"}}"#,
            400,
        ),
        (
            "POST",
            path.to_owned(),
            "application/json",
            r#"{"metadata":{"name":"x","resourceVersion":"1"}}"#,
            400,
        ),
        (
            "POST",
            format!("{path}?dryRun=Some"),
            "application/json",
            r#"{"metadata":{"name":"x"}}"#,
            422,
        ),
        (
            "PUT",
            format!("{path}/cart"),
            "application/json",
            r#"{"metadata":{"name":"other"}}"#,
            400,
        ),
        ("PATCH", format!("{path}/cart"), "text/plain", "{}", 415),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/merge-patch+json",
            "[]",
            400,
        ),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/merge-patch+json",
            r#"{"metadata":{"name":"x"}}"#,
            422,
        ),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/json-patch+json",
            "{}",
            422,
        ),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/apply-patch+yaml",
            "{}",
            422,
        ),
        (
            "PATCH",
            format!("{path}/none"),
            "application/merge-patch+json",
            "{}",
            404,
        ),
        ("BREW", path.to_owned(), "text/plain", "", 405),
        ("PUT", path.to_owned(), "application/json", "{}", 405),
        (
            "POST",
            format!("{path}/cart/nothing"),
            "application/json",
            "{}",
            404,
        ),
        ("GET", format!("{path}?limit=x"), "", "", 400),
        ("GET", format!("{path}?continue=x"), "", "", 400),
        ("GET", format!("{path}?resourceVersion=99999999"), "", "", 504),
        ("GET", format!("{path}?labelSelector=a+b"), "", "", 400),
        ("GET", format!("{path}?watch=true&resourceVersion=x"), "", "", 400),
        (
            "GET",
            "/api/v1/namespaces/shop/pods/a/log?tailLines=-1".to_owned(),
            "",
            "",
            422,
        ),
        ("GET", "/%ff%2f/%zz//".to_owned(), "", "", 404),
    ] {
        let answer =
            http_probe::send(method, &format!("{base}{path}"), &[("content-type", kind)], body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        assert_eq!(answer.json()["kind"], "Status", "{method} {path}");
    }
    assert_eq!(
        server.cluster().get("Deployment", "shop", "cart").unwrap()["metadata"]["resourceVersion"],
        "2000"
    );
}
