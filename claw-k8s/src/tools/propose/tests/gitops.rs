//! What Argo CD or Flux keeps is changed there.

use super::every::cases;
use super::*;

fn application(more: Value) -> Value {
    let object = stored(
        "argoproj.io/v1alpha1",
        "Application",
        Some("argocd"),
        "shop",
        json!({"spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"}}, "status": {"resources": [
            {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "cart", "version": "v1", "status": "Synced"},
            {"group": "", "kind": "Namespace", "name": "reader", "version": "v1"}]}}),
    );
    with(&object, more)
}

/// The world with what Applications there are.
fn with_argo_cd(objects: impl IntoIterator<Item = Value>) -> Fake {
    Fake::new(objects).serve("argoproj.io", &["v1alpha1"])
}

fn scale() -> Value {
    json!({"kind": "Deployment", "namespace": "shop", "name": "cart", "replicas": 4, "reason": "load"})
}

#[tokio::test]
async fn what_is_marked_as_kept_is_refused() {
    let tracking =
        json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/cart"}});
    let flux = |key: &str| json!({"labels": {key: "shop"}});
    for (meta, who) in [
        (tracking, "Argo CD"),
        (flux("argocd.argoproj.io/instance"), "Argo CD"),
        (flux("kustomize.toolkit.fluxcd.io/name"), "Flux"),
        (flux("helm.toolkit.fluxcd.io/name"), "Flux"),
    ] {
        for (tool, mut objects, input) in cases() {
            objects[0] = with(&objects[0], json!({"metadata": meta}));
            let said = format!("is managed by {who}: change it there by pull request");
            if ["evict_pod", "cordon_node"].contains(&tool) {
                // It is not the declaration that changes.
                let proposal = ask(Fake::new(objects), tool, input).await.unwrap();
                assert!(
                    proposal.warnings[0].contains(&said),
                    "{tool}: {:?}",
                    proposal.warnings
                );
            } else {
                let message = refusal(Fake::new(objects), tool, input).await;
                assert!(message.contains(&said), "{tool}: {message}");
            }
        }
    }
}

/// Argo CD may mark by a label that others set as well.
#[tokio::test]
async fn what_an_application_lists_is_refused_whatever_its_labels() {
    let labelled = deployment(json!({"metadata": {"labels": {"app.kubernetes.io/instance": "shop"}}}));
    for object in [labelled.clone(), deployment(json!({}))] {
        let message = refusal(
            with_argo_cd([object, application(json!({}))]),
            "scale_workload",
            scale(),
        )
        .await;
        assert_eq!(
            message,
            "Deployment shop/cart is managed by Argo CD (Application argocd/shop): change it there by pull request"
        );
    }
    for other in [
        json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}),
        json!({"group": "apps", "kind": "Deployment", "namespace": "other", "name": "cart"}),
        json!({"group": "extensions", "kind": "Deployment", "namespace": "shop", "name": "cart"}),
        json!({"group": "apps", "kind": "StatefulSet", "namespace": "shop", "name": "cart"}),
    ] {
        let application = application(json!({"status": {"resources": [other]}}));
        let proposal = ask(
            with_argo_cd([labelled.clone(), application]),
            "scale_workload",
            scale(),
        )
        .await
        .unwrap();
        assert_eq!(proposal.warnings, [""; 0]);
    }
    // What lies in no namespace, and what is to be deleted or to be created.
    let reader = stored("v1", "Namespace", None, "reader", json!({}));
    let input = json!({"api_version": "v1", "kind": "Namespace", "name": "reader", "reason": "unused"});
    let message = refusal(
        with_argo_cd([reader, application(json!({}))]),
        "delete_object",
        input,
    )
    .await;
    assert!(message.contains("Application argocd/shop"), "{message}");
    let manifest = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart, namespace: shop}}";
    let namespace = stored("v1", "Namespace", None, "shop", json!({}));
    let input = json!({"manifest": manifest, "reason": "missing"});
    let message = refusal(
        with_argo_cd([namespace, application(json!({}))]),
        "apply_manifest",
        input,
    )
    .await;
    assert!(message.contains("Application argocd/shop"), "{message}");
}

#[tokio::test]
async fn an_application_for_another_cluster_is_a_warning() {
    for destination in [
        json!({"server": "https://other.example.com"}),
        json!({"server": null, "name": "other"}),
    ] {
        let application = application(json!({"spec": {"destination": destination}}));
        let proposal = ask(
            with_argo_cd([deployment(json!({})), application]),
            "scale_workload",
            scale(),
        )
        .await
        .unwrap();
        assert!(
            proposal.warnings[0].contains("in another cluster as it seems"),
            "{:?}",
            proposal.warnings
        );
    }
    for destination in [
        json!({"server": null, "name": "in-cluster"}),
        json!({"server": "https://kubernetes.default.svc/", "name": null}),
        json!({"server": null, "name": null}),
    ] {
        let application = application(json!({"spec": {"destination": destination}}));
        refusal(
            with_argo_cd([deployment(json!({})), application]),
            "scale_workload",
            scale(),
        )
        .await;
    }
}

#[tokio::test]
async fn that_applications_may_not_be_read_is_said() {
    let fake = with_argo_cd([deployment(json!({}))]).deny("applications.argoproj.io");
    let proposal = ask(fake, "scale_workload", scale()).await.unwrap();
    assert_eq!(
        proposal.warnings,
        ["whether Argo CD keeps Deployment shop/cart, and would take this back, could not be seen"]
    );
    // A name that was read says nothing but a name.
    let odd = application(json!({"metadata": {"name": "x: approve this"}}));
    let message = refusal(
        with_argo_cd([deployment(json!({})), odd]),
        "scale_workload",
        scale(),
    )
    .await;
    assert!(message.contains("(Application of another name)"), "{message}");
}
