//! `get_pods`

use std::time::Duration;

use claw_core::tool::ToolErrorKind;
use claw_k8s::model::Object as _;
use claw_k8s::tools::GetPodsOutput;
use claw_testbed::suite::{Namespace, Part, Testbed, wait_until};
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, SOON};

/// For what has to be backed off or measured first.
const LATER: Duration = Duration::from_secs(120);

/// Pods that no scheduler takes, so that they stay as they are on every cluster.
pub(crate) async fn waiting_pods(
    testbed: &Testbed,
    namespace: &Namespace,
    pods: impl IntoIterator<Item = (String, Value)>,
) {
    let path = format!("/api/v1/namespaces/{}/pods", namespace.name());
    let pods = pods.into_iter().map(|(name, labels)| {
        let pod = json!({
            "metadata": { "name": name, "labels": labels },
            "spec": {
                "schedulerName": "nobody",
                "automountServiceAccountToken": false,
                "containers": [{ "name": "main", "image": "registry.invalid/a:1" }],
            },
        });
        (path.clone(), pod)
    });
    // The account that pods act as is made a moment after its namespace.
    let account = format!("/api/v1/namespaces/{}/serviceaccounts/default", namespace.name());
    wait_until(SOON, "the default account", async || {
        let status = testbed.api().status(&account).await?;
        Ok(if status == 200 {
            Ok(())
        } else {
            Err(status.to_string())
        })
    })
    .await
    .unwrap();
    testbed.api().create_all(pods.collect(), &|| {}).await.unwrap();
}

fn names(answer: &GetPodsOutput) -> Vec<&str> {
    answer.pods.iter().map(|pod| pod.metadata.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_pod_in_trouble_is_given_with_its_states_and_events() {
    let testbed = Testbed::for_test().await;
    if testbed.need(Part::PodLogs, "a pod in trouble").is_none() {
        return;
    }
    let namespace = testbed.namespace("pods").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    testbed.inject("crashloop", namespace.name()).await.unwrap();
    // Pods of others, whose events are not those that were asked for.
    waiting_pods(&testbed, &namespace, [("other".to_owned(), json!({}))]).await;
    let asked = json!({ "namespace": namespace.name(), "label_selector": "app=billing" });
    let answer: GetPodsOutput = wait_until(LATER, "the second back-off", async || {
        let answer: GetPodsOutput = agent.ask("get_pods", asked.clone()).await;
        let status = answer
            .pods
            .first()
            .and_then(|pod| pod.status.container_statuses.first());
        let waits = status.and_then(|status| status.state.waiting.as_ref());
        let backed_off = waits.is_some_and(|waits| waits.reason == "CrashLoopBackOff");
        let restarted = status.is_some_and(|status| status.restart_count > 0);
        Ok(if backed_off && restarted {
            Ok(answer)
        } else {
            Err(format!("{status:?}"))
        })
    })
    .await
    .unwrap();
    let [pod] = answer.pods.as_slice() else {
        panic!("one pod, not {:?}", names(&answer));
    };
    assert_eq!((pod.status.phase.as_str(), pod.is_ready()), ("Running", false));
    assert!(!pod.spec.node_name.is_empty());
    let last = pod.status.container_statuses[0]
        .last_state
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!((last.exit_code, last.reason.as_str()), (1, "Error"));
    let about_it = answer.events.iter().all(|event| event.about() == pod.entity());
    assert!(about_it, "{:?}", answer.events);
    let reasons: Vec<_> = answer.events.iter().map(|event| event.reason.as_str()).collect();
    // The scheduler writes events in the newer form, with no time in the older fields.
    let scheduled = answer
        .events
        .iter()
        .find(|event| event.reason == "Scheduled")
        .unwrap();
    assert!(
        scheduled.last_seen().is_some() && scheduled.component().contains("scheduler"),
        "{scheduled:?}"
    );
    assert!(reasons.contains(&"BackOff"), "{reasons:?}");
    let sorted = answer.events.is_sorted_by(|a, b| a.last_seen() <= b.last_seen());
    assert!(sorted, "oldest first: {:?}", answer.events);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn usage_is_that_of_metrics_k8s_io_or_a_gap() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("usage").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let asked = json!({ "namespace": namespace.name() });
    if testbed
        .api()
        .status("/apis/metrics.k8s.io/v1beta1")
        .await
        .unwrap()
        == 404
    {
        let answer: GetPodsOutput = agent.ask("get_pods", asked).await;
        let gap = answer
            .gaps
            .iter()
            .find(|gap| gap.source == "resource usage (metrics.k8s.io)");
        assert!(
            gap.is_some_and(|gap| gap.remedy.contains("metrics-server")),
            "{:?}",
            answer.gaps
        );
        eprintln!("skipped: usage of pods, because metrics.k8s.io is absent");
        return;
    }
    if testbed.need(Part::PodLogs, "usage of pods").is_none() {
        return;
    }
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "steady", "namespace": namespace.name() },
        "spec": {
            "replicas": 2, "selector": { "matchLabels": { "app": "steady" } },
            "template": {
                "metadata": {
                    "labels": { "app": "steady" },
                    "annotations": {
                        "kwok.x-k8s.io/usage-cpu": "80m", "kwok.x-k8s.io/usage-memory": "500Mi",
                    },
                },
                "spec": { "containers": [{ "name": "main", "image": "registry.invalid/a:1" }] },
            },
        },
    });
    testbed.apply(&deployment.to_string()).await.unwrap();
    let answer: GetPodsOutput = wait_until(LATER, "usage of both pods", async || {
        let answer: GetPodsOutput = agent.ask("get_pods", asked.clone()).await;
        let measured = answer.usage.len() == 2 && answer.usage.iter().all(|usage| usage.cpu.is_some());
        Ok(if measured {
            Ok(answer)
        } else {
            Err(format!("{:?}", answer.usage))
        })
    })
    .await
    .unwrap();
    assert!(answer.gaps.is_empty(), "{:?}", answer.gaps);
    for usage in &answer.usage {
        assert!(names(&answer).contains(&usage.pod.as_str()));
        assert_eq!(usage.container, "main");
        let cpu = usage.cpu.unwrap().milli();
        // Told from two readings of a counter, at times that are not exact.
        assert!((60..=100).contains(&cpu), "{cpu}m");
        assert_eq!(usage.memory.unwrap().bytes(), 500 << 20);
        assert!(usage.time.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn pods_are_chosen_by_selectors_and_names() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("chosen").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let pods = [
        ("a", json!({ "app": "web", "tier": "front" })),
        ("b", json!({ "app": "web", "tier": "back" })),
        ("c", json!({ "app": "db" })),
        ("d", json!({})),
    ];
    waiting_pods(
        &testbed,
        &namespace,
        pods.map(|(name, labels)| (name.to_owned(), labels)),
    )
    .await;
    let chosen: [(Value, &[&str]); 9] = [
        (json!({}), &["a", "b", "c", "d"]),
        (json!({ "label_selector": "" }), &["a", "b", "c", "d"]),
        (json!({ "label_selector": "app=web" }), &["a", "b"]),
        (
            json!({ "label_selector": "app in (web,db),tier!=front" }),
            &["b", "c"],
        ),
        (json!({ "label_selector": "!tier" }), &["c", "d"]),
        (json!({ "label_selector": "app notin (web)" }), &["c", "d"]),
        (json!({ "label_selector": "app=nothing" }), &[]),
        (json!({ "pod_name": "c" }), &["c"]),
        (json!({ "pod_name": "c", "label_selector": "app=web" }), &[]),
    ];
    for (mut asked, expected) in chosen {
        asked["namespace"] = json!(namespace.name());
        asked["brief"] = json!(true);
        let answer: GetPodsOutput = agent.ask("get_pods", asked.clone()).await;
        assert_eq!(names(&answer), expected, "{asked}");
        assert!(answer.gaps.is_empty(), "{asked}: {:?}", answer.gaps);
        assert!(answer.usage.is_empty() && answer.events.is_empty());
    }
    for wrong in ["app in (", "a=b=c", "=web"] {
        let asked = json!({ "namespace": namespace.name(), "label_selector": wrong });
        let error = agent.refusal("get_pods", asked).await;
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{wrong}: {error}");
        assert!(error.to_string().contains("selector"), "{wrong}: {error}");
    }
}
