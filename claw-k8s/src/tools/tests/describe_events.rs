use claw_core::tool::Tool;
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
