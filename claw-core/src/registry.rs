//! The tools that an agent has.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::tool::{ErasedTool, Tool, ToolSpec};

/// Tools by name, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    tools: BTreeMap<&'static str, Arc<dyn ErasedTool>>,
}

/// Two tools have the same name.
#[derive(Debug, thiserror::Error)]
#[error("a tool named `{name}` is registered already; give the second one another name")]
pub struct DuplicateTool {
    /// The name.
    pub name: &'static str,
}

impl Registry {
    /// A registry without tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool.
    pub fn register<T: Tool>(&mut self, tool: T) -> Result<(), DuplicateTool> {
        self.register_erased(Arc::new(tool))
    }

    /// Adds a tool whose types are erased already.
    pub fn register_erased(&mut self, tool: Arc<dyn ErasedTool>) -> Result<(), DuplicateTool> {
        let name = tool.name();
        if self.tools.contains_key(name) {
            return Err(DuplicateTool { name });
        }
        self.tools.insert(name, tool);
        Ok(())
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn ErasedTool>> {
        self.tools.get(name)
    }

    /// All tools by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn ErasedTool>> {
        self.tools.values()
    }

    /// The faces of all tools by name.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.iter().map(|tool| tool.spec()).collect()
    }
}
