//! With fewer rights than the tools ask for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::{NAMESPACE, World};

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named() {
    let world = World::start().await;
    let (code, stdout, stderr) = world.run(&["access", "--check"]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    world
        .api
        .cluster()
        .act_as(Some(claw_testkit::api::User::service_account("ops", "nobody")));
    let (code, stdout, stderr) = world.run(&["access", "--check"]).await;
    assert_eq!(code, 5, "{stdout}{stderr}");
    assert!(stdout.contains("get_pods does not work without pods"), "{stdout}");
}

/// Makes the simulated server take what `text` holds, and act as the account of it from now on.
fn apply_and_act(world: &World, text: &str) {
    for document in text.split("---\n") {
        let object: Value = serde_saphyr::from_str(document).unwrap();
        world.api.cluster().put(object);
    }
    let account = claw_testkit::api::User::service_account("claw", "openclaw-agent");
    world.api.cluster().act_as(Some(account));
}

/// The resources, in plural, that the server refused to list so far wherever it was asked.
fn refused(world: &World) -> BTreeSet<String> {
    let exchanges = world.api.faults().exchanges();
    let resources = |refused: bool| -> BTreeSet<String> {
        exchanges
            .iter()
            .filter(|exchange| exchange.status.is_some_and(|status| (status == 403) == refused))
            .map(|exchange| exchange.path.rsplit('/').next().unwrap().to_owned())
            .collect()
    };
    resources(true).difference(&resources(false)).cloned().collect()
}

/// The report of an investigation of `cart`, with every refused resource among its gaps.
async fn investigated_with_gaps(world: &World) -> Value {
    let arguments = ["investigate", "-n", NAMESPACE, "deploy/cart", "-o", "json"];
    let (_, stdout, stderr) = world.run(&arguments).await;
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull", "{stdout}");
    assert_eq!(report["hypotheses"][0]["entity"]["name"], "cart", "{stdout}");
    let gaps = report["gaps"].to_string();
    let refused = refused(world);
    assert!(!refused.is_empty());
    for resource in &refused {
        assert!(gaps.contains(resource.as_str()), "{resource} is not among {gaps}");
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_the_specification_is_enough_and_what_it_hides_is_named() {
    let world = World::start().await;
    let (code, seed, stderr) = world.run(&["access", "--seed-only"]).await;
    assert_eq!(code, 0, "{stderr}");
    apply_and_act(&world, &seed);
    investigated_with_gaps(&world).await;
    let refused = refused(&world);
    assert!(refused.contains("networkpolicies"), "{refused:?}");
    assert!(
        !refused.contains("pods") && !refused.contains("nodes"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_in_one_namespace_is_enough_and_what_it_hides_is_named() {
    let world = World::start().await;
    let (_, seed, _) = world.run(&["access", "--seed-only"]).await;
    let place = format!("metadata:\n  namespace: {NAMESPACE}\n");
    let namespaced = seed
        .replace("kind: ClusterRole\nmetadata:\n", &format!("kind: Role\n{place}"))
        .replace(
            "kind: ClusterRoleBinding\nmetadata:\n",
            &format!("kind: RoleBinding\n{place}"),
        )
        .replace("kind: ClusterRole\n", "kind: Role\n");
    apply_and_act(&world, &namespaced);
    investigated_with_gaps(&world).await;
    assert!(refused(&world).contains("nodes"), "{:?}", refused(&world));

    // Asked for the one namespace, the rights there are seen; asked for all, none is.
    let pods = ["access", "--check", "--tool", "get_pods"];
    let (_, stdout, _) = world.run(&pods).await;
    assert!(stdout.contains("get_pods does not work without"), "{stdout}");
    let (_, stdout, stderr) = world.run(&[&pods[..], &["--in", NAMESPACE]].concat()).await;
    assert!(
        stdout.contains("namespace shop") && !stdout.contains("does not work without"),
        "{stdout}{stderr}"
    );
}
