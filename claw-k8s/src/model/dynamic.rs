//! Objects of kinds that are not always there: Gateway API, Istio, Linkerd.

use claw_core::entity::EntityRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meta::{Meta, Object};
use super::slim::{is_default, null_as_default};

/// An object whose spec and status are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DynamicObject {
    /// Group and version.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub api_version: String,
    /// Kind.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub kind: String,
    /// Metadata.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub metadata: Meta,
    /// What is wanted.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub spec: Value,
    /// What is.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub status: Value,
}

impl Object for DynamicObject {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn set_kind(&mut self, kind: &str) {
        if self.kind.is_empty() {
            kind.clone_into(&mut self.kind);
        }
    }

    /// Istio and the Gateway API both have a kind `Gateway`. That of Istio is called as `kubectl` tells them apart.
    fn entity(&self) -> EntityRef {
        let kind = if self.is_istio_gateway() {
            Self::ISTIO_GATEWAY
        } else {
            &self.kind
        };
        EntityRef {
            kind: kind.to_owned(),
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone(),
        }
    }
}

impl DynamicObject {
    /// The kind of an Istio Gateway in evidence and reports.
    pub const ISTIO_GATEWAY: &str = "Gateway.networking.istio.io";

    /// Whether it is a Gateway of Istio rather than one of the Gateway API.
    pub fn is_istio_gateway(&self) -> bool {
        let of_istio = match self.api_version.as_str() {
            "" => self.spec.get("servers").is_some(),
            version => version.starts_with("networking.istio.io/"),
        };
        self.kind == "Gateway" && of_istio
    }
}
