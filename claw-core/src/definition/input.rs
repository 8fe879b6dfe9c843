//! Whether an input that somebody wrote down fits a tool.

use serde_json::{Map, Value as Json};

use super::schema::Arguments;
use crate::tool::ToolSpec;
use crate::yaml::{did_you_mean, quoted};

/// One point in which an input does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The argument; `None` where one is missing.
    pub argument: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// In what `input` does not fit the arguments of a tool. Values that `is_open` says are to be filled in later are taken on
/// trust.
pub fn misfits(tool: &ToolSpec, input: &Map<String, Json>, is_open: impl Fn(&Json) -> bool) -> Vec<Misfit> {
    let arguments = Arguments(tool.input.as_value());
    let mut found: Vec<Misfit> = Vec::new();
    for (name, value) in input {
        let (message, remedy) = match arguments.get(name) {
            None => (
                format!("{} has no argument {}", quoted(&tool.name), quoted(name)),
                did_you_mean(name, arguments.names()),
            ),
            Some(_) if is_open(value) => continue,
            Some(argument) => match argument.check(value) {
                Ok(()) => continue,
                Err(why) => (
                    format!("{} of {} does not fit: {why}", quoted(name), quoted(&tool.name)),
                    format!("write {}", argument.type_names()),
                ),
            },
        };
        found.push(Misfit {
            argument: Some(name.clone()),
            message,
            remedy,
        });
    }
    let missing = arguments.required().filter(|name| !input.contains_key(*name));
    found.extend(missing.map(|name| Misfit {
        argument: None,
        message: format!("{} needs the argument `{name}`", quoted(&tool.name)),
        remedy: format!("add `{name}` to its `input`"),
    }));
    found
}
