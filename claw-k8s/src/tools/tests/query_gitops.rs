use claw_core::tool::Tool;
use serde_json::json;

use super::fixtures::*;
use crate::cluster::fake::{Fake, context};
use crate::tools::*;

#[tokio::test]
async fn gitops_is_asked_only_where_it_is_served() {
    let app = |name: &str, to: &str| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": "argocd"},
            "spec": {"destination": {"namespace": to}},
            "status": {"history": [{"id": 0, "revision": "abc", "deployedAt": "2026-03-01T09:00:00Z"}]}})
    };
    let fake = Fake::new([app("shop", "shop"), app("bank", "bank")]).serve("argoproj.io", &["v1alpha1"]);
    let asked = fake.asked();
    let tool = QueryGitops::new(fake.cluster());
    let output = tool
        .call(&context(), input(json!({"namespace": "shop"})))
        .await
        .unwrap();
    assert_eq!(output.controllers, ["argocd"]);
    assert_eq!(
        (output.delivered.len(), output.changes.len(), output.gaps.len()),
        (1, 1, 0)
    );
    assert_eq!(asked.lock().unwrap().len(), 2, "discovery and one list");
    let output = tool
        .call(&context(), input(json!({"app": "bank"})))
        .await
        .unwrap();
    assert_eq!(output.delivered[0].entity.name, "bank");
    let none = QueryGitops::new(Fake::default().cluster())
        .call(&context(), input(json!({})))
        .await
        .unwrap();
    assert_eq!(none, QueryGitopsOutput::default());
}
