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

impl Parts {
    pub(super) async fn tell(&self, what: Noticed, run: &str, intent: Option<&Intent>, text: String) {
        let notice = Notice {
            what,
            run: run.to_owned(),
            intent: intent.map(|intent| intent.id.clone()),
            text: self.gate.redactor().redact(&text).into_owned(),
        };
        for notices in &self.notices {
            notices.tell(&notice).await;
        }
    }
}
