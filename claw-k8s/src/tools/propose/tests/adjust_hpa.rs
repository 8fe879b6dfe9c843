use super::*;

fn hpa(spec: Value) -> Value {
    let more = json!({"spec": spec, "status": {"currentReplicas": 4}});
    stored(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        Some("shop"),
        "cart-hpa",
        more,
    )
}

async fn adjusted(spec: Value, bounds: Value) -> Result<Proposal, ToolError> {
    let input = json!({"namespace": "shop", "name": "cart-hpa", "reason": "load"});
    ask(Fake::new([hpa(spec)]), "adjust_hpa", with(&input, bounds)).await
}

#[tokio::test]
async fn the_patch_is_the_bounds_that_move() {
    let spec = json!({"minReplicas": 2, "maxReplicas": 5});
    let both = adjusted(spec.clone(), json!({"min_replicas": 3, "max_replicas": 10}))
        .await
        .unwrap();
    assert_eq!(both.action.api_version, "autoscaling/v2");
    assert_eq!(
        both.action.patch,
        json!({"spec": {"minReplicas": 3, "maxReplicas": 10}})
    );
    assert_eq!(
        both.action.reversal,
        Some(json!({"spec": {"minReplicas": 2, "maxReplicas": 5}}))
    );
    assert_eq!(
        both.action.expected,
        "HorizontalPodAutoscaler shop/cart-hpa keeps 3 to 10 replicas instead of 2 to 5; there are 4 now"
    );
    assert_eq!(both.diff, ["spec.maxReplicas: 5 → 10", "spec.minReplicas: 2 → 3"]);
    let one = adjusted(spec.clone(), json!({"min_replicas": 2, "max_replicas": 6}))
        .await
        .unwrap();
    assert_eq!(one.action.patch, json!({"spec": {"maxReplicas": 6}}));
    assert_eq!(one.warnings, [""; 0]);
    let fewer = adjusted(spec.clone(), json!({"max_replicas": 3})).await.unwrap();
    assert_eq!(fewer.warnings, ["pods that end at once: 1 of 4"]);
    let more = adjusted(spec, json!({"min_replicas": 5})).await.unwrap();
    assert_eq!(more.warnings, ["pods that start at once: 1"]);
}

#[tokio::test]
async fn refuses_bounds_that_cannot_be_or_are_so() {
    let spec = || json!({"minReplicas": 2, "maxReplicas": 5});
    for (bounds, said) in [
        (json!({}), "give min_replicas, max_replicas, or both"),
        (
            json!({"min_replicas": 6}),
            "min_replicas would be 6 and max_replicas 5",
        ),
        (
            json!({"max_replicas": 1}),
            "min_replicas would be 2 and max_replicas 1",
        ),
        (json!({"min_replicas": 0}), "keeps 2 now"),
        (json!({"min_replicas": -1}), "0 or more"),
        (json!({"max_replicas": 0}), "1 or more"),
        (json!({"min_replicas": 2, "max_replicas": 5}), "nothing to change"),
        (json!({"max_replicas": 5}), "nothing to change"),
    ] {
        let error = adjusted(spec(), bounds).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
        assert!(error.to_string().contains(said), "{error}");
    }
    // A minimum that is not written is 1.
    let silent = json!({"maxReplicas": 5});
    let error = adjusted(silent.clone(), json!({"min_replicas": 1}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nothing to change"), "{error}");
    let error = adjusted(silent, json!({"min_replicas": 0})).await.unwrap_err();
    assert!(error.to_string().contains("keeps 1 now"), "{error}");
}

#[tokio::test]
async fn one_that_scales_to_zero_may_go_on_to() {
    let spec = json!({"minReplicas": 0, "maxReplicas": 5});
    let proposal = adjusted(spec, json!({"min_replicas": 0, "max_replicas": 8}))
        .await
        .unwrap();
    assert_eq!(proposal.action.patch, json!({"spec": {"maxReplicas": 8}}));
}

#[tokio::test]
async fn volumes_that_are_deleted_with_the_pods_of_what_it_scales_are_said() {
    let scaled = |policy: &'static str, bounds: Value| async move {
        let spec = json!({"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": {"kind": "StatefulSet", "name": "cart"}});
        let set = json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": policy}}});
        let set = stored("apps/v1", "StatefulSet", Some("shop"), "cart", set);
        let input = json!({"namespace": "shop", "name": "cart-hpa", "reason": "load"});
        ask(Fake::new([hpa(spec), set]), "adjust_hpa", with(&input, bounds))
            .await
            .unwrap()
    };
    let lost = scaled("Delete", json!({"min_replicas": 1})).await;
    assert_eq!(lost.action.reversal, None);
    assert!(
        lost.warnings[0].contains("StatefulSet cart, which it scales, deletes"),
        "{:?}",
        lost.warnings
    );
    let kept = scaled("Retain", json!({"min_replicas": 1})).await;
    assert_eq!((kept.warnings.len(), kept.action.reversal.is_some()), (0, true));
    let more = scaled("Delete", json!({"max_replicas": 9})).await;
    assert_eq!((more.warnings.len(), more.action.reversal.is_some()), (0, true));
}
