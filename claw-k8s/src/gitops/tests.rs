use serde_json::json;

use super::*;
use crate::model::{Application, Delivery};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[test]
fn an_application_tells_what_it_delivered() {
    let app: Application = serde_json::from_value(json!({
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"source": {"repoURL": "https://bot:pw@git.example.com/shop.git", "path": "deploy", "targetRevision": "main"},
                 "destination": {"namespace": "shop"}},
        "status": {"sync": {"status": "OutOfSync", "revision": B}, "health": {"status": "Degraded", "message": "short of pods"},
            "operationState": {"phase": "Failed", "message": "one object is invalid", "startedAt": "2026-03-01T10:00:00Z",
                               "syncResult": {"revision": B}},
            "history": [{"id": 1, "revision": B, "deployedAt": "2026-03-01T09:00:00Z", "initiatedBy": {"username": "ann"}},
                        {"id": 0, "revision": A, "deployedAt": "2026-02-01T09:00:00Z", "initiatedBy": {"automated": true}}],
            "resources": [{"kind": "Deployment", "group": "apps", "namespace": "shop", "name": "cart"}]}}))
    .unwrap();
    let delivered = application(&app);
    assert_eq!((delivered.in_sync, delivered.healthy), (Some(false), Some(false)));
    assert_eq!(delivered.message, "one object is invalid");
    assert_eq!(
        delivered.sources,
        ["https://git.example.com/shop.git deploy@main"]
    );
    assert_eq!(delivered.keeps[0].to_string(), "Deployment shop/cart");
    let changes = changes_of_application(&app);
    let told: Vec<_> = changes
        .iter()
        .map(|change| {
            (
                change.time.to_string(),
                change.summary.as_str(),
                change.author.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "2026-02-01T09:00:00Z".into(),
                "Application argocd/shop delivered aaaaaaaaaaaa",
                None
            ),
            (
                "2026-03-01T09:00:00Z".into(),
                "Application argocd/shop delivered bbbbbbbbbbbb",
                Some("ann")
            ),
            (
                "2026-03-01T10:00:00Z".into(),
                "Application argocd/shop delivered bbbbbbbbbbbb, and failed",
                None
            ),
        ]
    );
    assert_eq!(changes[1].detail, [format!("revision: {A} → {B}")]);
}

#[test]
fn a_kustomization_tells_what_it_keeps() {
    let kustomization: Delivery = serde_json::from_value(json!({
        "kind": "Kustomization", "metadata": {"name": "apps", "namespace": "flux-system", "generation": 2},
        "spec": {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
        "status": {"observedGeneration": 2, "lastAppliedRevision": format!("main@sha1:{A}"), "lastAttemptedRevision": format!("main@sha1:{B}"),
            "conditions": [{"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no such file"}],
            "inventory": {"entries": [{"id": "shop_cart_apps_Deployment", "v": "v1"}, {"id": "_system__reader_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
                                      {"id": "nonsense", "v": ""}]}}}))
    .unwrap();
    let delivered = delivery(&kustomization);
    assert_eq!((delivered.in_sync, delivered.healthy), (Some(false), Some(false)));
    assert_eq!(delivered.message, "no such file");
    assert_eq!(delivered.sources, ["GitRepository/fleet ./apps"]);
    let keeps: Vec<_> = delivered.keeps.iter().map(ToString::to_string).collect();
    assert_eq!(keeps, ["Deployment shop/cart", "ClusterRole system:reader"]);
    assert_eq!(short(&delivered.revision), "main@aaaaaaaaaaaa");
}

#[test]
fn a_helm_release_tells_its_releases() {
    let release: Delivery = serde_json::from_value(json!({
        "kind": "HelmRelease", "metadata": {"name": "redis", "namespace": "shop"},
        "spec": {"chart": {"spec": {"chart": "redis", "version": "19.x"}}},
        "status": {"history": [
            {"chartName": "redis", "chartVersion": "19.1.0", "version": 2, "status": "failed", "lastDeployed": "2026-03-01T09:00:00Z"},
            {"chartName": "redis", "chartVersion": "19.0.0", "version": 1, "status": "superseded", "lastDeployed": "2026-02-01T09:00:00Z"}]}}))
    .unwrap();
    let changes = changes_of_delivery(&release);
    assert_eq!(
        changes[1].summary,
        "HelmRelease shop/redis delivered redis 19.1.0 (release 2), and failed"
    );
    assert_eq!(
        changes[1].detail,
        ["revision: redis 19.0.0 (release 1) → redis 19.1.0 (release 2)"]
    );
    assert_eq!(delivery(&release).revision, "19.1.0");
}
