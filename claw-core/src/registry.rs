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

    /// The registry with those of its tools only that have one of `names`.
    #[must_use]
    pub fn only<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let tools = names
            .into_iter()
            .filter_map(|name| self.tools.get_key_value(name))
            .map(|(name, tool)| (*name, Arc::clone(tool)))
            .collect();
        Self { tools }
    }

    /// The faces of all tools by name.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.iter().map(|tool| tool.spec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::access::Access;
    use crate::tool::{Effect, ToolContext, ToolError};

    struct Named<const N: u8>;

    macro_rules! tool {
        ($number:literal, $name:literal) => {
            #[async_trait]
            impl Tool for Named<$number> {
                const NAME: &'static str = $name;
                const EFFECT: Effect = Effect::Read;
                type Input = ();
                type Output = u8;

                fn description(&self) -> &str {
                    "A number"
                }

                fn access(&self) -> Access {
                    Access::none().requires("", "pods", &["get"])
                }

                async fn call(&self, _cx: &ToolContext, _input: ()) -> Result<u8, ToolError> {
                    Ok($number)
                }
            }
        };
    }

    tool!(0, "b");
    tool!(1, "a");
    tool!(2, "b");

    #[test]
    fn has_each_name_once_and_in_order() {
        let mut registry = Registry::new();
        registry.register(Named::<0>).unwrap();
        registry.register(Named::<1>).unwrap();
        let error = registry.register(Named::<2>).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a tool named `b` is registered already; give the second one another name"
        );
        let names: Vec<_> = registry.specs().into_iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(
            registry.get("b").unwrap().as_any().is::<Named<0>>(),
            "the first one stays"
        );
        assert!(registry.get("c").is_none());
        assert_eq!(registry.specs()[0].access.kubernetes[0].resource, "pods");
    }
}
