use claw_core::change::ChangeKind;
use claw_core::tool::{Tool, ToolErrorKind};
use serde_json::{Value, json};

use super::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::tools::*;

#[tokio::test]
async fn history_shows_what_changed_between_revisions() {
    let tool = GetDeploymentHistory::new(history_fixture().cluster());
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert_eq!(output.histories.len(), 1);
    let revisions = &output.histories[0].revisions;
    assert_eq!(revisions[0].diff, None);
    assert_eq!(
        revisions[1].diff.as_deref().unwrap(),
        [
            "containers[app].args: --user a --password [redacted:password] → --user b --password [redacted:password]",
            "containers[app].env[API_TOKEN]: [redacted:token] → [redacted:token]",
            "containers[app].env[DB]: (none) → postgres://u:[redacted:password]@db/x",
            "containers[app].env[MODE]: a → (none)",
            "containers[app].image: cart:1.2 → cart:1.3",
            "containers[app].readinessProbe.httpGet.path: /ok → /ready",
            "containers[app].resources.limits.memory: 512Mi → 256Mi",
        ]
    );
    assert!(revisions[1].current && !revisions[1].rollback);
    let brief = tool
        .call(&context(), input(json!({"namespace": "shop", "brief": true})))
        .await
        .unwrap();
    assert_eq!(
        (brief.histories, brief.changes),
        (Vec::new(), output.changes.clone())
    );
    let changes: Vec<_> = output
        .changes
        .iter()
        .map(|change| (change.kind, change.summary.as_str(), change.author.as_deref()))
        .collect();
    assert_eq!(
        changes,
        [
            (
                ChangeKind::Deploy,
                "Deployment shop/cart created as revision 1",
                None
            ),
            (
                ChangeKind::Config,
                "ConfigMap shop/cart edited by kubectl-edit",
                Some("kubectl-edit")
            ),
            (
                ChangeKind::Deploy,
                "Deployment shop/cart rolled out as revision 2: containers[app].image: cart:1.2 → cart:1.3 and 6 more",
                Some("helm")
            ),
            (
                ChangeKind::Scale,
                "Deployment shop/cart scaled by kubectl; it now wants 2 replicas",
                Some("kubectl")
            ),
        ]
    );
    assert!(!serde_json::to_string(&output).unwrap().contains("secret\""));
    let references: std::collections::BTreeSet<_> =
        output.changes.iter().map(|change| &change.reference).collect();
    assert_eq!(references.len(), output.changes.len());
}

#[tokio::test]
async fn a_rollback_is_dated_by_the_edit_and_not_by_the_old_replica_set() {
    let first = json!({"name": "app", "image": "cart:1"});
    let second = json!({"name": "app", "image": "cart:2"});
    let cluster = Fake::new([
        deployment("cart", json!({"metadata": {"managedFields": [{"manager": "kubectl-rollout", "operation": "Update", "time": "2026-03-01T09:55:00Z"}]}})),
        set("cart-1a", "cart", "3", "2026-01-01T00:00:00Z", first),
        set("cart-2b", "cart", "2", "2026-03-01T09:30:00Z", second),
    ])
    .cluster();
    let output = GetDeploymentHistory::new(cluster)
        .call(&context(), input(json!({"name": "cart"})))
        .await
        .unwrap();
    let last = output.changes.last().unwrap();
    assert_eq!(last.time.to_string(), "2026-03-01T09:55:00Z");
    assert_eq!(
        last.summary,
        "Deployment shop/cart brought back as revision 3: containers[app].image: cart:2 → cart:1"
    );
    assert_eq!(last.author.as_deref(), Some("kubectl-rollout"));
    assert_eq!(
        output.changes.len(),
        2,
        "the edit and the rollback are one change: {:#?}",
        output.changes
    );
}

#[tokio::test]
async fn history_of_sets_comes_from_controller_revisions() {
    let revision = |name: &str, number: i64, created: &str, image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created,
                "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "data": {"spec": {"template": {"$patch": "replace", "spec": {"containers": [{"name": "db", "image": image}]}}}}})
    };
    let objects = [
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"}}),
        revision("db-1", 1, "2026-01-01T00:00:00Z", "db:1"),
        revision("db-2", 2, "2026-03-01T00:00:00Z", "db:2"),
    ];
    let tool = GetDeploymentHistory::new(Fake::new(objects).cluster()).with_controller_revisions();
    let output = tool
        .call(
            &context(),
            input(json!({"kind": "sts", "since": "2026-02-01T00:00:00Z"})),
        )
        .await
        .unwrap();
    assert_eq!(output.changes.len(), 1);
    assert_eq!(output.changes[0].detail, ["containers[db].image: db:1 → db:2"]);
    let error = tool
        .call(&context(), input(json!({"name": "absent"})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    let error = tool
        .call(&context(), input(json!({"kind": "Pod"})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_author_of_a_rollout_is_who_wrote_its_template() {
    let wrote = |manager: &str, time: &str, fields: Value| json!({"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields});
    let template = || json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}});
    let managed = json!([
        wrote("kubectl-client-side-apply", "2026-03-01T09:29:55Z", template()),
        wrote(
            "kubectl-label",
            "2026-03-01T09:30:02Z",
            json!({"f:metadata": {"f:labels": {}}})
        ),
        wrote("kubectl-patch", "2026-03-01T09:30:01Z", template()),
    ]);
    let rolled_out = rolled_out(&managed, "2026-03-01T09:30:02Z");
    let output = GetDeploymentHistory::new(Fake::new(rolled_out).cluster())
        .call(&context(), input(json!({"name": "cart"})))
        .await
        .unwrap();
    let rollout = output
        .changes
        .iter()
        .find(|change| change.summary.contains("revision 2"))
        .unwrap();
    assert_eq!(rollout.author.as_deref(), Some("kubectl-patch"));
}

#[tokio::test]
async fn two_writers_in_one_second_are_two_changes() {
    let wrote =
        |manager: &str| json!({"manager": manager, "operation": "Update", "time": "2026-03-01T09:20:00Z"});
    let cluster = Fake::new([
        json!({"kind": "ConfigMap", "metadata": {"name": "cart", "namespace": "shop", "managedFields": [wrote("helm"), wrote("kubectl-edit")]}}),
    ])
    .cluster();
    let output = GetDeploymentHistory::new(cluster)
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    let authors: Vec<_> = output
        .changes
        .iter()
        .filter_map(|change| change.author.as_deref())
        .collect();
    assert_eq!(authors, ["helm", "kubectl-edit"]);
}

#[tokio::test]
async fn an_autoscaler_is_that_of_the_workload_asked_for() {
    let autoscaler = |name: &str, kind: &str| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "shop",
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T09:20:00Z"}]},
            "spec": {"scaleTargetRef": {"kind": kind, "name": "cart"}, "maxReplicas": 5}})
    };
    let cluster = Fake::new([
        deployment("cart", json!({})),
        autoscaler("right", "Deployment"),
        autoscaler("other", "StatefulSet"),
    ])
    .cluster();
    let output = GetDeploymentHistory::new(cluster)
        .call(&context(), input(json!({"name": "cart"})))
        .await
        .unwrap();
    let edited: Vec<_> = output
        .changes
        .iter()
        .map(|change| change.entity.name.as_str())
        .collect();
    assert_eq!(edited, ["right"]);
}

#[tokio::test]
async fn a_workload_that_is_not_found_in_a_namespace_that_is_not_there_is_answered_with_both() {
    let tool = GetDeploymentHistory::new(Fake::default().cluster());
    let asked = input(json!({"namespace": "shpo", "name": "cart"}));
    let error = tool.call(&context(), asked).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "there is no workload `cart`; namespace shpo: it does not exist"
    );
}

/// A Deployment with one old ReplicaSet, and one that is current since `second`.
fn rolled_out(managed: &Value, second: &str) -> Vec<Value> {
    let container = |image: &str| json!({"name": "app", "image": image});
    vec![
        deployment("cart", json!({"metadata": {"managedFields": managed}})),
        set(
            "cart-1a",
            "cart",
            "1",
            "2026-01-01T00:00:00Z",
            container("cart:1"),
        ),
        set("cart-2b", "cart", "2", second, container("cart:2")),
    ]
}

/// What was rolled out once, and what was said about the sizes of its ReplicaSets.
fn scaled(managed: &Value, said: &[(&str, &str)]) -> Fake {
    let mut objects = rolled_out(managed, "2026-03-01T09:30:00Z");
    for (number, (time, message)) in said.iter().enumerate() {
        let mut said = event(&format!("e{number}"), "cart", "Deployment", time);
        said["reason"] = json!("ScalingReplicaSet");
        said["message"] = json!(message);
        objects.push(said);
    }
    Fake::new(objects)
}

async fn scalings(fake: Fake) -> Vec<(String, String, Vec<String>)> {
    let output = GetDeploymentHistory::new(fake.cluster())
        .call(&context(), input(json!({"name": "cart"})))
        .await
        .unwrap();
    let changes = output.changes.into_iter();
    let scalings = changes.filter(|change| change.kind == ChangeKind::Scale);
    scalings
        .map(|change| (change.time.to_string(), change.summary, change.detail))
        .collect()
}

#[tokio::test]
async fn a_scaling_is_dated_by_what_its_controller_said_and_steps_of_a_rollout_are_none() {
    let said = [
        (
            "2026-03-01T09:30:00Z",
            "Scaled up replica set cart-2b from 0 to 1",
        ),
        (
            "2026-03-01T09:31:10Z",
            "Scaled down replica set cart-1a from 2 to 1",
        ),
        (
            "2026-03-01T09:31:10Z",
            "Scaled up replica set cart-2b from 1 to 2",
        ),
        (
            "2026-03-01T09:32:30Z",
            "Scaled down replica set cart-1a from 1 to 0",
        ),
        (
            "2026-03-01T09:50:00Z",
            "Scaled up replica set cart-2b from 2 to 10",
        ),
        (
            "2026-03-01T09:55:00Z",
            "Scaled down replica set cart-2b from 10 to 2",
        ),
    ];
    // The API server keeps no time of writes to the scale.
    let managed = json!([{"manager": "kubectl", "operation": "Update", "subresource": "scale"}]);
    let change = |time: &str, rest: &str, detail: &str| {
        let summary = format!("Deployment shop/cart scaled {rest}");
        (time.to_owned(), summary, vec![detail.to_owned()])
    };
    assert_eq!(
        scalings(scaled(&managed, &said)).await,
        [
            change("2026-03-01T09:50:00Z", "from 2 to 10", "replicas: 2 → 10"),
            // Of several, whoever wrote last wrote the count that it has now.
            change(
                "2026-03-01T09:55:00Z",
                "from 10 to 2 by kubectl",
                "replicas: 10 → 2"
            ),
        ]
    );
}

#[tokio::test]
async fn scalings_belong_to_the_workload_that_they_are_said_of() {
    let in_namespace = |mut object: Value, namespace: &str| {
        object["metadata"]["namespace"] = json!(namespace);
        object
    };
    let said = |number: &str, name: &str, set: &str, to: u32| {
        let mut said = event(number, name, "Deployment", "2026-03-01T09:50:00Z");
        said["reason"] = json!("ScalingReplicaSet");
        said["message"] = json!(format!("Scaled up replica set {set} from 1 to {to}"));
        said
    };
    let container = json!({"name": "app", "image": "app:1"});
    let of = |name: &str, owner: &str, revision: &str| {
        set(name, owner, revision, "2026-01-01T00:00:00Z", container.clone())
    };
    let elsewhere = |object: Value| in_namespace(object, "post");
    let mut said_elsewhere = said("e2", "cart", "cart-post", 3);
    said_elsewhere["involvedObject"]["namespace"] = json!("post");
    // A set of another kind of that name, and one that nobody owns, are not of the Deployment, however late their revision.
    let mut of_daemon = of("cart-daemon", "cart", "9");
    of_daemon["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
    let mut orphan = of("cart-orphan", "cart", "9");
    orphan["metadata"]["ownerReferences"] = json!([]);
    let fake = Fake::new(vec![
        deployment("cart", json!({})),
        deployment("mail", json!({})),
        elsewhere(deployment("cart", json!({}))),
        // Of two sets with one revision the later one counts.
        of("cart-old", "cart", "2"),
        of("cart-shop", "cart", "2"),
        of("mail-shop", "mail", "1"),
        elsewhere(of("cart-post", "cart", "1")),
        of_daemon,
        orphan,
        said("e1", "cart", "cart-shop", 2),
        elsewhere(said_elsewhere),
        said("e3", "mail", "mail-shop", 4),
    ]);
    let output = GetDeploymentHistory::new(fake.cluster())
        .call(&context(), input(json!({})))
        .await
        .unwrap();
    let changes = output.changes.iter();
    let scalings = changes.filter(|change| change.kind == ChangeKind::Scale);
    let summaries: Vec<&str> = scalings.map(|change| change.summary.as_str()).collect();
    assert_eq!(
        summaries,
        [
            "Deployment post/cart scaled from 1 to 3",
            "Deployment shop/cart scaled from 1 to 2",
            "Deployment shop/mail scaled from 1 to 4",
        ]
    );
}

#[tokio::test]
async fn a_scaling_that_is_told_twice_is_one_change() {
    let managed = json!([
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "time": "2026-03-01T09:50:01Z"}]);
    let said = [("2026-03-01T09:50:00Z", "Scaled up replica set cart-2b to 2")];
    let summary = "Deployment shop/cart scaled to 2 by the autoscaler".to_owned();
    assert_eq!(
        scalings(scaled(&managed, &said)).await,
        [("2026-03-01T09:50:00Z".to_owned(), summary, Vec::new())]
    );
}

#[tokio::test]
async fn what_is_said_about_sizes_in_other_words_is_no_scaling() {
    let said = [
        "",
        "Scaled up replica set",
        "Scaled up replica set cart-2b from 1",
        "Scaled up replica set cart-2b to many",
    ]
    .map(|message| ("2026-03-01T09:50:00Z", message));
    assert_eq!(scalings(scaled(&json!([]), &said)).await, []);
}
