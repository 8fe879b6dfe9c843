//! What a dry run says, in the terms of the port.

use claw_core::action::{Action, Verb};
use claw_core::execute::Rehearsal;
use claw_core::redact::Redactor;
use serde_json::{Value, json};

use super::outcome::outcome;
use super::owners::taken_over;
use super::path::bounded;
use super::stable::stable;
use super::unplanned::unplanned;
use crate::cluster::write::WriteAnswer;
use crate::tools::changed_fields;

/// Compares the object as it was read with what the server says that it would be. `before` is `None` of an object that is to
/// be created.
pub(super) fn rehearsal(
    action: &Action,
    before: Option<&Value>,
    after: &Value,
    answer: &WriteAnswer,
) -> Rehearsal {
    let redactor = Redactor::new();
    let shown = |texts: Vec<String>| -> Vec<String> {
        let texts = texts.iter();
        texts.map(|text| redactor.redact(text).into_owned()).collect()
    };
    let mut rehearsal = Rehearsal {
        outcome: outcome(action, after),
        warnings: shown(answer.warnings.clone()),
        ..Rehearsal::default()
    };
    match (action.verb, before) {
        (Verb::Patch, Some(before)) => {
            let (old, new) = (stable(before), stable(after));
            rehearsal.diff = changed_fields(&old, &new);
            rehearsal.unplanned = shown(bounded(unplanned(&old, &new, &action.patch)));
            rehearsal.taken_over = taken_over(before, after, &action.patch)
                .into_iter()
                .map(|(manager, fields)| (redactor.redact(&manager).into_owned(), shown(bounded(fields))))
                .collect();
        }
        (Verb::Create, _) => {
            rehearsal.diff = changed_fields(&json!({}), &stable(after));
        }
        _ => rehearsal.diff = vec![format!("{}: (present) → (none)", action.target)],
    }
    rehearsal
}
