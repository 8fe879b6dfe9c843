//! Ways into a Slack channel.

use std::fmt;

use async_trait::async_trait;
use claw_core::http::{Client, Response};
use claw_core::report::Report;
use claw_core::tool::ToolContext;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::block::Message;
use super::remedy::{Remedy, code, remedy};
use super::{MessageOptions, message};
use crate::deliver::sink::{DeliverError, Sink};
use crate::deliver::transport;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// An incoming webhook. Its address is a secret: who knows it can post.
///
/// Slack cannot tell a repeated message from a new one, so a delivery that is repeated after a lost answer may show the
/// report twice.
#[derive(Clone)]
pub struct IncomingWebhook {
    client: Client,
    url: SecretString,
    options: MessageOptions,
}

impl IncomingWebhook {
    /// A webhook at `url`. `client` must have no base URL.
    pub fn new(client: Client, url: SecretString) -> Self {
        Self {
            client,
            url,
            options: MessageOptions::default(),
        }
    }

    /// Sets what messages contain besides the report.
    #[must_use]
    pub fn with_options(mut self, options: MessageOptions) -> Self {
        self.options = options;
        self
    }

    /// Posts a message.
    pub async fn post(&self, cx: &ToolContext, message: &Message) -> Result<(), DeliverError> {
        let answer = self
            .client
            .post(self.url.expose_secret())
            .max_bytes(MAX_ANSWER)
            .json(message)
            .send_any(cx)
            .await
            .map_err(|error| transport::failed(self.name(), error))?;
        if answer.is_success() {
            return Ok(());
        }
        let text = answer.text();
        Err(refused(self.name(), code(&text), answer))
    }
}

#[async_trait]
impl Sink for IncomingWebhook {
    fn name(&self) -> &str {
        "slack_webhook"
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, _key: &str) -> Result<(), DeliverError> {
        self.post(cx, &message(report, &self.options)).await
    }
}

impl fmt::Debug for IncomingWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingWebhook")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The Web API's `chat.postMessage`, with a bot token that has the scope `chat:write`.
///
/// The run's id goes along as metadata of the message. Slack itself cannot tell a repeated message from a new one.
#[derive(Clone)]
pub struct PostMessage {
    client: Client,
    token: SecretString,
    channel: String,
    thread: Option<String>,
    options: MessageOptions,
}

/// Where a posted message is: by this it can be answered in its thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Id of the channel.
    pub channel: String,
    /// The message's time stamp, which is its id in the channel.
    pub ts: String,
}

/// What the Web API answers.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    ts: Option<String>,
}

impl PostMessage {
    /// Base URL of Slack's Web API, for the client.
    pub const API: &'static str = "https://slack.com/api/";

    /// Posts into `channel`, by its id or `#name`. `client` must have the Web API as its base URL.
    pub fn new(client: Client, token: SecretString, channel: impl Into<String>) -> Self {
        Self {
            client,
            token,
            channel: channel.into(),
            thread: None,
            options: MessageOptions::default(),
        }
    }

    /// Answers in the thread of the message with that time stamp.
    #[must_use]
    pub fn in_thread(mut self, ts: impl Into<String>) -> Self {
        self.thread = Some(ts.into());
        self
    }

    /// Sets what messages contain besides the report.
    #[must_use]
    pub fn with_options(mut self, options: MessageOptions) -> Self {
        self.options = options;
        self
    }

    /// Posts a message. `key` is the id of the run that it belongs to.
    pub async fn post(&self, cx: &ToolContext, message: &Message, key: &str) -> Result<Posted, DeliverError> {
        let mut body = json!({
            "channel": self.channel,
            "text": message.text,
            "blocks": message.blocks,
            "unfurl_links": false,
            "unfurl_media": false,
            "metadata": {"event_type": "claw_report", "event_payload": {"run": key}},
        });
        if let (Some(thread), Some(fields)) = (&self.thread, body.as_object_mut()) {
            fields.insert("thread_ts".to_owned(), json!(thread));
        }
        let answer = self
            .client
            .post("chat.postMessage")
            .header(
                "authorization",
                &format!("Bearer {}", self.token.expose_secret().trim()),
            )
            .max_bytes(MAX_ANSWER)
            .json(&body)
            .send_any(cx)
            .await
            .map_err(|error| transport::failed(self.name(), error))?;
        let read: Result<Answer, _> = answer.json();
        match read {
            Ok(Answer {
                ok: true,
                channel,
                ts,
                ..
            }) if answer.is_success() => Ok(Posted {
                channel: channel.unwrap_or_else(|| self.channel.clone()),
                ts: ts.unwrap_or_default(),
            }),
            Ok(Answer {
                error: Some(text), ..
            }) => Err(refused(self.name(), code(&text), answer)),
            Err(error) if answer.is_success() => Err(transport::failed(self.name(), error)),
            _ => Err(refused(self.name(), None, answer)),
        }
    }
}

#[async_trait]
impl Sink for PostMessage {
    fn name(&self) -> &str {
        "slack"
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        self.post(cx, &message(report, &self.options), key)
            .await
            .map(drop)
    }
}

impl fmt::Debug for PostMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostMessage")
            .field("channel", &self.channel)
            .field("thread", &self.thread)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The error for an answer that is not of success, by its code where it has one, else by its status.
fn refused(sink: &str, code: Option<&str>, answer: Response) -> DeliverError {
    let status = answer.status();
    let by_status = match answer.of_success() {
        Err(error) => transport::failed(sink, error),
        Ok(_) => DeliverError::Refused {
            sink: sink.to_owned(),
            code: "no code".to_owned(),
            remedy: "Slack gave no reason; try again".to_owned(),
        },
    };
    let Some(code) = code else { return by_status };
    match remedy(code) {
        _ if status == 429 => by_status,
        Remedy::Wait => DeliverError::RateLimited {
            sink: sink.to_owned(),
            retry_after: by_status.retry_after(),
        },
        Remedy::Retry => DeliverError::Unavailable {
            sink: sink.to_owned(),
            reason: format!("Slack reports {code}"),
            source: None,
        },
        Remedy::Fix(remedy) => DeliverError::Refused {
            sink: sink.to_owned(),
            code: code.to_owned(),
            remedy: remedy.to_owned(),
        },
    }
}
