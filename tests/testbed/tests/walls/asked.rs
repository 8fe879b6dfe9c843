//! A request that changes nothing, and what the API server says to it.

use claw_core::action::{Action, Verb};
use claw_core::entity::EntityRef;
use claw_core::execute::ACTION_ANNOTATION;
use claw_core::patch::merged;
use serde_json::{Value, json};

/// Kinds with group and version, and their names in paths.
const KINDS: [(&str, &str, &str); 27] = [
    ("ConfigMap", "v1", "configmaps"),
    ("Namespace", "v1", "namespaces"),
    ("Node", "v1", "nodes"),
    ("PersistentVolume", "v1", "persistentvolumes"),
    ("Pod", "v1", "pods"),
    ("Secret", "v1", "secrets"),
    ("Service", "v1", "services"),
    ("ServiceAccount", "v1", "serviceaccounts"),
    ("DaemonSet", "apps/v1", "daemonsets"),
    ("Deployment", "apps/v1", "deployments"),
    ("ReplicaSet", "apps/v1", "replicasets"),
    ("StatefulSet", "apps/v1", "statefulsets"),
    (
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        "horizontalpodautoscalers",
    ),
    ("CronJob", "batch/v1", "cronjobs"),
    ("Job", "batch/v1", "jobs"),
    ("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    ("Role", "rbac.authorization.k8s.io/v1", "roles"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles"),
    (
        "ClusterRoleBinding",
        "rbac.authorization.k8s.io/v1",
        "clusterrolebindings",
    ),
    ("PriorityClass", "scheduling.k8s.io/v1", "priorityclasses"),
    ("StorageClass", "storage.k8s.io/v1", "storageclasses"),
    ("CSIDriver", "storage.k8s.io/v1", "csidrivers"),
    (
        "CustomResourceDefinition",
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
    ),
    ("APIService", "apiregistration.k8s.io/v1", "apiservices"),
    (
        "CertificateSigningRequest",
        "certificates.k8s.io/v1",
        "certificatesigningrequests",
    ),
    ("Lease", "coordination.k8s.io/v1", "leases"),
];

/// Group and version of a kind, and the path of its objects, or of one.
pub(crate) fn place(kind: &str, namespace: Option<&str>, name: Option<&str>) -> (&'static str, String) {
    let (_, api_version, plural) = KINDS.iter().find(|(known, ..)| *known == kind).unwrap();
    let root = if api_version.contains('/') {
        "/apis"
    } else {
        "/api"
    };
    let mut path = format!("{root}/{api_version}");
    if let Some(namespace) = namespace {
        path.push_str(&format!("/namespaces/{namespace}"));
    }
    path.push_str(&format!("/{plural}"));
    if let Some(name) = name {
        path.push_str(&format!("/{name}"));
    }
    (api_version, path)
}

/// The name of a kind, for ever.
pub(crate) fn known(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, ..)| *known == kind).unwrap().0
}

/// A request, and the action that it performs.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) action: Action,
    /// The object before it.
    pub(crate) before: Option<Value>,
    /// The part of the object that it goes to; empty for the object itself.
    pub(crate) part: &'static str,
    method: &'static str,
    path: String,
    body: Value,
}

/// What the API server said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) message: String,
    pub(crate) warnings: Vec<String>,
}

fn action(verb: Verb, api_version: &str, target: EntityRef, before: Option<&Value>, patch: Value) -> Action {
    let uid = before.and_then(|object| object.pointer("/metadata/uid")?.as_str());
    Action {
        verb,
        target,
        api_version: api_version.to_owned(),
        uid: uid.map(str::to_owned),
        resource_version: None,
        pre_image: None,
        patch,
        expected: String::new(),
        reversal: None,
        reason: String::new(),
    }
}

fn target(object: &Value) -> EntityRef {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    EntityRef {
        kind: text("/kind").unwrap(),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name").unwrap(),
    }
}

impl Asked {
    /// A merge patch of an object, as the executor sends it.
    pub(crate) fn patch(object: &Value, patch: Value) -> Self {
        Self::patch_of(object, "", patch)
    }

    /// A merge patch of a part of an object.
    pub(crate) fn patch_of(object: &Value, part: &'static str, patch: Value) -> Self {
        let target = target(object);
        let (api_version, mut path) = place(&target.kind, target.namespace.as_deref(), Some(&target.name));
        let mut body = patch.clone();
        if part.is_empty() {
            let ours = json!({ "metadata": { "annotations": { ACTION_ANNOTATION: "0123456789abcdef" } } });
            body = merged(&body, &ours);
        } else {
            path = format!("{path}/{part}");
        }
        Self {
            action: action(Verb::Patch, api_version, target, Some(object), patch),
            before: Some(object.clone()),
            part,
            method: "PATCH",
            path: format!("{path}?dryRun=All"),
            body,
        }
    }

    /// The creation of an object.
    pub(crate) fn create(object: Value) -> Self {
        let target = target(&object);
        let (api_version, path) = place(&target.kind, target.namespace.as_deref(), None);
        let object = merged(&json!({ "apiVersion": api_version }), &object);
        let ours = json!({ "metadata": { "annotations": { ACTION_ANNOTATION: "0123456789abcdef" } } });
        Self {
            body: merged(&object, &ours),
            action: action(Verb::Create, api_version, target, None, object),
            before: None,
            part: "",
            method: "POST",
            path: format!("{path}?dryRun=All"),
        }
    }

    /// Something that is made at an object, and is a kind of its own.
    pub(crate) fn create_at(
        object: &Value,
        part: &'static str,
        api_version: &str,
        kind: &str,
        more: Value,
    ) -> Self {
        let at = target(object);
        let (_, path) = place(&at.kind, at.namespace.as_deref(), Some(&at.name));
        let named = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": at.name, "namespace": at.namespace } });
        let body = merged(&named, &more);
        let made = EntityRef {
            kind: kind.to_owned(),
            ..at
        };
        Self {
            action: action(Verb::Create, api_version, made, None, body.clone()),
            before: None,
            part,
            method: "POST",
            path: format!("{path}/{part}?dryRun=All"),
            body,
        }
    }

    /// The deletion of an object.
    pub(crate) fn delete(object: &Value) -> Self {
        let target = target(object);
        let (api_version, path) = place(&target.kind, target.namespace.as_deref(), Some(&target.name));
        Self {
            action: action(Verb::Delete, api_version, target, Some(object), Value::Null),
            before: Some(object.clone()),
            part: "",
            method: "DELETE",
            path,
            body: json!({ "apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"] }),
        }
    }

    /// The eviction of a pod.
    pub(crate) fn evict(pod: &Value) -> Self {
        let target = target(pod);
        let (api_version, path) = place("Pod", target.namespace.as_deref(), Some(&target.name));
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "name": target.name, "namespace": target.namespace },
            "deleteOptions": { "dryRun": ["All"] },
        });
        Self {
            action: action(Verb::Evict, api_version, target, Some(pod), Value::Null),
            before: Some(pod.clone()),
            part: "eviction",
            method: "POST",
            path: format!("{path}/eviction?dryRun=All"),
            body,
        }
    }

    /// Sends it.
    pub(crate) async fn send(&self, client: &kube::Client) -> Answer {
        send(client, self.method, &self.path, Some(&self.body), &[]).await
    }

    /// For messages of failed tests.
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.body)
    }
}

/// Sends anything.
pub(crate) async fn send(
    client: &kube::Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> Answer {
    let content = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let answer = client.send(request.body(bytes.into()).unwrap()).await.unwrap();
    let code = answer.status().as_u16();
    let warnings = answer.headers().get_all("warning").iter();
    let warnings = warnings
        .filter_map(|one| one.to_str().ok())
        .map(str::to_owned)
        .collect();
    let bytes = answer.into_body().collect_bytes().await.unwrap();
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let message = said["message"].as_str().unwrap_or_default().to_owned();
    Answer {
        code,
        message,
        warnings,
    }
}

impl Answer {
    /// The admission policy that denied it, and the rule that it names.
    pub(crate) fn denied_by(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.message.split_once("ValidatingAdmissionPolicy '")?;
        let (wall, rest) = rest.split_once('\'')?;
        (self.code == 403).then_some((wall, named(rest)?))
    }

    /// The rules that warnings of this admission policy name.
    pub(crate) fn warned_by<'a>(&'a self, wall: &'a str) -> impl Iterator<Item = &'a str> {
        let ours = format!("ValidatingAdmissionPolicy '{wall}'");
        let warnings = self.warnings.iter().filter(move |text| text.contains(&ours));
        warnings.filter_map(|text| named(text))
    }
}

/// The rule in a message: what stands before its second colon from the name of the walls on.
fn named(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(": ")?;
    let mut parts = rest.split(": ");
    parts.nth(1)
}
