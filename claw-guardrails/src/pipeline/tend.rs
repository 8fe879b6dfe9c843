//! What goes on without anybody who asks: people decide, times are over, targets are watched, and restarts leave writes behind.

use std::sync::Arc;

use claw_core::gate::Scope;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::behalf::Behalf;
use super::board::Heard;
use super::error::PipelineError;
use super::intent::{Intent, IntentState, OPEN, OVER, open_key, over_key};
use super::kept::Kept;
use super::{Parts, Pipeline, own_task};

/// What came of looking after the open intents.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Tended {
    /// Intents that are over, by id, and that somebody waits for. Each is named again until [`Pipeline::heard`] is called with it.
    pub settled: Vec<String>,
    /// What could not be looked after, by name, each with the reason. It is tried again the next time.
    pub failed: Vec<(String, PipelineError)>,
}

/// How many intents carriers are asked about at the same time.
const AT_ONCE: usize = 16;

/// What came of looking after one intent.
struct Looked {
    /// It is over, and somebody waits to hear that.
    is_awaited: bool,
    error: Option<PipelineError>,
}

impl Pipeline {
    /// Looks after all open intents once: takes up writes that a restart left behind, hears what people have decided, drops what
    /// cancelled runs have submitted, lets requests expire, watches the targets of writes, shows carriers how requests stand, and
    /// forgets what was settled long ago.
    ///
    /// Call it when the agent starts, and every few seconds.
    ///
    /// # Errors
    /// When the intents cannot be listed. What goes wrong with one of them, also where its document cannot be read, holds up no
    /// other.
    pub async fn tend(&self) -> Result<Tended, PipelineError> {
        let mut tended = Tended::default();
        // Circuits are closed again as time passes, also while nothing is written.
        if let Err(error) = self.0.tick().await {
            tended.failed.push(("the circuits and budgets".to_owned(), error));
        }
        let mut open = Vec::new();
        for (key, listed) in Kept::<Intent>::list(&*self.0.documents, OPEN).await? {
            let id = key.strip_prefix(OPEN).unwrap_or(&key).to_owned();
            match listed {
                Ok(kept) => open.push(kept.value),
                Err(error) => tended.failed.push((id, error)),
            }
        }
        // What is under way first: others wait for their targets.
        open.sort_by_key(|intent| !matches!(intent.state, IntentState::Sent { .. }));
        for some in open.chunks(AT_ONCE) {
            for (intent, heard) in self.gather_all(some).await {
                let (parts, id) = (Arc::clone(&self.0), intent.id);
                let name = id.clone();
                match own_task(async move { Ok(parts.look_after(&name, heard).await) }).await {
                    Ok(looked) => {
                        tended.settled.extend(looked.is_awaited.then(|| id.clone()));
                        tended.failed.extend(looked.error.map(|error| (id, error)));
                    }
                    Err(error) => tended.failed.push((id, error)),
                }
            }
        }
        if self.0.memory.is_sweep_due(self.0.elapsed()) {
            self.0.sweep(&mut tended).await?;
        }
        self.0.deliver().await;
        Ok(tended)
    }

    /// What carriers say of some intents, asked at the same time: one that does not answer costs its time once.
    async fn gather_all(&self, intents: &[Intent]) -> Vec<(Intent, Heard)> {
        let mut asked = JoinSet::new();
        for (index, intent) in intents.iter().enumerate() {
            let (parts, intent) = (Arc::clone(&self.0), intent.clone());
            asked.spawn(async move {
                let heard = parts.gather(&intent).await;
                (index, intent, heard)
            });
        }
        let mut heard = Vec::new();
        while let Some(one) = asked.join_next().await {
            match one {
                Ok(one) => heard.push(one),
                Err(error) => tracing::error!(%error, "carriers could not be asked; they are asked again"),
            }
        }
        heard.sort_by_key(|(index, ..)| *index);
        heard
            .into_iter()
            .map(|(_, intent, heard)| (intent, heard))
            .collect()
    }

    /// Whoever waited for an intent knows that it is over.
    ///
    /// # Errors
    /// When that cannot be kept; it is named again then.
    pub async fn heard(&self, id: &str) -> Result<(), PipelineError> {
        let documents = &*self.0.documents;
        let _turn = self.0.turn.lock().await;
        let Some(mut kept) = Kept::<Intent>::load(documents, &open_key(id)).await? else {
            return Ok(());
        };
        if kept.value.awaited && matches!(kept.value.state, IntentState::Settled { .. }) {
            kept.value.awaited = false;
            kept.save(documents).await?;
        }
        Ok(())
    }
}

impl Parts {
    /// Looks after one intent.
    async fn look_after(&self, id: &str, heard: Heard) -> Looked {
        let progress = self.tend_one(id, heard).await;
        self.afterwards(id).await;
        let finished = self.finish(id).await;
        Looked {
            is_awaited: matches!(finished, Ok(true)),
            error: progress.err().or(finished.err()),
        }
    }

    /// Puts it away when nothing is left to do. Whether it is over, and somebody waits to hear that.
    async fn finish(&self, id: &str) -> Result<bool, PipelineError> {
        let Some(kept) = Kept::<Intent>::load(&*self.documents, &open_key(id)).await? else {
            return Ok(false);
        };
        let IntentState::Settled { watch, at, .. } = &kept.value.state else {
            return Ok(false);
        };
        if kept.value.awaited {
            return Ok(true);
        }
        let is_shown = !self.is_to_be_shown(&kept.value) || self.is_old(*at);
        if watch.is_none() && is_shown {
            self.put_away(kept).await?;
        }
        Ok(false)
    }

    async fn tend_one(&self, id: &str, heard: Heard) -> Result<(), PipelineError> {
        // Read again: what was listed may have moved on before it was its turn.
        let Some(kept) = Kept::<Intent>::load(&*self.documents, &open_key(id)).await? else {
            return Ok(());
        };
        match &kept.value.state {
            IntentState::Asked | IntentState::Sent { .. } => {
                let _turn = self.turn.lock().await;
                let kept = self.load(id).await?;
                let by = self.behalf(&kept.value);
                self.advance(&by, kept, heard).await.map(drop)
            }
            IntentState::Settled { watch: Some(_), .. } => self.watch(&kept.value).await,
            IntentState::Open | IntentState::Settled { .. } => Ok(()),
        }
    }

    /// On behalf of whom an intent goes on that waited, or that was left behind.
    pub(super) fn behalf(&self, intent: &Intent) -> Behalf {
        let scope = Scope {
            run: intent.run.clone(),
            step: intent.step.clone(),
            actor: intent.actor.clone(),
            deadline: self.gate.clock().deadline(self.settings.time.unsigned_abs()),
            cancel: CancellationToken::new(),
        };
        Behalf::of_intent(&self.gate, scope, &intent.id)
    }

    /// Moves an intent to those of which nothing is left to do, so that nobody looks through all of them every few seconds.
    async fn put_away(&self, mut kept: Kept<Intent>) -> Result<(), PipelineError> {
        let id = kept.value.id.clone();
        // What people saw is in the audit log.
        kept.value.asked = None;
        let mut over = Kept::new(over_key(&id), kept.value.clone());
        match over.save(&*self.documents).await {
            // It was put there before, and the process ended in between.
            Ok(()) | Err(claw_core::store::StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        kept.remove(&*self.documents).await?;
        self.memory.forget(&id);
        Ok(())
    }

    /// Forgets what was settled long ago, unless its run goes on and may submit it again.
    async fn sweep(&self, tended: &mut Tended) -> Result<(), PipelineError> {
        for (key, listed) in Kept::<Intent>::list(&*self.documents, OVER).await? {
            let forgotten = match listed {
                Ok(kept) => self.forget_old(kept).await,
                Err(error) => Err(error),
            };
            if let Err(error) = forgotten {
                tended.failed.push((key, error));
            }
        }
        Ok(())
    }

    async fn forget_old(&self, kept: Kept<Intent>) -> Result<(), PipelineError> {
        let IntentState::Settled { at, .. } = &kept.value.state else {
            return Ok(());
        };
        if self.is_old(*at) && !self.is_going_on(&kept.value.run).await? {
            kept.remove(&*self.documents).await?;
        }
        Ok(())
    }

    fn is_old(&self, settled: jiff::Timestamp) -> bool {
        self.gate.clock().now().duration_since(settled) > self.settings.remember_for
    }
}
