//! What carriers show people, and the votes that they bring.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use claw_core::gate::Scope;
use serde_json::json;

use super::Parts;
use super::error::PipelineError;
use super::intent::{Intent, IntentState};
use super::kept::Kept;
use crate::approval::{State, Vote};

impl Parts {
    /// Has every carrier show how a request stands. A carrier that fails holds nothing up: it is tried again with the next look.
    pub(super) async fn show(&self, intent: &Intent) {
        let Some(asked) = intent.asked.as_deref() else {
            return;
        };
        if self.board.is_empty() {
            return;
        }
        let now = self.gate.clock().now();
        let state = match (&intent.state, asked.request.state(now)) {
            // What was not used by now will never be.
            (IntentState::Settled { .. }, State::Pending | State::Approved { .. }) => State::Expired,
            (_, state) => state,
        };
        let failed = self.board.show(&self.whole_context(), &asked.shown, &state).await;
        for error in failed {
            tracing::warn!(
                intent = intent.id,
                error = &error as &dyn std::error::Error,
                "a request for approval could not be shown"
            );
        }
    }

    /// Counts the votes that have come since.
    pub(super) async fn collect(
        &self,
        scope: &Scope,
        mut kept: Kept<Intent>,
    ) -> Result<Kept<Intent>, PipelineError> {
        let Some(asked) = kept.value.asked.as_deref() else {
            return Ok(kept);
        };
        if self.board.is_empty() || kept.value.state != IntentState::Asked {
            return Ok(kept);
        }
        let collected = self.board.collect(&self.whole_context(), &asked.shown).await;
        for error in &collected.failed {
            tracing::warn!(
                intent = kept.value.id,
                error = error as &dyn std::error::Error,
                "votes could not be collected"
            );
        }
        for vote in collected.votes {
            let counted = |asked: &super::intent::Asked| asked.request.votes().contains(&vote);
            let known = kept.value.asked.as_deref().is_some_and(counted);
            let name = self.name_of(&kept.value, &vote);
            if known || self.idle().contains(&name) {
                continue;
            }
            match self.count(scope, kept.clone(), vote).await {
                Ok(next) => kept = next,
                Err(PipelineError::Vote(error)) => {
                    tracing::info!(intent = kept.value.id, %error, "a vote does not count");
                    // Only now: of one that could not be recorded nothing is known, so that it is heard again.
                    self.idle().insert(name);
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
        json!([intent.id, groups, vote]).to_string()
    }

    fn idle(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
