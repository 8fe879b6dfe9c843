//! What pods may do beyond running their own code: told by what a pod's description holds before and after.
//!
//! Three sorts of gain weigh differently. A Secret that is given to a pod is read by whoever chose its image, and a pod that runs
//! as another account or has its node to itself can do what that account or node can: both are what agents never do themselves,
//! so they count as [`Operation::TouchSecret`] and [`Operation::Escalate`]. Everything else that holds a pod back or lets it do
//! more is [`Operation::ChangePrivileges`], which two people decide.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::operation::Operation;
use super::pods::{self, items};

/// Capabilities by which a container has its node, or the other containers on it.
const OF_NODES: [&str; 12] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYSLOG",
];

/// Volumes that hold nothing but what the pod's own namespace gives it.
const HARMLESS_VOLUMES: [&str; 7] = [
    "name",
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
];

/// Fields of what pods are made of. A patch of an unknown object that names one may change what its pods may do.
const FIELDS: [&str; 19] = [
    "automountServiceAccountToken",
    "containers",
    "ephemeralContainers",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPath",
    "hostUsers",
    "imagePullSecrets",
    "initContainers",
    "local",
    "nodeName",
    "os",
    "runtimeClassName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "shareProcessNamespace",
    "volumes",
];

/// What is gained or given up when `before` becomes `after`, for every place that pods are described in.
pub(super) fn of_change(before: &Value, after: &Value, found: &mut BTreeSet<Operation>) {
    for place in pods::PLACES {
        let of = |object: &'_ Value| object.pointer(place).map(Powers::of).unwrap_or_default();
        let (was, is) = (of(before), of(after));
        let gains = |was: &BTreeSet<String>, is: &BTreeSet<String>| !is.is_subset(was);
        if gains(&was.secrets, &is.secrets) {
            found.insert(Operation::TouchSecret);
        }
        if gains(&was.node, &is.node) {
            found.insert(Operation::Escalate);
        }
        let held = |object: &'_ Value| object.pointer(place).map(Holds::of).unwrap_or_default();
        if gains(&was.other, &is.other) || held(before).are_given_up(&held(after)) {
            found.insert(Operation::ChangePrivileges);
        }
    }
}

/// The same for an object that is not known: all that the patch gives is gained, and whatever holds pods back may be given up.
pub(super) fn of_patch(patch: &Value, found: &mut BTreeSet<Operation>) {
    of_change(&Value::Null, patch, found);
    let touched = pods::PLACES.into_iter().any(|place| {
        let spec = patch.pointer(place);
        match spec {
            Some(Value::Object(fields)) => FIELDS.iter().any(|field| fields.contains_key(*field)),
            _ => pods::is_touched(patch, place),
        }
    });
    if touched {
        // Containers come in lists, and a list takes the place of all that was in it, resources too.
        found.extend([Operation::ChangePrivileges, Operation::ChangeResources]);
    }
}

/// What a pod can do that others cannot, in words that tell one such thing from another.
#[derive(Default)]
struct Powers {
    secrets: BTreeSet<String>,
    node: BTreeSet<String>,
    other: BTreeSet<String>,
}

impl Powers {
    fn of(spec: &Value) -> Self {
        let mut powers = Self::default();
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            powers.node.extend(set(spec, field).then(|| field.to_owned()));
        }
        for field in ["shareProcessNamespace", "automountServiceAccountToken"] {
            powers.other.extend(set(spec, field).then(|| field.to_owned()));
        }
        for field in ["nodeName", "runtimeClassName"] {
            powers.other.extend(word(spec, field));
        }
        for field in ["serviceAccountName", "serviceAccount"] {
            let account = spec.get(field).and_then(Value::as_str);
            let account = account.filter(|account| !matches!(*account, "" | "default"));
            powers
                .node
                .extend(account.map(|account| format!("account {account}")));
        }
        // A PersistentVolume is on a node.
        for field in ["hostPath", "local"] {
            powers.node.extend(word(spec, field));
        }
        let pulled = items(spec, "imagePullSecrets").filter(|secret| !secret.is_null());
        powers
            .secrets
            .extend(pulled.map(|secret| format!("pulls by {secret}")));
        items(spec, "volumes").for_each(|volume| powers.volume(volume));
        powers.context("", spec.get("securityContext").unwrap_or(&Value::Null));
        for (name, container) in pods::containers(spec) {
            powers.container(name, container);
        }
        powers
    }

    fn container(&mut self, name: &str, container: &Value) {
        let sources = items(container, "env").filter_map(|env| env.pointer("/valueFrom/secretKeyRef"));
        let sources = sources.chain(items(container, "envFrom").filter_map(|env| env.get("secretRef")));
        let sources = sources.filter(|source| !source.is_null());
        self.secrets
            .extend(sources.map(|source| format!("{name} reads {source}")));
        let ports = items(container, "ports").filter_map(|port| port.get("hostPort")?.as_u64());
        let ports = ports.filter(|port| *port != 0);
        self.other.extend(ports.map(|port| format!("port {port}")));
        self.context(name, container.get("securityContext").unwrap_or(&Value::Null));
    }

    /// The security context of a container, or of the pod where the name is empty.
    fn context(&mut self, name: &str, context: &Value) {
        self.node
            .extend(set(context, "privileged").then(|| format!("{name} privileged")));
        let of_windows = context.get("windowsOptions").unwrap_or(&Value::Null);
        self.node
            .extend(set(of_windows, "hostProcess").then(|| format!("{name} host process")));
        let added = context.get("capabilities").unwrap_or(&Value::Null);
        for capability in items(added, "add").filter_map(Value::as_str) {
            let capability = capability.to_uppercase();
            let capability = capability.strip_prefix("CAP_").unwrap_or(&capability);
            let said = format!("{name} capability {capability}");
            match OF_NODES.contains(&capability) {
                true => self.node.insert(said),
                false => self.other.insert(said),
            };
        }
        self.other
            .extend(set(context, "allowPrivilegeEscalation").then(|| format!("{name} escalation")));
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            let root = context.get(field).and_then(Value::as_i64) == Some(0);
            self.other.extend(root.then(|| format!("{name} {field} root")));
        }
        for field in ["runAsNonRoot", "readOnlyRootFilesystem"] {
            let off = context.get(field) == Some(&Value::Bool(false));
            self.other.extend(off.then(|| format!("{name} without {field}")));
        }
        for field in [
            "procMount",
            "seLinuxOptions",
            "sysctls",
            "supplementalGroups",
            "windowsOptions",
        ] {
            self.other
                .extend(word(context, field).map(|said| format!("{name} {said}")));
        }
        for field in ["seccompProfile", "appArmorProfile"] {
            let profile = context.get(field).and_then(|profile| profile.get("type"));
            let own = profile
                .and_then(Value::as_str)
                .filter(|profile| *profile != "RuntimeDefault");
            self.other
                .extend(own.map(|profile| format!("{name} {field} {profile}")));
        }
    }

    fn volume(&mut self, volume: &Value) {
        let Some(fields) = volume.as_object() else { return };
        for (source, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let said = || format!("{source} {value}");
            match source.as_str() {
                "hostPath" => drop(self.node.insert(said())),
                "secret" => drop(self.secrets.insert(said())),
                "projected" => items(value, "sources").for_each(|source| self.projected(source)),
                source if HARMLESS_VOLUMES.contains(&source) => {}
                _ => {
                    self.other.insert(said());
                    if names_secret(value) {
                        self.secrets.insert(said());
                    }
                }
            }
        }
    }

    fn projected(&mut self, source: &Value) {
        let Some(fields) = source.as_object() else { return };
        for (kind, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let said = format!("{kind} {value}");
            match kind.as_str() {
                "secret" => drop(self.secrets.insert(said)),
                "serviceAccountToken" => drop(self.node.insert(said)),
                "configMap" | "downwardAPI" => {}
                _ => drop(self.other.insert(said)),
            }
        }
    }
}

/// Whether a source of a volume gets a Secret from somewhere.
fn names_secret(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.any(|(key, value)| {
                !value.is_null() && (key.to_lowercase().contains("secret") || names_secret(value))
            })
        }
        Value::Array(items) => items.iter().any(names_secret),
        _ => false,
    }
}

/// What holds a pod and its containers back, which is given up when it is no longer there.
#[derive(Default)]
struct Holds {
    pod: BTreeSet<String>,
    containers: BTreeMap<String, BTreeSet<String>>,
}

impl Holds {
    fn of(spec: &Value) -> Self {
        let nothing = Value::Object(Map::new());
        let of_pod = spec.get("securityContext").unwrap_or(&nothing);
        let mut pod = BTreeSet::new();
        for field in ["hostUsers", "automountServiceAccountToken"] {
            let off = spec.get(field) == Some(&Value::Bool(false));
            pod.extend(off.then(|| field.to_owned()));
        }
        for field in ["runtimeClassName", "os", "nodeName"] {
            pod.extend(word(spec, field));
        }
        // An account is exchanged for the default one.
        pod.extend(word(spec, "serviceAccountName"));
        for field in [
            "fsGroup",
            "supplementalGroups",
            "sysctls",
            "seLinuxOptions",
            "windowsOptions",
        ] {
            pod.extend(word(of_pod, field));
        }
        let mut containers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, container) in pods::containers(spec) {
            let own = held(of_pod, container.get("securityContext").unwrap_or(&nothing));
            let known = containers.entry(name.to_owned()).or_insert_with(|| own.clone());
            *known = &*known & &own;
        }
        Self { pod, containers }
    }

    /// Whether something of it is missing from `after`. What all containers are held back by is so for new ones too: otherwise
    /// another name would be a way out.
    fn are_given_up(&self, after: &Self) -> bool {
        let common = self.containers.values().cloned();
        let common = common.reduce(|all, one| &all & &one).unwrap_or_default();
        let container = |(name, holds): (&String, &BTreeSet<String>)| {
            let before = self.containers.get(name).unwrap_or(&common);
            !before.is_subset(holds)
        };
        !self.pod.is_subset(&after.pod) || after.containers.iter().any(container)
    }
}

/// What a container is held back by: what it says itself, and what its pod says where it says nothing.
fn held(of_pod: &Value, own: &Value) -> BTreeSet<String> {
    let of = |field: &str| {
        let value = own.get(field).filter(|value| !value.is_null());
        value
            .or_else(|| of_pod.get(field))
            .filter(|value| !value.is_null())
    };
    let mut holds = BTreeSet::new();
    for (field, safe) in [
        ("runAsNonRoot", true),
        ("readOnlyRootFilesystem", true),
        ("allowPrivilegeEscalation", false),
    ] {
        let held = of(field) == Some(&Value::Bool(safe));
        holds.extend(held.then(|| field.to_owned()));
    }
    for field in [
        "runAsUser",
        "runAsGroup",
        "seccompProfile",
        "appArmorProfile",
        "seLinuxOptions",
        "procMount",
    ] {
        holds.extend(of(field).map(|value| format!("{field} {value}")));
    }
    let dropped = of("capabilities").map(|capabilities| items(capabilities, "drop"));
    let dropped = dropped.into_iter().flatten().filter_map(Value::as_str);
    holds.extend(dropped.map(|capability| format!("without {capability}")));
    holds
}

/// Whether a switch is on. What is neither on nor off is on.
fn set(value: &Value, field: &str) -> bool {
    let value = value.get(field).unwrap_or(&Value::Null);
    !value.is_null() && *value != Value::Bool(false)
}

/// A field with its value, where it has one.
fn word(value: &Value, field: &str) -> Option<String> {
    let value = value.get(field).filter(|value| !value.is_null())?;
    let empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    (!empty && *value != Value::String(String::new())).then(|| format!("{field} {value}"))
}

#[cfg(test)]
mod tests;
