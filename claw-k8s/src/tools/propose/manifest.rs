//! A manifest as somebody writes it: one object, read strictly.

use claw_core::tool::ToolError;
use claw_core::yaml;
use serde_json::{Map, Value};

use super::input;

/// What the API server says of an object, and nobody says to it.
const SAID: [&str; 8] = [
    "uid",
    "resourceVersion",
    "managedFields",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
];

/// One object to be.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// All of it.
    pub(super) object: Value,
}

impl Manifest {
    /// Reads YAML or JSON.
    pub(super) fn read(text: &str) -> Result<Self, ToolError> {
        let wrong = |error: yaml::DefinitionError| ToolError::invalid_input(error.to_string());
        let (documents, problems) = yaml::parse(
            "manifest",
            text.as_bytes(),
            "one object with apiVersion, kind and metadata",
        )
        .map_err(wrong)?;
        problems.or(()).map_err(wrong)?;
        let [document] = documents.as_slice() else {
            return refuse(&format!(
                "the manifest has {} documents; give one object",
                documents.len()
            ));
        };
        let object = document.value.json();
        let field = |pointer: &str| object.pointer(pointer);
        if !object.is_object() || field("/metadata").is_some_and(|metadata| !metadata.is_object()) {
            return refuse("the manifest is no object with apiVersion, kind and metadata");
        }
        let text = |pointer: &'static str| match field(pointer) {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => refuse(&format!(
                "the manifest has no {}; write it as a text",
                pointer.trim_start_matches('/').replace('/', ".")
            )),
        };
        let (api_version, kind) = (text("/apiVersion")?, text("/kind")?);
        if field("/status").is_some() {
            return refuse("the manifest has a status, which is for controllers to write; leave it out");
        }
        let metadata = field("/metadata").and_then(Value::as_object);
        let metadata = metadata.into_iter().flat_map(Map::keys);
        for key in metadata {
            if SAID.contains(&key.as_str()) {
                return refuse(&format!(
                    "the manifest has metadata.{key}, which the API server sets; leave it out"
                ));
            }
            if key == "generateName" {
                return refuse("the manifest has metadata.generateName; give the object a name");
            }
        }
        let name = text("/metadata/name")?;
        input::name("name", &name)?;
        let namespace = match field("/metadata/namespace") {
            None | Some(Value::Null) => None,
            Some(_) => Some(text("/metadata/namespace")?),
        };
        Ok(Self {
            api_version,
            kind,
            namespace,
            name,
            object,
        })
    }
}

fn refuse<T>(text: &str) -> Result<T, ToolError> {
    Err(ToolError::invalid_input(text))
}
