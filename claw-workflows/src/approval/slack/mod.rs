//! Approvals by buttons in Slack.
//!
//! The request is a message with two buttons. A click comes back as `POST /slack/interactions`, signed by Slack over the raw
//! body. Nothing is answered to an address that came with it.

mod click;
mod message;
mod routes;
mod signature;

#[cfg(test)]
pub(in crate::approval) use signature::sign;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::clock::Clock;
use claw_core::http::Client;
use claw_core::store::Documents;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Carrier, Inbox, InboxError, Post, PostError, Shown, State, Vote};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::failure::{of_http, of_inbox};
use crate::deliver::slack::remedy::{Remedy, code, remedy};
use click::Click;
use signature::Signatures;

pub(super) use routes::router;

const CARRIER: Carrier = Carrier::Slack;
/// Largest answer that is read, in bytes.
const MOST_BYTES: usize = 256 << 10;

/// How a Slack app is reached, and how it is known.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // configuration, all of it needed
pub struct SlackSettings {
    /// Token of the app's bot, with the scope `chat:write`.
    pub token: SecretString,
    /// The app's signing secret.
    pub signing_secret: SecretString,
    /// The channel to ask in, by its id.
    pub channel: String,
    /// The workspace that voters belong to, by its id (`T…`). Clicks of people from others, who share the channel, are none.
    pub team: String,
    /// The app, by its id (`A…`).
    pub app: String,
}

/// The settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SlackConfigError {
    /// Which setting.
    pub place: &'static str,
    /// What is wrong, and what would be right.
    pub reason: &'static str,
}

/// Asks by a message with buttons, and takes votes in that Slack has signed.
pub struct SlackButtons {
    client: Client,
    settings: SlackSettings,
    signatures: Signatures,
    inbox: Inbox,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SlackButtons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackButtons")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    channel: String,
    ts: String,
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

impl SlackButtons {
    /// `client` has [`PostMessage::API`](crate::deliver::slack::PostMessage::API) as its base URL. Messages and votes are kept in
    /// `documents`.
    ///
    /// # Errors
    /// When a setting is none: with an empty secret anybody could sign.
    pub fn new(
        client: Client,
        settings: SlackSettings,
        documents: Arc<dyn Documents>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SlackConfigError> {
        let id = |place, text: &str, first: char| {
            let good =
                text.starts_with(first) && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            let wrong = SlackConfigError {
                place,
                reason: "it is no id; Slack shows ids in the address of a workspace, channel or app",
            };
            if good && text.len() > 1 {
                Ok(())
            } else {
                Err(wrong)
            }
        };
        id("team", &settings.team, 'T')?;
        id("app", &settings.app, 'A')?;
        if settings.token.expose_secret().trim().is_empty() {
            return Err(SlackConfigError {
                place: "token",
                reason: "it is empty; give the token of the app's bot",
            });
        }
        Ok(Self {
            signatures: Signatures::of(&settings.signing_secret)?,
            client,
            settings,
            inbox: Inbox::new(documents, CARRIER),
            clock,
        })
    }

    /// The votes that came in, and what they are on.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Whether a click is on the message that was posted for its request, in the workspace and for the app that are configured.
    async fn judge(&self, click: Click) -> Result<(String, Vote), Unheard> {
        if click.team != self.settings.team || click.home != self.settings.team {
            return Err(Unheard::Elsewhere("workspace"));
        }
        if click.app != self.settings.app {
            return Err(Unheard::Elsewhere("app"));
        }
        let entry = self.inbox.get(&click.id).await?;
        let entry = entry.ok_or(InboxError::Unknown)?;
        let place = entry.place.as_deref().map(serde_json::from_str::<Place>);
        let (channel, ts) = (click.channel, click.ts);
        if !place.is_some_and(|place| place.is_ok_and(|place| place == Place { channel, ts })) {
            return Err(Unheard::Elsewhere("message"));
        }
        let vote = Vote::new(click.by, click.verdict, click.digest, CARRIER, click.at);
        Ok((click.id, vote))
    }

    async fn call(&self, cx: &ToolContext, method: &str, body: &Value) -> Result<Answer, PostError> {
        let token = format!("Bearer {}", self.settings.token.expose_secret().trim());
        let answer = self
            .client
            .post(method)
            .header("authorization", &token)
            .max_bytes(MOST_BYTES)
            .json(body)
            .send(cx)
            .await
            .and_then(|answer| answer.json::<Answer>())
            .map_err(|error| of_http(CARRIER, error))?;
        if answer.ok {
            return Ok(answer);
        }
        let said = answer.error.as_deref().and_then(code).unwrap_or("no reason");
        Err(match remedy(said) {
            Remedy::Fix(remedy) => PostError::Refused {
                carrier: CARRIER,
                remedy: format!("{said}: {remedy}"),
                source: None,
            },
            Remedy::Wait | Remedy::Retry => PostError::Unavailable {
                carrier: CARRIER,
                reason: format!("Slack reports {said}"),
                source: None,
            },
        })
    }
}

/// A click that is no vote.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error(transparent)]
    Signature(#[from] signature::Unsigned),
    #[error(transparent)]
    Click(#[from] click::NoClick),
    #[error("the click comes from another {0} than the one that was asked in")]
    Elsewhere(&'static str),
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

#[async_trait]
impl Post for SlackButtons {
    fn carrier(&self) -> Carrier {
        CARRIER
    }

    async fn show(&self, cx: &ToolContext, shown: &Shown, state: &State) -> Result<(), PostError> {
        let entry = self.inbox.show(shown, state).await;
        let entry = entry.map_err(|error| of_inbox(CARRIER, error))?;
        let message = message::of(shown, state);
        let mut body = json!({
            "channel": self.settings.channel,
            "text": message.text,
            "blocks": message.blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        let place = entry.place.as_deref().map(serde_json::from_str::<Place>);
        if let (Some(Ok(place)), Some(fields)) = (place, body.as_object_mut()) {
            fields.insert("channel".to_owned(), json!(place.channel));
            fields.insert("ts".to_owned(), json!(place.ts));
            self.call(cx, "chat.update", &body).await?;
            return Ok(());
        }
        let posted = self.call(cx, "chat.postMessage", &body).await?;
        let (Some(channel), Some(ts)) = (posted.channel, posted.ts) else {
            return Err(PostError::Refused {
                carrier: CARRIER,
                remedy: "Slack does not say where the message is; check that the address is its Web API"
                    .to_owned(),
                source: None,
            });
        };
        let place = serde_json::to_string(&Place { channel, ts }).unwrap_or_default();
        let placed = self.inbox.place(&shown.id, &place).await;
        placed.map_err(|error| of_inbox(CARRIER, error))
    }

    async fn collect(&self, _cx: &ToolContext, shown: &Shown) -> Result<Vec<Vote>, PostError> {
        let entry = self.inbox.get(&shown.id).await;
        let entry = entry.map_err(|error| of_inbox(CARRIER, error))?;
        Ok(entry.map(|entry| entry.votes).unwrap_or_default())
    }
}
