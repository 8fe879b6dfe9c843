//! `notify`

use std::collections::BTreeSet;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::outside::{MAX_TEXT, Notification};
use claw_core::redact::Redactor;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use claw_k8s::tools::propose::Proposal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{reason, unknown};
use crate::deliver::untrusted;

/// Whom to tell, and what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyInput {
    /// The channel, by the name under which it is configured; never an address.
    pub channel: String,
    /// What to say, as plain text: nothing in it is taken for markup, a mention or a link.
    pub text: String,
    /// Why people should know, in one sentence, for the record.
    pub reason: String,
}

/// Proposes a message to people.
#[derive(Clone, Debug)]
pub struct Notify {
    channels: BTreeSet<String>,
    description: String,
}

impl Notify {
    /// The tool for these channels, by their configured names.
    pub fn new(channels: impl IntoIterator<Item = String>) -> Self {
        let channels: BTreeSet<String> = channels.into_iter().collect();
        let names: Vec<&str> = channels.iter().map(String::as_str).collect();
        let description = format!(
            "Propose a message to people in one of the channels: {}; nothing is sent by the call",
            names.join(", ")
        );
        Self {
            channels,
            description,
        }
    }
}

#[async_trait]
impl Tool for Notify {
    const NAME: &'static str = "notify";
    const EFFECT: Effect = Effect::Propose;
    type Input = NotifyInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        &self.description
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, input: NotifyInput) -> Result<Proposal, ToolError> {
        let reason = reason(&input.reason)?;
        if !self.channels.contains(&input.channel) {
            return Err(unknown("channel", self.channels.iter()));
        }
        let redactor = Redactor::new();
        let text = untrusted::neutral(&input.text);
        let redacted = redactor.redact(text.trim());
        let mut warnings = vec!["a message that was sent cannot be taken back".to_owned()];
        if redacted != text.trim() {
            warnings.push("what looks like a secret was taken out of the text".to_owned());
        }
        let units = redacted.encode_utf16().count();
        if units == 0 || units > MAX_TEXT {
            return Err(ToolError::invalid_input(format!(
                "the text is empty or longer than {MAX_TEXT} characters; say what matters, and leave the rest to the report"
            )));
        }
        let first = untrusted::line(&redacted, 200);
        let notification = Notification {
            text: redacted.into_owned(),
        };
        let reason = redactor.redact(&reason).into_owned();
        Ok(Proposal {
            action: notification.action(&input.channel, reason),
            diff: vec![format!(
                "{} {}: (none) → {first}",
                Notification::KIND,
                input.channel
            )],
            warnings,
        })
    }
}
