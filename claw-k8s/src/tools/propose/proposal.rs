//! From a target and a change to a proposal.

use claw_core::action::{Action, Verb, pre_image};
use claw_core::entity::EntityRef;
use claw_core::execute::ACTION_ANNOTATION;
use claw_core::patch::{between_members, is_empty, merged};
use claw_core::redact::Redactor;
use claw_core::tool::{ToolError, ToolErrorKind};
use serde_json::{Map, Value, json};

use super::Proposal;
use super::back::back;
use super::managed::controller;
use super::structure::Place;
use super::target::Target;
use crate::cluster::Resource;
use crate::tools::{changed_fields, is_cut};

/// Most lines of a diff. Nobody approves what nobody reads: more is refused.
const MAX_LINES: usize = 200;

/// What is said of a proposal.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// What will be so afterwards, in one sentence.
    pub(super) expected: String,
    /// Why.
    pub(super) reason: String,
    /// What to know besides.
    pub(super) warnings: Vec<String>,
    /// Why no patch takes it back, where none does.
    pub(super) is_final: Option<String>,
}

impl Target {
    /// Proposes to make of the object what `patch` makes of it. The action names only what that changes; where it changes
    /// nothing, that is the error.
    pub(super) fn propose_patch(&self, patch: &Value, words: Words) -> Result<Proposal, ToolError> {
        let place = Place::of(&self.resource);
        let is_shared = |path: &[&str]| place.is_shared(path);
        let wanted = merged(&self.object, patch);
        let mut patch = between_members(&self.object, &wanted, &is_shared);
        leave_mark(&mut patch);
        if is_empty(&patch) {
            return Err(self.unchanged());
        }
        let after = merged(&self.object, &patch);
        let diff = changed_fields(&self.object, &after);
        let mut warnings = self.notes.clone();
        if let Some(owner) = controller(&self.object) {
            warnings.push(format!(
                "{} is controlled by {owner}, which may take this back",
                self.entity
            ));
        }
        warnings.extend(words.warnings);
        let is_final = words.is_final.or_else(|| self.loses_volumes(&after));
        let reversal = match is_final {
            None => Some(back(place, &self.object, &after)),
            Some(why) => {
                warnings.push(why);
                None
            }
        };
        let action = self.action(Verb::Patch, patch, reversal, words.expected, words.reason);
        sealed(action, diff, warnings)
    }

    /// Proposes to delete or evict the object.
    pub(super) fn propose_end(&self, verb: Verb, words: Words) -> Result<Proposal, ToolError> {
        let diff = vec![format!("{}: (present) → (none)", self.entity)];
        let mut warnings = self.notes.clone();
        warnings.extend(words.warnings);
        let action = self.action(verb, Value::Null, None, words.expected, words.reason);
        sealed(action, diff, warnings)
    }

    fn action(
        &self,
        verb: Verb,
        patch: Value,
        reversal: Option<Value>,
        expected: String,
        reason: String,
    ) -> Action {
        Action {
            verb,
            target: self.entity.clone(),
            api_version: self.resource.api_version(),
            uid: Some(self.uid.clone()),
            resource_version: Some(self.resource_version.clone()),
            pre_image: Some(pre_image(&self.object)),
            patch,
            expected,
            reversal,
            reason,
        }
    }
}

/// Proposes to create `object`, which is not there.
pub(super) fn propose_creation(
    resource: &Resource,
    entity: EntityRef,
    object: Value,
    words: Words,
) -> Result<Proposal, ToolError> {
    let diff = changed_fields(&json!({}), &object);
    let action = Action {
        verb: Verb::Create,
        target: entity,
        api_version: resource.api_version(),
        uid: None,
        resource_version: None,
        pre_image: None,
        patch: object,
        expected: words.expected,
        reversal: None,
        reason: words.reason,
    };
    sealed(action, diff, words.warnings)
}

/// Takes the mark of the last write out of a patch that takes all annotations away: whoever performs the patch sets another.
fn leave_mark(patch: &mut Value) {
    fn members<'a>(patch: &'a mut Value, place: &str) -> Option<&'a mut Map<String, Value>> {
        patch.pointer_mut(place)?.as_object_mut()
    }
    let Some(annotations) = members(patch, "/metadata/annotations") else {
        return;
    };
    let is_taken_away = annotations.get(ACTION_ANNOTATION).is_some_and(Value::is_null);
    if !is_taken_away {
        return;
    }
    annotations.remove(ACTION_ANNOTATION);
    // Nothing is left behind that changes nothing.
    for (place, key) in [("/metadata", "annotations"), ("", "metadata")] {
        if let Some(fields) = members(patch, place)
            && fields.get(key).is_some_and(is_empty)
        {
            fields.remove(key);
        }
    }
}

/// The proposal, if it is the same with its secrets taken out, as is done with everything that leaves a tool: performed
/// afterwards, it would write the marks that stand in their place.
fn sealed(mut action: Action, diff: Vec<String>, mut warnings: Vec<String>) -> Result<Proposal, ToolError> {
    let redactor = Redactor::new();
    action.reason = redactor.redact(&action.reason).into_owned();
    action.expected = redactor.redact(&action.expected).into_owned();
    let redacted = |action: &Action| redactor.redact_json(json!(action));
    let carries = || {
        ToolError::invalid_input(format!(
            "the write to {} would have to carry what looks like a secret in clear, and proposals carry none; keep the \
             value in a Secret and refer to it, or have a person make this change",
            action.target
        ))
    };
    let shown = redacted(&action);
    if shown.get("patch") != Some(&action.patch) {
        return Err(carries());
    }
    if action
        .reversal
        .as_ref()
        .is_some_and(|reversal| shown.get("reversal") != Some(reversal))
    {
        action.reversal = None;
        warnings.push(
            "what it replaces holds what looks like a secret in clear, so that no patch to take it back is kept"
                .to_owned(),
        );
    }
    if redacted(&action) != json!(action) {
        return Err(ToolError::invalid_input(format!(
            "a name in the proposal for {} looks like a secret; have a person make this change",
            action.target.kind
        )));
    }
    check(&action, &diff)?;
    if diff.iter().any(|line| is_cut(line)) {
        warnings.push("of long values the diff leaves out the middle; the patch has all of them".to_owned());
    }
    Ok(Proposal {
        action,
        diff,
        warnings,
    })
}

/// Whoever approves has to see all of it.
fn check(action: &Action, diff: &[String]) -> Result<(), ToolError> {
    let target = &action.target;
    if diff.is_empty() {
        return Err(ToolError::new(
            ToolErrorKind::Internal,
            format!("what the patch changes in {target} cannot be shown; have a person make this change"),
        ));
    }
    if diff.len() > MAX_LINES {
        return Err(ToolError::invalid_input(format!(
            "{} fields or runs of lines of {target} would change, more than the {MAX_LINES} that people can be asked to look \
             over at once; propose it in parts, or have a person make this change",
            diff.len()
        )));
    }
    Ok(())
}
