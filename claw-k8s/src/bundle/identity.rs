//! Which object a JSON value is.

use std::cmp::Ordering;

use claw_core::entity::EntityRef;
use serde_json::Value;

/// What tells one object from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Kind, `Pod`.
    pub kind: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Namespace; `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl Identity {
    /// The identity of a Kubernetes object; `None` when kind or name is missing.
    pub fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let group = text("/apiVersion")
            .and_then(|version| version.split_once('/'))
            .map_or("", |(group, _)| group);
        Some(Self {
            kind: text("/kind")?.to_owned(),
            group: group.to_owned(),
            namespace: text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name")?.to_owned(),
        })
    }

    /// The entity of that kind and name.
    pub fn entity(&self) -> EntityRef {
        EntityRef {
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// Orders two states of one object by age, the older first. States without a number are taken to be equally old.
pub(super) fn by_age(a: &Value, b: &Value) -> Ordering {
    let version = |object: &Value| {
        object
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<u64>().ok())
    };
    match (version(a), version(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}
