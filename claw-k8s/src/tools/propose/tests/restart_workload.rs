use super::*;

fn input(kind: &str) -> Value {
    json!({"kind": kind, "namespace": "shop", "name": "cart", "reason": "it hangs"})
}

#[tokio::test]
async fn the_patch_is_the_annotation_at_the_time_of_the_clock() {
    let proposal = ask(
        Fake::new([deployment(json!({}))]),
        "restart_workload",
        input("Deployment"),
    )
    .await
    .unwrap();
    let annotation = json!({"kubectl.kubernetes.io/restartedAt": "2026-03-01T10:00:00Z"});
    assert_eq!(
        proposal.action.patch,
        json!({"spec": {"template": {"metadata": {"annotations": annotation}}}})
    );
    // Taking the annotation away would be another restart.
    assert_eq!(proposal.action.reversal, None);
    assert_eq!(
        proposal.warnings,
        ["a restart of Deployment shop/cart cannot be taken back: its pods would be replaced once more"]
    );
    assert_eq!(
        proposal.action.expected,
        "Deployment shop/cart rolls out the same template once more, and its 3 pods are replaced"
    );
    // Once more in the same second is no restart.
    let restarted = deployment(json!({"spec": {"template": {"metadata": {"annotations": annotation}}}}));
    let message = refusal(Fake::new([restarted]), "restart_workload", input("Deployment")).await;
    assert!(message.contains("nothing to change"), "{message}");
}

#[tokio::test]
async fn refuses_where_no_pod_would_be_replaced() {
    let of =
        |object: Value, kind: &'static str| refusal(Fake::new([object]), "restart_workload", input(kind));
    let message = of(deployment(json!({"spec": {"paused": true}})), "Deployment").await;
    assert!(message.contains("have it resumed first"), "{message}");
    let message = of(deployment(json!({"spec": {"replicas": 0}})), "Deployment").await;
    assert!(message.contains("has 0 pods"), "{message}");
    for kind in ["StatefulSet", "DaemonSet"] {
        let strategy = json!({"spec": {"updateStrategy": {"type": "OnDelete"}}});
        let message = of(stored("apps/v1", kind, Some("shop"), "cart", strategy), kind).await;
        assert!(
            message.contains("OnDelete") && message.contains("evict_pod"),
            "{message}"
        );
    }
    let message = of(deployment(json!({})), "CronJob").await;
    assert_eq!(message, "kind must be one of: Deployment, StatefulSet, DaemonSet");
}

#[tokio::test]
async fn says_which_pods_are_left_out() {
    let strategy = json!({"spec": {"replicas": 4, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}});
    let set = stored("apps/v1", "StatefulSet", Some("shop"), "cart", strategy);
    let proposal = ask(Fake::new([set]), "restart_workload", input("sts"))
        .await
        .unwrap();
    assert_eq!(
        proposal.warnings[..1],
        ["StatefulSet shop/cart replaces only pods from ordinal 2 on (partition of its update strategy)"]
    );
}
