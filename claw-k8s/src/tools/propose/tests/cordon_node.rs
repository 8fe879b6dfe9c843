use super::*;

async fn cordoned(spec: Value, unschedulable: bool) -> Result<Proposal, ToolError> {
    let node = stored("v1", "Node", None, "n1", json!({"spec": spec}));
    let input = json!({"name": "n1", "unschedulable": unschedulable, "reason": "disk"});
    ask(Fake::new([node]), "cordon_node", input).await
}

#[tokio::test]
async fn the_patch_is_whether_it_takes_pods() {
    let off = cordoned(json!({"podCIDR": "10.0.0.0/24"}), true).await.unwrap();
    assert_eq!(off.action.target.to_string(), "Node n1");
    assert_eq!(off.action.patch, json!({"spec": {"unschedulable": true}}));
    assert_eq!(
        off.action.reversal,
        Some(json!({"spec": {"unschedulable": null}}))
    );
    assert_eq!(off.diff, ["spec.unschedulable: (none) → true"]);
    // As the API server stores it, which keeps no `false`.
    let on = cordoned(json!({"unschedulable": true}), false).await.unwrap();
    assert_eq!(on.action.patch, json!({"spec": {"unschedulable": null}}));
    assert_eq!(on.action.reversal, Some(json!({"spec": {"unschedulable": true}})));
    assert_eq!(on.action.expected, "1 node, Node n1, takes new pods again");
}

#[tokio::test]
async fn refuses_what_is_so() {
    for (spec, unschedulable) in [
        (json!({}), false),
        (json!({"unschedulable": false}), false),
        (json!({"unschedulable": true}), true),
    ] {
        let error = cordoned(spec, unschedulable).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
        assert!(error.to_string().contains("nothing to change"), "{error}");
    }
}
