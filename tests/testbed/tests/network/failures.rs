//! A test that fails in the middle breaks nothing for those that follow.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use claw_testbed::components::Component;
use claw_testbed::suite::{during_outage, during_rotation};
use futures::FutureExt as _;

use crate::scene::Scene;

/// What a failed assertion is.
async fn fails() {
    panic!("a test fails, as it should here");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_a_test_breaks_is_restored_when_it_panics() {
    let test = "a test that fails";
    let Some(scene) = Scene::set_alone(test).await else {
        return;
    };
    let testbed = &scene.testbed;
    for component in [Component::ApiServer, Component::Prometheus] {
        let outage = during_outage(testbed, component, test, fails);
        assert!(AssertUnwindSafe(outage).catch_unwind().await.is_err());
        scene.usual(scene.server()).await;
    }
    let folder = scene.path("");
    let rotation = during_rotation(testbed, &folder, test, async |_: &Path| fails().await);
    assert!(AssertUnwindSafe(rotation).catch_unwind().await.is_err());
    // With the kubeconfig and the authority of before.
    scene.usual(scene.server()).await;
    scene.end().await;
}
