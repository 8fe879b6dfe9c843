//! Lists that expire while they are read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claw_core::clock::SystemClock;
use claw_core::tool::ToolContext;
use claw_k8s::cluster::{
    ClusterError, ClusterReader as _, Incomplete, ListRequest, Listed, Query, Resource, list_all,
};
use claw_k8s::model::ConfigMap;
use claw_testbed::run::RunFolder;
use claw_testbed::suite::{Part, Service, wait_until};
use claw_testkit::faults::{Fault, Rule};
use claw_testkit::reverse_proxy::ReverseProxy;
use serde_json::{Value, json};

use crate::scene::{LATER, SOON, Scene};

/// More than fit on a page.
const MAPS: usize = 620;

fn gone() -> Fault {
    Fault::Status {
        code: StatusCode::GONE,
        retry_after: None,
    }
}

async fn fill(scene: &Scene) -> String {
    let path = format!("/api/v1/namespaces/{}/configmaps", scene.namespace());
    let maps = (0..MAPS).map(|number| {
        (
            path.clone(),
            json!({ "metadata": { "name": format!("map-{number}") } }),
        )
    });
    let made = scene.testbed.api().create_all(maps.collect(), &|| {}).await;
    assert_eq!(made.unwrap(), MAPS);
    path
}

/// The names of all maps, as the administrator sees them.
async fn names(scene: &Scene, path: &str) -> Vec<String> {
    let maps = scene.testbed.api().list(path, "").await.unwrap();
    let name = |map: &Value| map["metadata"]["name"].as_str().unwrap().to_owned();
    maps.iter().map(name).collect()
}

async fn list(scene: &Scene, proxy: &ReverseProxy) -> Listed<ConfigMap> {
    let reader = scene.reader(&proxy.url()).await;
    let cx = ToolContext::new(Arc::new(SystemClock), LATER);
    let query = Query::new(Resource::CONFIG_MAPS, Some(scene.namespace()));
    list_all::<ConfigMap>(&reader, &cx, &query).await.unwrap()
}

fn names_of(listed: &Listed<ConfigMap>) -> Vec<String> {
    listed.items.iter().map(|map| map.metadata.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_list_that_expires_is_begun_anew_and_nothing_is_lost_or_doubled() {
    let Some(scene) = Scene::set("a list that expires").await else {
        return;
    };
    let path = fill(&scene).await;
    let proxy = scene.reverse_proxy().await;
    let usual = scene.usual(&proxy.url()).await;
    let expires = || Rule::new("**/configmaps", gone()).query_contains("continue=");
    proxy.faults().add(expires().times(1));
    proxy.faults().clear_log();
    let listed = list(&scene, &proxy).await;
    assert_eq!(
        (names_of(&listed), &listed.incomplete),
        (names(&scene, &path).await, &vec![])
    );
    let statuses: Vec<_> = proxy.faults().exchanges();
    let statuses: Vec<_> = statuses
        .iter()
        .map(|exchange| exchange.status.unwrap().as_u16())
        .collect();
    assert_eq!(statuses, [200, 410, 200, 200]);
    // The agent meets it in the middle of its work.
    proxy.faults().clear();
    proxy.faults().clear_log();
    proxy.faults().add(expires().times(1));
    let kubeconfig = scene.kubeconfig(&proxy.url());
    scene.investigate(&kubeconfig, &[]).await.assert_as(&usual);
    let met = proxy.faults().exchanges();
    assert!(
        met.iter().any(|exchange| exchange.fault.is_some()),
        "no list was continued"
    );
    // One that expires each time is shown as far as it was read.
    proxy.faults().add(expires());
    let listed = list(&scene, &proxy).await;
    let [Incomplete::Failed { read, reason, .. }] = &listed.incomplete[..] else {
        panic!("{:?}", listed.incomplete);
    };
    assert_eq!((listed.items.len(), *read), (500, 500));
    assert!(reason.contains("the list has expired"), "{reason}");
    scene.end().await;
}

/// The server forgets its past while a page is on its way: what is asked for next is too old for it, unless it keeps a copy.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_list_is_whole_even_if_the_server_forgets_its_past_meanwhile() {
    let test = "a server that forgets its past";
    let Some(scene) = Scene::set_alone(test).await else {
        return;
    };
    let run = RunFolder::look(Path::new(scene.testbed.need(Part::Run, test).unwrap())).unwrap();
    let path = fill(&scene).await;
    let proxy = scene.reverse_proxy().await;
    // Time to forget in.
    let late = Fault::Latency(Duration::from_secs(5));
    proxy.faults().add(
        Rule::new("**/configmaps", late)
            .query_contains("continue=")
            .times(1),
    );
    let forgets = async {
        wait_until(SOON, "the second page is asked for", async || {
            let count = proxy.faults().count();
            Ok(if count > 1 {
                Ok(())
            } else {
                Err(format!("{count} requests"))
            })
        })
        .await
        .unwrap();
        let last = json!({ "metadata": { "name": "zzz" } });
        assert!(scene.testbed.api().create(&path, &last).await.unwrap());
        let last = scene.testbed.api().get(&format!("{path}/zzz")).await.unwrap();
        let revision = last["metadata"]["resourceVersion"].as_str().unwrap();
        let etcd = Service::at(&run.http("etcd")).unwrap();
        let compaction = json!({ "revision": revision, "physical": true });
        etcd.post("/v3/kv/compaction", &compaction).await.unwrap();
    };
    let (listed, ()) = tokio::join!(list(&scene, &proxy), forgets);
    assert!(listed.incomplete.is_empty(), "{:?}", listed.incomplete);
    let (listed, mut expected) = (names_of(&listed), names(&scene, &path).await);
    let exchanges = proxy.faults().exchanges();
    let begun_anew = exchanges
        .iter()
        .any(|exchange| exchange.status == Some(StatusCode::GONE));
    println!("the API server answered 410: {begun_anew}");
    if !begun_anew {
        // It kept what it had when the list began.
        expected.retain(|name| name != "zzz");
    }
    assert_eq!(listed, expected);
    // What is older than any copy is gone, and that is understood.
    let mut page = ListRequest {
        resource: Resource::CONFIG_MAPS,
        namespace: Some(scene.namespace().to_owned()),
        label_selector: None,
        field_selector: None,
        limit: 500,
        continue_token: None,
        metadata_only: false,
    };
    let before = json!({ "v": "meta.k8s.io/v1", "rv": 2, "start": "map-1\u{0}" });
    page.continue_token = Some(URL_SAFE_NO_PAD.encode(before.to_string()));
    let reader = scene.reader(scene.server()).await;
    let cx = ToolContext::new(Arc::new(SystemClock), LATER);
    let error = reader.list_page(&cx, &page).await.unwrap_err();
    assert!(matches!(error, ClusterError::Gone { .. }), "{error}");
    scene.end().await;
}
