//! Where votes wait that are sent to the agent.

use std::fmt;
use std::sync::Arc;

use claw_core::store::{Document, Documents, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use super::request::State;
use super::shown::Shown;
use super::vote::{Carrier, Verdict, Vote};

/// How often a change is tried again because somebody else was first.
const TRIES: usize = 16;
/// Most votes that are kept for one request: more accounts than that decide on nothing.
const MOST_VOTES: usize = 64;

/// Votes that are pushed to the agent, by a button or a request, until they are collected; and the requests that they are for.
///
/// A vote that was taken in survives a restart. Whoever sends one has been authenticated by the carrier before.
#[derive(Clone)]
pub struct Inbox {
    documents: Arc<dyn Documents>,
    carrier: Carrier,
    arrived: Arc<Notify>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("carrier", &self.carrier)
            .finish_non_exhaustive()
    }
}

/// A request as a carrier has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Entry {
    /// What people are shown.
    pub shown: Shown,
    /// How it stands, as far as the carrier was told.
    pub state: State,
    /// The votes that were sent, oldest first. That they are here does not mean that they count.
    pub votes: Vec<Vote>,
    /// Where it is shown, as the carrier wrote it down.
    pub place: Option<String>,
}

/// A vote was not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// There is no such request.
    #[error("there is no such request; look at those that are open")]
    Unknown,
    /// The vote is on something else.
    #[error("the digest is not that of this request; look at it again, and decide on what it says now")]
    OtherDigest,
    /// It is decided, used, or over.
    #[error("the request is {state}; nothing is left to decide")]
    Settled {
        /// How it stands.
        state: &'static str,
    },
    /// More votes than are kept.
    #[error("too many accounts have voted on this request; use another carrier")]
    Full,
    /// Votes cannot be kept.
    #[error("votes cannot be kept at present; try again later")]
    Store(#[from] StoreError),
    /// What is kept cannot be read.
    #[error("what is kept of the request cannot be read; make the request anew")]
    Corrupt(#[source] serde_json::Error),
}

impl Inbox {
    /// The votes of one carrier, kept in `documents`.
    pub fn new(documents: Arc<dyn Documents>, carrier: Carrier) -> Self {
        Self {
            documents,
            carrier,
            arrived: Arc::default(),
        }
    }

    /// Whose votes it keeps.
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Keeps a request so that votes on it are taken in, or how it stands now.
    ///
    /// # Errors
    /// When it cannot be kept, or another one of its id is there.
    pub async fn show(&self, shown: &Shown, state: &State) -> Result<Entry, InboxError> {
        self.change(&shown.id, |entry| match entry {
            None => Ok(Entry {
                shown: shown.clone(),
                state: state.clone(),
                votes: Vec::new(),
                place: None,
            }),
            Some(entry) if entry.shown.digest != shown.digest => Err(InboxError::OtherDigest),
            Some(entry) => Ok(Entry {
                state: state.clone(),
                ..entry
            }),
        })
        .await
    }

    /// Writes down where a request is shown.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn place(&self, id: &str, place: &str) -> Result<(), InboxError> {
        let placed = self.change(id, |entry| {
            let entry = entry.ok_or(InboxError::Unknown)?;
            Ok(Entry {
                place: Some(place.to_owned()),
                ..entry
            })
        });
        placed.await.map(drop)
    }

    /// Takes a vote in. The same vote again is no error, and changes nothing.
    ///
    /// # Errors
    /// When there is nothing to decide on; whether the voter may is decided by whoever collects.
    pub async fn put(&self, id: &str, vote: Vote, now: Timestamp) -> Result<(), InboxError> {
        self.change(id, |entry| {
            let mut entry = entry.ok_or(InboxError::Unknown)?;
            if vote.digest != entry.shown.digest || vote.carrier != self.carrier {
                return Err(InboxError::OtherDigest);
            }
            let over = now >= entry.shown.expires;
            let open = match entry.state {
                State::Pending => true,
                // Second thoughts are heard until something was done.
                State::Approved { .. } => vote.verdict == Verdict::Deny,
                _ => false,
            };
            if over || !open {
                let state = if over { "expired" } else { entry.state.name() };
                return Err(InboxError::Settled { state });
            }
            let known = |kept: &Vote| kept.by == vote.by && kept.verdict == vote.verdict;
            if entry.votes.iter().any(known) {
                return Ok(entry);
            }
            if entry.votes.len() >= MOST_VOTES {
                return Err(InboxError::Full);
            }
            entry.votes.push(vote.clone());
            Ok(entry)
        })
        .await?;
        self.arrived.notify_one();
        Ok(())
    }

    /// Returns when a vote has come in since it was asked last.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// A request as it is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Entry>, InboxError> {
        let Some(document) = self.documents.get(&self.key(id)).await? else {
            return Ok(None);
        };
        read(document).map(Some)
    }

    /// All requests that are kept, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn all(&self) -> Result<Vec<Entry>, InboxError> {
        let found = self.documents.list(&self.key("")).await?;
        found.into_iter().map(|(_, document)| read(document)).collect()
    }

    /// Forgets the requests that were over by then.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub async fn forget(&self, over_by: Timestamp) -> Result<(), InboxError> {
        for (key, document) in self.documents.list(&self.key("")).await? {
            let version = document.version;
            if read(document)?.shown.expires < over_by {
                match self.documents.remove(&key, version).await {
                    // It was changed meanwhile; the next time will do.
                    Ok(()) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    async fn change(
        &self,
        id: &str,
        change: impl Fn(Option<Entry>) -> Result<Entry, InboxError>,
    ) -> Result<Entry, InboxError> {
        let key = self.key(id);
        let mut tries = TRIES;
        loop {
            let document = self.documents.get(&key).await?;
            let version = document.as_ref().map(|document| document.version);
            let before = document.map(read).transpose()?;
            let after = change(before.clone())?;
            if before.as_ref() == Some(&after) {
                return Ok(after);
            }
            tries = tries.saturating_sub(1);
            match self.documents.put(&key, version, &json!(after)).await {
                Ok(_) => return Ok(after),
                Err(StoreError::Conflict { .. }) if tries > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn key(&self, id: &str) -> String {
        format!("post/{}/{id}", self.carrier.name())
    }
}

fn read(document: Document) -> Result<Entry, InboxError> {
    serde_json::from_value(document.body).map_err(InboxError::Corrupt)
}
