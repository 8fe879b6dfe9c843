//! What an action does, read off the action and the object as it is.

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::outside::Outside;
use claw_core::patch::merged;
use serde_json::{Map, Value};

use super::difference::{differences, leaves};
use super::labels::Labels;
use super::operation::Operation;
use super::tier::Tier;
use super::{kinds, powers, privileges};

/// Pod templates carry this annotation when `kubectl rollout restart` has touched them.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The API group of the agent's own objects: policies and approvals.
pub const OWN_GROUP: &str = "claw.dev";

/// The API group of roles and their bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Labels and annotations that say what a workload is, and whose write it was.
const OWN_PREFIX: &str = "claw.dev/";

/// What `action` does to the object that is `before` it. Several operations where it changes several things; none where it
/// changes nothing.
///
/// The proposer's words play no part: what counts is the difference between the object and what the API server would make
/// of it. Where the object is not known, all that a patch names counts as changed, a number as lowered, and rights as taken. Labels
/// that `labels` names are the policy's own.
pub fn operations(action: &Action, before: Option<&Value>, labels: &Labels) -> BTreeSet<Operation> {
    let mut found = sure(action, before, labels);
    // What a binding binds to, and what a role holds besides, is not in the patch.
    let unseen = action.verb == Verb::Patch && before.is_none();
    if unseen && !found.is_empty() && Target::of(action, before, labels).group == RBAC {
        found.insert(Operation::Escalate);
    }
    found
}

/// What `action` does whatever else its target turns out to hold.
pub(super) fn sure(action: &Action, before: Option<&Value>, labels: &Labels) -> BTreeSet<Operation> {
    if let Some(operation) = outside(action) {
        return BTreeSet::from([operation]);
    }
    let mut found = BTreeSet::new();
    let target = Target::of(action, before, labels);
    match action.verb {
        Verb::Create => {
            found.insert(Operation::Create);
            created(&target, &action.patch, &mut found);
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
        Verb::Patch => patched(&target, before, &action.patch, &mut found),
        _ => {
            found.insert(Operation::Unknown);
        }
    }
    if !found.is_empty() {
        target.kind(&mut found);
    }
    found
}

/// Whatever an object holds is made with it. What may not be changed may not be made either.
fn created(target: &Target<'_>, object: &Value, found: &mut BTreeSet<Operation>) {
    let nothing = Value::Object(Map::new());
    let mut inside = BTreeSet::new();
    differences(&nothing, object, &mut Vec::new(), &mut |path, before, after| {
        // Empty labels are none.
        if !is_empty(after) {
            target.change(path, before, after, &mut inside);
        }
    });
    let forbidden = |operation: &Operation| operation.tier() == Tier::Forbidden;
    found.extend(inside.into_iter().filter(forbidden));
    privileges::of_change(&nothing, object, found);
    if powers::are_given_by(object) {
        found.insert(Operation::Escalate);
    }
}

fn patched(target: &Target<'_>, before: Option<&Value>, patch: &Value, found: &mut BTreeSet<Operation>) {
    let mut visit = |path: &[&str], before: &Value, after: &Value| {
        target.change(path, before, after, found);
    };
    let mut after = Value::Null;
    match before {
        None => leaves(patch, &mut Vec::new(), &mut visit),
        Some(before) => {
            after = merged(before, patch);
            differences(before, &after, &mut Vec::new(), &mut visit);
        }
    }
    if found.is_empty() {
        return;
    }
    match before {
        None => privileges::of_patch(patch, found),
        Some(before) => privileges::of_change(before, &after, found),
    }
    // What a role holds besides what is changed is its own too; elsewhere it is no right.
    if powers::are_given_by(patch) || target.group == RBAC && powers::are_given_by(&after) {
        found.insert(Operation::Escalate);
    }
}

/// Whether a value says nothing: it is not there, or there is nothing in it.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// What an action does outside the cluster; `None` where it is about something in it.
///
/// Their kinds are in the group of the agent's own objects, of which nothing may be touched. So it is these two kinds in this
/// spelling, with nothing but what they hold, or it is forbidden.
fn outside(action: &Action) -> Option<Operation> {
    match Outside::of(action) {
        Ok(None) => None,
        Ok(Some(Outside::Notification { .. })) => Some(Operation::Notify),
        Ok(Some(Outside::PipelineRun { .. })) => Some(Operation::TriggerPipeline),
        Ok(Some(_)) | Err(_) => Some(Operation::Unknown),
    }
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
    before: Option<&'a Value>,
}

impl<'a> Target<'a> {
    fn of(action: &'a Action, before: Option<&'a Value>, labels: &'a Labels) -> Self {
        let group = action.api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            group: match group {
                // No group is called that, but people write it for the one without a name.
                "core" => "",
                // The same objects, by another name.
                "authorization.openshift.io" => RBAC,
                group => group,
            },
            kind: &action.target.kind,
            labels,
            before,
        }
    }

    /// What it is to touch an object of this kind at all.
    fn kind(&self, found: &mut BTreeSet<Operation>) {
        // Paths are made of kinds in lower case, so that other spellings may lead to the same objects.
        let spelled = self.kind.starts_with(|first: char| first.is_ascii_uppercase());
        if !spelled || kinds::meant(self.kind).is_some() {
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
            (RBAC, _) | ("", "serviceaccount") => {
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
            // Empty labels where none were.
            (_, _, ["metadata"] | ["metadata", "labels" | "annotations"])
                if self.before.is_some() && is_empty(before) && is_empty(after) =>
            {
                Operation::Configure
            }
            // All of it, or what the next action is judged by.
            (_, _, [] | ["metadata"] | ["metadata", "labels" | "annotations"]) => Operation::ChangePolicy,
            ("", "Namespace", ["metadata", "labels", ..]) => Operation::ChangePolicy,
            ("", "Namespace", ["metadata", "annotations", key, ..])
                if self.labels.is_read_of_namespace(key) =>
            {
                Operation::ChangePolicy
            }
            (_, _, ["metadata", "labels" | "annotations", key, ..]) if self.is_own(key) => {
                Operation::ChangePolicy
            }
            // Other roles take in the rights of those that have such labels, and which do is written elsewhere.
            (RBAC, "ClusterRole", ["metadata", "labels", ..]) => Operation::Escalate,
            // The garbage collector deletes what belongs to something that is not there; finalizers hold that up.
            (_, _, ["metadata", "ownerReferences" | "finalizers", ..])
            | ("", "Namespace", ["spec", "finalizers", ..]) => Operation::Delete,
            ("apps", "Deployment" | "StatefulSet" | "ReplicaSet", ["spec", "replicas"])
            | ("", "ReplicationController", ["spec", "replicas"])
            | ("argoproj.io", "Rollout", ["spec", "replicas"]) => of_number(before, after),
            ("autoscaling", "HorizontalPodAutoscaler", ["spec", bound @ ("minReplicas" | "maxReplicas")]) => {
                match of_number(before, after) {
                    // Pods end at once, or may end when it is quiet.
                    Operation::ScaleDown => found.insert(Operation::ScaleDown),
                    // Pods start at once, unless there are as many already.
                    other if *bound == "minReplicas" && !self.runs(after) => found.insert(other),
                    _ => false,
                };
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
                "batch",
                "CronJob",
                [
                    "spec",
                    "jobTemplate",
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
        key.starts_with(OWN_PREFIX) || self.labels.is_read(key)
    }

    /// Whether an autoscaler runs so many replicas already.
    fn runs(&self, wanted: &Value) -> bool {
        let running = self
            .before
            .and_then(|before| before.pointer("/status/currentReplicas"));
        let running = running.and_then(Value::as_u64);
        wanted
            .as_u64()
            .is_some_and(|wanted| running.is_some_and(|running| wanted <= running))
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
