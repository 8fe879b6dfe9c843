//! What an action does, read off the action and the object as it is.

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::patch::merged;
use serde_json::{Map, Value};

use super::difference::{differences, leaves};
use super::facts::Labels;
use super::operation::Operation;
use super::tier::Tier;

/// Pod templates carry this annotation when `kubectl rollout restart` has touched them.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The API group of the agent's own objects: policies and approvals.
pub const OWN_GROUP: &str = "claw.dev";

/// Labels and annotations that say what a workload is, and whose write it was.
const OWN_PREFIX: &str = "claw.dev/";

/// Resources whose rights are as good as other people's rights.
const POWERS: [&str; 7] = [
    "*",
    "secrets",
    "serviceaccounts/token",
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "nodes/proxy",
];

/// What `action` does to the object that is `before` it. Several operations where it changes several things; none where it
/// changes nothing.
///
/// The proposer's words play no part: what counts is the difference between the object and what the API server would make
/// of it. Where the object is not known, all that a patch names counts as changed, and a number as lowered. Labels that
/// `labels` names are the policy's own.
pub fn operations(action: &Action, before: Option<&Value>, labels: &Labels) -> BTreeSet<Operation> {
    let mut found = BTreeSet::new();
    let target = Target::of(action, labels);
    match action.verb {
        Verb::Create => {
            found.insert(Operation::Create);
            let mut inside = BTreeSet::new();
            let nothing = Value::Object(Map::new());
            differences(
                &nothing,
                &action.patch,
                &mut Vec::new(),
                &mut |path, before, after| {
                    target.change(path, before, after, &mut inside);
                },
            );
            // Whatever it holds is made with it. What may not be changed may not be made either.
            let forbidden = |operation: &Operation| operation.tier() == Tier::Forbidden;
            found.extend(inside.into_iter().filter(forbidden));
            of_rights(&action.patch, &mut found);
            if !is_named(action) {
                found.insert(Operation::Unknown);
            }
        }
        Verb::Delete => {
            found.insert(Operation::Delete);
        }
        Verb::Evict => {
            found.insert(Operation::Drain);
        }
        Verb::Patch => {
            let mut visit = |path: &[&str], before: &Value, after: &Value| {
                target.change(path, before, after, &mut found);
            };
            let mut after = Value::Null;
            match before {
                None => leaves(&action.patch, &mut Vec::new(), &mut visit),
                Some(before) => {
                    after = merged(before, &action.patch);
                    differences(before, &after, &mut Vec::new(), &mut visit);
                }
            }
            if !found.is_empty() {
                of_rights(&action.patch, &mut found);
                of_rights(&after, &mut found);
            }
        }
        _ => {
            found.insert(Operation::Unknown);
        }
    }
    if !found.is_empty() {
        target.kind(&mut found);
    }
    found
}

/// Whether the object to create is the one that the action names.
fn is_named(action: &Action) -> bool {
    let same = |place: &str, expected: Option<&str>| {
        let said = action.patch.pointer(place).and_then(Value::as_str);
        said.is_none() || said == expected
    };
    let target = &action.target;
    same("/kind", Some(&target.kind))
        && same("/apiVersion", Some(&action.api_version))
        && same("/metadata/name", Some(&target.name))
        && same("/metadata/namespace", target.namespace.as_deref())
}

/// What an action is about.
struct Target<'a> {
    group: &'a str,
    kind: &'a str,
    labels: &'a Labels,
}

impl<'a> Target<'a> {
    fn of(action: &'a Action, labels: &'a Labels) -> Self {
        let group = action.api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            // No group is called that, but people write it for the one without a name.
            group: if group == "core" { "" } else { group },
            kind: &action.target.kind,
            labels,
        }
    }

    /// What it is to touch an object of this kind at all.
    fn kind(&self, found: &mut BTreeSet<Operation>) {
        // Paths are made of kinds in lower case, so that other spellings may lead to the same objects.
        if !self.kind.starts_with(|first: char| first.is_ascii_uppercase()) {
            found.insert(Operation::Unknown);
        }
        let kind = self.kind.to_lowercase();
        let kind = kind.strip_suffix('s').unwrap_or(&kind);
        match (self.group, kind) {
            ("", "secret") => {
                found.insert(Operation::TouchSecret);
            }
            ("", "namespace") if found.contains(&Operation::Delete) => {
                found.insert(Operation::DeleteNamespace);
            }
            ("rbac.authorization.k8s.io", _) | ("", "serviceaccount") => {
                found.insert(Operation::ChangeRbac);
            }
            ("authentication.k8s.io" | "certificates.k8s.io", _) => {
                found.insert(Operation::Escalate);
            }
            (
                "networking.k8s.io" | "policy.networking.k8s.io" | "cilium.io" | "crd.projectcalico.org",
                kind,
            ) if kind.ends_with("networkpolicy") || kind.ends_with("networkpolicie") => {
                found.insert(Operation::ChangeNetworkPolicy);
            }
            ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => {
                found.insert(Operation::ChangeAdmission);
            }
            ("apiextensions.k8s.io", _) => {
                found.insert(Operation::ChangeKinds);
            }
            ("policy", "eviction") => {
                found.insert(Operation::Drain);
            }
            ("", "podexecoption" | "podattachoption" | "podportforwardoption") => {
                found.insert(Operation::Exec);
            }
            // Puts a pod on a node, past the scheduler.
            ("", "binding") => {
                found.insert(Operation::Unknown);
            }
            (OWN_GROUP, _) => {
                found.insert(Operation::ChangePolicy);
            }
            _ => {}
        }
    }

    /// What a change of one field is.
    fn change(&self, path: &[&str], before: &Value, after: &Value, found: &mut BTreeSet<Operation>) {
        let operation = match (self.group, self.kind, path) {
            (_, _, ["status", ..]) => Operation::WriteStatus,
            // All of it, or what the next action is judged by.
            (_, _, [] | ["metadata"] | ["metadata", "labels" | "annotations"]) => Operation::ChangePolicy,
            ("", "Namespace", ["metadata", "labels", ..]) => Operation::ChangePolicy,
            (_, _, ["metadata", "labels" | "annotations", key]) if self.is_own(key) => {
                Operation::ChangePolicy
            }
            // The garbage collector deletes what belongs to something that is not there; finalizers hold that up.
            (_, _, ["metadata", "ownerReferences" | "finalizers", ..])
            | ("", "Namespace", ["spec", "finalizers", ..]) => Operation::Delete,
            ("apps", "Deployment" | "StatefulSet" | "ReplicaSet", ["spec", "replicas"])
            | ("", "ReplicationController", ["spec", "replicas"])
            | ("argoproj.io", "Rollout", ["spec", "replicas"]) => of_number(before, after),
            ("autoscaling", "HorizontalPodAutoscaler", ["spec", "minReplicas" | "maxReplicas"]) => {
                if of_number(before, after) == Operation::ScaleDown {
                    // Pods end at once, or may end when it is quiet.
                    found.insert(Operation::ScaleDown);
                }
                Operation::AdjustHpa
            }
            ("", "Node", ["spec", "unschedulable"]) => Operation::Cordon,
            ("", "Node", ["spec", "taints", ..]) => Operation::Drain,
            ("", "Pod", ["spec", "ephemeralContainers", ..]) => Operation::Exec,
            ("apps", _, ["spec", "template", "metadata", "annotations", RESTARTED_AT]) => Operation::Restart,
            (
                _,
                _,
                [
                    "spec",
                    "template",
                    "spec",
                    "containers" | "initContainers",
                    _,
                    "resources",
                    "requests" | "limits",
                    ..,
                ],
            )
            | (
                "",
                "Pod",
                [
                    "spec",
                    "containers" | "initContainers",
                    _,
                    "resources",
                    "requests" | "limits",
                    ..,
                ],
            ) => Operation::ChangeResources,
            _ => Operation::Configure,
        };
        found.insert(operation);
    }

    /// Whether a policy reads this label or annotation.
    fn is_own(&self, key: &str) -> bool {
        let labels = self.labels;
        key.starts_with(OWN_PREFIX) || key == labels.criticality || key == labels.nature
    }
}

/// Roles that let others pass on rights, be somebody else, or do what only people may.
fn of_rights(object: &Value, found: &mut BTreeSet<Operation>) {
    let rules = object.get("rules").and_then(Value::as_array);
    let words = |field: &'static str| {
        let lists = rules
            .into_iter()
            .flatten()
            .filter_map(move |rule| rule.get(field)?.as_array());
        lists.flatten().filter_map(Value::as_str)
    };
    let passes_on = words("verbs").any(|verb| matches!(verb, "*" | "escalate" | "bind" | "impersonate"));
    let powers = words("resources").any(|resource| POWERS.contains(&resource));
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let aggregates = object.get("aggregationRule").is_some_and(|rule| !rule.is_null())
        || labels.is_some_and(|labels| labels.keys().any(|key| key.contains("/aggregate-to-")));
    let admin = object.pointer("/roleRef/name").and_then(Value::as_str);
    let admin = matches!(admin, Some("cluster-admin" | "admin" | "edit"))
        || admin.is_some_and(|name| name.starts_with("system:"));
    if passes_on || powers || aggregates || admin {
        found.insert(Operation::Escalate);
    }
}

/// More or fewer. What is no number is not known to be less than another.
fn of_number(before: &Value, after: &Value) -> Operation {
    match (before.as_u64(), after.as_u64()) {
        (Some(before), Some(after)) if after > before => Operation::ScaleUp,
        _ => Operation::ScaleDown,
    }
}

#[cfg(test)]
mod tests;
