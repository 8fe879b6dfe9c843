//! `get_deployment_history`

use std::time::Duration;

use claw_core::change::{Change, ChangeKind};
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::tool::ToolErrorKind;
use claw_k8s::tools::{GetDeploymentHistoryOutput, History};
use claw_testbed::suite::{Account, Namespace, Testbed, wait_until};
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, Reader};

const LATER: Duration = Duration::from_secs(60);

/// A workload that needs no node.
fn workload(namespace: &Namespace, kind: &str, image: &str, mode: &str, password: &str) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": { "name": "cart", "namespace": namespace.name() },
        "spec": {
            "selector": { "matchLabels": { "app": kind } },
            "template": {
                "metadata": { "labels": { "app": kind } },
                "spec": {
                    "nodeSelector": { "no": "such-node" },
                    "containers": [{
                        "name": "main", "image": format!("registry.invalid/shop/cart:{image}"),
                        "env": [
                            { "name": "MODE", "value": mode },
                            { "name": "DB_PASSWORD", "value": password },
                        ],
                    }],
                },
            },
        },
    });
    if kind != "DaemonSet" {
        object["spec"]["replicas"] = json!(0);
    }
    object
}

/// The history of one workload, once it has a revision of that number. Read anew each time.
async fn revision(
    testbed: &Testbed,
    account: &Account,
    asked: &Value,
    number: i64,
) -> GetDeploymentHistoryOutput {
    let reader = Reader::of(testbed, account).await;
    wait_until(LATER, &format!("revision {number} of {asked}"), async || {
        let agent = AgentUnderTest::new(testbed, &reader);
        let answer: GetDeploymentHistoryOutput = agent.ask("get_deployment_history", asked.clone()).await;
        let newest = answer.histories.first().and_then(|one| one.revisions.last());
        let seen = newest.map(|newest| newest.number);
        Ok(if seen == Some(number) {
            Ok(answer)
        } else {
            Err(format!("{seen:?}"))
        })
    })
    .await
    .unwrap()
}

/// Waits until what is done next is done in a later second than all that is known: times of edits are whole seconds.
async fn later_than(answer: &GetDeploymentHistoryOutput) {
    let newest = answer.changes.iter().map(|change| change.time.as_second()).max();
    wait_until(LATER, "the next second", async || {
        let now = SystemClock.now().as_second();
        Ok(if Some(now) > newest {
            Ok(())
        } else {
            Err(now.to_string())
        })
    })
    .await
    .unwrap();
}

fn deploys(answer: &GetDeploymentHistoryOutput) -> Vec<&Change> {
    let changes = answer.changes.iter();
    changes
        .filter(|change| change.kind == ChangeKind::Deploy)
        .collect()
}

fn numbers(history: &History) -> Vec<i64> {
    history.revisions.iter().map(|revision| revision.number).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn revisions_of_a_deployment_are_told_with_their_differences_and_authors() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("rollouts").await.unwrap();
    let (agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let asked = json!({ "namespace": namespace.name(), "kind": "deploy", "name": "cart" });
    let mut first = workload(&namespace, "Deployment", "1", "a", "hunter-one");
    first["metadata"]["annotations"] = json!({ "kubernetes.io/change-cause": "release 1" });
    testbed.apply(&first.to_string()).await.unwrap();
    let answer = revision(&testbed, &account, &asked, 1).await;
    let [made] = deploys(&answer)[..] else {
        panic!("one change, not {:?}", answer.changes);
    };
    assert_eq!(
        made.summary,
        format!("Deployment {}/cart created as revision 1", namespace.name())
    );
    assert_eq!(
        answer.histories[0].revisions[0].cause.as_deref(),
        Some("release 1")
    );

    let mut second = workload(&namespace, "Deployment", "2", "b", "hunter-two");
    second["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({ "limits": { "memory": "256Mi" } });
    testbed.apply(&second.to_string()).await.unwrap();
    let answer = revision(&testbed, &account, &asked, 2).await;
    let history = &answer.histories[0];
    assert_eq!(numbers(history), [1, 2]);
    let diff = history.revisions[1].diff.as_deref().unwrap();
    assert_eq!(
        diff,
        [
            "containers[main].env[DB_PASSWORD]: [redacted:password] → [redacted:password]",
            "containers[main].env[MODE]: a → b",
            "containers[main].image: registry.invalid/shop/cart:1 → registry.invalid/shop/cart:2",
            "containers[main].resources.limits.memory: (none) → 256Mi",
        ]
    );
    let rollout = deploys(&answer)[1];
    assert_eq!(rollout.detail, diff);
    assert_eq!(rollout.author.as_deref(), Some("claw-testbed"));
    assert!(!serde_json::to_string(&answer).unwrap().contains("hunter"));

    later_than(&answer).await;
    let inside = format!("--namespace={}", namespace.name());
    let image = "main=registry.invalid/shop/cart:3";
    let by_hand = ["set", "image", "deployment/cart", image, &inside];
    testbed.kubectl().run(&by_hand).await.unwrap();
    let answer = revision(&testbed, &account, &asked, 3).await;
    let rollout = deploys(&answer)[2];
    assert_eq!(rollout.author.as_deref(), Some("kubectl-set"));
    assert_eq!(
        rollout.detail,
        ["containers[main].image: registry.invalid/shop/cart:2 → registry.invalid/shop/cart:3"]
    );

    later_than(&answer).await;
    let undone = ["rollout", "undo", "deployment/cart", &inside];
    testbed.kubectl().run(&undone).await.unwrap();
    let answer = revision(&testbed, &account, &asked, 4).await;
    let history = &answer.histories[0];
    assert_eq!(numbers(history), [1, 3, 4], "the second became the fourth");
    let current = history.revisions.last().unwrap();
    assert!(current.current && current.rollback);
    let brought_back = deploys(&answer).into_iter().next_back().unwrap();
    assert!(
        brought_back.summary.contains("brought back as revision 4")
            && brought_back
                .summary
                .contains("cart:3 → registry.invalid/shop/cart:2"),
        "{}",
        brought_back.summary
    );
    let earlier = deploys(&answer)[0].time;
    assert!(
        brought_back.time > earlier,
        "dated by the edit, not by the old ReplicaSet"
    );

    let later = json!({ "namespace": namespace.name(), "name": "cart", "since": "2999-01-01T00:00:00Z" });
    let answer: GetDeploymentHistoryOutput = agent.ask("get_deployment_history", later).await;
    assert!(answer.changes.is_empty());
    assert_eq!(
        numbers(&answer.histories[0]),
        [1, 3, 4],
        "revisions are given whole"
    );
    let unknown = json!({ "namespace": namespace.name(), "name": "absent" });
    let error = agent.refusal("get_deployment_history", unknown).await;
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    assert!(error.to_string().contains("`absent`"), "{error}");
    let no_workload = json!({ "namespace": namespace.name(), "kind": "Pod" });
    let error = agent.refusal("get_deployment_history", no_workload).await;
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn revisions_of_sets_come_from_controller_revisions() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("sets").await.unwrap();
    let (_agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    for kind in ["StatefulSet", "DaemonSet"] {
        let asked = json!({ "namespace": namespace.name(), "kind": kind, "name": "cart" });
        for (number, image) in [(1, "1"), (2, "2")] {
            let object = workload(&namespace, kind, image, "a", "hunter-one");
            testbed.apply(&object.to_string()).await.unwrap();
            let answer = revision(&testbed, &account, &asked, number).await;
            assert!(answer.gaps.is_empty(), "{kind}: {:?}", answer.gaps);
            assert_eq!(answer.histories[0].workload.kind, kind);
            if number == 2 {
                let rollout = deploys(&answer)[1];
                assert_eq!(
                    rollout.detail,
                    ["containers[main].image: registry.invalid/shop/cart:1 → registry.invalid/shop/cart:2"],
                    "{kind}"
                );
                assert_eq!(rollout.author.as_deref(), Some("claw-testbed"), "{kind}");
                let current = answer.histories[0].revisions.last().unwrap();
                assert!(current.current && !current.rollback, "{kind}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_leaves_no_revision_is_told_by_who_wrote_it() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("edits").await.unwrap();
    let (_agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let objects = |value: usize| {
        let object = |api: &str, kind: &str| {
            let metadata = json!({ "name": "cart", "namespace": namespace.name() });
            json!({ "apiVersion": api, "kind": kind, "metadata": metadata })
        };
        let mut map = object("v1", "ConfigMap");
        map["data"] = json!({ "value": value.to_string() });
        let mut scaler = object("autoscaling/v2", "HorizontalPodAutoscaler");
        scaler["spec"] = json!({
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "cart" },
            "minReplicas": 1, "maxReplicas": value + 2,
        });
        json!({ "apiVersion": "v1", "kind": "List", "items": [map, scaler] })
    };
    let reader = Reader::of(&testbed, &account).await;
    let mut edits = 0;
    // An edit soon after something was made belongs to the making.
    let answer = wait_until(LATER, "edits of their own", async || {
        testbed.apply(&objects(edits).to_string()).await?;
        edits += 1;
        let agent = AgentUnderTest::new(&testbed, &reader);
        let asked = json!({ "namespace": namespace.name() });
        let answer: GetDeploymentHistoryOutput = agent.ask("get_deployment_history", asked).await;
        let about_cart = answer
            .changes
            .iter()
            .filter(|change| change.entity.name == "cart");
        let count = about_cart.count();
        Ok(if count >= 2 {
            Ok(answer)
        } else {
            Err(count.to_string())
        })
    })
    .await
    .unwrap();
    for (kind, entity) in [
        (ChangeKind::Config, "ConfigMap"),
        (ChangeKind::Scale, "HorizontalPodAutoscaler"),
    ] {
        let change = answer.changes.iter().find(|change| change.entity.kind == entity);
        let change = change.unwrap();
        let summary = format!("{entity} {}/cart edited by claw-testbed", namespace.name());
        assert_eq!((change.kind, &change.summary), (kind, &summary));
        assert_eq!(change.author.as_deref(), Some("claw-testbed"));
    }
    assert!(
        answer.changes.is_sorted_by(|a, b| a.time <= b.time),
        "oldest first"
    );
    assert!(answer.gaps.is_empty(), "{:?}", answer.gaps);
}

/// The API server keeps no time of writes to the scale, so that what the controller says is all that there is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_deployment_that_was_scaled_by_hand_is_told_with_the_time() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("scaled").await.unwrap();
    let (agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let mut deployment = workload(&namespace, "Deployment", "1", "a", "hunter-one");
    deployment["spec"]["replicas"] = json!(1);
    testbed.apply(&deployment.to_string()).await.unwrap();
    let asked = json!({ "namespace": namespace.name(), "name": "cart" });
    let made = revision(&testbed, &account, &asked, 1).await;
    let made = made.histories[0].revisions[0].time.unwrap();
    // Sooner, it could be a step of the rollout.
    wait_until(LATER, "the rollout is over", async || {
        let passed = SystemClock.now().as_second() - made.as_second();
        Ok(if passed > 31 {
            Ok(())
        } else {
            Err(passed.to_string())
        })
    })
    .await
    .unwrap();
    let inside = format!("--namespace={}", namespace.name());
    let scaled = ["scale", "deployment/cart", "--replicas=3", &inside];
    let before = SystemClock.now();
    testbed.kubectl().run(&scaled).await.unwrap();
    let scaling = wait_until(LATER, "the scaling", async || {
        let answer: GetDeploymentHistoryOutput = agent.ask("get_deployment_history", asked.clone()).await;
        let mut changes = answer.changes.iter();
        let scaling = changes.find(|change| change.kind == ChangeKind::Scale).cloned();
        Ok(scaling.ok_or_else(|| format!("{:?}", answer.changes)))
    })
    .await
    .unwrap();
    assert_eq!(
        scaling.summary,
        format!(
            "Deployment {}/cart scaled from 1 to 3 by kubectl",
            namespace.name()
        )
    );
    assert_eq!(scaling.detail, ["replicas: 1 → 3"]);
    assert_eq!(scaling.author.as_deref(), Some("kubectl"));
    let late = scaling.time.as_second() - before.as_second();
    assert!((0..10).contains(&late), "{late} s after it");
}
