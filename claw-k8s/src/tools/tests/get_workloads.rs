use claw_core::tool::Tool;
use serde_json::json;

use super::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::tools::*;

#[tokio::test]
async fn workloads_are_given_without_old_revisions_and_secrets() {
    let mut current = set(
        "cart-2b",
        "cart",
        "2",
        "2026-02-01T00:00:00Z",
        json!({"name": "app"}),
    );
    current["spec"]["replicas"] = json!(2);
    let cluster = Fake::new([
        deployment("cart", json!({})),
        set("cart-1a", "cart", "1", "2026-01-01T00:00:00Z", json!({"name": "app"})),
        current,
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "namespace": "shop"}}),
    ])
    .cluster();
    let tool = GetWorkloads::new(cluster.clone()).with_jobs();
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let names: Vec<_> = output
        .workloads
        .iter()
        .map(|one| format!("{} {}", one.kind, one.metadata.name))
        .collect();
    assert_eq!(
        names,
        ["CronJob nightly", "Deployment cart", "ReplicaSet cart-2b"]
    );
    assert!(!serde_json::to_string(&output).unwrap().contains("hunter2"));
    assert!(output.gaps.is_empty());
    let basic = GetWorkloads::new(cluster)
        .call(&context(), input(json!({})))
        .await
        .unwrap();
    assert_eq!(basic.gaps.len(), 1, "what is not read is said");
}
