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
mod decode;
mod defined;
mod describe;
mod guardrails;
mod node;
mod problem;
mod schedule;
mod schema;
mod tool;
mod workflow;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

pub use bind::{Definition, bind};
pub use capabilities::{Capabilities, StepCapability, TriggerCapability, WorkflowCapability};
pub use defined::DefinedTool;
pub use guardrails::{Escalation, Floor, Guardrails, MaxActions};
pub use problem::{DefinitionError, Located, Place, Problem, ProblemKind};
pub use schedule::Schedule;
pub use tool::{Auth, DEFAULT_TOKEN_PATH, Parameter, ParameterType, ToolDefinition};
pub use workflow::{Filter, StepDefinition, Trigger, WorkflowDefinition};

use decode::Fields;
use node::Node;
use problem::Problems;

/// Largest file in bytes. The longest real definition is some hundred times smaller.
pub const MAX_BYTES: usize = 1 << 20;

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
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that a larger file is seen to be larger without being read.
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match outcome {
        Ok(_) => parse(&name, &bytes),
        Err(error) => Err(unreadable(
            &name,
            format!("the file cannot be read ({error})"),
            "check its name and its permissions",
        )),
    }
}

/// Reads the documents in `bytes`; `file` is the name that problems are reported under.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Document>, DefinitionError> {
    if bytes.len() > MAX_BYTES {
        return Err(unreadable(
            file,
            format!("the file is larger than {MAX_BYTES} bytes"),
            "split it, or check that it is a definition at all",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        unreadable(
            file,
            format!("the file is no UTF-8 text from byte {} on", error.valid_up_to()),
            "save it as UTF-8, or check that it is a definition at all",
        )
    })?;
    let mut problems = Problems::of(file);
    let nodes = node::documents(text, &mut problems).unwrap_or_default();
    if nodes.is_empty() && problems.is_empty() {
        return Err(unreadable(
            file,
            "the file has no document".to_owned(),
            "write a `tools:` list or a `workflow:`",
        ));
    }
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
            "write a `tools:` list or a `workflow:`",
        );
    }
    fields.finish();
    Some(Document {
        file: file.to_owned(),
        tools: tools.unwrap_or_default(),
        workflow,
    })
}

fn unreadable(file: &str, message: String, remedy: &str) -> DefinitionError {
    DefinitionError::one(Problem {
        file: file.to_owned(),
        place: None,
        kind: ProblemKind::Unreadable,
        path: String::new(),
        message,
        remedy: remedy.to_owned(),
    })
}
