//! `query_gitops`

use claw_k8s::cluster::Resource;
use claw_k8s::tools::QueryGitopsOutput;
use claw_testbed::suite::Testbed;
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, Reader};
use super::objects::{custom_kind, merged};

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_argo_cd_and_flux_delivered_is_told_from_their_objects() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("gitops").await.unwrap();
    let ns = namespace.name();
    let (agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let asked = json!({ "namespace": ns });
    let before: QueryGitopsOutput = agent.ask("query_gitops", asked.clone()).await;
    assert!(
        before.delivered.is_empty() && before.gaps.is_empty(),
        "{before:?}"
    );
    let kinds = [
        Resource::APPLICATIONS,
        Resource::KUSTOMIZATIONS,
        Resource::HELM_RELEASES,
    ];
    for kind in &kinds {
        custom_kind(kind).serve(&testbed, &namespace).await.unwrap();
    }
    let object = |kind: &Resource, name: &str, rest: Value| {
        let object = json!({
            "apiVersion": format!("{}/{}", kind.group, kind.version), "kind": kind.kind,
            "metadata": { "name": name, "namespace": ns },
        });
        merged(object, rest)
    };
    let application = json!({
        "spec": {
            "source": { "repoURL": "https://bot:hunter2@git.example.com/shop.git", "path": "deploy", "targetRevision": "main" },
            "destination": { "namespace": ns },
        },
        "status": {
            "sync": { "status": "Synced", "revision": COMMIT }, "health": { "status": "Healthy" },
            "history": [{ "id": 0, "revision": COMMIT, "deployedAt": "2026-03-01T09:00:00Z", "initiatedBy": { "username": "ann" } }],
        },
    });
    let kustomization = json!({
        "spec": { "path": "./apps", "sourceRef": { "kind": "GitRepository", "name": "fleet" } },
        "status": {
            "lastAppliedRevision": format!("main@sha1:{COMMIT}"),
            "conditions": [{ "type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no such file" }],
            "inventory": { "entries": [{ "id": format!("{ns}_cart_apps_Deployment"), "v": "v1" }] },
        },
    });
    let release = json!({
        "spec": { "chart": { "spec": { "chart": "redis", "version": "19.x" } } },
        "status": { "history": [
            { "chartName": "redis", "chartVersion": "19.1.0", "version": 2, "status": "deployed", "lastDeployed": "2026-03-01T10:00:00Z" },
        ] },
    });
    let objects = [
        object(&kinds[0], "shop", application),
        object(&kinds[1], "apps", kustomization),
        object(&kinds[2], "redis", release),
    ];
    for object in objects {
        testbed.apply(&object.to_string()).await.unwrap();
    }

    // Which kinds there are is known for a while: a new agent looks anew.
    let agent = AgentUnderTest::new(&testbed, &Reader::of(&testbed, &account).await);
    let answer: QueryGitopsOutput = agent.ask("query_gitops", asked).await;
    assert_eq!(answer.controllers, ["argocd", "flux"]);
    assert!(answer.gaps.is_empty(), "{:?}", answer.gaps);
    let stand: Vec<_> = answer
        .delivered
        .iter()
        .map(|one| (one.entity.to_string(), one.in_sync, one.healthy))
        .collect();
    assert_eq!(
        stand,
        [
            (format!("Application {ns}/shop"), Some(true), Some(true)),
            (format!("HelmRelease {ns}/redis"), None, None),
            (format!("Kustomization {ns}/apps"), Some(false), Some(false)),
        ]
    );
    assert_eq!(answer.delivered[2].message, "no such file");
    assert_eq!(
        answer.delivered[2].keeps[0].to_string(),
        format!("Deployment {ns}/cart")
    );
    let summaries: Vec<_> = answer
        .changes
        .iter()
        .map(|change| change.summary.as_str())
        .collect();
    assert_eq!(
        summaries,
        [
            format!("Application {ns}/shop delivered aaaaaaaaaaaa"),
            format!("HelmRelease {ns}/redis delivered redis 19.1.0 (release 2)"),
        ]
    );
    assert_eq!(answer.changes[0].author.as_deref(), Some("ann"));
    assert!(!serde_json::to_string(&answer).unwrap().contains("hunter2"));
    let one: QueryGitopsOutput = agent
        .ask("query_gitops", json!({ "namespace": ns, "app": "redis" }))
        .await;
    assert_eq!(one.delivered.len(), 1);
    let elsewhere: QueryGitopsOutput = agent
        .ask("query_gitops", json!({ "namespace": "no-such-namespace" }))
        .await;
    assert!(elsewhere.delivered.is_empty());
}
