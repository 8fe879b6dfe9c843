use super::*;

fn map(more: Value) -> Value {
    let object = stored(
        "v1",
        "ConfigMap",
        Some("shop"),
        "cart",
        json!({"data": {"a": "1"}}),
    );
    with(&object, more)
}

fn input(more: Value) -> Value {
    let base = json!({"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "cart", "reason": "unused"});
    with(&base, more)
}

#[tokio::test]
async fn proposes_to_delete_the_object_that_was_read() {
    let proposal = ask(Fake::new([map(json!({}))]), "delete_object", input(json!({})))
        .await
        .unwrap();
    assert_eq!(proposal.action.verb, Verb::Delete);
    assert_eq!(
        (&proposal.action.patch, &proposal.action.reversal),
        (&json!(null), &None)
    );
    assert_eq!(proposal.action.uid.as_deref(), Some("uid-cart"));
    assert_eq!(proposal.warnings, ["no patch takes a deletion back"]);
    // Its data is part of what was seen.
    let other = ask(
        Fake::new([map(json!({"data": {"a": "2"}}))]),
        "delete_object",
        input(json!({})),
    )
    .await
    .unwrap();
    assert_ne!(other.action.pre_image, proposal.action.pre_image);
    let owned = json!({"metadata": {"finalizers": ["a/b", "c/d"], "ownerReferences": [{"kind": "Shop", "name": "main", "controller": true}]}});
    let proposal = ask(Fake::new([map(owned)]), "delete_object", input(json!({})))
        .await
        .unwrap();
    assert_eq!(
        proposal.warnings[1..],
        [
            "ConfigMap shop/cart is controlled by Shop main, which makes it anew",
            "ConfigMap shop/cart goes only when its finalizers (2) are done"
        ]
    );
}

#[tokio::test]
async fn takes_any_kind_that_is_served_and_no_other() {
    let route = stored(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        Some("shop"),
        "cart",
        json!({}),
    );
    let of_route = input(json!({"api_version": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}));
    let served = Fake::new([route.clone()]).serve("gateway.networking.k8s.io", &["v1"]);
    let proposal = ask(served, "delete_object", of_route.clone()).await.unwrap();
    assert_eq!(proposal.action.api_version, "gateway.networking.k8s.io/v1");
    let message = refusal(Fake::new([route]), "delete_object", of_route).await;
    assert!(message.contains("serves no kind `HTTPRoute`"), "{message}");
    let of = |more: Value| refusal(Fake::new([map(json!({}))]), "delete_object", input(more));
    let message = of(json!({"kind": "configmap"})).await;
    assert!(message.ends_with("is ConfigMap meant?"), "{message}");
    assert!(
        of(json!({"api_version": "apps/v1"}))
            .await
            .contains("no kind `ConfigMap` in `apps/v1`")
    );
    assert!(
        of(json!({"api_version": ""}))
            .await
            .contains("the API version is empty")
    );
    assert!(of(json!({"kind": ""})).await.contains("the kind is empty"));
}

#[tokio::test]
async fn the_namespace_is_there_where_the_kind_has_one() {
    let of = |more: Value| refusal(Fake::new([map(json!({}))]), "delete_object", input(more));
    assert!(
        of(json!({"namespace": null}))
            .await
            .contains("name the namespace")
    );
    let message = of(json!({"kind": "Node", "name": "n1"})).await;
    assert!(message.contains("leave the namespace out"), "{message}");
    let namespace = stored("v1", "Namespace", None, "shop", json!({}));
    let of_namespace = input(json!({"kind": "Namespace", "namespace": null, "name": "shop"}));
    let proposal = ask(Fake::new([namespace]), "delete_object", of_namespace)
        .await
        .unwrap();
    assert!(
        proposal
            .warnings
            .contains(&"with Namespace shop goes everything in it".to_owned())
    );
}

#[tokio::test]
async fn secrets_are_not_even_looked_at() {
    for kind in ["Secret", "secret", "secrets"] {
        let fake = Fake::new([stored("v1", "Secret", Some("shop"), "cart", json!({}))]);
        let asked = fake.asked();
        let message = refusal(fake, "delete_object", input(json!({"kind": kind}))).await;
        assert!(
            message.contains("Secrets are neither read nor written"),
            "{message}"
        );
        assert!(asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn volumes_that_go_with_a_stateful_set_are_said() {
    let deleted = |policy: Value| async move {
        let spec = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}}], "persistentVolumeClaimRetentionPolicy": policy});
        let set = stored(
            "apps/v1",
            "StatefulSet",
            Some("shop"),
            "cart",
            json!({"spec": spec}),
        );
        let of_set = input(json!({"api_version": "apps/v1", "kind": "StatefulSet"}));
        ask(Fake::new([set]), "delete_object", of_set)
            .await
            .unwrap()
            .warnings
    };
    let kept = deleted(json!({"whenDeleted": "Retain", "whenScaled": "Delete"})).await;
    assert_eq!(kept, ["no patch takes a deletion back"]);
    let lost = deleted(json!({"whenDeleted": "Delete"})).await;
    assert!(lost[1].contains("the volumes of all its pods"), "{lost:?}");
}
