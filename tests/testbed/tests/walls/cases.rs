//! Requests that nobody can have the agent make, each by its name.

use claw_core::patch::merged;
use serde_json::{Value, json};

use super::asked::place;
use super::scene::Scene;

/// A request that is denied: its name, method, path and body.
pub(crate) type Case = (&'static str, &'static str, String, Value);

/// What a wall denies whoever has every right.
pub(crate) fn walled(scene: &Scene) -> Vec<Case> {
    let here = scene.place("walls-development");
    let name = |short: &str| format!("{}-{short}", scene.id);
    let at = |kind: &str, namespace: &str, short: &str| place(kind, Some(namespace), Some(&name(short))).1;
    let all = |kind: &str, namespace: &str| format!("{}?dryRun=All", place(kind, Some(namespace), None).1);
    let dry = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"] });
    let meta = |more: Value| merged(&json!({ "metadata": { "name": "new" } }), &more);
    let ns = here.name.as_str();
    let own = scene.id.as_str();
    let rbac = "rbac.authorization.k8s.io";
    let rule =
        |verb: &str| json!({ "rules": [{ "apiGroups": [rbac], "resources": ["roles"], "verbs": [verb] }] });
    let admin = json!({ "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "User", "apiGroup": rbac, "name": "nobody" }] });
    let mut cases = vec![
        (
            "delete a namespace",
            "DELETE",
            place("Namespace", None, Some(ns)).1,
            dry.clone(),
        ),
        (
            "write in kube-system",
            "POST",
            all("ConfigMap", "kube-system"),
            meta(json!({})),
        ),
        (
            "write in kube-public",
            "POST",
            all("ConfigMap", "kube-public"),
            meta(json!({})),
        ),
        (
            "write in kube-node-lease",
            "POST",
            all("Lease", "kube-node-lease"),
            meta(json!({})),
        ),
        (
            "write in the own namespace",
            "POST",
            all("ConfigMap", own),
            meta(json!({})),
        ),
        (
            "write in an excluded namespace",
            "POST",
            all("ConfigMap", &scene.place("walls-excluded").name),
            meta(json!({})),
        ),
        ("create a Secret", "POST", all("Secret", ns), meta(json!({}))),
        ("delete a Secret", "DELETE", at("Secret", ns, "key"), dry.clone()),
        ("escalate", "POST", all("Role", ns), meta(rule("escalate"))),
        ("bind", "POST", all("Role", ns), meta(rule("bind"))),
        ("impersonate", "POST", all("Role", ns), meta(rule("impersonate"))),
        ("bind cluster-admin", "POST", all("RoleBinding", ns), meta(admin)),
        (
            "token of another account",
            "POST",
            format!("{}/token", at("ServiceAccount", ns, "robot")),
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} }),
        ),
        (
            "exec",
            "POST",
            format!("{}/exec?command=id&stdout=true", at("Pod", ns, "alone")),
            json!({}),
        ),
        (
            "attach",
            "POST",
            format!("{}/attach?stdout=true", at("Pod", ns, "alone")),
            json!({}),
        ),
        (
            "port-forward",
            "POST",
            format!("{}/portforward?ports=80", at("Pod", ns, "alone")),
            json!({}),
        ),
        (
            "proxy to a pod",
            "GET",
            format!("{}/proxy/", at("Pod", ns, "alone")),
            Value::Null,
        ),
        (
            "proxy to a service",
            "GET",
            format!("{}/proxy/", at("Service", ns, "web")),
            Value::Null,
        ),
        (
            "proxy to a node",
            "GET",
            format!("{}/proxy/pods", place("Node", None, Some(&name("node"))).1),
            Value::Null,
        ),
        (
            "debug container",
            "PATCH",
            format!("{}/ephemeralcontainers?dryRun=All", at("Pod", ns, "alone")),
            json!({ "spec": { "ephemeralContainers": [{ "name": "d", "image": "registry.invalid/d:1" }] } }),
        ),
        (
            "delete all ConfigMaps",
            "DELETE",
            place("ConfigMap", Some(ns), None).1,
            dry.clone(),
        ),
        (
            "delete all Deployments",
            "DELETE",
            place("Deployment", Some(ns), None).1,
            dry.clone(),
        ),
        (
            "delete all Nodes",
            "DELETE",
            place("Node", None, None).1,
            dry.clone(),
        ),
        (
            "new kind",
            "POST",
            format!("{}?dryRun=All", place("CustomResourceDefinition", None, None).1),
            json!({ "metadata": { "name": "things.claw.example" }, "spec": { "group": "claw.example", "names": { "plural": "things", "kind": "Thing" }, "scope": "Cluster", "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object" } } }] } }),
        ),
        (
            "status",
            "PATCH",
            format!("{}/status?dryRun=All", at("Deployment", ns, "good")),
            json!({ "status": { "replicas": 7 } }),
        ),
        (
            "label that the policy reads",
            "PATCH",
            format!("{}?dryRun=All", at("Deployment", ns, "plain")),
            json!({ "metadata": { "labels": { "claw.dev/criticality": "sandbox" } } }),
        ),
        (
            "label of a namespace",
            "PATCH",
            format!("{}?dryRun=All", place("Namespace", None, Some(ns)).1),
            json!({ "metadata": { "labels": { "env": "dev" } } }),
        ),
    ];
    let approvals = format!("/apis/claw.dev/v1/namespaces/{own}/approvals");
    let yes = json!({ "decisions": { "me": { "verdict": "approve", "digest": "0".repeat(64) } } });
    let decided = merged(&approval("new"), &yes);
    let webhooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All";
    cases.extend([
        ("make a webhook", "POST", webhooks.to_owned(), meta(json!({}))),
        (
            "decide on an approval",
            "PATCH",
            format!("{approvals}/asked?dryRun=All"),
            yes,
        ),
        (
            "make an approval that is decided",
            "POST",
            format!("{approvals}?dryRun=All"),
            decided,
        ),
        (
            "take a request back",
            "DELETE",
            format!("{approvals}/asked"),
            dry.clone(),
        ),
        ("delete all approvals", "DELETE", approvals, dry),
    ]);
    cases
}

/// A request for approval.
pub(crate) fn approval(name: &str) -> Value {
    json!({
        "apiVersion": "claw.dev/v1", "kind": "Approval", "metadata": { "name": name },
        "spec": {
            "digest": "0".repeat(64), "title": "scale", "verb": "patch", "target": { "kind": "Deployment", "name": "cart" },
            "cluster": "a", "diff": [], "reason": "load", "expected": "more", "warnings": [], "rules": [], "reach": [],
            "needed": 1, "asked": [], "created": "2026-03-01T10:00:00Z", "expires": "2026-03-02T10:00:00Z",
        },
    })
}

/// What no admission policy is asked about: the rights of the account alone hold there.
pub(crate) fn unwalled(scene: &Scene) -> Vec<Case> {
    let base = "/apis/admissionregistration.k8s.io/v1";
    let own_wall = format!(
        "{base}/validatingadmissionpolicies/{}-wide-wall-places?dryRun=All",
        scene.id
    );
    vec![
        (
            "change a wall",
            "PATCH",
            own_wall,
            json!({ "spec": { "failurePolicy": "Ignore" } }),
        ),
        (
            "read a Secret",
            "GET",
            place(
                "Secret",
                Some(&scene.place("walls-development").name),
                Some(&format!("{}-key", scene.id)),
            )
            .1,
            Value::Null,
        ),
    ]
}
