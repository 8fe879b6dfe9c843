//! What the inputs of all proposers have in common.

use claw_core::tool::ToolError;

use crate::cluster::{Resource, check_name};

/// The longest reason, in characters: it is to be read by whoever approves.
const MAX_REASON: usize = 1000;

/// A name that can be one, as it was given.
pub(super) fn name<'a>(what: &'static str, text: &'a str) -> Result<&'a str, ToolError> {
    if text.is_empty() {
        return Err(ToolError::invalid_input(format!(
            "the {what} is empty; name the one that is meant"
        )));
    }
    check_name(what, text)?;
    Ok(text)
}

/// The reason, in one line.
pub(super) fn reason(text: &str) -> Result<String, ToolError> {
    let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.is_empty() {
        return Err(ToolError::invalid_input(
            "the reason is empty; say in one sentence why this is proposed",
        ));
    }
    if reason.chars().count() > MAX_REASON {
        return Err(ToolError::invalid_input(format!(
            "the reason is longer than {MAX_REASON} characters; say in one sentence why this is proposed"
        )));
    }
    Ok(reason)
}

/// The kind that was asked for, if it is one of these.
pub(super) fn kind(text: &str, allowed: &[Resource]) -> Result<Resource, ToolError> {
    let found = Resource::find(text).filter(|known| allowed.contains(known));
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = allowed.iter().map(|known| &*known.kind).collect();
        ToolError::invalid_input(format!("kind must be one of: {}", names.join(", ")))
    })
}
