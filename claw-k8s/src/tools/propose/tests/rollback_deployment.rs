use proptest::prelude::*;

use super::*;

/// A ReplicaSet that keeps a revision of `cart`.
pub(super) fn set(name: &str, revision: i64, image: &str) -> Value {
    let template = json!({"metadata": {"creationTimestamp": null, "labels": {"app": "cart", "pod-template-hash": name}},
        "spec": {"containers": [{"name": "app", "image": image}]}});
    set_of(name, revision, template)
}

fn set_of(name: &str, revision: i64, template: Value) -> Value {
    stored(
        "apps/v1",
        "ReplicaSet",
        Some("shop"),
        name,
        json!({
        "metadata": {"annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": [{"kind": "Deployment", "name": "cart", "uid": "uid-cart", "controller": true}]},
        "spec": {"replicas": 0, "template": template}}),
    )
}

fn world(more: Value) -> Fake {
    let mut foreign = set("other-1", 2, "other:1");
    foreign["metadata"]["ownerReferences"][0]["uid"] = json!("uid-other");
    Fake::new([
        deployment(more),
        set("cart-1", 1, "cart:1"),
        set("cart-2", 2, "cart:2"),
        set("cart-3", 3, "cart:3"),
        foreign,
    ])
}

fn input(more: Value) -> Value {
    let base = json!({"namespace": "shop", "name": "cart", "reason": "errors since revision 3"});
    with(&base, more)
}

#[tokio::test]
async fn the_patch_makes_the_template_that_of_the_revision() {
    let object = deployment(json!({}));
    let proposal = ask(world(json!({})), "rollback_deployment", input(json!({})))
        .await
        .unwrap();
    let action = &proposal.action;
    assert_eq!(
        action.patch,
        json!({"spec": {"template": {"spec": {
            "containers": [{"name": "app", "image": "cart:2"}], "initContainers": null}}}})
    );
    assert_bound(&proposal, &object);
    assert_eq!(
        action.expected,
        "Deployment shop/cart runs the template of revision 2 instead of 3, and its 3 pods are replaced"
    );
    assert!(
        proposal
            .diff
            .contains(&"spec.template.spec.containers[app].image: cart:3 → cart:2".to_owned())
    );
    let first = ask(
        world(json!({})),
        "rollback_deployment",
        input(json!({"revision": 1})),
    )
    .await
    .unwrap();
    let after = merged(&object, &first.action.patch);
    assert_eq!(
        after["spec"]["template"]["spec"]["containers"][0]["image"],
        "cart:1"
    );
    assert_eq!(
        after["spec"]["template"]["metadata"]["labels"],
        json!({"app": "cart"})
    );
}

#[tokio::test]
async fn refuses_what_is_no_revision_to_go_back_to() {
    let of = |more: Value, asked: Value| refusal(world(more), "rollback_deployment", input(asked));
    assert_eq!(
        of(json!({}), json!({"revision": 7})).await,
        "Deployment shop/cart keeps no revision 7; it keeps 1, 2, 3, of which 3 is the current one"
    );
    let message = of(json!({}), json!({"revision": 3})).await;
    assert!(message.contains("is the current one"), "{message}");
    let message = of(json!({"spec": {"paused": true}}), json!({})).await;
    assert!(message.contains("have it resumed first"), "{message}");
    let only = Fake::new([deployment(json!({})), set("cart-3", 3, "cart:3")]);
    let message = refusal(only, "rollback_deployment", input(json!({}))).await;
    assert!(
        message.contains("no revision before the current one"),
        "{message}"
    );
    let bare = Fake::new([deployment(json!({"metadata": {"annotations": null}}))]);
    let message = refusal(bare, "rollback_deployment", input(json!({}))).await;
    assert!(message.contains("keeps no revision to go back to"), "{message}");
    for kind in ["StatefulSet", "ds"] {
        let message = of(json!({}), json!({"kind": kind})).await;
        assert!(
            message.contains("only a Deployment") && message.contains("apply_manifest"),
            "{message}"
        );
    }
    // A revision that holds the same template.
    let same = deployment(json!({}))["spec"]["template"].clone();
    let fake = Fake::new([deployment(json!({})), set_of("cart-2", 2, same)]);
    let message = refusal(fake, "rollback_deployment", input(json!({}))).await;
    assert!(message.contains("nothing to change"), "{message}");
}

#[tokio::test]
async fn waits_for_the_last_change_to_be_rolled_out() {
    let behind = json!({"metadata": {"generation": 8}, "status": {"observedGeneration": 7}});
    let error = ask(world(behind), "rollback_deployment", input(json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::Unavailable);
    let level = json!({"metadata": {"generation": 8}, "status": {"observedGeneration": 8}});
    ask(world(level), "rollback_deployment", input(json!({})))
        .await
        .unwrap();
}

fn template() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<bool>().prop_map(Value::from), "[a-c]".prop_map(Value::from)];
    let value = leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    });
    prop::collection::btree_map("[a-c]", value, 0..4).prop_map(
        |spec| json!({"metadata": {"labels": {"app": "cart"}}, "spec": spec.into_iter().collect::<Value>()}),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_template_is_exactly_that_of_the_revision(present in template(), earlier in template()) {
        let object = deployment(json!({"spec": {"template": null}}));
        let object = with(&object, json!({"spec": {"template": present}}));
        let mut kept = earlier.clone();
        kept["metadata"]["labels"]["pod-template-hash"] = json!("cart-2");
        let fake = Fake::new([object.clone(), set_of("cart-2", 2, kept)]);
        let answer = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
            .block_on(ask(fake, "rollback_deployment", input(json!({}))));
        match answer {
            Ok(proposal) => {
                assert_bound(&proposal, &object);
                prop_assert_eq!(&merged(&object, &proposal.action.patch)["spec"]["template"], &earlier);
            }
            Err(error) => prop_assert_eq!(&present, &earlier, "{}", error),
        }
    }
}
