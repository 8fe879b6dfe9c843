//! The server and what it keeps.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::routes;
use crate::faults::Faults;
use crate::loopback::Loopback;

/// A workspace: who may post, and where.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub(super) token: String,
    /// Name by id.
    pub(super) channels: BTreeMap<String, String>,
}

impl Workspace {
    /// A workspace whose bot has this token. It has no channels yet.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            channels: BTreeMap::new(),
        }
    }

    /// Adds a channel that the bot is a member of; `name` is without the number sign.
    #[must_use]
    pub fn with_channel(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        self.channels.insert(id.into(), name.into());
        self
    }

    /// The id of a channel that is given by id, name or `#name`.
    pub(super) fn channel_id(&self, channel: &str) -> Option<&str> {
        let name = channel.strip_prefix('#').unwrap_or(channel);
        self.channels
            .iter()
            .find(|(id, known)| id.as_str() == channel || known.as_str() == name)
            .map(|(id, _)| id.as_str())
    }
}

/// The way by which a message came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// The incoming webhook.
    Webhook,
    /// `chat.postMessage`.
    Api,
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Post {
    /// The way by which it came.
    pub via: Via,
    /// Id of the channel; empty for a webhook, whose channel is part of its address.
    pub channel: String,
    /// Its time stamp, by which it can be answered and changed.
    pub ts: String,
    /// The body as it came, with later changes.
    pub message: Value,
}

impl Post {
    /// The text of the message, which notifications show.
    pub fn text(&self) -> &str {
        self.message
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The blocks of the message.
    pub fn blocks(&self) -> &[Value] {
        self.message
            .get("blocks")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// Every text in the blocks, in order: what a reader sees.
    pub fn shown(&self) -> String {
        let mut texts = Vec::new();
        let mut open: Vec<&Value> = self.blocks().iter().rev().collect();
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(text)) = fields.get("text") {
                        texts.push(text.as_str());
                    }
                    let nested = ["elements", "fields", "text"]
                        .iter()
                        .filter_map(|name| fields.get(*name));
                    open.extend(nested.filter(|value| !value.is_string()));
                }
                Value::Array(values) => open.extend(values.iter().rev()),
                _ => {}
            }
        }
        texts.join("\n")
    }
}

/// A Slack on a free port of the loopback interface. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    loopback: Loopback,
    faults: Faults,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) workspace: Workspace,
    posts: Mutex<Vec<Post>>,
}

impl Shared {
    pub(super) fn posts(&self) -> MutexGuard<'_, Vec<Post>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message and returns its time stamp, which only counts up.
    pub(super) fn keep(&self, via: Via, channel: &str, message: Value) -> String {
        let mut posts = self.posts();
        let ts = format!("1700000000.{:06}", posts.len().saturating_add(1));
        posts.push(Post {
            via,
            channel: channel.to_owned(),
            ts: ts.clone(),
            message,
        });
        ts
    }
}

impl Server {
    /// Starts a server for one workspace.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(workspace: Workspace) -> io::Result<Self> {
        let faults = Faults::with_error_body(fault);
        let shared = Arc::new(Shared {
            workspace,
            posts: Mutex::default(),
        });
        let loopback = Loopback::serve(faults.layer(routes::router(shared.clone()))).await?;
        Ok(Self {
            loopback,
            faults,
            shared,
        })
    }

    /// The address of the incoming webhook.
    pub fn webhook_url(&self) -> String {
        format!("{}{}", self.loopback.url(), routes::WEBHOOK)
    }

    /// The base address of the Web API, with a slash at its end.
    pub fn api_url(&self) -> String {
        format!("{}/api/", self.loopback.url())
    }

    /// The server behind the addresses: to break connections.
    pub fn loopback(&self) -> &Loopback {
        &self.loopback
    }

    /// The fault switches and the log of requests, those that were refused included.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The messages that were taken, in the order in which they came.
    pub fn posts(&self) -> Vec<Post> {
        self.shared.posts().clone()
    }
}

fn fault(status: StatusCode) -> Response {
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => "ratelimited",
        StatusCode::SERVICE_UNAVAILABLE => "service_unavailable",
        _ => "internal_error",
    };
    (status, Json(json!({ "ok": false, "error": code }))).into_response()
}
