//! `get_dependencies`

use std::time::Duration;

use claw_k8s::tools::GetDependenciesOutput;
use claw_testbed::suite::{Testbed, wait_until};
use serde_json::{Value, json};

use super::agent_under_test::AgentUnderTest;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_workloads_depend_on_is_told_from_what_the_cluster_holds() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("depends").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let ns = namespace.name();
    let object = |api: &str, kind: &str, name: &str, spec: Value| {
        let metadata = json!({ "name": name, "namespace": ns });
        json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec })
    };
    let web = json!({
        "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
        "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "schedulerName": "nobody", "containers": [{
                "name": "main", "image": "registry.invalid/web:1",
                "env": [
                    { "name": "CACHE", "value": "redis://cache:6379" },
                    { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "k" } } },
                ],
            }] },
        },
    });
    let service =
        |app: &str| json!({ "selector": { "app": app }, "ports": [{ "port": 80, "targetPort": 8080 }] });
    let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
    let objects = [
        object("apps/v1", "Deployment", "web", web),
        object("v1", "Service", "web", service("web")),
        object("v1", "Service", "cache", service("cache")),
        object(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            json!({ "defaultBackend": backend }),
        ),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "none",
            json!({ "podSelector": {} }),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "web",
            json!({ "minAvailable": 1, "selector": { "matchLabels": { "app": "web" } } }),
        ),
        object(
            "v1",
            "PersistentVolumeClaim",
            "data",
            json!({
                "accessModes": ["ReadWriteOnce"], "storageClassName": "no-such-class",
                "resources": { "requests": { "storage": "1Gi" } },
            }),
        ),
        object("v1", "ResourceQuota", "room", json!({ "hard": { "pods": "10" } })),
    ];
    let listed = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    testbed.apply(&listed.to_string()).await.unwrap();
    let asked = json!({ "namespace": ns });
    let answer: GetDependenciesOutput = wait_until(
        Duration::from_secs(60),
        "endpoints of both services",
        async || {
            let answer: GetDependenciesOutput = agent.ask("get_dependencies", asked.clone()).await;
            let slices = answer.objects.endpoint_slices.len();
            Ok(if slices >= 2 {
                Ok(answer)
            } else {
                Err(slices.to_string())
            })
        },
    )
    .await
    .unwrap();
    let edges: Vec<_> = answer
        .edges
        .iter()
        .map(|edge| format!("{} → {} ({})", edge.from, edge.to, edge.via))
        .collect();
    assert_eq!(
        edges,
        [
            format!("Deployment {ns}/web → Service {ns}/cache (env)"),
            format!("Ingress {ns}/web → Service {ns}/web (ingress)"),
        ]
    );
    let objects = &answer.objects;
    assert_eq!(objects.services.len(), 2);
    assert_eq!(objects.network_policies[0].metadata.name, "none");
    assert_eq!(objects.disruption_budgets[0].metadata.name, "web");
    assert_eq!(objects.quotas[0].metadata.name, "room");
    assert_eq!(objects.claims[0].status.phase, "Pending");
    assert!(objects.secrets.is_empty());
    for kind in [
        "Service",
        "EndpointSlice",
        "ConfigMap",
        "NetworkPolicy",
        "Namespace",
    ] {
        assert!(answer.complete.contains(kind), "{kind} of {:?}", answer.complete);
    }
    // A Secret is used, and this agent does not look at any.
    let gaps: Vec<_> = answer.gaps.iter().map(|gap| gap.source.as_str()).collect();
    assert_eq!(gaps, ["secrets"]);
}
