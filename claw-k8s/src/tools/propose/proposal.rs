//! From a target and a change to a proposal.

use claw_core::action::{Action, Verb, pre_image};
use claw_core::entity::EntityRef;
use claw_core::patch::{between, is_empty, merged, reversal};
use claw_core::redact::Redactor;
use claw_core::tool::ToolError;
use serde_json::{Value, json};

use super::Proposal;
use super::managed::{by_gitops, controller};
use super::target::Target;
use crate::cluster::Resource;
use crate::tools::history::changed_fields;

/// Most lines of a diff. More are counted.
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
}

impl Target {
    /// Proposes to make of the object what `patch` makes of it. The action names only what that changes; where it changes
    /// nothing, that is the error.
    pub(super) fn propose_patch(&self, patch: &Value, words: Words) -> Result<Proposal, ToolError> {
        let after = merged(&self.object, patch);
        let patch = between(&self.object, &after);
        if is_empty(&patch) {
            return Err(self.unchanged());
        }
        let back = reversal(&self.object, &patch);
        let diff = changed_fields(&self.object, &after);
        let mut warnings: Vec<String> = by_gitops(&self.entity, &self.object).into_iter().collect();
        if let Some(owner) = controller(&self.object) {
            warnings.push(format!(
                "{} is controlled by {owner}, which may take this back",
                self.entity
            ));
        }
        warnings.extend(words.warnings);
        let action = self.action(Verb::Patch, patch, Some(back), words.expected, words.reason);
        sealed(action, diff, warnings)
    }

    /// Proposes to delete or evict the object.
    pub(super) fn propose_end(&self, verb: Verb, words: Words) -> Result<Proposal, ToolError> {
        let diff = vec![format!("{}: (present) → (none)", self.entity)];
        let mut warnings: Vec<String> = by_gitops(&self.entity, &self.object).into_iter().collect();
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
    let mut warnings: Vec<String> = by_gitops(&entity, &object).into_iter().collect();
    warnings.extend(words.warnings);
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
    sealed(action, diff, warnings)
}

/// The proposal, if it is the same with its secrets taken out, as is done with everything that leaves a tool: performed
/// afterwards, it would write the marks that stand in their place.
fn sealed(
    mut action: Action,
    mut diff: Vec<String>,
    mut warnings: Vec<String>,
) -> Result<Proposal, ToolError> {
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
    let more = diff.len().saturating_sub(MAX_LINES);
    if more > 0 {
        diff.truncate(MAX_LINES);
        diff.push(format!("… and {more} more"));
    }
    Ok(Proposal {
        action,
        diff,
        warnings,
    })
}
