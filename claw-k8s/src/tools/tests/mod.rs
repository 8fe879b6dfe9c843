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

/// The API server lists a namespace that does not exist as an empty one.
#[tokio::test]
async fn every_tool_tells_an_empty_namespace_from_one_that_is_not_there() {
    let of = |namespace: &str| json!({"namespace": namespace});
    let fake = || {
        Fake::new([json!({"kind": "Namespace", "metadata": {"name": "empty"}})])
            .serve("metrics.k8s.io", &["v1beta1"])
    };
    let (fakes, denied) = (fake(), fake().deny("namespaces"));
    let asked = fakes.asked();
    let (cluster, denied) = (fakes.cluster(), denied.cluster());
    for tool in all(&cluster) {
        // Logs are those of a pod, which is not found; GitOps objects live elsewhere.
        if ["get_pod_logs", "get_nodes", "query_gitops"].contains(&tool.name()) {
            continue;
        }
        let name = tool.name();
        let empty = tool.call_json(&context(), of("empty")).await.unwrap();
        assert_eq!(empty["gaps"], json!([]), "{name}");
        let absent = tool.call_json(&context(), of("shpo")).await.unwrap();
        let gap = &absent["gaps"][0];
        assert_eq!(gap["source"], "namespace shpo", "{name}: {absent}");
        assert_eq!(gap["reason"], "it does not exist", "{name}");
    }
    for tool in basic(&denied) {
        if [
            "get_pods",
            "get_workloads",
            "describe_events",
            "get_deployment_history",
        ]
        .contains(&tool.name())
        {
            let answer = tool.call_json(&context(), of("shpo")).await.unwrap();
            let mut gaps = answer["gaps"].as_array().into_iter().flatten();
            assert!(
                gaps.any(|gap| gap["source"] == "namespaces"),
                "{} cannot know: {answer}",
                tool.name()
            );
        }
    }
    let asked = asked.lock().unwrap();
    let looks = asked.iter().filter(|what| *what == "get namespaces shpo").count();
    assert_eq!(looks, 1, "tools share what they know of it: {asked:#?}");
}
