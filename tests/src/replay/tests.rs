use std::path::{Path, PathBuf};

use claw_core::tool::ToolContext;
use claw_k8s::bundle::{Bundle, RecordedKind};
use claw_k8s::cluster::{Query, Resource};
use claw_k8s::model::Pod;
use claw_workflows::deliver::json::Replay as Short;

use super::*;
use crate::api::Held;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

async fn replay(name: &str) -> String {
    let bundle = Bundle::load(scenario(name)).unwrap();
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    Short::new(&report).to_json()
}

#[tokio::test]
async fn two_replays_give_the_same_bytes() {
    assert_eq!(
        replay("oom-limit-lowered").await,
        replay("oom-limit-lowered").await
    );
}

#[tokio::test]
async fn the_report_bears_the_name_of_the_case() {
    let short: Short = serde_json::from_str(&replay("oom-limit-lowered").await).unwrap();
    assert_eq!(short.case, "oom-limit-lowered");
    assert!(!short.hypotheses.is_empty());
}

#[tokio::test]
async fn what_was_not_recorded_is_a_gap() {
    let mut bundle = Bundle::load(scenario("oom-limit-lowered")).unwrap();
    bundle.metrics.clear();
    bundle.alert = Some(serde_json::json!({"alerts": "none"}));
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    let reasons: Vec<_> = report.gaps.iter().map(|gap| gap.reason.as_str()).collect();
    assert!(reasons.contains(&"the recording holds no metrics"), "{reasons:?}");
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("alert.json: alerts")),
        "{reasons:?}"
    );
}

fn of_objects(report: &Report) -> Vec<&str> {
    let gaps = report.gaps.iter().filter(|gap| gap.source == "objects");
    gaps.map(|gap| gap.reason.as_str()).collect()
}

#[tokio::test]
async fn kinds_that_were_not_recorded_are_one_gap_and_not_known_to_be_absent() {
    let mut bundle = Bundle::load(scenario("oom-limit-lowered")).unwrap();
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    let gaps = of_objects(&report);
    assert_eq!(gaps.len(), 1, "{:?}", report.gaps);
    assert!(
        gaps[0].contains("configmaps") && !gaps[0].contains("deployments"),
        "{gaps:?}"
    );
    assert!(
        !report.gaps.iter().any(|gap| gap.reason.contains("not allowed")),
        "{:?}",
        report.gaps
    );

    bundle.manifest.kinds = Some(Resource::ALL.iter().map(RecordedKind::everywhere).collect());
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    assert!(of_objects(&report).is_empty(), "{:?}", report.gaps);
}

#[tokio::test]
async fn a_kind_that_was_recorded_of_one_namespace_is_complete_there_alone() {
    let mut bundle = Bundle::load(scenario("oom-limit-lowered")).unwrap();
    let namespace = bundle
        .objects
        .iter()
        .find(|object| object["kind"] == "Pod")
        .unwrap()["metadata"]["namespace"]
        .clone();
    let namespace = namespace.as_str().unwrap();
    let some = RecordedKind {
        namespaces: Some([namespace.to_owned()].into()),
        ..RecordedKind::everywhere(&Resource::PODS)
    };
    bundle.manifest.kinds = Some(vec![some]);
    let replay = Replay::of(&bundle).await.unwrap();
    let world = &replay.world;
    let client = world.api().client().unwrap();
    let cluster = Cluster::new(Arc::new(KubeCluster::with_client(client, Limits::default())));
    let cx = ToolContext::new(
        Arc::clone(world.clock()) as Arc<dyn Clock>,
        std::time::Duration::from_secs(5),
    );
    let list = async |resource: Resource, namespace: Option<&str>| {
        let listed = cluster.list::<Pod>(&cx, &Query::new(resource, namespace)).await;
        listed.map(|listed| (listed.items.is_empty(), listed.incomplete.is_empty()))
    };
    assert_eq!(
        list(Resource::PODS, Some(namespace)).await.unwrap(),
        (false, true)
    );
    assert_eq!(
        list(Resource::PODS, None).await.unwrap(),
        (false, false),
        "there may be more"
    );
    assert!(list(Resource::PODS, Some("elsewhere")).await.is_err());
    assert!(list(Resource::CONFIG_MAPS, Some(namespace)).await.is_err());
    let unknown = world.api().cluster().unknown();
    assert_eq!(unknown["pods"], Held::Some);
    assert_eq!(unknown["configmaps"], Held::Nothing);
}

#[tokio::test]
async fn a_dump_says_which_kinds_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let empty = |kind: &str| {
        format!("{{\"kind\": \"{kind}\", \"apiVersion\": \"apps/v1\", \"metadata\": {{}}, \"items\": null}}")
    };
    write(
        "nodes.json",
        r#"{"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n1"}}]}"#,
    );
    write(
        "shop/pods.json",
        r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"namespace": "shop", "name": "cart-1",
            "creationTimestamp": "2026-03-01T10:00:00Z"}, "spec": {"containers": [{"name": "main"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0,
            "image": "cart", "imageID": "", "state": {"running": {"startedAt": "2026-03-01T10:00:00Z"}}}]}}]}"#,
    );
    for (file, kind) in [
        ("daemonsets", "DaemonSetList"),
        ("deployments", "DeploymentList"),
        ("replicasets", "ReplicaSetList"),
    ] {
        write(&format!("shop/{file}.json"), &empty(kind));
    }
    write(
        "shop/cart-1/logs.txt",
        "==== START logs for container main of pod shop/cart-1 ====\nready==== END logs for container main of pod shop/cart-1 ====\n",
    );
    let bundle = Bundle::load(folder.path()).unwrap();
    assert_eq!(&*bundle.logs[0].content.read().unwrap(), "ready");
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    let gaps = of_objects(&report);
    assert_eq!(gaps.len(), 1, "{:?}", report.gaps);
    assert!(
        gaps[0].contains("configmaps") && gaps[0].contains("statefulsets.apps"),
        "{gaps:?}"
    );
    assert!(
        !gaps[0].contains("daemonsets") && !gaps[0].contains(" pods"),
        "{gaps:?}"
    );
}
