//! A registered tool as its definition shapes it.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::schema::{Arguments, ParameterSchema};
use super::tool::{Parameter, ToolDefinition};
use crate::tool::{Effect, ErasedTool, ToolContext, ToolError, ToolSpec};

/// A registered tool whose face and defaults are those of a definition.
///
/// Its description, and the parameters on offer with their descriptions, defaults and values, are the definition's. A
/// call that leaves a parameter out, or gives `null`, gets the definition's default.
#[derive(Clone, Debug)]
pub struct DefinedTool {
    inner: Arc<dyn ErasedTool>,
    definition: ToolDefinition,
    changes_calls: bool,
}

impl DefinedTool {
    /// `inner` as `definition` has it; the two were bound to each other by [`bind`](super::bind).
    pub fn new(inner: Arc<dyn ErasedTool>, definition: ToolDefinition) -> Self {
        let schema = inner.spec().input;
        let arguments = Arguments(schema.as_value());
        let changes_calls = definition.parameters.iter().any(|(name, parameter)| {
            let default = arguments.get(name).and_then(ParameterSchema::default);
            let needed = arguments.required().any(|required| required == name);
            !parameter.choices.is_empty()
                || parameter
                    .default
                    .as_ref()
                    .is_some_and(|given| Some(&given.value) != default)
                || (parameter.required == Some(true) && !needed)
        });
        Self {
            inner,
            definition,
            changes_calls,
        }
    }

    /// The arguments of a call with the definition's defaults filled in.
    fn complete(&self, arguments: &mut Map<String, Json>) -> Result<(), ToolError> {
        for (name, parameter) in &self.definition.parameters {
            let given = arguments.get(name).filter(|value| !value.is_null());
            match (given, &parameter.default) {
                (Some(value), _) => {
                    let choices = &parameter.choices;
                    if !choices.is_empty() && !choices.iter().any(|choice| choice.value == *value) {
                        let known: Vec<String> =
                            choices.iter().map(|choice| choice.value.to_string()).collect();
                        return Err(self.invalid(name, &format!("give one of {}", known.join(", "))));
                    }
                }
                (None, Some(default)) => {
                    arguments.insert(name.clone(), default.value.clone());
                }
                (None, None) if parameter.required == Some(true) => {
                    return Err(self.invalid(name, "give a value; the definition requires it"));
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn invalid(&self, parameter: &str, remedy: &str) -> ToolError {
        ToolError::invalid_input(format!(
            "arguments of {}: `{parameter}`: {remedy}",
            self.inner.name()
        ))
    }
}

#[async_trait]
impl ErasedTool for DefinedTool {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn effect(&self) -> Effect {
        self.inner.effect()
    }

    /// The wrapper where the definition changes calls, so that typed callers too come by way of
    /// [`call_json`](ErasedTool::call_json). Elsewhere the tool, which spares them the way through JSON.
    fn as_any(&self) -> &dyn Any {
        if self.changes_calls {
            self
        } else {
            self.inner.as_any()
        }
    }

    fn spec(&self) -> ToolSpec {
        let mut spec = self.inner.spec();
        if let Some(description) = &self.definition.description {
            spec.description.clone_from(description);
        }
        if let Some(schema) = spec.input.as_object_mut() {
            reshape(schema, &self.definition);
        }
        spec
    }

    async fn call_json(&self, cx: &ToolContext, mut input: Json) -> Result<Json, ToolError> {
        if let Json::Object(arguments) = &mut input {
            self.complete(arguments)?;
        }
        self.inner.call_json(cx, input).await
    }
}

/// Makes the schema of the arguments say what the definition says.
fn reshape(schema: &mut Map<String, Json>, definition: &ToolDefinition) {
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|name, _| definition.parameters.contains_key(name));
        for (name, property) in properties {
            if let (Json::Object(property), Some(parameter)) = (property, definition.parameters.get(name)) {
                describe(property, parameter);
            }
        }
    }
    let required: Vec<Json> = definition
        .parameters
        .iter()
        .filter(|(_, parameter)| parameter.required == Some(true))
        .map(|(name, _)| name.as_str().into())
        .collect();
    schema.insert("required".to_owned(), required.into());
}

fn describe(property: &mut Map<String, Json>, parameter: &Parameter) {
    if let Some(description) = &parameter.description {
        property.insert("description".to_owned(), description.value.clone().into());
    }
    if let Some(default) = &parameter.default {
        property.insert("default".to_owned(), default.value.clone());
    }
    if !parameter.choices.is_empty() {
        let choices = parameter
            .choices
            .iter()
            .map(|choice| choice.value.clone())
            .collect();
        property.insert("enum".to_owned(), choices);
    }
}
