//! An agent that is told to stop while it waits for an answer.

use std::time::Duration;

use claw_testbed::suite::{Agent, Condition, Stop, TcpProxy, WebhookSink, notification, wait_until};
use claw_testkit::faults::{Fault, Rule};
use serde_json::Value;
use tokio::time::Instant;

use crate::investigated::{SLACK, names_the_cause};
use crate::scene::{LATER, SOON, Scene};

/// How long a serving agent goes on after it was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What was delivered about a run.
fn delivered(sink: &WebhookSink, run: &str) -> Vec<Value> {
    let received = sink.received().into_iter();
    let about = received.filter(|received| received.body["case"] == *run);
    about.map(|received| received.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_run_that_is_stopped_while_a_request_hangs_is_finished_later_with_one_report() {
    let Some(scene) = Scene::set("a run that is stopped").await else {
        return;
    };
    let proxy = TcpProxy::before(scene.server()).await.unwrap();
    let kubeconfig = scene.kubeconfig(proxy.url());
    let sink = WebhookSink::start().await.unwrap();
    let deliver = ["--report-webhook", sink.url()];
    for by in [Stop::Terminate, Stop::Interrupt] {
        let name = format!("data-{by:?}");
        let data = scene.path(&name);
        let start = || Agent::start_with(scene.program(), &scene.testbed, &data, &kubeconfig, &deliver);
        let agent = start().await.unwrap();
        agent.records("own_rights", LATER).await.unwrap();
        proxy.set(Condition::Silent { after: 0 });
        let asked = proxy.asked();
        let alert = notification(&name, scene.namespace(), "mailer");
        let runs = agent.notify(&alert).await.unwrap();
        let [run] = runs.as_slice() else {
            panic!("one run, not {runs:?}");
        };
        proxy.is_asked(asked, SOON).await.unwrap();
        let begin = Instant::now();
        let code = agent.stop(by, LATER).await.unwrap();
        let took = begin.elapsed();
        println!("{by:?}: stopped after {took:?}");
        assert_eq!(code, Some(0), "it stops in order");
        assert!(took <= STOP_GRACE + SLACK, "{took:?}");
        assert!(
            delivered(&sink, run).is_empty(),
            "nothing is reported before it is known"
        );
        let log = format!("{name}/audit.jsonl");
        scene.assert_audit(&log).await;

        proxy.set(Condition::Open);
        let agent = start().await.unwrap();
        let report = agent.wait_for(run, LATER).await.unwrap();
        assert!(names_the_cause(&report), "{report:#}");
        let runs = agent.runs().await.unwrap();
        let ours: Vec<_> = runs.iter().filter(|record| record["id"] == **run).collect();
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert_eq!(ours[0]["status"], "done");
        wait_until(SOON, "the report is delivered", async || {
            let delivered = delivered(&sink, run);
            Ok(if delivered.is_empty() {
                Err("none yet".to_owned())
            } else {
                Ok(())
            })
        })
        .await
        .unwrap();
        // Whatever it still has to do it does before it ends.
        assert_eq!(agent.stop(by, LATER).await.unwrap(), Some(0));
        assert_eq!(delivered(&sink, run), [report]);
        scene.assert_audit(&log).await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_person_who_does_not_want_to_wait_leaves_a_whole_audit_log() {
    let Some(scene) = Scene::set("a person who does not want to wait").await else {
        return;
    };
    let proxy = scene.reverse_proxy().await;
    proxy.faults().add(Rule::new("/api/v1/**", Fault::Hang));
    let kubeconfig = scene.kubeconfig(&proxy.url());
    for by in [Stop::Interrupt, Stop::Terminate] {
        proxy.faults().clear_log();
        let child = scene.begin(&kubeconfig, &[]);
        wait_until(SOON, "a request that hangs", async || {
            let exchanges = proxy.faults().exchanges();
            let hangs = exchanges
                .iter()
                .any(|exchange| exchange.fault == Some(Fault::Hang));
            Ok(if hangs {
                Ok(())
            } else {
                Err(format!("{} requests", exchanges.len()))
            })
        })
        .await
        .unwrap();
        by.ask(child.id().unwrap());
        let stopped = scene.finish(child).await;
        assert!(stopped.took <= SLACK, "{:?}", stopped.took);
        assert!(stopped.report.is_null(), "{stopped:#?}");
        scene.assert_audit("audit.jsonl").await;
    }
    proxy.faults().clear();
    // The log is gone on with.
    scene.usual(&proxy.url()).await;
    scene.assert_audit("audit.jsonl").await;
    scene.end().await;
}
