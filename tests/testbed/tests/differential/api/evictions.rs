//! Evictions, and the disruption budgets that refuse them.
//!
//! Budgets are filled in by a controller and pods run on simulated nodes, both of which only the real server has. What they
//! have brought about is taken over before anybody is evicted.

use std::time::Duration;

use claw_testbed::error::Error;
use claw_testbed::suite::{Testbed, wait_until};
use serde_json::{Value, json};

use super::pair::Pair;
use super::step::{JSON, Step, step};

/// Until pods run and budgets are filled in.
const SETTLED: Duration = Duration::from_secs(60);

/// Name, application, and the label that has the simulated kubelet do something to it.
const PODS: &[(&str, &str, Option<&str>)] = &[
    ("web-1", "web", None),
    ("web-2", "web", None),
    ("twice", "twice", None),
    ("free", "free", None),
    ("fit", "half-sick", None),
    ("sick", "half-sick", Some("s4")),
    ("ill", "all-sick", Some("s4")),
    ("given-up", "given-up", Some("s4")),
];

/// Name, application, healthy pods that it wants, and what it says of pods that are not.
const BUDGETS: &[(&str, &str, u32, Option<&str>)] = &[
    ("web", "web", 1, None),
    ("twice-1", "twice", 1, None),
    ("twice-2", "twice", 1, None),
    ("half-sick", "half-sick", 1, None),
    ("all-sick", "all-sick", 1, Some("IfHealthyBudget")),
    ("given-up", "given-up", 1, Some("AlwaysAllow")),
];

fn pod(name: &str, app: &str, stage: Option<&str>) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": "registry.invalid/a:1"}]}});
    if let Some(stage) = stage {
        pod["metadata"]["labels"]["stage"] = json!(stage);
    }
    pod
}

fn budget(name: &str, app: &str, least: u32, unhealthy: Option<&str>) -> Value {
    let mut budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}}});
    if let Some(policy) = unhealthy {
        budget["spec"]["unhealthyPodEvictionPolicy"] = json!(policy);
    }
    budget
}

fn is_ready(pod: &Value) -> Option<bool> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    (pod["status"]["phase"] == "Running").then(|| ready["status"] == "True")
}

/// Has the real server make pods and budgets, and the simulated one take over what became of them.
async fn settle(testbed: &Testbed, pair: &Pair, pods: &str, budgets: &str) {
    let api = testbed.api();
    for (name, app, stage) in PODS {
        let pod = pod(name, app, *stage);
        // The account that pods run as is made a moment after the namespace.
        wait_until(SETTLED, name, async || api.create(pods, &pod).await.map(Ok))
            .await
            .unwrap();
    }
    let mut waits = pod("waits", "web", None);
    waits["spec"]["nodeSelector"] = json!({"nowhere": "yes"});
    api.create(pods, &waits).await.unwrap();
    for (name, app, least, unhealthy) in BUDGETS {
        let budget = budget(name, app, *least, *unhealthy);
        api.create(budgets, &budget).await.unwrap();
    }
    for (name, _, stage) in PODS {
        let path = format!("{pods}/{name}");
        wait_until(SETTLED, name, async || {
            let pod = api.get(&path).await?;
            let done = is_ready(&pod) == Some(stage.is_none());
            Ok(if done {
                Ok(())
            } else {
                Err(pod["status"].to_string())
            })
        })
        .await
        .unwrap();
    }
    for (name, app, ..) in BUDGETS {
        let healthy = PODS.iter().filter(|(_, of, stage)| of == app && stage.is_none());
        see_healthy(testbed, &format!("{budgets}/{name}"), healthy.count())
            .await
            .unwrap();
    }
    for path in PODS.iter().map(|(name, ..)| format!("{pods}/{name}")) {
        pair.take_over(&path).await;
    }
    pair.take_over(&format!("{pods}/waits")).await;
    for path in BUDGETS.iter().map(|(name, ..)| format!("{budgets}/{name}")) {
        pair.take_over(&path).await;
    }
}

/// Waits until the real controller has counted that many healthy pods.
async fn see_healthy(testbed: &Testbed, budget: &str, healthy: usize) -> Result<(), Error> {
    wait_until(SETTLED, budget, async || {
        let budget = testbed.api().get(budget).await?;
        let seen = budget.pointer("/status/observedGeneration") == budget.pointer("/metadata/generation");
        Ok(if seen && budget["status"]["currentHealthy"] == healthy {
            Ok(())
        } else {
            Err(budget["status"].to_string())
        })
    })
    .await
}

const SAID: &[&str] = &["/message", "/details", "/code", "retry after"];

fn evict(name: &'static str, pods: &str, pod: &str, options: Value) -> Step {
    let mut body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    if !options.is_null() {
        body["deleteOptions"] = options;
    }
    step(name, "POST", format!("{pods}/{pod}/eviction"), SAID).body(JSON, body)
}

async fn evictions(testbed: &Testbed, pair: &mut Pair, pods: &str, budgets: &str) {
    let other = json!({"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}});
    for (name, pod, options) in [
        ("try to evict", "web-1", json!({"dryRun": ["All"]})),
        ("evict one that is not there", "nobody", Value::Null),
        ("evict one of two budgets", "twice", Value::Null),
        ("evict one of no budget", "free", Value::Null),
        ("evict one that waits for a node", "waits", Value::Null),
        ("evict", "web-1", Value::Null),
    ] {
        pair.same(evict(name, pods, pod, options)).await;
    }
    let web = format!("{budgets}/web");
    see_healthy(testbed, &web, 1).await.unwrap();
    for (name, pod, options) in [
        ("try to evict one too many", "web-2", json!({"dryRun": ["All"]})),
        ("evict one too many", "web-2", Value::Null),
        ("evict the only healthy one", "fit", Value::Null),
        ("evict one that is not ready", "sick", Value::Null),
        ("evict what is not ready where none is", "ill", Value::Null),
        ("evict what is not ready and given up", "given-up", Value::Null),
        ("evict another one of that name", "web-2", other),
    ] {
        pair.same(evict(name, pods, pod, options)).await;
    }
    for (name, method, body) in [
        (
            "evict by another name",
            "POST",
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "other"}}),
        ),
        ("evict by no name", "POST", json!({})),
        (
            "evict by another kind",
            "POST",
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-2"}}),
        ),
        ("evict from what is no JSON", "POST", json!("{not json")),
        ("read an eviction", "GET", Value::Null),
    ] {
        let path = format!("{pods}/web-2/eviction");
        pair.same(step(name, method, path, &[]).body(JSON, body)).await;
    }
    const COUNTED: &[&str] = &[
        "/status/disruptionsAllowed",
        "/status/currentHealthy",
        "/status/desiredHealthy",
    ];
    pair.same(step("a budget that is used up", "GET", &web, COUNTED))
        .await;
    for gone in ["web-1", "free", "waits", "sick", "given-up"] {
        let path = format!("{pods}/{gone}");
        // Its simulated kubelet lets it go.
        wait_until(SETTLED, gone, async || {
            let status = testbed.api().status(&path).await?;
            Ok(if status == 404 {
                Ok(())
            } else {
                Err(status.to_string())
            })
        })
        .await
        .unwrap();
        pair.same(step("one that was evicted", "GET", path, &[])).await;
    }
    for there in ["web-2", "twice", "fit", "ill"] {
        pair.same(step(
            "one that was not",
            "GET",
            format!("{pods}/{there}"),
            &["/metadata/name"],
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_api_servers_evict_alike() {
    let testbed = crate::testbed().await;
    if testbed
        .need(claw_testbed::suite::Part::PodLogs, "evictions")
        .is_none()
    {
        return;
    }
    let namespace = testbed.namespace("evicted").await.unwrap();
    let ns = namespace.name();
    let mut pair = Pair::start(&testbed, ns).await;
    let pods = format!("/api/v1/namespaces/{ns}/pods");
    let budgets = format!("/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets");
    settle(&testbed, &pair, &pods, &budgets).await;
    evictions(&testbed, &mut pair, &pods, &budgets).await;
    pair.end("evictions");
}
