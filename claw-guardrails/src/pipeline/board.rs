//! What carriers show people, and the votes that they bring.
//!
//! Carriers are asked and told while the turn is free: one that is slow holds up nobody else.

use std::time::Duration;

use claw_core::tool::ToolContext;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::intent::{Intent, IntentState, open_key};
use super::kept::Kept;
use super::memory::showing;
use crate::approval::{Carrier, Collected, State, Verdict, Vote};

/// How long carriers have to show a request, or to bring votes.
const TIME: Duration = Duration::from_secs(15);

/// For how long what carriers have said is good. After that they are asked again before it is used.
const FRESH: Duration = Duration::from_secs(5);

/// What carriers have said of an intent.
pub(super) struct Heard {
    /// Votes, and the carriers that could not be asked.
    pub(super) collected: Collected,
    /// When they were asked.
    at: Duration,
}

impl Parts {
    /// How a request is to be shown, where there is one.
    fn shown_as(&self, intent: &Intent) -> Option<State> {
        let asked = intent.asked.as_deref()?;
        let state = asked.request.state(self.gate.clock().now());
        Some(match (&intent.state, state) {
            // What was not used by now will never be.
            (IntentState::Settled { .. }, State::Pending | State::Approved { .. }) => State::Expired,
            // A no is heard until it is known that the write stands.
            (IntentState::Sent { .. }, State::Used { at }) => State::Approved { at },
            (_, state) => state,
        })
    }

    /// Whether carriers do not show yet how a request stands.
    pub(super) fn is_to_be_shown(&self, intent: &Intent) -> bool {
        let wanted = self.shown_as(intent);
        !self.board.is_empty() && wanted.is_some() && wanted != intent.shown
    }

    /// Has every carrier show how a request stands. Where one fails, all are told again later.
    pub(super) async fn show(&self, id: &str) -> Result<(), PipelineError> {
        let Some(kept) = Kept::<Intent>::load(&*self.documents, &open_key(id)).await? else {
            return Ok(());
        };
        let what = showing(id);
        if !self.is_to_be_shown(&kept.value) || !self.memory.may_try(&what, self.elapsed()) {
            return Ok(());
        }
        let (Some(asked), Some(state)) = (kept.value.asked.as_deref(), self.shown_as(&kept.value)) else {
            return Ok(());
        };
        let (by, now) = (self.behalf(&kept.value), &state);
        let subject = format!("the request for approval {id}");
        let shown = by.attend(
            self.carriers_context(),
            (&subject, "people have to see it, and how it stands"),
            |cx| async move { self.board.show(&cx, &asked.shown, now).await },
        );
        let failed = shown.await;
        for error in &failed {
            tracing::warn!(
                intent = id,
                error = error as &dyn std::error::Error,
                "a request for approval could not be shown; it is tried again"
            );
        }
        if !failed.is_empty() {
            self.memory.pause(&what, self.elapsed());
            return Ok(());
        }
        self.memory.resume(&what);
        // It may have moved on meanwhile, and whoever has the turn is not to be crossed.
        let _turn = self.turn.lock().await;
        if let Some(mut kept) = Kept::<Intent>::load(&*self.documents, &open_key(id)).await? {
            kept.value.shown = Some(state);
            kept.save(&*self.documents).await?;
        }
        Ok(())
    }

    /// The votes that carriers have for an intent, and the carriers that could not be asked.
    pub(super) async fn gather(&self, intent: &Intent) -> Heard {
        let at = self.elapsed();
        let waits = matches!(intent.state, IntentState::Asked | IntentState::Sent { .. });
        let collected = match intent.asked.as_deref() {
            Some(asked) if waits && !self.board.is_empty() => {
                let context = self.carriers_context().with_requests(self.chore.requests().await);
                self.board.collect(&context, &asked.shown).await
            }
            _ => Collected::default(),
        };
        Heard { collected, at }
    }

    /// The same for one that is known by its name.
    pub(super) async fn gather_for(&self, id: &str) -> Result<Heard, PipelineError> {
        match Kept::<Intent>::load(&*self.documents, &open_key(id)).await? {
            Some(kept) => Ok(self.gather(&kept.value).await),
            None => Ok(Heard {
                collected: Collected::default(),
                at: self.elapsed(),
            }),
        }
    }

    /// What was heard before the turn was free, if that was a moment ago; else what is heard now.
    pub(super) async fn still(&self, intent: &Intent, heard: Heard) -> Collected {
        match self.elapsed().saturating_sub(heard.at) > FRESH {
            true => self.gather(intent).await.collected,
            false => heard.collected,
        }
    }

    /// Counts the votes that have come since.
    pub(super) async fn count_all(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        votes: Vec<Vote>,
    ) -> Result<Kept<Intent>, PipelineError> {
        for vote in votes {
            let counted = |asked: &super::intent::Asked| {
                let mut votes = asked.request.votes().iter();
                votes.any(|known| identity(known) == identity(&vote))
            };
            let known = kept.value.asked.as_deref().is_some_and(counted);
            let name = self.name_of(&kept.value, &vote);
            let id = kept.value.id.clone();
            if known || self.memory.is_idle(&id, &name) {
                continue;
            }
            match self.count(by, kept.clone(), vote).await {
                Ok(next) => kept = next,
                Err(error @ (PipelineError::Vote(_) | PipelineError::NotAsked { .. })) => {
                    tracing::info!(intent = id, %error, "a vote does not count");
                    // Only now: of one that could not be recorded nothing is known, so that it is heard again.
                    self.memory.add_idle(&id, name);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// A vote, by which it is known again. Carriers bring all that they have each time, and one that does not count is recorded
    /// once; it may count when more groups are asked.
    fn name_of(&self, intent: &Intent, vote: &Vote) -> String {
        let now = self.gate.clock().now();
        let groups = intent
            .asked
            .as_deref()
            .map(|asked| asked.request.asked(now).len());
        // One that is ahead of this clock counts when the clock has caught up.
        let early = vote.at > now;
        json!([intent.state.name(), groups, early, identity(vote)]).to_string()
    }

    fn carriers_context(&self) -> ToolContext {
        ToolContext {
            clock: self.gate.clock().clone(),
            deadline: self.gate.clock().deadline(TIME),
            cancel: CancellationToken::new(),
            requests: Default::default(),
        }
    }
}

/// By what a vote is known again. Not by its time: some carriers know the vote and not when it was given.
fn identity(vote: &Vote) -> (Carrier, &str, Verdict, &str) {
    (vote.carrier, &vote.by, vote.verdict, &vote.digest)
}
