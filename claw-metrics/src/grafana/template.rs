//! What a dashboard asks for: its variables, and its queries.

use claw_core::entity::EntityRef;
use serde::Deserialize;
use serde_json::Value;

use super::fitting::mentions;

/// Fields of panels and variables in which queries stand.
const QUERIES: [&str; 5] = ["expr", "query", "rawSql", "rawQuery", "definition"];
/// Kinds of variables whose values stand in an address.
const SETTABLE: [&str; 4] = ["", "query", "custom", "textbox"];
/// What variables are called that choose a namespace.
const NAMESPACE: [&str; 5] = [
    "namespace",
    "ns",
    "kubernetesnamespace",
    "k8snamespace",
    "exportednamespace",
];
/// What variables are called that choose a workload or a service, whatever its kind.
const WORKLOAD: [&str; 8] = [
    "workload",
    "workloadname",
    "app",
    "application",
    "service",
    "servicename",
    "canonicalservice",
    "component",
];

/// A dashboard as the server answers it. Fields that are not needed are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    dashboard: Value,
}

/// What a dashboard asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Answer {
    /// Values that its variables take to show the entity, and whether one of them is the entity's own name.
    pub(super) fn variables(&self, about: &EntityRef) -> (Vec<(String, String)>, bool) {
        let all = self
            .dashboard
            .pointer("/templating/list")
            .and_then(Value::as_array);
        let variables: Vec<Variable> = all
            .into_iter()
            .flatten()
            .filter_map(|variable| Variable::deserialize(variable).ok())
            .filter(|variable| SETTABLE.contains(&variable.kind.as_str()))
            .collect();
        let chooses_workload = variables
            .iter()
            .any(|variable| bare(&variable.name) == "workload");
        let mut named = false;
        let mut values = Vec::new();
        for variable in &variables {
            let name = bare(&variable.name);
            let value = if NAMESPACE.contains(&name.as_str()) {
                namespace(about)
            } else if is_of_its_kind(&name, &about.kind) {
                named = true;
                Some(about.name.clone())
            } else if matches!(name.as_str(), "type" | "workloadtype") && chooses_workload {
                is_workload(&about.kind).then(|| about.kind.to_lowercase())
            } else {
                None
            };
            values.extend(value.map(|value| (variable.name.clone(), value)));
        }
        // Where nothing but a namespace is in question, that is it.
        let is_namespace = about.kind == "Namespace" && !values.is_empty();
        (values, named || is_namespace)
    }

    /// Whether one of its queries names the entity.
    pub(super) fn asks_about(&self, about: &EntityRef) -> bool {
        asks(&self.dashboard, &about.name)
    }
}

fn asks(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| match value {
            Value::String(text) => QUERIES.contains(&key.as_str()) && mentions(text, name),
            value => asks(value, name),
        }),
        Value::Array(items) => items.iter().any(|item| asks(item, name)),
        _ => false,
    }
}

fn namespace(about: &EntityRef) -> Option<String> {
    match about.kind.as_str() {
        "Namespace" => Some(about.name.clone()),
        _ => about.namespace.clone(),
    }
}

/// Whether a variable of this name chooses among things of the kind.
fn is_of_its_kind(name: &str, kind: &str) -> bool {
    let kind = kind.to_lowercase();
    let exact = name == kind || name.strip_suffix("name") == Some(kind.as_str());
    match kind.as_str() {
        "service" | "deployment" | "statefulset" | "daemonset" | "replicaset" => {
            exact || WORKLOAD.contains(&name)
        }
        // As a label, `job` is what is scraped.
        "job" => matches!(name, "jobname" | "workload"),
        "cronjob" => exact || name == "workload",
        "node" => exact || matches!(name, "host" | "hostname"),
        "persistentvolumeclaim" => exact || matches!(name, "volume" | "pvc"),
        "namespace" => false,
        _ => exact,
    }
}

fn is_workload(kind: &str) -> bool {
    matches!(
        kind,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob"
    )
}

/// A name without what separates its words.
fn bare(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}
