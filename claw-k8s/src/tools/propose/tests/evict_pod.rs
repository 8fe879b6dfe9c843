use super::*;

fn pod(more: Value) -> Value {
    let object = stored(
        "v1",
        "Pod",
        Some("shop"),
        "cart-1",
        json!({
        "metadata": {"ownerReferences": [{"kind": "ReplicaSet", "name": "cart-7d", "uid": "u", "controller": true}]},
        "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}}),
    );
    with(&object, more)
}

async fn evicted(more: Value, input: Value) -> Result<Proposal, ToolError> {
    let base = json!({"namespace": "shop", "name": "cart-1", "reason": "stuck"});
    ask(Fake::new([pod(more)]), "evict_pod", with(&base, input)).await
}

#[tokio::test]
async fn proposes_an_eviction_and_says_who_makes_the_pod_anew() {
    let proposal = evicted(json!({}), json!({})).await.unwrap();
    assert_eq!(proposal.action.verb, Verb::Evict);
    assert_eq!(
        (&proposal.action.patch, &proposal.action.reversal),
        (&json!(null), &None)
    );
    assert_eq!(
        proposal.action.expected,
        "1 pod, Pod shop/cart-1, is evicted as its disruption budget allows, and ReplicaSet cart-7d makes a new one"
    );
    assert_eq!(proposal.diff, ["Pod shop/cart-1: (present) → (none)"]);
    assert_eq!(proposal.warnings, [""; 0]);
    let volumes =
        json!({"spec": {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {}}]}});
    let proposal = evicted(volumes, json!({})).await.unwrap();
    assert_eq!(
        proposal.warnings,
        ["what Pod shop/cart-1 keeps in emptyDir volumes (1) is lost"]
    );
    let daemon =
        json!({"metadata": {"ownerReferences": [{"kind": "DaemonSet", "name": "logs", "controller": true}]}});
    let proposal = evicted(daemon, json!({})).await.unwrap();
    assert_eq!(
        proposal.warnings,
        ["a DaemonSet makes Pod shop/cart-1 anew on the same node"]
    );
}

#[tokio::test]
async fn refuses_what_an_eviction_does_not_end() {
    for (more, said) in [
        (
            json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}),
            "static pod",
        ),
        (
            json!({"metadata": {"annotations": {"kubernetes.io/config.source": "file"}}}),
            "static pod",
        ),
        (
            json!({"metadata": {"ownerReferences": [{"kind": "Node", "name": "n1", "controller": true}]}}),
            "static pod",
        ),
        (
            json!({"status": {"phase": "Succeeded"}}),
            "is finished (Succeeded)",
        ),
        (json!({"status": {"phase": "Failed"}}), "is finished (Failed)"),
    ] {
        for lose in [false, true] {
            let error = evicted(more.clone(), json!({"and_lose_it": lose}))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
    evicted(
        json!({"metadata": {"annotations": {"kubernetes.io/config.source": "api"}}}),
        json!({}),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_bare_pod_is_lost_only_where_that_is_said() {
    for owners in [json!(null), json!([]), json!([{"kind": "Shop", "name": "main"}])] {
        let bare = json!({"metadata": {"ownerReferences": owners}});
        let error = evicted(bare.clone(), json!({})).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
        assert!(error.to_string().contains("and_lose_it: true"), "{error}");
        let proposal = evicted(bare, json!({"and_lose_it": true})).await.unwrap();
        assert_eq!(
            proposal.warnings,
            ["Pod shop/cart-1 is lost: no controller makes it anew"]
        );
        assert!(proposal.action.expected.ends_with("nothing makes a new one"));
    }
}
