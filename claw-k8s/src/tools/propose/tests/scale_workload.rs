use super::*;

fn input(replicas: i64) -> Value {
    json!({"kind": "Deployment", "namespace": "shop", "name": "cart", "replicas": replicas, "reason": "load\n  grows"})
}

#[tokio::test]
async fn the_patch_is_the_number_of_replicas() {
    let proposal = ask(Fake::new([deployment(json!({}))]), "scale_workload", input(5))
        .await
        .unwrap();
    let action = &proposal.action;
    assert_eq!(action.verb, Verb::Patch);
    assert_eq!(action.target.to_string(), "Deployment shop/cart");
    assert_eq!(action.patch, json!({"spec": {"replicas": 5}}));
    assert_eq!(action.reversal, Some(json!({"spec": {"replicas": 3}})));
    assert_eq!(
        action.expected,
        "Deployment shop/cart has 5 replicas instead of 3"
    );
    assert_eq!(action.reason, "load grows");
    assert_eq!(proposal.diff, ["spec.replicas: 3 → 5"]);
    assert_eq!(proposal.warnings, [""; 0]);
    let none = ask(Fake::new([deployment(json!({}))]), "scale_workload", input(0))
        .await
        .unwrap();
    assert_eq!(
        none.warnings,
        ["with 0 replicas nothing answers for Deployment shop/cart"]
    );
    // One that says nothing has one.
    let silent = deployment(json!({"spec": {"replicas": null}}));
    let proposal = ask(Fake::new([silent]), "scale_workload", input(2))
        .await
        .unwrap();
    assert_eq!(
        proposal.action.reversal,
        Some(json!({"spec": {"replicas": null}}))
    );
    assert_eq!(
        proposal.action.expected,
        "Deployment shop/cart has 2 replicas instead of 1"
    );
}

#[tokio::test]
async fn refuses_what_cannot_be_or_is_so() {
    let fake = || Fake::new([deployment(json!({}))]);
    assert!(
        refusal(fake(), "scale_workload", input(-1))
            .await
            .contains("0 or more")
    );
    assert!(
        refusal(fake(), "scale_workload", input(3))
            .await
            .contains("nothing to change")
    );
    let silent = Fake::new([deployment(json!({"spec": {"replicas": null}}))]);
    assert!(
        refusal(silent, "scale_workload", input(1))
            .await
            .contains("nothing to change")
    );
    let daemons = with(&input(2), json!({"kind": "DaemonSet"}));
    assert_eq!(
        refusal(fake(), "scale_workload", daemons).await,
        "kind must be one of: Deployment, StatefulSet, ReplicaSet"
    );
}

#[tokio::test]
async fn leaves_scaling_to_what_scales_it() {
    let hpa = |kind: &str| {
        stored(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            Some("shop"),
            "cart-hpa",
            json!({"spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": kind, "name": "cart"}}}),
        )
    };
    let message = refusal(
        Fake::new([deployment(json!({})), hpa("Deployment")]),
        "scale_workload",
        input(5),
    )
    .await;
    assert_eq!(
        message,
        "Deployment shop/cart is scaled by HorizontalPodAutoscaler cart-hpa, which would set its replicas back; use adjust_hpa"
    );
    // That of another kind scales another workload.
    ask(
        Fake::new([deployment(json!({})), hpa("StatefulSet")]),
        "scale_workload",
        input(5),
    )
    .await
    .unwrap();
    let set = |owners: Value| {
        stored(
            "apps/v1",
            "ReplicaSet",
            Some("shop"),
            "cart",
            json!({"metadata": {"ownerReferences": owners}, "spec": {"replicas": 1}}),
        )
    };
    let of_set = with(&input(2), json!({"kind": "rs"}));
    let owned = set(json!([{"kind": "Deployment", "name": "cart", "controller": true}]));
    let message = refusal(Fake::new([owned]), "scale_workload", of_set.clone()).await;
    assert!(message.contains("is controlled by Deployment cart"), "{message}");
    let free = ask(Fake::new([set(json!([]))]), "scale_workload", of_set)
        .await
        .unwrap();
    assert_eq!(free.action.target.kind, "ReplicaSet");
}
