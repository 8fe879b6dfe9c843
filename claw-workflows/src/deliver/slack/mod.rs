//! The report as a Slack message, and the ways into a channel.
//!
//! Messages keep to Slack's limits whatever the report holds: [`MAX_BLOCKS`], [`MAX_HEADER`], [`MAX_TEXT`] and
//! [`MAX_BYTES`]. They name cause, evidence and action; the rest is left to the full report.

mod block;
mod compose;
pub(crate) mod mrkdwn;
pub(crate) mod remedy;
mod render;
mod sinks;

use claw_core::report::Report;
use serde::Deserialize;

pub use block::{Block, Button, ButtonStyle, Inline, ListStyle, Message, RichElement, Text};
pub use compose::{MAX_BLOCKS, MAX_BYTES, MAX_HEADER, MAX_TEXT};
pub use sinks::{IncomingWebhook, PostMessage, Posted};

/// What messages contain besides the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageOptions {
    /// Where the full report can be opened, `https://…`; a button leads there. Without it there is no button.
    pub report_url: Option<String>,
}

/// The report as a message.
pub fn message(report: &Report, options: &MessageOptions) -> Message {
    render::message(report, options)
}

#[cfg(test)]
mod tests;
