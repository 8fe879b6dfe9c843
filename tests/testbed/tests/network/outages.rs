//! Components that end while they are asked.

use std::time::Duration;

use claw_testbed::components::Component;
use claw_testbed::suite::{Agent, Condition, Part, TcpProxy, during_outage, notification};

use crate::investigated::{gaps, names_the_cause};
use crate::scene::{LATER, SOON, Scene};

/// Slow enough to be met in the middle.
const SLOW: Condition = Condition::Slow {
    bytes: 2 << 10,
    pause: Duration::from_millis(100),
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_run_in_which_the_api_server_ends_ends_with_a_report() {
    let test = "an API server that ends";
    let Some(scene) = Scene::set_alone(test).await else {
        return;
    };
    let proxy = TcpProxy::before(scene.server()).await.unwrap();
    let kubeconfig = scene.kubeconfig(proxy.url());
    let away = |gap: &String| gap.contains("the API server is not available");
    for comes_back_at_once in [true, false] {
        let data = scene.path(&format!("data-{comes_back_at_once}"));
        let agent = Agent::start_with(
            scene.program(),
            &scene.testbed,
            &data,
            &kubeconfig,
            &["--no-grouping"],
        )
        .await
        .unwrap();
        agent.records("own_rights", LATER).await.unwrap();
        proxy.set(SLOW);
        let alert = notification("interrupted", scene.namespace(), "mailer");
        let runs = agent.notify(&alert).await.unwrap();
        let workloads = "\"subject\":\"get_workloads\"";
        agent.records(workloads, LATER).await.unwrap();
        let outage = during_outage(&scene.testbed, Component::ApiServer, test, async || {
            let in_the_middle = agent.report(&runs[0]).is_none();
            let interrupted = match comes_back_at_once {
                true => None,
                false => Some(agent.wait_for(&runs[0], LATER).await),
            };
            (in_the_middle, interrupted)
        });
        let (in_the_middle, interrupted) = outage.await.unwrap().unwrap();
        let interrupted = match interrupted {
            Some(interrupted) => interrupted,
            None => agent.wait_for(&runs[0], LATER).await,
        };
        proxy.set(Condition::Open);
        assert!(in_the_middle, "the run was over before the API server ended");
        let interrupted = interrupted.unwrap();
        let said = gaps(&interrupted);
        let missing = said.iter().any(away);
        // One that comes back at once may be waited for.
        assert!(
            missing || comes_back_at_once && names_the_cause(&interrupted),
            "{said:#?}"
        );
        println!("comes back at once: {comes_back_at_once}; missing: {missing}");
        let alert = notification("afterwards", scene.namespace(), "mailer");
        let runs = agent.notify(&alert).await.unwrap();
        let whole = agent.wait_for(&runs[0], LATER).await.unwrap();
        assert!(names_the_cause(&whole), "{:#?}", gaps(&whole));
        assert!(!gaps(&whole).iter().any(away), "{:#?}", gaps(&whole));
        assert_eq!(agent.reports().len(), 2);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_run_in_which_prometheus_ends_names_the_cause_and_the_gap() {
    let test = "a Prometheus that ends";
    let Some(scene) = Scene::set_alone(test).await else {
        return;
    };
    let Some(prometheus) = scene.testbed.need(Part::Prometheus, test) else {
        return;
    };
    let proxy = TcpProxy::before(prometheus).await.unwrap();
    proxy.set(SLOW);
    let kubeconfig = scene.kubeconfig(scene.server());
    let child = scene.begin(&kubeconfig, &["--prometheus", proxy.url()]);
    proxy.is_asked(0, SOON).await.unwrap();
    let outage = during_outage(&scene.testbed, Component::Prometheus, test, async || {
        scene.finish(child).await
    });
    let without = outage.await.unwrap().unwrap();
    without.assert_in_time(Duration::from_secs(60));
    without.assert_cause();
    let sources = ["list_metrics: ", "query_prometheus: "];
    let said = without.gaps();
    let missing = |gap: &String| {
        sources.iter().any(|source| gap.starts_with(source)) && gap.contains("check that it is up")
    };
    assert!(said.iter().any(missing), "{said:#?}");
    assert_eq!(without.code, 4, "{without:#?}");
    let after = scene
        .investigate(&kubeconfig, &["--prometheus", prometheus])
        .await;
    after.assert_cause();
    assert!(!after.gaps().iter().any(missing), "{:#?}", after.gaps());
    scene.end().await;
}
