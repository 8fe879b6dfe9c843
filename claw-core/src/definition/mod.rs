//! Tools and workflows as YAML: what an operator may say about an agent without writing Rust.
//!
//! A file holds one or more documents. A document has a `tools:` list, a `workflow:`, or both:
//!
//! ```yaml
//! workflow:
//!   name: incident_investigation
//!   trigger:
//!     type: webhook
//!     source: alertmanager
//!     filter:
//!       severity: ["critical", "warning"]
//!   steps:
//!     - name: gather_context
//!       tools: [get_pods, query_prometheus, describe_events]
//!       instruction: Identify all pods related to the alerting service.
//!   guardrails:
//!     max_actions: read_only
//! ```
//!
//! [`parse`] reads text strictly: a key that is not known, a value of a wrong type or a key given twice is refused with
//! line and column, and as many problems as possible are reported at once. [`bind`] then holds the documents against
//! the tools that are registered and the [`Capabilities`] of the agent. What a definition says is honoured or refused,
//! never ignored: what an agent cannot do yet is refused with “not available yet”.

mod bind;
mod capabilities;
mod defined;
mod describe;
mod guardrails;
mod input;
mod schedule;
mod schema;
mod tool;
mod workflow;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;

pub use crate::yaml::{DefinitionError, Located, MAX_BYTES, Place, Problem, ProblemKind};
pub use bind::{Definition, bind};
pub use capabilities::{Capabilities, StepCapability, TriggerCapability, WorkflowCapability};
pub use defined::DefinedTool;
pub use guardrails::{Escalation, Floor, Guardrails, MaxActions};
pub use input::{Misfit, misfits};
pub use schedule::Schedule;
pub use tool::{Auth, DEFAULT_TOKEN_PATH, Parameter, ParameterType, ToolDefinition};
pub use workflow::{Filter, StepDefinition, Trigger, WorkflowDefinition};

use crate::yaml::{self, Fields, Node, Problems};

/// What a document holds, for remedies.
const WANTED: &str = "a `tools:` list or a `workflow:`";

/// One YAML document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Document {
    /// The file that it stands in, as the caller named it.
    pub file: String,
    /// What it says about tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// What it says about a workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowDefinition>,
}

/// Reads the documents of the file at `path`. Blocks while it reads.
pub fn read(path: &Path) -> Result<Vec<Document>, DefinitionError> {
    parse(&path.display().to_string(), &yaml::read(path)?)
}

/// Reads the documents in `bytes`; `file` is the name that problems are reported under.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Document>, DefinitionError> {
    let (nodes, mut problems) = yaml::parse(file, bytes, WANTED)?;
    let documents = nodes
        .iter()
        .filter_map(|node| document(file, node, &mut problems))
        .collect();
    problems.or(documents)
}

fn document(file: &str, node: &Node, problems: &mut Problems) -> Option<Document> {
    let mut fields = Fields::open(node, "", problems)?;
    let tools = fields.optional("tools", tool::read_all);
    let workflow = fields.optional("workflow", workflow::read);
    if fields.is_empty() {
        fields.problems().add(
            ProblemKind::MissingKey,
            node.place,
            "",
            "the document is empty",
            format!("write {WANTED}"),
        );
    }
    fields.finish();
    Some(Document {
        file: file.to_owned(),
        tools: tools.unwrap_or_default(),
        workflow,
    })
}
