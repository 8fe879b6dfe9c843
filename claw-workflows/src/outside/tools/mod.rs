//! Tools that propose messages and runs of pipelines. Nothing here sends anything, and nothing here holds an address.

mod notify;
mod trigger_pipeline;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use claw_core::tool::{ErasedTool, ToolError};

pub use notify::{Notify, NotifyInput};
pub use trigger_pipeline::{TriggerPipeline, TriggerPipelineInput};

use super::Settings;

/// The longest reason, in characters: it is to be read by whoever approves.
const MAX_REASON: usize = 1000;

/// The tools for what is configured: none for messages without a channel, none for pipelines without a pipeline.
pub fn all(settings: &Settings) -> Vec<Arc<dyn ErasedTool>> {
    let mut tools: Vec<Arc<dyn ErasedTool>> = Vec::new();
    if !settings.channels.is_empty() {
        tools.push(Arc::new(Notify::new(settings.channels.keys().cloned())));
    }
    if !settings.pipelines.is_empty() {
        let declared = settings.pipelines.iter();
        let declared = declared.map(|(name, pipeline)| (name.clone(), pipeline.inputs.clone()));
        tools.push(Arc::new(TriggerPipeline::new(declared)));
    }
    tools
}

/// The reason, in one line.
fn reason(text: &str) -> Result<String, ToolError> {
    let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(ToolError::invalid_input(format!(
            "the reason is empty or longer than {MAX_REASON} characters; say in one sentence why this is proposed"
        )));
    }
    Ok(reason)
}

/// What to say of a name that is not configured. It is not repeated: it may be text from a cluster.
fn unknown<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> ToolError {
    let names: Vec<&str> = names.map(String::as_str).collect();
    let known = if names.is_empty() {
        "none is configured".to_owned()
    } else {
        names.join(", ")
    };
    ToolError::invalid_input(format!("there is no {what} of that name; choose one of: {known}"))
}
