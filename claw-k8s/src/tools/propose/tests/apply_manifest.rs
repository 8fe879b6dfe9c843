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
        Some(json!({"metadata": {"labels": {"team": null}}, "data": {"a": "1"}}))
    );
    assert_eq!(
        proposal.action.expected,
        "ConfigMap shop/cart has 2 fields changed as the manifest says"
    );
    assert_bound(&proposal, &object);
    assert_eq!(
        proposal.diff,
        ["data.a: \"1\" → \"3\"", "metadata.labels.team: (none) → shop"]
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

fn service(ports: Value) -> Value {
    let spec = json!({"type": "ClusterIP", "sessionAffinity": "None", "ports": ports});
    stored("v1", "Service", Some("shop"), "cart", json!({"spec": spec}))
}

#[tokio::test]
async fn what_the_manifest_does_not_name_is_left_alone() {
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "metrics", "port": 9090, "protocol": "TCP"}]);
    let manifest = "{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: shop, finalizers: [a/b]}, spec: {ports: [\
                    {name: http, port: 8080}]}}";
    let object = with(&service(ports), json!({"metadata": {"finalizers": ["c/d"]}}));
    let proposal = applied(vec![object.clone()], manifest).await.unwrap();
    assert_eq!(
        proposal.action.patch,
        json!({"metadata": {"finalizers": ["c/d", "a/b"]}, "spec": {"ports": [
            {"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "metrics", "port": 9090, "protocol": "TCP"}]}})
    );
    assert_eq!(
        proposal.diff,
        [
            "metadata.finalizers: [c/d] → [c/d, a/b]",
            "spec.ports[http].port: 80 → 8080"
        ]
    );
    assert_bound(&proposal, &object);
    let unclear = "{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: shop}, spec: {ports: [{name: http, port: 9090}]}}";
    let error = applied(vec![object], unclear).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("two elements of spec.ports"),
        "{error}"
    );
}

#[tokio::test]
async fn another_strategy_takes_the_place_of_the_one_that_is_stored() {
    let rolling = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}});
    let object = deployment(rolling);
    let manifest = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart, namespace: shop}, spec: {strategy: {type: Recreate}}}";
    let proposal = applied(vec![object.clone()], manifest).await.unwrap();
    assert_eq!(
        proposal.action.patch,
        json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}})
    );
    assert_bound(&proposal, &object);
    // Taken back, nothing of what the API server puts beside it is in the way.
    let recreate = deployment(json!({"spec": {"strategy": {"type": "Recreate"}}}));
    for said in [
        "{type: RollingUpdate, rollingUpdate: {maxSurge: 1}}",
        "{type: RollingUpdate}",
    ] {
        let manifest = manifest.replace("{type: Recreate}", said);
        let proposal = applied(vec![recreate.clone()], &manifest).await.unwrap();
        assert_eq!(
            proposal.action.reversal,
            Some(json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}})),
            "{said}"
        );
    }
}

#[tokio::test]
async fn all_annotations_are_taken_away_one_by_one() {
    let noted = json!({"metadata": {"annotations": {"a": "1", "b": "2", "claw.dev/action": "f00d"}}});
    let manifest =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: cart, namespace: shop, annotations: null}}";
    let object = map(noted);
    let proposal = applied(vec![object.clone()], manifest).await.unwrap();
    assert_eq!(
        proposal.action.patch,
        json!({"metadata": {"annotations": {"a": null, "b": null}}})
    );
    assert_eq!(
        proposal.action.reversal,
        Some(json!({"metadata": {"annotations": {"a": "1", "b": "2"}}}))
    );
    // The mark of the last write is nobody's to take away: the next write has one.
    let marked = map(json!({"metadata": {"annotations": {"claw.dev/action": "f00d"}}}));
    let error = applied(vec![marked], manifest).await.unwrap_err();
    assert!(error.to_string().contains("nothing to change"), "{error}");
    let error = applied(vec![map(json!({}))], &manifest.replace("null", "{}"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nothing to change"), "{error}");
}

#[tokio::test]
async fn more_than_people_can_look_over_is_refused() {
    let manifest = |count: usize| {
        let data: Vec<String> = (0..count).map(|n| format!("k{n}: v")).collect();
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: cart, namespace: shop}}, data: {{{}}}}}",
            data.join(", ")
        )
    };
    let proposal = applied(vec![map(json!({}))], &manifest(200)).await.unwrap();
    assert_eq!(proposal.diff.len(), 200);
    let error = applied(vec![map(json!({}))], &manifest(201)).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    assert!(error.to_string().contains("propose it in parts"), "{error}");
}

#[tokio::test]
async fn that_not_all_of_a_long_value_is_shown_is_said() {
    let manifest = |length: usize| {
        let text = "ab ".repeat(length / 3);
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: cart, namespace: shop}}, data: {{a: '{text}c'}}}}"
        )
    };
    let short = applied(vec![map(json!({}))], &manifest(900)).await.unwrap();
    assert_eq!(short.warnings, [""; 0]);
    let long = applied(vec![map(json!({}))], &manifest(3000)).await.unwrap();
    assert_eq!(
        long.warnings,
        ["of long values the diff leaves out the middle; the patch has all of them"]
    );
    assert!(
        long.diff[0].contains("sha256") && long.diff[0].len() < 1500,
        "{:?}",
        long.diff
    );
}

#[tokio::test]
async fn fewer_pods_of_a_stateful_set_that_deletes_volumes_are_no_patch_to_take_back() {
    let spec = json!({"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]});
    let set = stored(
        "apps/v1",
        "StatefulSet",
        Some("shop"),
        "cart",
        json!({"spec": spec}),
    );
    let manifest = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: cart, namespace: shop}, spec: {replicas: 1, \
                    persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}}}";
    let proposal = applied(vec![set], manifest).await.unwrap();
    assert_eq!(proposal.action.reversal, None);
    assert!(
        proposal.warnings[0].contains("those of 2 of 3"),
        "{:?}",
        proposal.warnings
    );
}
