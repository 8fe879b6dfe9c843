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

#[tokio::test]
async fn an_autoscaler_that_is_off_at_0_replicas_is_no_reason_against_a_start() {
    let scaled = |replicas: i64, more: Value, wanted: i64| async move {
        let hpa = stored(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            Some("shop"),
            "cart-hpa",
            json!({"spec": {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "cart"}}}),
        );
        let objects = [
            deployment(json!({"spec": {"replicas": replicas}})),
            with(&hpa, more),
        ];
        ask(Fake::new(objects), "scale_workload", input(wanted)).await
    };
    let started = scaled(0, json!({}), 3).await.unwrap();
    assert_eq!(started.action.patch, json!({"spec": {"replicas": 3}}));
    assert_eq!(
        started.warnings,
        [
            "HorizontalPodAutoscaler cart-hpa, which does nothing at 0 replicas, takes over and keeps 2 to 5 of them"
        ]
    );
    let stopped = scaled(3, json!({}), 0).await.unwrap();
    assert_eq!(
        stopped.warnings[0],
        "HorizontalPodAutoscaler cart-hpa does nothing as long as there are 0 replicas"
    );
    // One that scales to 0 itself, or is switched by somebody, is not off.
    for (more, said) in [
        (json!({"spec": {"minReplicas": 0}}), "use adjust_hpa"),
        (
            json!({"metadata": {"ownerReferences": [{"kind": "ScaledObject", "name": "cart", "uid": "u", "controller": true}]}}),
            "belongs to a controller",
        ),
    ] {
        for (present, wanted) in [(0, 3), (3, 0)] {
            let error = scaled(present, more.clone(), wanted).await.unwrap_err();
            assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}

#[tokio::test]
async fn volumes_that_are_deleted_with_the_pods_are_said_and_not_promised_back() {
    let scaled = |policy: Value, replicas: i64| async move {
        let spec = json!({"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "persistentVolumeClaimRetentionPolicy": policy});
        let set = stored(
            "apps/v1",
            "StatefulSet",
            Some("shop"),
            "cart",
            json!({"spec": spec}),
        );
        let of_set = with(&input(replicas), json!({"kind": "StatefulSet"}));
        ask(Fake::new([set]), "scale_workload", of_set).await.unwrap()
    };
    let lost = scaled(json!({"whenScaled": "Delete"}), 1).await;
    assert_eq!(lost.action.reversal, None);
    assert_eq!(
        lost.warnings,
        [
            "StatefulSet shop/cart deletes the volumes of pods that it has no more, and the data on them: those of 2 of 3; no \
          patch brings them back"
        ]
    );
    for (policy, replicas) in [
        (json!({"whenScaled": "Delete"}), 5),
        (json!({"whenScaled": "Retain", "whenDeleted": "Delete"}), 1),
        (json!(null), 1),
    ] {
        let kept = scaled(policy, replicas).await;
        assert_eq!(kept.action.reversal, Some(json!({"spec": {"replicas": 3}})));
        assert_eq!(kept.warnings, [""; 0]);
    }
}
