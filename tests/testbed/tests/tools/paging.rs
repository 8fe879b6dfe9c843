//! Lists that are longer than a page.

use std::collections::BTreeSet;

use claw_core::clock::{Clock as _, SystemClock};
use claw_k8s::tools::{DescribeEventsOutput, GetPodsOutput};
use claw_testbed::suite::{Testbed, audit_events_of};
use serde_json::{Value, json};

use super::agent_under_test::AgentUnderTest;
use super::pods::waiting_pods;

/// More than two pages of pods, and more than one of events.
const PODS: usize = 1203;
const EVENTS: usize = 620;
/// Objects on a page.
const PAGE: usize = 500;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn long_lists_are_read_in_pages_and_whole() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("many").await.unwrap();
    let (agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let pods = (0..PODS).map(|number| {
        (
            format!("pod-{number:04}"),
            json!({ "half": (number % 2).to_string() }),
        )
    });
    waiting_pods(&testbed, &namespace, pods).await;
    let path = format!("/api/v1/namespaces/{}/events", namespace.name());
    let now = SystemClock.now();
    let events = (0..EVENTS).map(|number| {
        let name = format!("pod-{number:04}");
        let event = json!({
            "metadata": { "name": format!("{name}.noted") }, "type": "Normal", "reason": "Noted",
            "message": "seen", "firstTimestamp": now, "lastTimestamp": now, "count": 1,
            "involvedObject": { "kind": "Pod", "namespace": namespace.name(), "name": name },
        });
        (path.clone(), event)
    });
    testbed.api().create_all(events.collect(), &|| {}).await.unwrap();

    let here = json!({ "namespace": namespace.name() });
    let answer: GetPodsOutput = agent.ask("get_pods", here.clone()).await;
    let names: BTreeSet<_> = answer.pods.iter().map(|pod| &pod.metadata.name).collect();
    assert_eq!((answer.pods.len(), names.len()), (PODS, PODS));
    assert!(
        answer.pods.is_sorted_by(|a, b| a.metadata.name < b.metadata.name),
        "by name"
    );
    let answer: DescribeEventsOutput = agent.ask("describe_events", here.clone()).await;
    let noted = answer.events.iter().filter(|event| event.reason == "Noted");
    assert_eq!((noted.count(), answer.truncated), (EVENTS, false));
    let half = json!({ "namespace": namespace.name(), "label_selector": "half=1", "brief": true });
    let answer: GetPodsOutput = agent.ask("get_pods", half).await;
    assert_eq!(answer.pods.len(), PODS / 2);
    for tool in [
        "get_workloads",
        "get_nodes",
        "get_deployment_history",
        "get_dependencies",
        "query_gitops",
    ] {
        let asked = if tool == "get_nodes" {
            json!({})
        } else {
            here.clone()
        };
        let _: Value = agent.ask(tool, asked).await;
    }

    let Some(requests) = audit_events_of(&testbed, &account.user(), "pages").await.unwrap() else {
        return;
    };
    let lists: Vec<_> = requests.iter().filter(|request| request.verb == "list").collect();
    for list in &lists {
        let limit = list.parameter("limit").and_then(|limit| limit.parse().ok());
        assert!(
            limit.is_some_and(|limit: usize| limit <= PAGE),
            "without a page: {}",
            list.uri
        );
        // Kinds of other tests may go while they are read.
        let goes = list.code == 404 && list.uri.starts_with("/apis/");
        assert!(list.code == 200 || goes, "{}: {}", list.code, list.uri);
    }
    let pages = |kind: &str, parameter: Option<&str>| {
        let path = format!("/api/v1/namespaces/{}/{kind}?", namespace.name());
        let of_kind = lists.iter().filter(|list| list.uri.starts_with(&path));
        // The rights were waited for with a list of one.
        let of_kind = of_kind.filter(|list| list.parameter("limit") != Some("1"));
        of_kind
            .filter(|list| list.parameter("labelSelector") == parameter)
            .count()
    };
    assert_eq!(pages("pods", None), PODS.div_ceil(PAGE));
    assert_eq!(pages("pods", Some("half%3D1")), (PODS / 2).div_ceil(PAGE));
    // Read by two tools, which share what was read a moment ago.
    let events = pages("events", None);
    let whole = EVENTS.div_ceil(PAGE);
    assert!([whole, 2 * whole].contains(&events), "{events} pages of events");
    let written = requests
        .iter()
        .filter(|request| !matches!(request.verb.as_str(), "get" | "list"));
    assert_eq!(written.count(), 0, "{requests:?}");
    println!(
        "{PODS} pods, {EVENTS} events: {} requests for every tool, {} of them lists",
        requests.len(),
        lists.len()
    );
}
