//! `describe_events`

use std::collections::BTreeSet;
use std::time::Duration;

use claw_core::tool::ToolErrorKind;
use claw_k8s::tools::{DescribeEventsOutput, GetNodesOutput};
use claw_testbed::suite::{Testbed, wait_until};
use serde_json::{Value, json};

use super::agent_under_test::AgentUnderTest;
use super::objects::merged;

const LATER: Duration = Duration::from_secs(60);

fn kinds(answer: &DescribeEventsOutput) -> BTreeSet<&str> {
    let about = answer.events.iter();
    about.map(|event| event.involved_object.kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn events_of_a_workload_include_those_of_what_it_made() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("events").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    testbed.inject("unschedulable", namespace.name()).await.unwrap();
    let asked = |more: Value| merged(json!({ "namespace": namespace.name() }), more);
    let all = BTreeSet::from(["Deployment", "Pod", "ReplicaSet"]);
    let of_reports = json!({ "resource_type": "Deployment", "resource_name": "reports" });
    let answer: DescribeEventsOutput = wait_until(LATER, "events of all three kinds", async || {
        let answer: DescribeEventsOutput = agent.ask("describe_events", asked(of_reports.clone())).await;
        let complete = kinds(&answer) == all;
        let seen = format!("{:?}", kinds(&answer));
        Ok(if complete { Ok(answer) } else { Err(seen) })
    })
    .await
    .unwrap();
    assert!(answer.gaps.is_empty() && !answer.truncated);
    let refused = answer
        .events
        .iter()
        .find(|event| event.reason == "FailedScheduling")
        .unwrap();
    assert!(
        refused.is_warning() && refused.message.contains("cpu"),
        "{refused:?}"
    );
    assert!(refused.last_seen().is_some() && refused.count() >= 1);

    let of = async |more: Value| -> DescribeEventsOutput { agent.ask("describe_events", asked(more)).await };
    for kind in ["deployments", "deploy", "Deployment", "deployments.apps"] {
        let answer = of(json!({ "resource_type": kind, "resource_name": "reports" })).await;
        assert_eq!(kinds(&answer), all, "{kind}");
    }
    assert_eq!(
        kinds(&of(json!({ "resource_type": "po" })).await),
        BTreeSet::from(["Pod"])
    );
    assert_eq!(kinds(&of(json!({ "since": "1h" })).await), all);
    let later = of(json!({ "since": "2999-01-01T00:00:00Z" })).await;
    assert!(later.events.is_empty());
    // Nothing was said about it, which is not to say that it does not exist.
    let unknown = of(json!({ "resource_type": "Deployment", "resource_name": "absent" })).await;
    assert!(unknown.events.is_empty() && unknown.gaps.is_empty());
    let slip = asked(json!({ "resource_type": "Deploiment" }));
    let error = agent.refusal("describe_events", slip).await;
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    assert!(error.to_string().contains("`Deployment`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn events_of_a_cron_job_include_those_of_its_jobs() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("cron").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let template = json!({
        "spec": { "template": { "spec": {
            "restartPolicy": "Never", "schedulerName": "nobody",
            "containers": [{ "name": "main", "image": "registry.invalid/a:1" }],
        } } },
    });
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": { "name": "nightly", "namespace": namespace.name() },
        "spec": { "schedule": "0 3 * * *", "suspend": true, "jobTemplate": template },
    });
    testbed.apply(&cron.to_string()).await.unwrap();
    let inside = format!("--namespace={}", namespace.name());
    let by_hand = ["create", "job", "by-hand", "--from=cronjob/nightly", &inside];
    testbed.kubectl().run(&by_hand).await.unwrap();
    let asked = json!({
        "namespace": namespace.name(), "resource_type": "CronJob", "resource_name": "nightly",
    });
    wait_until(LATER, "events of the job", async || {
        let answer: DescribeEventsOutput = agent.ask("describe_events", asked.clone()).await;
        let found = answer
            .events
            .iter()
            .any(|event| event.involved_object.kind == "Job" && event.involved_object.name == "by-hand");
        Ok(if found {
            Ok(())
        } else {
            Err(format!("{:?}", kinds(&answer)))
        })
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn events_of_a_node_are_found_whatever_namespace_is_asked_for() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("nodes").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let nodes: GetNodesOutput = agent.ask("get_nodes", json!({})).await;
    let name = &nodes.nodes[0].metadata.name;
    // As a component would have said it.
    let said = json!({
        "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "Noted",
        "metadata": { "name": format!("{name}.{}", namespace.name()), "namespace": "default" },
        "involvedObject": { "kind": "Node", "name": name }, "message": "seen",
        "lastTimestamp": nodes.nodes[0].metadata.creation_timestamp,
    });
    testbed.apply(&said.to_string()).await.unwrap();
    let asked = json!({
        "namespace": namespace.name(), "resource_type": "Node", "resource_name": name,
    });
    let noted = wait_until(LATER, "the event", async || {
        let answer: DescribeEventsOutput = agent.ask("describe_events", asked.clone()).await;
        let about_it = answer
            .events
            .iter()
            .all(|event| event.involved_object.kind == "Node" && event.involved_object.name == *name);
        assert!(about_it, "{:?}", answer.events);
        let noted = answer.events.iter().any(|event| event.reason == "Noted");
        Ok(if noted {
            Ok(())
        } else {
            Err(format!("{} events", answer.events.len()))
        })
    })
    .await;
    let path = format!("/api/v1/namespaces/default/events/{name}.{}", namespace.name());
    testbed.api().delete(&path).await.unwrap();
    noted.unwrap();
}
