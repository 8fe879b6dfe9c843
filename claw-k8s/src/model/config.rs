//! ConfigMaps and Secrets, without what they hold.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::meta::{Meta, Object};
use super::slim::{objects, slim};
use crate::address::addresses;

slim! {
    /// A ConfigMap: its keys, and of each value only the size and the addresses that it names.
    pub struct ConfigMap {
        /// Metadata.
        pub metadata: Meta,
        /// Text by key.
        pub data: BTreeMap<String, ConfigValue>,
        /// Bytes by key.
        pub binary_data: BTreeMap<String, ConfigValue>,
        /// Whether it can never be changed.
        pub immutable: bool,
    }

    /// An object of which only the metadata is read: every Secret.
    pub struct Metadata {
        /// Kind.
        pub kind: String,
        /// Metadata.
        pub metadata: Meta,
    }
}

objects! { ConfigMap => "ConfigMap", }

impl Object for Metadata {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    /// The API server answers with the kind `PartialObjectMetadata`, which says nothing; what was asked for does.
    fn set_kind(&mut self, kind: &str) {
        if self.kind.is_empty() || self.kind.starts_with("PartialObjectMetadata") {
            kind.clone_into(&mut self.kind);
        }
    }
}

impl ConfigMap {
    /// Whether it has that key.
    pub fn has_key(&self, key: &str) -> bool {
        self.data.contains_key(key) || self.binary_data.contains_key(key)
    }
}

/// What is kept of a value of a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigValue {
    /// Size in bytes.
    pub size: usize,
    /// Hosts, with port where one is given, that the value names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

impl<'de> Deserialize<'de> for ConfigValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A value as the cluster gives it, or as it was kept.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Kept {
                size: usize,
                #[serde(default)]
                addresses: Vec<String>,
            },
            Other(serde_json::Value),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) => Self {
                size: text.len(),
                addresses: addresses(&text).into_iter().map(|a| a.to_string()).collect(),
            },
            Written::Kept { size, addresses } => Self { size, addresses },
            Written::Other(serde_json::Value::Null) => Self::default(),
            Written::Other(value) => Self {
                size: value.to_string().len(),
                addresses: Vec::new(),
            },
        })
    }
}
