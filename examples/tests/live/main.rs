//! The binary against an API server, a Prometheus and webhooks over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)] // a test that fails panics

mod kills;
mod recordings;
mod rights;
mod serving;
mod stops;
mod world;
mod writing;

use std::fs;

use serde_json::Value;

use world::{NAMESPACE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_investigated_and_nothing_is_written() {
    let world = World::start().await;
    for subject in [
        &["-n", NAMESPACE, "deploy/cart"][..],
        &["--alert", &world.file("alert.json")],
    ] {
        let arguments = [&["investigate", "-o", "json"], subject].concat();
        let (code, stdout, stderr) = world.run(&arguments).await;
        assert_eq!(code, 0, "{stderr}\n{stdout}");
        let report: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(report["cluster"], "simulated");
        assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull");
        assert!(!stdout.contains("hunter2"), "secrets stay in the cluster");
    }
    assert_eq!(world.writes(), 0);
    let (code, _, _) = world.run(&["audit", "verify"]).await;
    assert_eq!(code, 0);
    let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
    assert!(!log.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_cluster_besides_the_tools_are_on_record() {
    let world = World::start().await;
    for (arguments, looks) in [
        (
            &["investigate", "-n", NAMESPACE, "deploy/cart"][..],
            &["server_version"][..],
        ),
        (
            &["collect", "rec", "-n", NAMESPACE],
            &["server_version", "api_groups"],
        ),
    ] {
        let file = format!("{}.jsonl", arguments[0]);
        let arguments = [arguments, &["--audit", &file]].concat();
        let (code, _, stderr) = world.run(&arguments).await;
        assert_eq!(code, 0, "{stderr}");
        let log = fs::read_to_string(world.path(&file)).unwrap();
        for look in looks {
            assert!(log.contains(&format!("\"subject\":\"{look}\"")), "{look}");
        }
    }
}
