//! The definition of a tool: what a `tools:` document says about a registered tool.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::yaml::{self, Fields, boolean, invalid, list, mapping, text, unique, word};
use crate::yaml::{Located, ProblemKind, Problems};
use crate::yaml::{Node, Value, quoted};

/// Where a pod finds the token of its service account.
pub const DEFAULT_TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What a definition says about one tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToolDefinition {
    /// Name of the registered tool.
    pub name: Located<String>,
    /// Replaces the registered tool's description where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Located<String>>,
    /// The parameters on offer, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// As whom the tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Located<Auth>>,
}

/// What a definition says about one parameter of a tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Parameter {
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: Located<ParameterType>,
    /// Replaces the registered description where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Located<String>>,
    /// The value of calls that do not give one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Located<Json>>,
    /// Whether every call has to give it. Where the definition does not say: as the registered tool has it, which
    /// [`bind`](super::bind) fills in.
    pub required: Option<bool>,
    /// The only values that calls may give; empty means any.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Located<Json>>,
}

/// The type of a parameter, in the words of JSON schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ParameterType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// A mapping.
    Object,
}

impl ParameterType {
    /// The word for it in a definition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    const WORDS: [(&'static str, Self); 6] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("array", Self::Array),
        ("object", Self::Object),
    ];

    fn admits(self, value: &Json) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// As whom a tool calls the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Auth {
    /// As the service account whose token is in a file.
    ServiceAccount {
        /// Absolute path of the file. It is read anew when the token is renewed.
        token_path: String,
    },
}

pub(super) fn read_all(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<ToolDefinition>> {
    let tools = list(node, path, problems, read)?;
    unique(tools.iter().map(|tool| &tool.name), path, problems).then_some(tools)
}

fn read(node: &Node, path: &str, problems: &mut Problems) -> Option<ToolDefinition> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "`name:` with the name of a tool", text);
    let description = fields.optional("description", text);
    let parameters = fields.optional("parameters", parameters);
    let auth = fields.optional("auth", auth);
    fields.finish();
    Some(ToolDefinition {
        name: name?,
        description,
        parameters: parameters.unwrap_or_default(),
        auth,
    })
}

fn parameters(node: &Node, path: &str, problems: &mut Problems) -> Option<BTreeMap<String, Parameter>> {
    let mut parameters = BTreeMap::new();
    for (name, node) in mapping(node, path, problems)? {
        if let Some(parameter) = parameter(node, &yaml::join(path, name), problems) {
            parameters.insert(name.value.clone(), parameter);
        }
    }
    Some(parameters)
}

fn parameter(node: &Node, path: &str, problems: &mut Problems) -> Option<Parameter> {
    let mut fields = Fields::open(node, path, problems)?;
    let kind = fields.required(
        "type",
        "`type: string`, or another type",
        |node, path, problems| word(node, path, problems, &ParameterType::WORDS),
    );
    let description = fields.optional("description", text);
    let typed = |node: &Node, path: &str, problems: &mut Problems| {
        value_of(kind.map(|kind| kind.value), node, path, problems)
    };
    let default = fields.optional("default", typed);
    let choices = fields.optional("enum", |node, path, problems| list(node, path, problems, typed));
    let required = fields.optional("required", |node, path, problems| {
        boolean(node, path, problems).map(|value| Located {
            value,
            place: node.place,
        })
    });
    if let (Some(default), Some(choices)) = (&default, &choices)
        && !choices.iter().any(|choice| choice.value == default.value)
    {
        fields.problems().add(
            ProblemKind::InvalidValue,
            default.place,
            yaml::join(path, "default"),
            format!("the default {} is not among the values of `enum`", default.value),
            "add it there, or choose another default",
        );
    }
    if let (Some(default), Some(Located { value: true, place })) = (&default, required) {
        fields.problems().add(
            ProblemKind::InvalidValue,
            place,
            yaml::join(path, "required"),
            format!("a parameter with a default ({}) is never missing", default.value),
            "remove `required: true` or the default",
        );
    }
    fields.finish();
    Some(Parameter {
        kind: kind?,
        description,
        default,
        required: required.map(|required| required.value),
        choices: choices.unwrap_or_default(),
    })
}

/// A JSON value of the declared type; of any type where that could not be read.
fn value_of(
    kind: Option<ParameterType>,
    node: &Node,
    path: &str,
    problems: &mut Problems,
) -> Option<Located<Json>> {
    let value = node.json();
    let fits = match kind {
        Some(kind) => kind.admits(&value),
        None => !matches!(node.value, Value::Null),
    };
    if !fits {
        let expected = kind.map_or("a value".to_owned(), |kind| {
            format!("a value of type {}", kind.as_str())
        });
        yaml::wrong_type(node, path, &expected, "such a value", problems);
        return None;
    }
    Some(Located {
        value,
        place: node.place,
    })
}

fn auth(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<Auth>> {
    let mut fields = Fields::open(node, path, problems)?;
    let kind = fields.required("type", "`type: service_account`", |node, path, problems| {
        word(node, path, problems, &[("service_account", ())])
    });
    let token_path = fields.optional("token_path", absolute_path);
    let given = fields.has("token_path");
    fields.finish();
    kind?;
    let token_path = match token_path {
        Some(path) => path,
        None if given => return None,
        None => DEFAULT_TOKEN_PATH.to_owned(),
    };
    Some(Located {
        value: Auth::ServiceAccount { token_path },
        place: node.place,
    })
}

fn absolute_path(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    let file = text(node, path, problems)?;
    if !file.starts_with('/') || file.contains('\0') {
        invalid(
            node,
            path,
            format!("{} is not an absolute path", quoted(&file)),
            format!("write the whole path, as {DEFAULT_TOKEN_PATH}"),
            problems,
        );
        return None;
    }
    Some(file.value)
}
