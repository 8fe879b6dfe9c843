mod describe_events;
mod fixtures;
mod get_dependencies;
mod get_deployment_history;
mod get_pod_logs;
mod get_pods;
mod get_workloads;
mod query_gitops;

use claw_core::tool::ToolErrorKind;
use serde_json::json;

use self::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::tools::*;

#[tokio::test]
async fn the_parameters_of_the_specification_are_taken() {
    let cx = context();
    let cluster = Fake::new([pod("cart-1", json!({}))])
        .log("cart-1", "app", false, Ok("x"))
        .cluster();
    for tool in all(&cluster) {
        let arguments = match tool.name() {
            "get_pods" => json!({"namespace": "shop", "label_selector": "app=cart"}),
            "get_pod_logs" => {
                json!({"pod_name": "cart-1", "namespace": "shop", "container": "app", "tail_lines": 200})
            }
            "describe_events" => {
                json!({"namespace": "shop", "resource_type": "Pod", "resource_name": "cart-1"})
            }
            _ => json!({}),
        };
        tool.call_json(&cx, arguments)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", tool.name()));
        let error = tool.call_json(&cx, json!({"nonsense": 1})).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{}", tool.name());
    }
    let defaults: GetPodLogsInput =
        serde_json::from_value(json!({"pod_name": "a", "namespace": "b"})).unwrap();
    assert_eq!(defaults.tail_lines, 200);
}

#[tokio::test]
async fn schemas_are_stable() {
    let cluster = Fake::default().cluster();
    let inputs: serde_json::Map<_, _> = all(&cluster)
        .iter()
        .map(|tool| {
            (
                tool.name().to_owned(),
                serde_json::to_value(tool.spec().input).unwrap(),
            )
        })
        .collect();
    insta::assert_json_snapshot!("inputs", inputs);
}

#[tokio::test]
async fn one_investigation_stays_within_its_requests() {
    let fake = history_fixture();
    let asked = fake.asked();
    let cluster = fake.cluster();
    let cx = context();
    for tool in all(&cluster) {
        if tool.name() != "get_pod_logs" {
            let arguments = if tool.name() == "get_nodes" || tool.name() == "query_gitops" {
                json!({})
            } else {
                json!({"namespace": "shop"})
            };
            tool.call_json(&cx, arguments).await.unwrap();
        }
    }
    let asked = asked.lock().unwrap();
    assert!(asked.len() <= 26, "{} requests: {asked:#?}", asked.len());
    let unique: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!(unique.len(), asked.len(), "nothing is read twice");
}
