//! `get_nodes`

use std::collections::BTreeSet;
use std::time::Duration;

use claw_k8s::tools::GetNodesOutput;
use claw_testbed::suite::{Testbed, wait_until};
use serde_json::json;

use super::agent_under_test::AgentUnderTest;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn nodes_are_given_with_conditions_room_and_usage() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("nodes").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    // A node that nothing runs on uses nothing, and is not measured.
    let everywhere = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": { "name": "everywhere", "namespace": namespace.name() },
        "spec": {
            "selector": { "matchLabels": { "app": "everywhere" } },
            "template": {
                "metadata": {
                    "labels": { "app": "everywhere" },
                    "annotations": {
                        "kwok.x-k8s.io/usage-cpu": "50m", "kwok.x-k8s.io/usage-memory": "64Mi",
                    },
                },
                "spec": {
                    "tolerations": [{ "operator": "Exists" }],
                    "containers": [{ "name": "main", "image": "registry.invalid/a:1" }],
                },
            },
        },
    });
    testbed.apply(&everywhere.to_string()).await.unwrap();
    let answer: GetNodesOutput = agent.ask("get_nodes", json!({})).await;
    let expected = testbed.api().list("/api/v1/nodes", "").await.unwrap();
    let expected: BTreeSet<_> = expected
        .iter()
        .map(|node| node["metadata"]["name"].as_str().unwrap())
        .collect();
    let names: BTreeSet<_> = answer
        .nodes
        .iter()
        .map(|node| node.metadata.name.as_str())
        .collect();
    assert_eq!(names, expected);
    for node in &answer.nodes {
        assert!(node.condition("Ready").is_some(), "{}", node.metadata.name);
        assert!(
            node.status.allocatable.contains_key("cpu"),
            "{}",
            node.metadata.name
        );
        assert!(!node.status.node_info.kubelet_version.is_empty());
    }
    let about_nodes = answer
        .events
        .iter()
        .all(|event| event.involved_object.kind == "Node");
    assert!(about_nodes, "{:?}", answer.events);
    if testbed
        .api()
        .status("/apis/metrics.k8s.io/v1beta1")
        .await
        .unwrap()
        == 404
    {
        assert_eq!(answer.gaps.len(), 1, "{:?}", answer.gaps);
        assert_eq!(answer.gaps[0].source, "resource usage (metrics.k8s.io)");
        eprintln!("skipped: usage of nodes, because metrics.k8s.io is absent");
        return;
    }
    assert!(answer.gaps.is_empty(), "{:?}", answer.gaps);
    let ready: BTreeSet<_> = answer
        .nodes
        .iter()
        .filter(|node| node.is_ready())
        .map(|node| node.metadata.name.as_str())
        .collect();
    wait_until(Duration::from_secs(120), "usage of every node", async || {
        let answer: GetNodesOutput = agent.ask("get_nodes", json!({})).await;
        let measured: BTreeSet<_> = answer
            .usage
            .iter()
            .filter(|usage| usage.cpu.is_some() && usage.memory.is_some())
            .map(|usage| usage.node.as_str())
            .collect();
        Ok(if measured.is_superset(&ready) {
            Ok(())
        } else {
            Err(format!("{measured:?}"))
        })
    })
    .await
    .unwrap();
}
