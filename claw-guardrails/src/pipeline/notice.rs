use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::intent::Intent;

/// What people are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Noticed {
    /// A write was made.
    Applied,
    /// A write was made, and what was stored is not what was rehearsed.
    Deviated,
    /// An approval is wanted.
    Asked,
    /// A write went wrong, and was not made.
    Failed,
    /// Nobody can say whether a write was made.
    Unresolved,
    /// The target of a write got worse after it.
    Worse,
    /// A circuit opened: writes are held back.
    CircuitOpened,
}

/// Something that people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Notice {
    /// What it is about.
    pub what: Noticed,
    /// The run.
    pub run: String,
    /// The intent, where it is about one.
    pub intent: Option<String>,
    /// In one or two sentences, without secrets.
    pub text: String,
}

/// Tells people. What could not be told is for the implementer to log: it holds up nothing, and is in the audit log anyway.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Tells them. Returns soon; whatever takes time is done elsewhere.
    async fn tell(&self, notice: &Notice);
}

/// How long one way to tell people has.
const TIME: Duration = Duration::from_secs(10);

impl Parts {
    /// People are told when the turn is over.
    pub(super) fn tell(&self, what: Noticed, run: &str, intent: Option<&Intent>, text: &str) {
        self.memory.notice(Notice {
            what,
            run: run.to_owned(),
            intent: intent.map(|intent| intent.id.clone()),
            text: self.gate.redactor().redact(text).into_owned(),
        });
    }

    /// What is left to do after a turn: people are told, and carriers show how the request stands. Nobody waits for that in the
    /// turn, and what goes wrong with it takes nothing back.
    pub(super) async fn afterwards(&self, id: &str) {
        self.deliver().await;
        if let Err(error) = self.show(id).await {
            tracing::warn!(
                intent = id,
                error = &error as &dyn std::error::Error,
                "how a request stands could not be kept; it is shown again"
            );
        }
    }

    /// Tells people what they are to be told.
    pub(super) async fn deliver(&self) {
        for notice in self.memory.notices() {
            for notices in &self.notices {
                if tokio::time::timeout(TIME, notices.tell(&notice)).await.is_err() {
                    tracing::warn!(what = ?notice.what, run = notice.run, "people could not be told in time");
                }
            }
        }
    }
}
