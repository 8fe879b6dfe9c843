use claw_core::tool::{Tool, ToolErrorKind};
use serde_json::json;

use super::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::tools::*;

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
async fn a_kind_that_nobody_knows_is_not_an_absence_of_events() {
    let cluster = Fake::new([
        event("a", "cart", "Deployment", "2026-03-01T09:00:00Z"),
        event("k", "orders", "KafkaTopic", "2026-03-01T09:01:00Z"),
    ])
    .cluster();
    let tool = DescribeEvents::new(cluster);
    let error = tool
        .call(
            &context(),
            input(json!({"namespace": "shop", "resource_type": "Deploiment"})),
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    assert!(error.to_string().contains("`Deployment`"), "{error}");
    let custom = tool
        .call(
            &context(),
            input(json!({"namespace": "shop", "resource_type": "kafkatopic"})),
        )
        .await
        .unwrap();
    assert_eq!(custom.events.len(), 1);
    let quiet = tool
        .call(
            &context(),
            input(json!({"namespace": "shop", "resource_type": "netpol"})),
        )
        .await
        .unwrap();
    assert!(quiet.events.is_empty());
}

#[tokio::test]
async fn events_of_a_cron_job_include_those_of_its_jobs_and_their_pods() {
    let owned = |kind: &str, group: &str, name: &str, owner_kind: &str, owner: &str| {
        json!({"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": "shop",
            "ownerReferences": [{"kind": owner_kind, "name": owner, "controller": true}]}})
    };
    let cluster = Fake::new([
        owned("Job", "batch/v1", "nightly-1", "CronJob", "nightly"),
        owned("Job", "batch/v1", "other-1", "CronJob", "other"),
        owned("Pod", "v1", "nightly-1-x", "Job", "nightly-1"),
        event("a", "nightly", "CronJob", "2026-03-01T09:00:00Z"),
        event("b", "nightly-1", "Job", "2026-03-01T09:01:00Z"),
        event("c", "nightly-1-x", "Pod", "2026-03-01T09:02:00Z"),
        event("d", "other-1", "Job", "2026-03-01T09:03:00Z"),
    ])
    .cluster();
    let asked = || input(json!({"namespace": "shop", "resource_type": "cj", "resource_name": "nightly"}));
    let names = |output: &DescribeEventsOutput| -> Vec<String> {
        let events = output.events.iter();
        events.map(|event| event.metadata.name.clone()).collect()
    };
    let tool = DescribeEvents::new(cluster.clone()).with_jobs();
    let output = tool.call(&context(), asked()).await.unwrap();
    assert_eq!(names(&output), ["a", "b", "c"]);
    assert!(output.gaps.is_empty());
    let output = DescribeEvents::new(cluster)
        .call(&context(), asked())
        .await
        .unwrap();
    assert_eq!(names(&output), ["a"]);
    assert_eq!(output.gaps.len(), 1, "what is not read is said");
}
