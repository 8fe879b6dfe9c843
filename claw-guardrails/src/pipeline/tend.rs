//! What goes on without anybody who asks: people decide, times are over, targets are watched, and restarts leave writes behind.

use std::sync::Arc;

use claw_core::gate::Scope;
use tokio_util::sync::CancellationToken;

use super::error::PipelineError;
use super::intent::{Intent, IntentState, PREFIX, key};
use super::kept::Kept;
use super::{Parts, Pipeline, own_task};

/// What came of looking after the open intents.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Tended {
    /// Intents that are over since, by id.
    pub settled: Vec<String>,
    /// Those that could not be looked after, each with the reason. They are tried again the next time.
    pub failed: Vec<(String, PipelineError)>,
}

impl Pipeline {
    /// Looks after all open intents once: takes up writes that a restart left behind, hears what people have decided, lets requests
    /// expire, watches the targets of writes, and forgets what was settled long ago.
    ///
    /// Call it when the agent starts, and every few seconds.
    ///
    /// # Errors
    /// When the intents cannot be listed. What goes wrong with one of them holds up no other.
    pub async fn tend(&self) -> Result<Tended, PipelineError> {
        let mut tended = Tended::default();
        // Circuits are closed again as time passes, also while nothing is written.
        self.0.tick().await?;
        for kept in Kept::<Intent>::list(&*self.0.documents, PREFIX).await? {
            let id = kept.value.id.clone();
            let (parts, name) = (Arc::clone(&self.0), id.clone());
            let turned = own_task(async move {
                let _turn = parts.turn.lock().await;
                parts.tend(&name).await
            });
            match turned.await {
                Ok(true) => tended.settled.push(id),
                Ok(false) => {}
                Err(error) => tended.failed.push((id, error)),
            }
        }
        Ok(tended)
    }
}

impl Parts {
    /// Looks after one intent. Whether it was settled by that.
    async fn tend(&self, id: &str) -> Result<bool, PipelineError> {
        // Read again: what was listed may have moved on before it was its turn.
        let Some(kept) = Kept::<Intent>::load(&*self.documents, &key(id)).await? else {
            return Ok(false);
        };
        let now = self.gate.clock().now();
        match &kept.value.state {
            IntentState::Asked | IntentState::Sent { .. } => {
                let scope = self.scope_of(&kept.value);
                let progress = self.advance(&scope, kept).await;
                self.gate.end_run(&scope.run);
                progress?;
                let settled = Kept::<Intent>::load(&*self.documents, &key(id)).await?;
                Ok(settled.is_none_or(|kept| matches!(kept.value.state, IntentState::Settled { .. })))
            }
            IntentState::Settled { watch: Some(_), .. } => self.watch(kept).await.map(|_| false),
            IntentState::Settled { at, .. } if now.duration_since(*at) > self.settings.remember_for => {
                kept.remove(&*self.documents).await?;
                Ok(false)
            }
            IntentState::Open | IntentState::Settled { .. } => Ok(false),
        }
    }

    /// On behalf of whom an intent goes on that waited, or that was left behind.
    pub(super) fn scope_of(&self, intent: &Intent) -> Scope {
        Scope {
            run: intent.run.clone(),
            step: intent.step.clone(),
            actor: intent.actor.clone(),
            deadline: self.gate.clock().deadline(self.settings.time.unsigned_abs()),
            cancel: CancellationToken::new(),
        }
    }
}
