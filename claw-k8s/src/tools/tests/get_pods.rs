use claw_core::tool::{Tool, ToolErrorKind};
use serde_json::json;

use super::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::tools::*;

#[tokio::test]
async fn get_pods_gives_usage_and_events_of_those_pods_only() {
    let cluster = Fake::new([
        pod("cart-1", json!({"app": "cart"})),
        pod("web-1", json!({"app": "web"})),
        event("late", "cart-1", "Pod", "2026-03-01T09:00:00Z"),
        event("early", "cart-1", "Pod", "2026-03-01T08:00:00Z"),
        event("other", "web-1", "Pod", "2026-03-01T08:00:00Z"),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": "cart-1", "namespace": "shop"},
               "containers": [{"name": "app", "usage": {"cpu": "12345678n", "memory": "20Mi"}}]}),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": "web-1", "namespace": "shop"}, "containers": []}),
    ])
    .serve("metrics.k8s.io", &["v1beta1"])
    .cluster();
    let output = GetPods::new(cluster)
        .call(
            &context(),
            input(json!({"namespace": "shop", "label_selector": "app=cart"})),
        )
        .await
        .unwrap();
    assert_eq!(output.pods.len(), 1);
    let events: Vec<_> = output
        .events
        .iter()
        .map(|event| event.metadata.name.as_str())
        .collect();
    assert_eq!(events, ["early", "late"]);
    let usage = &output.usage[0];
    assert_eq!(
        (usage.cpu.unwrap().milli(), usage.memory.unwrap().bytes()),
        (13, 20 << 20)
    );
    assert!(output.gaps.is_empty(), "{:?}", output.gaps);
    assert!(!serde_json::to_string(&output).unwrap().contains("hunter2"));
}

#[tokio::test]
async fn get_pods_names_what_it_could_not_see() {
    let cluster = Fake::new([pod("cart-1", json!({}))]).deny("events").cluster();
    let output = GetPods::new(cluster)
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let sources: Vec<_> = output.gaps.iter().map(|gap| gap.source.as_str()).collect();
    assert_eq!(sources, ["events", "resource usage (metrics.k8s.io)"]);
}

#[tokio::test]
async fn get_pods_fails_without_the_right_to_pods() {
    let cluster = Fake::new([]).deny("pods").cluster();
    let error = GetPods::new(cluster)
        .call(&context(), input(json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::Denied);
}

#[tokio::test]
async fn get_pods_says_when_it_leaves_events_out() {
    let time = |second: usize| format!("2026-03-01T09:{:02}:{:02}Z", second / 60, second % 60);
    let mut objects = vec![
        pod("cart-1", json!({})),
        json!({"kind": "Namespace", "metadata": {"name": "shop"}}),
    ];
    objects.extend((0..503).map(|number| event(&format!("e{number:03}"), "cart-1", "Pod", &time(number))));
    let cluster = Fake::new(objects).serve("metrics.k8s.io", &["v1beta1"]).cluster();
    let output = GetPods::new(cluster)
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert_eq!(output.events.len(), 500);
    assert_eq!(output.events[0].metadata.name, "e003");
    assert_eq!(output.gaps.len(), 1);
    assert!(
        output.gaps[0].reason.contains("3 older ones"),
        "{:?}",
        output.gaps
    );
}
