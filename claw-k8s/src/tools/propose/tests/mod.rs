mod adjust_hpa;
mod apply_manifest;
mod cordon_node;
mod delete_object;
mod every;
mod evict_pod;
mod gitops;
mod patch_resources;
mod restart_workload;
mod rollback_deployment;
mod scale_workload;

use claw_core::action::{Verb, pre_image};
use claw_core::patch::merged;
use claw_core::tool::{ToolError, ToolErrorKind};
use serde_json::{Value, json};

use super::*;
use crate::cluster::fake::{Fake, context};

/// An object as it is stored, with `more` merged into it.
fn stored(api_version: &str, kind: &str, namespace: Option<&str>, name: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "42"}});
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    merged(&object, &more)
}

fn deployment(more: Value) -> Value {
    let object = stored(
        "apps/v1",
        "Deployment",
        Some("shop"),
        "cart",
        json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "3"}}, "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "cart"}}, "template": {
                "metadata": {"creationTimestamp": null, "labels": {"app": "cart"}}, "spec": {
                    "containers": [
                        {"name": "app", "image": "cart:3", "env": [{"name": "MODE", "value": "a"}],
                            "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}},
                        {"name": "proxy", "image": "proxy:1", "resources": {}}],
                    "initContainers": [{"name": "migrate", "image": "cart:3"}]}}}}),
    );
    merged(&object, &more)
}

/// Asks the tool of that name.
async fn ask(fake: Fake, tool: &str, input: Value) -> Result<Proposal, ToolError> {
    let tools = all(&fake.cluster());
    let tool = tools.iter().find(|it| it.name() == tool).unwrap();
    let answer = tool.call_json(&context(), input).await?;
    Ok(serde_json::from_value(answer).unwrap())
}

/// The message of the error that the tool of that name ends with, which is of wrong input.
async fn refusal(fake: Fake, tool: &str, input: Value) -> String {
    let error = ask(fake, tool, input).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{error}");
    error.to_string()
}

/// `value` with some of its members replaced.
fn with(value: &Value, more: Value) -> Value {
    merged(value, &more)
}

/// That the action is bound to the object that it was made for, and can be taken back.
fn assert_bound(proposal: &Proposal, object: &Value) {
    let action = &proposal.action;
    assert_eq!(action.uid.as_deref(), object["metadata"]["uid"].as_str());
    assert_eq!(action.resource_version.as_deref(), Some("42"));
    assert_eq!(action.pre_image, Some(pre_image(object)));
    assert_eq!(Some(action.api_version.as_str()), object["apiVersion"].as_str());
    assert_eq!(
        Some(action.target.name.as_str()),
        object["metadata"]["name"].as_str()
    );
    assert!(!action.expected.is_empty() && !action.reason.is_empty());
    if let Some(reversal) = &action.reversal {
        let after = merged(object, &action.patch);
        assert_eq!(pruned(&merged(&after, reversal)), pruned(object));
    }
}

/// Without members that are null, and without objects of which nothing but their braces is left.
fn pruned(value: &Value) -> Value {
    let Some(members) = value.as_object() else {
        return value.clone();
    };
    let kept = members.iter().map(|(key, item)| (key.clone(), pruned(item)));
    kept.filter(|(_, item)| !item.is_null() && *item != json!({}))
        .collect()
}
