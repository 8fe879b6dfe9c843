//! Approvals by requests to the agent itself.
//!
//! | request | answer |
//! |---|---|
//! | `GET /approvals` | the requests that are kept, each with how it stands |
//! | `GET /approvals/{id}` | one of them |
//! | `POST /approvals/{id}/decision` with `{"verdict": "approve", "digest": "…"}` | 202 when the vote is kept |
//!
//! Each request carries the bearer token of a person. There are no cookies, so that no other page can make a browser decide.
//! That a vote was kept does not mean that it counts: whether its voter may decide is judged where all votes are.

mod door;
mod routes;
mod tokens;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::clock::Clock;
use claw_core::store::Documents;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Carrier, Inbox, Post, PostError, Shown, State, Vote};

use super::failure::of_inbox;

pub(crate) use door::Door;
pub(super) use routes::router;
pub use tokens::{Tokens, TokensError};

const CARRIER: Carrier = Carrier::Http;

/// Asks at the agent's own address, and takes votes in that carry a person's token.
pub struct HttpApprovals {
    inbox: Inbox,
    door: Door,
}

impl fmt::Debug for HttpApprovals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpApprovals")
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

impl HttpApprovals {
    /// Takes votes of whoever has one of `tokens`, and keeps them in `documents`.
    pub fn new(documents: Arc<dyn Documents>, tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        Self {
            inbox: Inbox::new(documents, CARRIER),
            door: Door::new(tokens, clock),
        }
    }

    /// The votes that came in, and what they are on.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

#[async_trait]
impl Post for HttpApprovals {
    fn carrier(&self) -> Carrier {
        CARRIER
    }

    async fn show(&self, _cx: &ToolContext, shown: &Shown, state: &State) -> Result<(), PostError> {
        let kept = self.inbox.show(shown, state).await;
        kept.map(drop).map_err(|error| of_inbox(CARRIER, error))
    }

    async fn collect(&self, _cx: &ToolContext, shown: &Shown) -> Result<Vec<Vote>, PostError> {
        let entry = self.inbox.get(&shown.id).await;
        let entry = entry.map_err(|error| of_inbox(CARRIER, error))?;
        Ok(entry.map(|entry| entry.votes).unwrap_or_default())
    }
}
