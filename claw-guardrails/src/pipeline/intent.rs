use claw_core::action::{Action, Verb};
use claw_core::actuate::Settlement;
use claw_core::digest::sha256;
use claw_core::execute::ActionId;
use claw_core::gate::{Refusal, Scope};
use claw_core::patch;
use claw_core::survey::Health;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::guard::refusal;
use crate::approval;
use crate::breaker::Attempt;

/// Keys of documents begin so that hold intents of which something is left to do.
pub(super) const OPEN: &str = "intent/open/";
/// And those of the others, which are kept so that nothing is done twice.
pub(super) const OVER: &str = "intent/over/";

pub(super) fn open_key(id: &str) -> String {
    format!("{OPEN}{id}")
}

pub(super) fn over_key(id: &str) -> String {
    format!("{OVER}{id}")
}

/// Letters of the hash that names an intent.
const ID_LETTERS: usize = 32;

/// An action that somebody wants performed, from its submission to what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Intent {
    /// Its name: one action of one run has one.
    pub id: String,
    /// The run.
    pub run: String,
    /// The step of it.
    pub step: Option<String>,
    /// On whose behalf.
    pub actor: String,
    /// The workflow that wants it.
    pub workflow: String,
    /// What is to be done, as it was proposed.
    pub action: Action,
    /// When it was submitted.
    pub created: Timestamp,
    /// How it stands.
    pub state: IntentState,
    /// What people are or were asked. Not kept for long after it is over.
    pub asked: Option<Box<Asked>>,
    /// As what all carriers show the request.
    pub shown: Option<approval::State>,
    /// Whether somebody waits to hear that it is over.
    pub awaited: bool,
}

/// What people are asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Asked {
    /// For what, and what they have said so far.
    pub request: approval::Request,
    /// What they see of it.
    pub shown: approval::Shown,
}

/// How an intent stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IntentState {
    /// It is not judged, and nothing was sent.
    Open,
    /// People are asked: see [`Intent::asked`].
    Asked,
    /// A write is under way, or was when the process ended.
    Sent {
        /// The action with the version of the target that it goes by.
        action: Box<Action>,
        /// The names of all that was sent for it, oldest first. Of several at most one has an effect.
        ids: Vec<ActionId>,
        /// What the rehearsal promised: [`Rehearsal::outcome`](claw_core::execute::Rehearsal::outcome).
        promised: String,
        /// As the breaker knows it.
        attempt: Box<Attempt>,
        /// Who has approved it.
        approved_by: Vec<String>,
        /// How the target was before.
        health: Health,
        /// When the last of it was sent.
        at: Timestamp,
        /// Whether the circuits know of the trouble with it.
        counted: bool,
    },
    /// It is over.
    Settled {
        /// What came of it.
        settlement: Settlement,
        /// When.
        at: Timestamp,
        /// How the target is watched since.
        watch: Option<Box<Watched>>,
    },
}

impl IntentState {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Asked => "waiting for approval",
            Self::Sent { .. } => "under way",
            Self::Settled { .. } => "settled",
        }
    }
}

/// The health of a target after a write to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Watched {
    /// For how long it is watched yet. Only time between two looks counts, and of that no more than a third of the whole: a
    /// watch ends after some looks, whatever the clock does.
    pub left: SignedDuration,
    /// When it was last looked at.
    pub looked: Timestamp,
    /// How it was before.
    pub before: Health,
    /// The write, as the breaker knows it.
    pub attempt: Attempt,
}

impl Intent {
    pub(super) fn new(scope: &Scope, workflow: &str, action: &Action, now: Timestamp) -> Self {
        // The version of the target is read anew, so that a plan that is made again is the same intent.
        let same = Action {
            resource_version: None,
            ..action.clone()
        };
        let name = sha256(format!("{}\n{workflow}\n{}", scope.run, same.digest()));
        Self {
            id: name.chars().take(ID_LETTERS).collect(),
            run: scope.run.clone(),
            step: scope.step.clone(),
            actor: scope.actor.clone(),
            workflow: workflow.to_owned(),
            action: action.clone(),
            created: now,
            state: IntentState::Open,
            asked: None,
            shown: None,
            awaited: false,
        }
    }

    /// `verb target`, for people.
    pub(super) fn subject(&self) -> String {
        format!("{:?} {}", self.action.verb, self.action.target)
    }
}

/// Step 1: that an action says which object it means, and what is to become of it.
pub(super) fn typed(action: &Action) -> Result<(), Refusal> {
    let malformed = |reason: String| {
        Err(refusal(
            "action.malformed",
            reason,
            "propose it by one of the tools that do, which fill this in",
        ))
    };
    let target = &action.target;
    let named = |text: &str| !text.trim().is_empty() && !text.contains(['*', ',', '/', ' ']);
    if !named(&target.name) || !named(&target.kind) {
        return malformed(format!(
            "an action is about one object by its name, and `{}` `{}` names none",
            target.kind, target.name
        ));
    }
    if target
        .namespace
        .as_deref()
        .is_some_and(|namespace| !named(namespace))
    {
        return malformed("the namespace of its target is no name".to_owned());
    }
    if action.api_version.is_empty() {
        return malformed(format!(
            "it does not say in which API version {target} is written"
        ));
    }
    if action.verb == Verb::Create {
        return match action.patch.as_object() {
            Some(object) if !object.is_empty() => Ok(()),
            _ => malformed(format!("it does not say what {target} is to be")),
        };
    }
    if action.uid.is_none() || action.pre_image.is_none() {
        return malformed(format!(
            "it does not say which {target} it was made for, and as what that was read"
        ));
    }
    let changes = action.patch.is_object() && !patch::is_empty(&action.patch);
    if action.verb == Verb::Patch && !changes {
        return malformed(format!("it changes nothing about {target}"));
    }
    Ok(())
}
