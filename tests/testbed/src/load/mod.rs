//! Load: nodes, a fleet of workloads on them, and metrics as if both had been there for weeks.

pub mod fleet;
pub mod history;
pub mod nodes;
mod shape;

use serde_json::Value;

/// Label of everything that belongs to the fleet. Says nothing to an investigation.
pub const LABEL: (&str, &str) = ("fleet", "main");

/// Selects the fleet.
pub const SELECTOR: &str = "fleet=main";

/// A text of an object, empty where it is not there.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
