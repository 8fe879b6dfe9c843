//! Where workloads keep the template of their pods.

use serde_json::{Map, Value};

use super::target::Target;

impl Target {
    /// Where its pod template lies, as a JSON pointer.
    pub(super) fn template(&self) -> &'static str {
        match &*self.resource.kind {
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        }
    }

    /// How many pods are made from its template now; `None` where that is not known beforehand.
    pub(super) fn pods(&self) -> Option<i64> {
        match &*self.resource.kind {
            "CronJob" => None,
            "DaemonSet" => self.number("/status/desiredNumberScheduled"),
            _ => Some(self.number("/spec/replicas").unwrap_or(1)),
        }
    }

    /// What becomes of its pods when the template changes, as the end of a sentence.
    pub(super) fn replaced(&self) -> String {
        match self.pods() {
            None if self.resource.kind == "CronJob" => "pods of its next job have it".to_owned(),
            None => "its pods are replaced".to_owned(),
            Some(1) => "its 1 pod is replaced".to_owned(),
            Some(pods) => format!("its {pods} pods are replaced"),
        }
    }

    /// Whether its pods are replaced only when somebody deletes them.
    pub(super) fn is_on_delete(&self) -> bool {
        self.text("/spec/updateStrategy/type") == Some("OnDelete")
    }

    /// The first ordinal that takes part in updates, where not all do.
    pub(super) fn partition(&self) -> Option<i64> {
        self.number("/spec/updateStrategy/rollingUpdate/partition")
            .filter(|partition| *partition > 0)
    }

    /// Why a change of the template does not, or not wholly, reach its pods by itself.
    pub(super) fn held_up(&self) -> Vec<String> {
        let mut held = Vec::new();
        if self.is_true("/spec/paused") {
            held.push(format!(
                "{} is paused: no pod is replaced until it is resumed",
                self.entity
            ));
        }
        if self.is_on_delete() {
            held.push(format!(
                "{} replaces pods only when they are deleted (update strategy OnDelete)",
                self.entity
            ));
        }
        if let Some(partition) = self.partition() {
            held.push(format!(
                "{} replaces only pods from ordinal {partition} on (partition of its update strategy)",
                self.entity
            ));
        }
        held
    }
}

/// A patch that names `value` alone, at a JSON pointer.
pub(super) fn at(pointer: &str, value: Value) -> Value {
    let keys = pointer.trim_start_matches('/').rsplit('/');
    keys.fold(value, |inner, key| {
        Value::Object(Map::from_iter([(key.to_owned(), inner)]))
    })
}
