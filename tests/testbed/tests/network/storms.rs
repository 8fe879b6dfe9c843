//! Servers that refuse for a while, or for good.

use std::collections::BTreeSet;
use std::time::Duration;

use claw_testbed::suite::TcpProxy;
use claw_testkit::faults::{Fault, Rule};
use claw_testkit::reverse_proxy::ReverseProxy;

use crate::scene::{SOON, Scene};

/// Everything that is read but the version, which shows that there is a cluster.
const ALL_BUT_THE_VERSION: [&str; 3] = ["/api/**", "/apis", "/apis/**"];
/// How often a request is sent at most.
const ATTEMPTS: usize = 3;

/// The paths that were asked for.
fn paths(proxy: &ReverseProxy) -> BTreeSet<String> {
    let exchanges = proxy.faults().exchanges().into_iter();
    exchanges.map(|exchange| exchange.path).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn storms_that_end_cost_time_and_nothing_else() {
    let Some(scene) = Scene::set("storms that end").await else {
        return;
    };
    let proxy = scene.reverse_proxy().await;
    let usual = scene.usual(&proxy.url()).await;
    let (paths, count) = (paths(&proxy), proxy.faults().count());
    let kubeconfig = scene.kubeconfig(&proxy.url());
    let wait = Duration::from_secs(1);
    for fault in [Fault::too_many_requests(wait), Fault::unavailable()] {
        proxy.faults().clear();
        proxy.faults().clear_log();
        let asks_to_wait = matches!(
            fault,
            Fault::Status {
                retry_after: Some(_),
                ..
            }
        );
        // Each request is refused as often as it may be without being given up.
        for path in &paths {
            let refusals = Rule::new(path, fault.clone()).times(ATTEMPTS - 1);
            proxy.faults().add(refusals);
        }
        let weathered = scene.investigate(&kubeconfig, &[]).await;
        weathered.assert_as(&usual);
        let exchanges = proxy.faults().exchanges();
        let refused = exchanges
            .iter()
            .filter(|exchange| exchange.fault.is_some())
            .count();
        assert_eq!(refused, paths.len() * (ATTEMPTS - 1), "of {fault:?}");
        // Lists are shared for a moment: later than that, they are read once more.
        let answered = exchanges.len() - refused;
        assert!(answered <= count * 2, "{answered} answers, usually {count}");
        let least = wait * (ATTEMPTS - 1) as u32;
        assert!(!asks_to_wait || weathered.took >= least, "{:?}", weathered.took);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn storms_that_do_not_end_are_gaps_after_a_bounded_number_of_requests() {
    let Some(scene) = Scene::set("storms that do not end").await else {
        return;
    };
    let proxy = scene.reverse_proxy().await;
    scene.usual(&proxy.url()).await;
    // What is refused to one tool is asked for again by the next.
    let bound = proxy.faults().count() * ATTEMPTS * 3 / 2;
    let kubeconfig = scene.kubeconfig(&proxy.url());
    let overloaded = "the API server is overloaded";
    // An hour is longer than any run has: nothing is waited for.
    for (fault, said, remedy) in [
        (
            Fault::too_many_requests(Duration::from_secs(1)),
            overloaded,
            "try again later",
        ),
        (
            Fault::too_many_requests(Duration::from_secs(3600)),
            overloaded,
            "try again later",
        ),
        (
            Fault::unavailable(),
            "the API server is not available",
            "check that it is up",
        ),
    ] {
        proxy.faults().clear();
        proxy.faults().clear_log();
        for path in ALL_BUT_THE_VERSION {
            proxy.faults().add(Rule::new(path, fault.clone()));
        }
        let unseen = scene.investigate(&kubeconfig, &["--timeout", "30"]).await;
        unseen.assert_in_time(Duration::from_secs(30));
        unseen.assert_gap(&["get_pods", "get_workloads", "describe_events"], &[said, remedy]);
        // Something may be wrong, and nothing says why.
        assert_eq!(
            (unseen.code, &unseen.report["verdict"]),
            (3, &"unknown".into()),
            "{unseen:#?}"
        );
        let asked = proxy.faults().count();
        println!("{said}: {asked} requests in {:?}", unseen.took);
        assert!(asked <= bound, "{asked} requests, at most {bound}");
    }
    // Without even a version there is no cluster to report on.
    proxy.faults().add(Rule::new("/version", Fault::unavailable()));
    proxy.faults().clear_log();
    let nothing = scene.investigate(&kubeconfig, &[]).await;
    nothing.assert_failed(&[
        "the API server is not available: read the version",
        "check that it is up",
    ]);
    assert!(nothing.took <= SOON, "{:?}", nothing.took);
    assert_eq!(proxy.faults().count(), ATTEMPTS);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn metrics_and_logs_that_are_refused_are_gaps_beside_the_cause() {
    let Some((scene, prometheus, loki)) = Scene::set_with_sources("refusals of Prometheus and Loki").await
    else {
        return;
    };
    let (metrics, logs) = (
        ReverseProxy::before(&prometheus).await.unwrap(),
        ReverseProxy::before(&loki).await.unwrap(),
    );
    let (metrics_url, logs_url) = (metrics.url(), logs.url());
    let sources = [
        "--prometheus",
        &metrics_url,
        "--loki",
        &logs_url,
        "--timeout",
        "30",
    ];
    let (_without_logs, kubeconfig) = scene.without_logs().await;
    scene.investigate(&kubeconfig, &sources).await.assert_cause();
    for (fault, remedy) in [
        (
            Fault::unavailable(),
            "it can be reached, and is in trouble itself",
        ),
        (Fault::too_many_requests(Duration::from_secs(1)), "rate limit"),
    ] {
        for proxy in [&metrics, &logs] {
            proxy.faults().clear();
            proxy.faults().clear_log();
            proxy.faults().add(Rule::new("**", fault.clone()));
        }
        let without = scene.investigate(&kubeconfig, &sources).await;
        without.assert_in_time(Duration::from_secs(30));
        without.assert_cause();
        without.assert_gap(&["list_metrics", "search_logs"], &[remedy]);
        let misleading = |gap: &String| gap.contains("configure this source");
        assert!(!without.gaps().iter().any(misleading), "{:#?}", without.gaps());
        assert_eq!(without.code, 4, "{without:#?}");
        let asked = [metrics.faults().count(), logs.faults().count()];
        println!("{remedy}: {asked:?} requests in {:?}", without.took);
        assert!(asked.iter().all(|asked| (1..=40).contains(asked)), "{asked:?}");
    }
    // Nobody there at all: then it is the address, or the server, that is to be looked at.
    let gone = TcpProxy::before(&prometheus).await.unwrap().url().to_owned();
    let without = scene.investigate(&kubeconfig, &["--prometheus", &gone]).await;
    without.assert_cause();
    without.assert_gap(
        &["list_metrics"],
        &["no connection to", "check that it is up and reachable"],
    );
    scene.end().await;
}
