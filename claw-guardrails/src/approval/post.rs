//! The ways on which requests reach people, and votes come back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::tool::ToolContext;
use tokio::task::JoinSet;

use super::request::State;
use super::shown::Shown;
use super::vote::{Carrier, Vote};

/// The underlying error, for operators.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A way on which requests reach people, and votes come back.
///
/// Implementers keep to this: a call ends by the deadline of its context and when it is cancelled; both calls may be repeated
/// at any time, also after a restart. A vote's [`by`](Vote::by) is the account that the carrier itself has authenticated, never
/// a name out of what was sent; its [`digest`](Vote::digest) is that of what the voter looked at. In doubt there is no vote.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a carrier of approvals",
    note = "implement `claw_guardrails::approval::Post`: `carrier`, `show` and `collect`"
)]
pub trait Post: Send + Sync {
    /// What votes come with.
    fn carrier(&self) -> Carrier;

    /// Shows a request as it stands now. Shown again, it is the same request: carriers tell by its id.
    async fn show(&self, cx: &ToolContext, shown: &Shown, state: &State) -> Result<(), PostError>;

    /// The votes that have come so far. The same vote may be among them each time.
    async fn collect(&self, cx: &ToolContext, shown: &Shown) -> Result<Vec<Vote>, PostError>;
}

/// A request could not be shown, or votes could not be collected. No vote was lost: they are collected again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// The place cannot be reached now.
    #[error("{} could not be reached for approvals: {reason}; it is tried again", .carrier.name())]
    Unavailable {
        /// Which.
        carrier: Carrier,
        /// What happened.
        reason: String,
        /// The underlying error.
        #[source]
        source: Option<Cause>,
    },
    /// The place refused.
    #[error("{} refused: {remedy}", .carrier.name())]
    Refused {
        /// Which.
        carrier: Carrier,
        /// What to do about it.
        remedy: String,
        /// The underlying error.
        #[source]
        source: Option<Cause>,
    },
    /// What is there cannot be trusted, so no vote of it counts.
    #[error("no vote by {} counts: {why}", .carrier.name())]
    Untrusted {
        /// Which.
        carrier: Carrier,
        /// Why, and what to do about it.
        why: String,
    },
}

impl PostError {
    /// On which way.
    pub fn carrier(&self) -> Carrier {
        match self {
            Self::Unavailable { carrier, .. }
            | Self::Refused { carrier, .. }
            | Self::Untrusted { carrier, .. } => *carrier,
        }
    }

    /// Whether the same may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// All carriers together.
#[derive(Clone, Default)]
pub struct Board {
    posts: Vec<Arc<dyn Post>>,
}

/// What came of asking every carrier.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Collected {
    /// Votes, each by an account of its carrier.
    pub votes: Vec<Vote>,
    /// The carriers that could not be asked, or cannot be trusted.
    pub failed: Vec<PostError>,
}

impl Board {
    /// No carriers yet: nobody is asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a carrier.
    #[must_use]
    pub fn with(mut self, post: Arc<dyn Post>) -> Self {
        self.posts.push(post);
        self
    }

    /// Whether nobody can be asked.
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// The carriers.
    pub fn carriers(&self) -> impl Iterator<Item = Carrier> + '_ {
        self.posts.iter().map(|post| post.carrier())
    }

    /// Shows a request on every carrier, at the same time. Returns those that failed: where all did, nobody was asked.
    pub async fn show(&self, cx: &ToolContext, shown: &Shown, state: &State) -> Vec<PostError> {
        let ended = self.each(|post| {
            let (cx, shown, state) = (cx.clone(), shown.clone(), state.clone());
            async move { post.show(&cx, &shown, &state).await }
        });
        ended.await.into_iter().filter_map(Result::err).collect()
    }

    /// Asks every carrier for votes, at the same time. What one of them does takes nothing from the others.
    pub async fn collect(&self, cx: &ToolContext, shown: &Shown) -> Collected {
        let ended = self.each(|post| {
            let (cx, shown) = (cx.clone(), shown.clone());
            async move {
                let votes = post.collect(&cx, &shown).await?;
                // A carrier speaks for itself alone.
                let own = |vote: &Vote| vote.carrier == post.carrier();
                Ok(votes.into_iter().filter(own).collect::<Vec<_>>())
            }
        });
        let mut collected = Collected::default();
        for outcome in ended.await {
            match outcome {
                Ok(votes) => collected.votes.extend(votes),
                Err(error) => collected.failed.push(error),
            }
        }
        // In the order in which they were given: of two people at a time, the first one was first.
        collected
            .votes
            .sort_by(|a, b| (a.at, a.carrier, &a.by).cmp(&(b.at, b.carrier, &b.by)));
        collected
    }

    /// Has each carrier do the same, at the same time; one that panics has failed.
    async fn each<T, F>(&self, work: impl Fn(Arc<dyn Post>) -> F) -> Vec<Result<T, PostError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PostError>> + Send + 'static,
    {
        let mut under_way = JoinSet::new();
        let mut carriers = BTreeMap::new();
        for post in &self.posts {
            let task = under_way.spawn(work(Arc::clone(post)));
            carriers.insert(task.id().to_string(), post.carrier());
        }
        let mut ended = Vec::new();
        while let Some(outcome) = under_way.join_next().await {
            match outcome {
                Ok(outcome) => ended.push(outcome),
                Err(error) => ended.extend(carriers.get(&error.id().to_string()).map(|carrier| {
                    Err(PostError::Unavailable {
                        carrier: *carrier,
                        reason: "it ended in the middle of its work".to_owned(),
                        source: Some(Box::new(error)),
                    })
                })),
            }
        }
        ended
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("carriers", &self.carriers().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
