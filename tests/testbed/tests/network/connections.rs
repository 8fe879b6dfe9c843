//! Connections that break, are slow, or are half open.

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::tool::ToolContext;
use claw_k8s::cluster::{Query, Resource, list_all};
use claw_k8s::model::ConfigMap;
use claw_testbed::machine;
use claw_testbed::suite::{Condition, TcpProxy, wait_until};
use claw_testkit::faults::{Fault, Rule};
use serde_json::json;

use crate::scene::{LATER, SOON, Scene};

/// Everything that objects are read from.
const OBJECTS: [&str; 2] = ["/api/v1/**", "/apis/**"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_list_that_breaks_off_or_stops_coming_is_read_again_from_its_beginning() {
    let Some(scene) = Scene::set("a list that is cut off").await else {
        return;
    };
    let maps = format!("/api/v1/namespaces/{}/configmaps", scene.namespace());
    // Of random digits, because answers come compressed.
    let large = (0..12).map(|number| {
        let map = json!({
            "metadata": { "name": format!("large-{number}") },
            "data": { "digits": machine::secret(30_000).unwrap() },
        });
        (maps.clone(), map)
    });
    let api = scene.testbed.api();
    api.create_all(large.collect(), &|| {}).await.unwrap();
    let expected: Vec<_> = api.list(&maps, "").await.unwrap();
    let expected: Vec<_> = expected
        .iter()
        .map(|map| map["metadata"]["name"].as_str().unwrap())
        .collect();
    let after = 100_000;
    for condition in [Condition::Reset { after }, Condition::Silent { after }] {
        let proxy = TcpProxy::before(scene.server()).await.unwrap();
        let reader = scene.reader(proxy.url()).await;
        let cx = ToolContext::new(Arc::new(SystemClock), LATER);
        let query = Query::new(Resource::CONFIG_MAPS, Some(scene.namespace()));
        proxy.set(condition);
        let mends = async {
            wait_until(LATER, "another connection", async || {
                let connections = proxy.connections();
                Ok(if connections > 1 {
                    Ok(())
                } else {
                    Err(format!("{connections} connections"))
                })
            })
            .await
            .unwrap();
            proxy.set(Condition::Open);
        };
        let (listed, ()) = tokio::join!(list_all::<ConfigMap>(&reader, &cx, &query), mends);
        let listed = listed.unwrap();
        assert!(listed.incomplete.is_empty(), "{:?}", listed.incomplete);
        let names: Vec<_> = listed.items.iter().map(|map| map.metadata.name.clone()).collect();
        assert_eq!(names, expected, "{condition:?}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn answers_that_break_off_once_are_read_and_those_that_always_do_are_gaps() {
    let Some(scene) = Scene::set("answers that break off").await else {
        return;
    };
    let proxy = scene.reverse_proxy().await;
    let usual = scene.usual(&proxy.url()).await;
    let kubeconfig = scene.kubeconfig(&proxy.url());
    let cut = || Rule::new("**/pods", Fault::Cut { after_bytes: 200 });
    proxy.faults().add(cut().times(1));
    scene.investigate(&kubeconfig, &[]).await.assert_as(&usual);
    proxy.faults().clear();
    proxy.faults().add(cut());
    proxy.faults().clear_log();
    let without = scene.investigate(&kubeconfig, &[]).await;
    without.assert_in_time(Duration::from_secs(60));
    without.assert_gap(&["get_pods"], &["the API server is not available: list pods"]);
    assert!(matches!(without.code, 3 | 4), "{without:#?}");
    let broken = proxy.faults().exchanges();
    let broken = broken.iter().filter(|exchange| exchange.fault.is_some()).count();
    assert!((3..=9).contains(&broken), "{broken} attempts");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_slow_api_server_is_waited_for_until_the_time_is_over() {
    let Some(scene) = Scene::set("a slow API server").await else {
        return;
    };
    let usual = scene.usual(scene.server()).await;
    let slow = TcpProxy::before(scene.server()).await.unwrap();
    slow.set(Condition::Slow {
        bytes: 16 << 10,
        pause: Duration::from_millis(150),
    });
    let waited = scene.investigate(&scene.kubeconfig(slow.url()), &[]).await;
    waited.assert_as(&usual);
    assert!(waited.took > usual.took, "{:?}", waited.took);
    // A few bytes each second: answers go on, and never end.
    let slower = scene.reverse_proxy().await;
    for objects in OBJECTS {
        let (bytes, pause) = (16, Duration::from_secs(1));
        slower
            .faults()
            .add(Rule::new(objects, Fault::Trickle { bytes, pause }));
    }
    let limit = Duration::from_secs(8);
    let over = scene
        .investigate(&scene.kubeconfig(&slower.url()), &["--timeout", "8"])
        .await;
    over.assert_in_time(limit);
    over.assert_gap(&["get_pods", "get_workloads"], &[]);
    assert_eq!(over.code, 3, "{over:#?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_half_open_api_server_is_given_up() {
    let Some(scene) = Scene::set("a half-open API server").await else {
        return;
    };
    // From the first byte on: there is no cluster to report on.
    let silent = TcpProxy::before(scene.server()).await.unwrap();
    silent.set(Condition::Silent { after: 0 });
    let nothing = scene.investigate(&scene.kubeconfig(silent.url()), &[]).await;
    nothing.assert_failed(&["read the version", "check that it is up and can be reached"]);
    assert!(nothing.took <= SOON, "{:?}", nothing.took);
    assert!(silent.connections() <= 3, "{}", silent.connections());
    // Once it has shown that it is there: there is a report on what could not be seen.
    let hanging = scene.reverse_proxy().await;
    for objects in OBJECTS {
        hanging.faults().add(Rule::new(objects, Fault::Hang));
    }
    let limit = Duration::from_secs(25);
    let unseen = scene
        .investigate(&scene.kubeconfig(&hanging.url()), &["--timeout", "25"])
        .await;
    unseen.assert_in_time(limit);
    unseen.assert_gap(
        &["get_pods", "get_workloads", "describe_events"],
        &["the API server did not answer within", "see what holds it up"],
    );
    assert_eq!(unseen.code, 3, "{unseen:#?}");
    assert!(hanging.faults().count() <= 60, "{}", hanging.faults().count());
    scene.usual(scene.server()).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn half_open_sources_of_metrics_and_logs_cost_time_once_and_not_the_cause() {
    let Some((scene, prometheus, loki)) = Scene::set_with_sources("half-open Prometheus and Loki").await
    else {
        return;
    };
    let (_without_logs, kubeconfig) = scene.without_logs().await;
    let metrics = TcpProxy::before(&prometheus).await.unwrap();
    let logs = TcpProxy::before(&loki).await.unwrap();
    let sources = ["--prometheus", metrics.url(), "--loki", logs.url()];
    let usual = scene.investigate(&kubeconfig, &sources).await;
    usual.assert_cause();
    for silent in [&metrics, &logs] {
        silent.set(Condition::Silent { after: 0 });
    }
    let arguments = [&sources[..], &["--timeout", "30"]].concat();
    let without = scene.investigate(&kubeconfig, &arguments).await;
    without.assert_in_time(Duration::from_secs(30));
    without.assert_cause();
    without.assert_gap(
        &["list_metrics"],
        &["no answer from", "see why the source is slow or does not answer"],
    );
    without.assert_gap(&["search_logs"], &["no answer"]);
    assert_eq!(without.code, 4, "{without:#?}");
    scene.end().await;
}
