//! The agent's audit log beside that of a real API server: each request of the agent's account is in both, once, reads included,
//! and each write is the one that a record permits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)] // a failure is a panic; a person sends requests by herself

mod agent;
mod both;
mod scene;

use std::time::Duration;

use claw_core::actuate::{Actuator as _, Settlement, Submitted};
use claw_guardrails::audit::{Mismatch, verify_file};
use claw_guardrails::pipeline::IntentState;
use claw_k8s::access::{Expected, standing};
use claw_k8s::cluster::AccessQuestion;
use claw_testbed::suite::wait_until;
use claw_workflows::trigger::{Incident, TimeHints};
use serde_json::json;

use agent::{TestAgent, cx, scope};
use both::{compared, count};
use scene::{DEPLOYMENTS, SOON, Scene};

/// As many requests as are compared at least.
const WANTED: u64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn each_request_is_in_both_logs_once() {
    let Some(scene) = Scene::set("the bijection of the audit logs").await else {
        return;
    };
    let agent = TestAgent::start(&scene).await;
    look_at_walls(&scene, &agent).await;
    write(&scene, &agent).await;
    for number in 0..3 {
        let question = format!("is all well with d{number} in {}?", scene.ns());
        let incident = Incident::of_question(question, TimeHints::default(), agent.now());
        agent.agent.investigate(&incident).await.unwrap();
    }
    give_up(&scene, &agent).await;
    meet_cut_connections(&scene, &agent).await;
    let mut round = 0;
    while count(&agent.log()) < WANTED + 200 {
        look_around(&scene, &agent, round).await;
        round += 1;
        assert!(round < 500, "only {} requests", count(&agent.log()));
    }
    let log = agent.end().await;
    assert!(verify_file(&log).unwrap().is_intact());

    let comparison = compared(&scene, &log, |_| true).await;
    for mismatch in comparison.mismatches.iter().take(20) {
        println!("{mismatch}");
    }
    assert!(
        comparison.is_exact(),
        "{} mismatches",
        comparison.mismatches.len()
    );
    assert!(comparison.both >= WANTED, "{}", comparison.both);
    assert_eq!(comparison.unused_permits, 0);
    assert_eq!(comparison.writes, agent_writes());
    for kind in [
        "create approvals",
        "create selfsubjectaccessreviews",
        "get configmaps",
        "get pods/log",
        "list pods",
        "patch approvals/status",
        "patch deployments",
        "patch deployments (dry run)",
        "patch leases",
    ] {
        assert!(
            comparison.by_kind.contains_key(kind),
            "no {kind}: {:?}",
            comparison.by_kind
        );
    }
    scene.testbed.note(&format!(
        "audit logs of API server and agent: {} requests of {} kinds one to one, {} of them writes by permits; {} never reached the server",
        comparison.both,
        comparison.by_kind.len(),
        comparison.writes,
        comparison.unanswered,
    ));
    println!("{:#?}", comparison.by_kind);

    // What is not in a log is missed: without any one of these records the logs do not fit any more.
    let records = both::told(&log);
    let mut gaps = 0;
    for gone in records.iter().step_by((records.len() / 25).max(1)) {
        let found = compared(&scene, &log, |record| record.sequence != gone.sequence).await;
        let missed = found
            .mismatches
            .iter()
            .all(|it| matches!(it, Mismatch::Unrecorded(_) | Mismatch::Unpermitted(_)));
        // Of a record that tells of nothing but requests that did not arrive nothing is missed.
        if gone.arrived {
            assert!(
                !found.is_exact() && missed,
                "record {} is not missed",
                gone.sequence
            );
            gaps += 1;
        }
    }
    assert!(gaps >= 10, "{gaps}");
    scene.testbed.note(&format!(
        "audit logs: {gaps} of {gaps} records that were left out were missed"
    ));
    scene.end().await;
}

/// Writes of the test: as many as [`write`] has done.
fn agent_writes() -> u64 {
    (SCALED_UP + SCALED_DOWN) as u64
}

const SCALED_UP: usize = 8;
const SCALED_DOWN: usize = 2;

/// Writes by the agent alone, with approvals by objects, and refused ones.
async fn write(scene: &Scene, agent: &TestAgent) {
    let pipeline = agent.agent.pipeline().unwrap();
    for number in 0..SCALED_UP {
        let action = agent.scale(scene, number, 3).await;
        let submitted = pipeline.submit(&scope("ups"), "plan", &action).await.unwrap();
        assert!(
            matches!(submitted, Submitted::Settled(Settlement::Applied { .. })),
            "{submitted:?}"
        );
    }
    for number in 0..SCALED_DOWN {
        let action = agent.scale(scene, number, 2).await;
        let submitted = pipeline.submit(&scope("downs"), "plan", &action).await.unwrap();
        let Submitted::Waiting { approval, .. } = submitted else {
            panic!("{submitted:?}")
        };
        let intent = pipeline.intent(&approval).await.unwrap();
        scene.approve(&intent.asked.unwrap().request).await;
        wait_until(SOON, "what was approved is done", async || {
            agent.agent.tend().await.unwrap();
            let state = pipeline.intent(&approval).await.unwrap().state;
            Ok(match state {
                IntentState::Settled { .. } => Ok(()),
                other => Err(format!("{other:?}")),
            })
        })
        .await
        .unwrap();
    }
    // Refused by its names alone.
    let mut action = agent.scale(scene, 3, 4).await;
    action.target.namespace = Some("kube-system".to_owned());
    let refused = pipeline.submit(&scope("no"), "plan", &action).await.unwrap();
    assert!(
        matches!(refused, Submitted::Settled(Settlement::Refused(_))),
        "{refused:?}"
    );
}

/// Whether the outer walls stand.
async fn look_at_walls(scene: &Scene, agent: &TestAgent) {
    let ask = |verb: &str, resource: &str| AccessQuestion {
        verb: verb.to_owned(),
        group: String::new(),
        resource: resource.to_owned(),
        subresource: String::new(),
        namespace: Some(scene.ns().to_owned()),
    };
    let granted = ["pods", "services"]
        .map(|resource| ask("list", resource))
        .to_vec();
    let denied = vec![ask("impersonate", "users"), ask("delete", "secrets")];
    let expected = Expected::new(granted, denied, Vec::new());
    let cluster = agent.cluster();
    let found = agent
        .agent
        .gate()
        .attend(
            &scope("walls"),
            cx(),
            ("the walls", "nothing is written without them"),
            |cx| async move { standing(&cluster, &cx, &expected).await },
        )
        .await;
    assert!(found.gaps.is_empty(), "{found:?}");
}

/// Calls of all tools, some at the same time.
async fn look_around(scene: &Scene, agent: &TestAgent, round: usize) {
    let fresh = agent.another();
    let ns = scene.ns();
    let calls = [
        ("get_pods", json!({ "namespace": ns })),
        ("get_workloads", json!({ "namespace": ns })),
        ("get_nodes", json!({})),
        ("describe_events", json!({ "namespace": ns })),
        ("get_deployment_history", json!({ "namespace": ns })),
        ("get_dependencies", json!({ "namespace": ns })),
        ("query_gitops", json!({ "namespace": ns })),
        ("get_pods", json!({ "namespace": "not-there" })),
        (
            "get_pods",
            json!({ "namespace": ns, "label_selector": format!("app=d{round}") }),
        ),
    ];
    let calls = calls.map(|(tool, input)| fresh.call(tool, input));
    futures::future::join_all(calls).await;
    let pods = scene.pods().await;
    let logs = pods.iter().skip(round % 3).step_by(3).map(|pod| {
        let input = json!({ "namespace": ns, "pod_name": pod });
        fresh.call("get_pod_logs", input)
    });
    futures::future::join_all(logs).await;
    for number in 0..DEPLOYMENTS {
        fresh.scale(scene, number, 4).await;
    }
}

/// Calls that their caller goes away from while they are under way.
async fn give_up(scene: &Scene, agent: &TestAgent) {
    for number in 0..40_u64 {
        let fresh = agent.another();
        let call = fresh.call("get_dependencies", json!({ "namespace": scene.ns() }));
        // Whether it ended or not, it is on record.
        let _ended = tokio::time::timeout(Duration::from_millis(1 + number), call).await;
    }
}

/// Calls over a network whose connections break.
async fn meet_cut_connections(scene: &Scene, agent: &TestAgent) {
    let (proxy, through) = agent.through_proxy(scene).await;
    let cuts = async {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(40)).await;
            proxy.cut();
        }
    };
    let calls = async {
        for _ in 0..20 {
            let fresh = through.another();
            let _failed_or_not = fresh
                .call("get_dependencies", json!({ "namespace": scene.ns() }))
                .await;
            let _same = fresh.call("get_pods", json!({ "namespace": scene.ns() })).await;
        }
    };
    tokio::join!(cuts, calls);
}
