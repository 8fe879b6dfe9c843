//! Holds documents against what an agent has, and makes of them what it is configured by.

mod tools;
mod workflows;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use super::capabilities::Capabilities;
use super::defined::DefinedTool;
use super::tool::{Auth, ToolDefinition};
use super::workflow::WorkflowDefinition;
use super::{Document, describe};
use crate::registry::{DuplicateTool, Registry};
use crate::tool::ErasedTool;
use crate::yaml::quoted;
use crate::yaml::{DefinitionError, Located, ProblemKind, Problems, gather};

/// Definitions that this agent can honour, all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Definition {
    /// What is said about tools, by name. Registered tools of which nothing is said stay as they are.
    pub tools: BTreeMap<String, ToolDefinition>,
    /// What is said about workflows, by name.
    pub workflows: BTreeMap<String, WorkflowDefinition>,
}

impl Definition {
    /// The default that the definitions give to a parameter of a tool.
    pub fn default_of(&self, tool: &str, parameter: &str) -> Option<&Json> {
        let parameter = self.tools.get(tool)?.parameters.get(parameter)?;
        parameter.default.as_ref().map(|default| &default.value)
    }

    /// The file with the service account's token; `None` when the definitions do not name one. There is never a second.
    pub fn token_path(&self) -> Option<&str> {
        self.tools
            .values()
            .find_map(|tool| match &tool.auth.as_ref()?.value {
                Auth::ServiceAccount { token_path } => Some(token_path.as_str()),
            })
    }

    /// The tools of `registry`, those that are defined in the shape of their definition.
    pub fn apply(&self, registry: &Registry) -> Result<Registry, DuplicateTool> {
        let mut shaped = Registry::new();
        for tool in registry.iter() {
            let tool: Arc<dyn ErasedTool> = match self.tools.get(tool.name()) {
                Some(definition) => Arc::new(DefinedTool::new(Arc::clone(tool), definition.clone())),
                None => Arc::clone(tool),
            };
            shaped.register_erased(tool)?;
        }
        Ok(shaped)
    }

    /// What was understood, as text for a person. For programs, serialize the definition.
    pub fn describe(&self) -> String {
        describe::describe(self)
    }
}

/// Holds `documents`, of one file or several, against the registered tools and the capabilities of an agent.
///
/// Tools are bound by name, and what is said of their parameters is checked against the schemas of the registered ones.
/// Everything that a document says is honoured, or refused as a problem; all problems are reported at once.
pub fn bind(
    documents: &[Document],
    registry: &Registry,
    capabilities: &Capabilities,
) -> Result<Definition, DefinitionError> {
    let mut definition = Definition::default();
    let mut files = Vec::new();
    for document in documents {
        let mut problems = Problems::of(&document.file);
        for (index, tool) in document.tools.iter().enumerate() {
            let path = format!("tools[{index}]");
            one_service_account(&definition, tool, &path, &mut problems);
            once(
                definition.tools.contains_key(&tool.name.value),
                &tool.name,
                &path,
                &mut problems,
            );
            let tool = tools::bind(tool, &path, registry, capabilities, &mut problems);
            definition.tools.insert(tool.name.value.clone(), tool);
        }
        if let Some(workflow) = &document.workflow {
            once(
                definition.workflows.contains_key(&workflow.name.value),
                &workflow.name,
                "workflow",
                &mut problems,
            );
            workflows::check(workflow, registry, capabilities, &mut problems);
            definition
                .workflows
                .insert(workflow.name.value.clone(), workflow.clone());
        }
        files.push(problems);
    }
    gather(files, definition)
}

/// Refuses what another document has defined already.
fn once(again: bool, name: &Located<String>, path: &str, problems: &mut Problems) {
    if again {
        let message = format!("{} is defined twice", quoted(name));
        problems.add(
            ProblemKind::Duplicate,
            name.place,
            path,
            message,
            "keep one of the two",
        );
    }
}

/// An agent has one connection to its cluster, and so one service account.
fn one_service_account(definition: &Definition, tool: &ToolDefinition, path: &str, problems: &mut Problems) {
    let (Some(first), Some(auth)) = (definition.token_path(), &tool.auth) else {
        return;
    };
    let Auth::ServiceAccount { token_path } = &auth.value;
    if first != token_path {
        problems.add(
            ProblemKind::NotAvailable,
            auth.place,
            format!("{path}.auth"),
            "not available yet: tools with service accounts of their own",
            format!("write `token_path: {first}`, as for the other tools, or leave `auth` out"),
        );
    }
}

/// Refuses a tool that is not registered. `true` when it is.
fn registered(
    name: &Located<String>,
    path: &str,
    registry: &Registry,
    capabilities: &Capabilities,
    problems: &mut Problems,
) -> bool {
    if registry.get(name).is_some() {
        return true;
    }
    let known = registry.iter().map(|tool| tool.name());
    let (kind, message) = if capabilities.planned_tools.contains(&name.value) {
        (
            ProblemKind::NotAvailable,
            format!("not available yet: the tool {}", quoted(name)),
        )
    } else {
        (
            ProblemKind::UnknownName,
            format!("no tool {} is registered", quoted(name)),
        )
    };
    problems.add(
        kind,
        name.place,
        path,
        message,
        crate::yaml::did_you_mean(name, known),
    );
    false
}
