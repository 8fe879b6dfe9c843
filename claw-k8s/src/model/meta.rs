//! What every object has.

use std::collections::BTreeMap;
use std::fmt;

use claw_core::entity::EntityRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::slim::{is_default, null_as_default, slim};

/// Left out of every object: a second copy of it, with whatever it holds in clear.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object of the Kubernetes API, seen through one of the structs of this module.
pub trait Object {
    /// Kind as in manifests.
    fn kind(&self) -> &str;

    /// Its metadata.
    fn meta(&self) -> &Meta;

    /// Tells an object what kind it was listed as. Lists do not repeat the kind in their items; only structs that
    /// stand for several kinds need it.
    fn set_kind(&mut self, _kind: &str) {}

    /// Its name in evidence and reports.
    fn entity(&self) -> EntityRef {
        EntityRef {
            kind: self.kind().to_owned(),
            namespace: self.meta().namespace.clone(),
            name: self.meta().name.clone(),
        }
    }

    /// What [`entity`](Self::entity) is made of, in its order, without a copy: for sorting thousands of objects.
    fn key(&self) -> (&str, Option<&str>, &str) {
        let meta = self.meta();
        (self.kind(), meta.namespace.as_deref(), &meta.name)
    }
}

/// Metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Name within kind and namespace.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub name: String,
    /// Prefix from which the API server makes a name.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub generate_name: String,
    /// Namespace; `None` for cluster-scoped objects.
    #[serde(default, deserialize_with = "non_empty", skip_serializing_if = "is_default")]
    pub namespace: Option<String>,
    /// Unique over the life of the cluster.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub uid: String,
    /// Labels.
    #[serde(default, deserialize_with = "strings", skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations, without the copy of the object that `kubectl apply` keeps.
    #[serde(default, deserialize_with = "annotations", skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Owners.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub owner_references: Vec<OwnerReference>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "is_default")]
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion was asked for, or when its grace period ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion_timestamp: Option<Timestamp>,
    /// Grace period of its deletion in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion_grace_period_seconds: Option<i64>,
    /// What must be done before it can go.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub finalizers: Vec<String>,
    /// Counts the changes of its spec.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generation: Option<i64>,
    /// Changes with each change of the object.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub resource_version: String,
    /// Who changed it last, and when.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub managed_fields: Vec<ManagedFields>,
}

impl Meta {
    /// The owner that controls it.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// The namespace, or an empty string for cluster-scoped objects.
    pub fn ns(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The last change that was made by somebody other than the status writers of controllers: who and when.
    pub fn last_edit(&self) -> Option<&ManagedFields> {
        self.managed_fields
            .iter()
            .filter(|fields| fields.subresource.is_empty() && fields.time.is_some())
            .max_by_key(|fields| fields.time)
    }
}

slim! {
    /// An owner of an object.
    pub struct OwnerReference {
        /// Group and version of the owner.
        pub api_version: String,
        /// Kind of the owner.
        pub kind: String,
        /// Name of the owner.
        pub name: String,
        /// Uid of the owner.
        pub uid: String,
        /// Whether it is the one that controls the object.
        pub controller: bool,
    }

    /// Who wrote to an object.
    pub struct ManagedFields {
        /// Name of the writer: `kubectl-client-side-apply`, `argocd-controller`, …
        pub manager: String,
        /// `Apply` or `Update`.
        pub operation: String,
        /// When the writer last changed something.
        pub time: Option<Timestamp>,
        /// `status`, `scale`, or empty for the object itself.
        pub subresource: String,
        /// What of it the writer wrote; only what a diagnosis uses is read.
        #[serde(rename = "fieldsV1")]
        pub fields: WrittenFields,
    }

    /// What a writer wrote of an object.
    pub struct WrittenFields {
        /// What of its spec.
        #[serde(rename = "f:spec")]
        pub spec: WrittenSpec,
    }

    /// What a writer wrote of a spec.
    pub struct WrittenSpec {
        /// Its pod template, or a part of it.
        #[serde(rename = "f:template")]
        pub template: Option<Written>,
    }

    /// That something was written.
    pub struct Written {}

    /// One condition of an object's status.
    pub struct Condition {
        /// What is judged: `Ready`, `Available`, …
        #[serde(rename = "type")]
        pub kind: String,
        /// `True`, `False` or `Unknown`.
        pub status: String,
        /// Machine-readable reason.
        pub reason: String,
        /// Reason for people.
        pub message: String,
        /// When the status last changed.
        pub last_transition_time: Option<Timestamp>,
        /// When it was last looked at (Deployments, HorizontalPodAutoscalers).
        pub last_update_time: Option<Timestamp>,
        /// When it was last reported (Nodes).
        pub last_heartbeat_time: Option<Timestamp>,
        /// Generation that the condition speaks about.
        pub observed_generation: Option<i64>,
    }

    /// A reference to an object in the same namespace.
    pub struct LocalReference {
        /// Its name.
        pub name: String,
    }

    /// A reference to an object.
    pub struct ObjectReference {
        /// Group and version.
        pub api_version: String,
        /// Kind.
        pub kind: String,
        /// Namespace, where it has one.
        pub namespace: Option<String>,
        /// Name.
        pub name: String,
        /// Uid, where it is known.
        pub uid: String,
        /// Part of the object: `spec.containers{app}`.
        pub field_path: String,
    }
}

impl Condition {
    /// Whether the condition holds.
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }
}

/// The condition of that type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_option(Strings { skip: None })
}

fn annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_option(Strings {
        skip: Some(LAST_APPLIED),
    })
}

/// Reads a map of strings; `null` is empty, a `null` value is an empty string, and one key can be skipped unread.
struct Strings {
    skip: Option<&'static str>,
}

impl<'de> Visitor<'de> for Strings {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut out = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.skip == Some(key.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else {
                out.insert(key, map.next_value::<Option<String>>()?.unwrap_or_default());
            }
        }
        Ok(out)
    }
}
