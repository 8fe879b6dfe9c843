use super::*;

fn map(more: Value) -> Value {
    let object = stored(
        "v1",
        "ConfigMap",
        Some("shop"),
        "cart",
        json!({"data": {"a": "1", "b": "2"}}),
    );
    with(&object, more)
}

fn namespace() -> Value {
    stored("v1", "Namespace", None, "shop", json!({}))
}

async fn applied(objects: Vec<Value>, manifest: &str) -> Result<Proposal, ToolError> {
    let input = json!({"manifest": manifest, "reason": "typo"});
    ask(Fake::new(objects), "apply_manifest", input).await
}

const CHANGED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cart\n  namespace: shop\n  labels: {team: shop}\n\
                       data:\n  a: \"3\"\n  b: \"2\"\n  c: null\n";

#[tokio::test]
async fn an_object_that_is_there_is_changed_where_the_manifest_says_so() {
    let object = map(json!({}));
    let proposal = applied(vec![object.clone()], CHANGED).await.unwrap();
    assert_eq!(proposal.action.verb, Verb::Patch);
    assert_eq!(
        proposal.action.patch,
        json!({"metadata": {"labels": {"team": "shop"}}, "data": {"a": "3"}})
    );
    assert_eq!(
        proposal.action.reversal,
        Some(json!({"metadata": {"labels": null}, "data": {"a": "1"}}))
    );
    assert_eq!(
        proposal.action.expected,
        "ConfigMap shop/cart has 2 fields changed as the manifest says"
    );
    assert_bound(&proposal, &object);
    assert_eq!(
        proposal.diff,
        ["data.a: 1 → 3", "metadata.labels.team: (none) → shop"]
    );
    // JSON is YAML.
    let json = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cart", "namespace": "shop"}, "data": {"b": null}});
    let proposal = applied(vec![object.clone()], &json.to_string()).await.unwrap();
    assert_eq!(proposal.action.patch, json!({"data": {"b": null}}));
    // Applied once more, it changes nothing.
    let after = merged(
        &object,
        &applied(vec![object.clone()], CHANGED).await.unwrap().action.patch,
    );
    let error = applied(vec![after], CHANGED).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    assert!(error.to_string().contains("nothing to change"), "{error}");
}

#[tokio::test]
async fn containers_that_the_manifest_does_not_name_stay() {
    let object = deployment(json!({}));
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop}\nspec:\n  template:\n    spec:\n      \
                    containers:\n      - {name: app, image: 'cart:4'}\n";
    let proposal = applied(vec![object.clone()], manifest).await.unwrap();
    let mut list = object["spec"]["template"]["spec"]["containers"].clone();
    list[0]["image"] = json!("cart:4");
    assert_eq!(
        proposal.action.patch,
        json!({"spec": {"template": {"spec": {"containers": list}}}})
    );
    assert_eq!(
        proposal.diff,
        ["spec.template.spec.containers[app].image: cart:3 → cart:4"]
    );
}

#[tokio::test]
async fn an_object_that_is_not_there_is_created_in_full() {
    let proposal = applied(vec![namespace()], CHANGED).await.unwrap();
    let action = &proposal.action;
    assert_eq!(action.verb, Verb::Create);
    assert_eq!(
        action.patch,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cart", "namespace": "shop", "labels": {"team": "shop"}},
            "data": {"a": "3", "b": "2"}})
    );
    assert_eq!(
        (&action.uid, &action.resource_version, &action.pre_image),
        (&None, &None, &None)
    );
    assert_eq!(action.reversal, None);
    assert_eq!(
        action.expected,
        "1 object more, ConfigMap shop/cart, as the manifest has it"
    );
    let error = applied(vec![], CHANGED).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    assert!(
        error.to_string().contains("namespace `shop` does not exist"),
        "{error}"
    );
    let fake = Fake::new([namespace()]).deny("namespaces");
    let input = json!({"manifest": CHANGED, "reason": "typo"});
    let unseen = ask(fake, "apply_manifest", input).await.unwrap();
    assert!(
        unseen.warnings[1].contains("could not be seen"),
        "{:?}",
        unseen.warnings
    );
    let cluster_scoped = "{apiVersion: v1, kind: Namespace, metadata: {name: new}}";
    let proposal = applied(vec![], cluster_scoped).await.unwrap();
    assert_eq!(proposal.action.target.to_string(), "Namespace new");
}

#[tokio::test]
async fn refuses_manifests_that_say_what_is_not_theirs_to_say() {
    let of = |meta: &str, rest: &str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: cart, namespace: shop{meta}}}{rest}}}")
    };
    for (manifest, said) in [
        (of(", uid: x", ""), "metadata.uid"),
        (of(", resourceVersion: '1'", ""), "metadata.resourceVersion"),
        (of(", managedFields: []", ""), "metadata.managedFields"),
        (of(", creationTimestamp: null", ""), "metadata.creationTimestamp"),
        (
            of(", deletionTimestamp: '2026-03-01T10:00:00Z'", ""),
            "metadata.deletionTimestamp",
        ),
        (of(", generateName: cart-", ""), "metadata.generateName"),
        (of("", ", status: {}"), "has a status"),
        (of("", ", data: {a: .inf}"), "not a finite number"),
        (of("", ", data: {a: '1', a: '2'}"), "here twice"),
        (of("", ", data: ["), "manifest:1:"),
        (format!("{}\n---\n{}", of("", ""), of("", "")), "2 documents"),
        (String::new(), "no document"),
        ("[]".to_owned(), "is no object"),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: []}".to_owned(),
            "is no object",
        ),
        (
            "{kind: ConfigMap, metadata: {name: a}}".to_owned(),
            "has no apiVersion",
        ),
        ("{apiVersion: v1, metadata: {name: a}}".to_owned(), "has no kind"),
        (
            "{apiVersion: v1, kind: ConfigMap}".to_owned(),
            "has no metadata.name",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: '', namespace: shop}}".to_owned(),
            "the name is empty",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ''}}".to_owned(),
            "the namespace is empty",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}".to_owned(),
            "name the namespace",
        ),
        (
            "{apiVersion: v1, kind: Node, metadata: {name: a, namespace: shop}}".to_owned(),
            "leave the namespace out",
        ),
        (
            "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: shop}}".to_owned(),
            "Secrets are neither",
        ),
        (
            "{apiVersion: v1, kind: List, metadata: {name: a}, items: []}".to_owned(),
            "serves no kind `List`",
        ),
    ] {
        let error = applied(vec![namespace()], &manifest).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{manifest}: {error}");
        assert!(error.to_string().contains(said), "{said}: {error}");
    }
}
