use claw_core::tool::Tool;
use serde_json::json;

use super::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::model::Object;
use crate::tools::*;

#[tokio::test]
async fn dependencies_tell_who_calls_whom() {
    let fake = Fake::new([
        json!({"kind": "Namespace", "metadata": {"name": "shop"}}),
        deployment("cart", json!({})),
        json!({"kind": "Service", "metadata": {"name": "redis", "namespace": "shop"}, "spec": {"selector": {"app": "redis"}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"},
               "spec": {"defaultBackend": {"service": {"name": "cart", "port": {"number": 80}}}}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "redis", "namespace": "shop"},
               "spec": {"hosts": ["redis"], "tcp": [{"route": [{"destination": {"host": "redis-v2"}}]}]}}),
    ])
    .serve("networking.istio.io", &["v1"])
    .deny("networkpolicies.networking.k8s.io");
    let asked = fake.asked();
    let tool = GetDependencies::new(fake.cluster());
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let edges: Vec<_> = output
        .edges
        .iter()
        .map(|edge| format!("{} → {} ({})", edge.from, edge.to, edge.via))
        .collect();
    assert_eq!(
        edges,
        [
            "Deployment shop/cart → Service shop/redis (env)",
            "Ingress shop/web → Service shop/cart (ingress)",
            "Service shop/redis → VirtualService shop/redis (mesh)",
            "VirtualService shop/redis → Service shop/redis-v2 (mesh)",
        ]
    );
    assert_eq!(output.gaps.len(), 1);
    assert!(output.complete.contains("Service") && !output.complete.contains("NetworkPolicy"));
    assert_eq!(output.objects.mesh.len(), 1);
    let asked = asked.lock().unwrap();
    assert!(
        !asked
            .iter()
            .any(|what| what.contains("secrets") || what.contains("gateway.")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn routes_of_every_protocol_are_followed_and_istios_gateways_are_not_those_of_the_gateway_api() {
    let grpc = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute", "metadata": {"name": "r", "namespace": "shop"},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": "cart", "port": 80}]}]}});
    let gateway = |group: &str, spec: serde_json::Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Gateway", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
    let fake = Fake::new([
        grpc,
        gateway("gateway.networking.k8s.io", json!({"gatewayClassName": "g"})),
        gateway(
            "networking.istio.io",
            json!({"servers": [{"tls": {"credentialName": "cert"}}]}),
        ),
    ])
    .serve("gateway.networking.k8s.io", &["v1"])
    .serve("networking.istio.io", &["v1"]);
    let output = GetDependencies::new(fake.cluster())
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let edges: Vec<_> = output
        .edges
        .iter()
        .map(|edge| format!("{} → {}", edge.from, edge.to))
        .collect();
    assert_eq!(
        edges,
        [
            "GRPCRoute shop/r → Service shop/cart",
            "Gateway shop/web → GRPCRoute shop/r"
        ]
    );
    let objects = output.objects.gateway.iter().chain(&output.objects.mesh);
    let mut named: Vec<_> = objects.map(|object| object.entity().kind).collect();
    named.sort();
    assert_eq!(named, ["GRPCRoute", "Gateway", "Gateway.networking.istio.io"]);
}

#[tokio::test]
async fn dependencies_go_into_depth_only_where_something_is_wrong() {
    let quiet = Fake::new([deployment("cart", json!({}))]);
    let asked_quiet = quiet.asked();
    GetDependencies::new(quiet.cluster())
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert!(
        !asked_quiet
            .lock()
            .unwrap()
            .iter()
            .any(|what| what.contains("webhook") || what.contains("storageclasses"))
    );

    let troubled = Fake::new([
        deployment("cart", json!({"status": {"replicas": 0}})),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}, "status": {"phase": "Pending"}}),
    ]);
    let asked = troubled.asked();
    GetDependencies::new(troubled.cluster())
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    for kind in [
        "webhook",
        "storageclasses",
        "persistentvolumes ",
        "serviceaccounts",
    ] {
        assert!(
            asked
                .lock()
                .unwrap()
                .iter()
                .any(|what| format!("{what} ").contains(kind)),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn secret_names_are_read_only_when_that_is_allowed() {
    let objects = || {
        [
            deployment(
                "cart",
                json!({"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "registry"}]}}}}),
            ),
            json!({"kind": "Secret", "metadata": {"name": "registry", "namespace": "shop"}, "data": {"k": "aHVudGVyMg=="}}),
        ]
    };
    let without = GetDependencies::new(Fake::new(objects()).cluster());
    let output = without.call(&context(), input(json!({}))).await.unwrap();
    assert!(output.objects.secrets.is_empty() && output.gaps.iter().any(|gap| gap.source == "secrets"));
    let with = GetDependencies::new(Fake::new(objects()).cluster()).with_secret_names();
    let output = with.call(&context(), input(json!({}))).await.unwrap();
    assert_eq!(output.objects.secrets[0].kind, "Secret");
    assert!(!serde_json::to_string(&output).unwrap().contains("aHVudGVyMg"));
}
