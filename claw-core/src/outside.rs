//! Effects outside the cluster as actions: messages to people, and runs of pipelines.
//!
//! They are proposed as data and performed with a permit like writes to a cluster. As an [`Action`] each is the creation of an
//! object that no cluster has, of a kind of its own in [`API_VERSION`]: a [`Notification`] whose name is the channel, or a
//! [`PipelineRun`] whose name is the pipeline. Channels and pipelines are names that an operator has configured. No address,
//! project or branch is part of an action, so that nothing that was read can name one.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::action::{Action, Verb};
use crate::entity::EntityRef;

/// The API version of actions outside the cluster.
pub const API_VERSION: &str = "claw.dev/v1";

/// The longest message, in UTF-16 units, as chat services count.
pub const MAX_TEXT: usize = 3000;
/// The most inputs of a pipeline.
pub const MAX_INPUTS: usize = 25;
/// The longest value of an input, in bytes.
pub const MAX_VALUE: usize = 1024;
/// The longest name of a channel, a pipeline or an input, in bytes.
pub const MAX_NAME: usize = 63;

/// A message to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// What it says, as plain text: no channel takes anything in it for markup, an address or a mention.
    pub text: String,
}

/// A run of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineRun {
    /// Its inputs by name.
    pub inputs: BTreeMap<String, String>,
}

/// What an action does outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outside {
    /// It sends a message.
    Notification {
        /// The channel by its configured name.
        channel: String,
        /// The message.
        notification: Notification,
    },
    /// It starts a pipeline.
    PipelineRun {
        /// The pipeline by its configured name.
        pipeline: String,
        /// With what.
        run: PipelineRun,
    },
}

/// An action of a kind outside the cluster is not one that can be performed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// Messages and runs of pipelines are only ever made.
    #[error("what is outside the cluster is only ever created: it can be neither changed nor deleted")]
    Verb,
    /// It says in which version it was read, or that it can be reversed.
    #[error(
        "nothing outside the cluster has a namespace, a uid, a version, a pre-image or a reversal; leave them out"
    )]
    Cluster,
    /// The name is not one that can be configured.
    #[error("the name is not one that can be configured: use a-z, 0-9, `-` and `_`, at most 63 of them")]
    Name,
    /// The content is not that of its kind.
    #[error("its patch is not what a {kind} holds: {expected}")]
    Content {
        /// The kind.
        kind: &'static str,
        /// What it holds.
        expected: &'static str,
    },
}

impl Notification {
    /// Kind of the action's target.
    pub const KIND: &'static str = "Notification";

    /// The action that sends this to `channel`.
    pub fn action(&self, channel: &str, reason: impl Into<String>) -> Action {
        let expected = format!("the channel {channel} has one message more");
        creation(Self::KIND, channel, json!(self), expected, reason.into())
    }

    fn is_sound(&self) -> bool {
        !self.text.trim().is_empty() && self.text.encode_utf16().count() <= MAX_TEXT
    }
}

impl PipelineRun {
    /// Kind of the action's target.
    pub const KIND: &'static str = "PipelineRun";

    /// The action that starts `pipeline` with these inputs.
    pub fn action(&self, pipeline: &str, reason: impl Into<String>) -> Action {
        let expected = format!("the pipeline {pipeline} runs once more");
        creation(Self::KIND, pipeline, json!(self), expected, reason.into())
    }

    fn is_sound(&self) -> bool {
        let sound = |(name, value): (&String, &String)| {
            is_input_name(name) && value.len() <= MAX_VALUE && !value.chars().any(char::is_control)
        };
        self.inputs.len() <= MAX_INPUTS && self.inputs.iter().all(sound)
    }
}

impl Outside {
    /// Whether `action` is of a kind outside the cluster. It may still be one that cannot be performed.
    pub fn is_kind_of(action: &Action) -> bool {
        action.api_version == API_VERSION
            && matches!(
                action.target.kind.as_str(),
                Notification::KIND | PipelineRun::KIND
            )
    }

    /// What `action` does outside the cluster; `None` where it is about something in the cluster.
    ///
    /// # Errors
    /// [`OutsideError`] where its kind is one outside the cluster, and it is not exactly what [`Notification::action`] or
    /// [`PipelineRun::action`] make, within the limits of this module.
    pub fn of(action: &Action) -> Result<Option<Self>, OutsideError> {
        if !Self::is_kind_of(action) {
            return Ok(None);
        }
        if action.verb != Verb::Create {
            return Err(OutsideError::Verb);
        }
        let untouched = action.target.namespace.is_none()
            && action.uid.is_none()
            && action.resource_version.is_none()
            && action.pre_image.is_none()
            && action.reversal.is_none();
        if !untouched {
            return Err(OutsideError::Cluster);
        }
        let name = action.target.name.clone();
        if !is_name(&name) {
            return Err(OutsideError::Name);
        }
        if action.target.kind == Notification::KIND {
            let content = content(action).filter(Notification::is_sound);
            let notification = content.ok_or(OutsideError::Content {
                kind: Notification::KIND,
                expected: "a `text` that is not empty and has at most 3000 UTF-16 units",
            })?;
            return Ok(Some(Self::Notification {
                channel: name,
                notification,
            }));
        }
        let run = content(action)
            .filter(PipelineRun::is_sound)
            .ok_or(OutsideError::Content {
                kind: PipelineRun::KIND,
                expected: "`inputs`: at most 25 texts by names of letters, digits, `-` and `_`, in one line of at most \
                           1024 bytes each",
            })?;
        Ok(Some(Self::PipelineRun { pipeline: name, run }))
    }
}

/// Whether a channel or a pipeline can be called that.
pub fn is_name(name: &str) -> bool {
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(known)
}

/// Whether an input of a pipeline can be called that.
pub fn is_input_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(known)
}

fn content<C: DeserializeOwned>(action: &Action) -> Option<C> {
    C::deserialize(&action.patch).ok()
}

fn creation(kind: &str, name: &str, patch: serde_json::Value, expected: String, reason: String) -> Action {
    Action {
        verb: Verb::Create,
        target: EntityRef::cluster(kind, name),
        api_version: API_VERSION.to_owned(),
        uid: None,
        resource_version: None,
        pre_image: None,
        patch,
        expected,
        reversal: None,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn message() -> Action {
        let text = "cart is restarted".to_owned();
        Notification { text }.action("incidents", "people should know")
    }

    fn run() -> Action {
        let inputs = BTreeMap::from([("version".to_owned(), "1.2".to_owned())]);
        PipelineRun { inputs }.action("deploy-cart", "the fix is in 1.2")
    }

    #[test]
    fn an_action_reads_back_as_what_it_was_made_of() {
        let Ok(Some(Outside::Notification {
            channel,
            notification,
        })) = Outside::of(&message())
        else {
            panic!()
        };
        assert_eq!(
            (channel.as_str(), notification.text.as_str()),
            ("incidents", "cart is restarted")
        );
        let Ok(Some(Outside::PipelineRun { pipeline, run })) = Outside::of(&run()) else {
            panic!()
        };
        assert_eq!(
            (pipeline.as_str(), run.inputs["version"].as_str()),
            ("deploy-cart", "1.2")
        );
        let deployment = Action {
            api_version: "apps/v1".to_owned(),
            ..message()
        };
        assert_eq!(Outside::of(&deployment), Ok(None));
    }

    #[test]
    fn whatever_else_it_holds_it_is_none_that_can_be_performed() {
        let changed = |action: Action, field: &str, value: Value| {
            let mut fields = json!(action);
            fields[field] = value;
            Outside::of(&serde_json::from_value(fields).unwrap()).unwrap_err()
        };
        for action in [message(), run()] {
            for verb in ["patch", "delete", "evict"] {
                assert_eq!(changed(action.clone(), "verb", json!(verb)), OutsideError::Verb);
            }
            for (field, value) in [
                ("uid", json!("1")),
                ("resource_version", json!("1")),
                ("pre_image", json!("1")),
                ("reversal", json!({})),
                (
                    "target",
                    json!({"kind": action.target.kind, "namespace": "shop", "name": "a"}),
                ),
            ] {
                assert_eq!(changed(action.clone(), field, value), OutsideError::Cluster);
            }
            for name in ["", "a b", "https://x.example", "A", &"a".repeat(64)] {
                let target = json!({"kind": action.target.kind, "name": name});
                assert_eq!(changed(action.clone(), "target", target), OutsideError::Name);
            }
        }
        let long = "a".repeat(MAX_TEXT + 1);
        for patch in [
            json!(null),
            json!({}),
            json!({"text": " "}),
            json!({"text": 1}),
            json!({"text": "a", "url": "https://x.example"}),
            json!({ "text": long }),
        ] {
            let error = changed(message(), "patch", patch.clone());
            assert!(matches!(error, OutsideError::Content { .. }), "{patch}");
        }
        let many: BTreeMap<String, &str> = (0..=MAX_INPUTS).map(|n| (format!("i{n}"), "")).collect();
        for patch in [
            json!({}),
            json!({"inputs": {"a": 1}}),
            json!({"inputs": {"a b": "1"}}),
            json!({"inputs": {"a": "1\n2"}}),
            json!({"inputs": {"a": long}}),
            json!({ "inputs": many }),
            json!({"inputs": {}, "ref": "main"}),
        ] {
            let error = changed(run(), "patch", patch.clone());
            assert!(matches!(error, OutsideError::Content { .. }), "{patch}");
        }
    }

    proptest! {
        #[test]
        fn names_never_hold_what_an_address_needs(name in "\\PC{0,80}") {
            if is_name(&name) || is_input_name(&name) {
                prop_assert!(!name.contains(['/', ':', '.', '%', ' ', '<', '@']));
            }
        }
    }
}
