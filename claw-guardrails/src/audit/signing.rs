//! When checkpoints are made, and how they get to where they are kept.

use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::{CheckpointSink, SignedCheckpoint};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::chain::Chain;
use super::checkpoint::{Checkpoint, CheckpointFile, Signer};
use super::settings::AuditSettings;

/// How long a sink may take to keep a checkpoint.
const DEADLINE: Duration = Duration::from_secs(10);

/// The log's own place for checkpoints. A trait so that failures can be tried.
pub(super) trait Keep: Send {
    /// Returns when the checkpoint survives a power failure. After an error it is as if it had never been given.
    fn keep(&mut self, checkpoint: &SignedCheckpoint) -> std::io::Result<()>;
}

impl Keep for CheckpointFile {
    fn keep(&mut self, checkpoint: &SignedCheckpoint) -> std::io::Result<()> {
        self.append(checkpoint)
    }
}

/// Makes the checkpoints of a log.
pub(super) struct Signing {
    pub(super) signer: Signer,
    pub(super) keep: Box<dyn Keep>,
    pub(super) published: watch::Sender<Option<SignedCheckpoint>>,
    pub(super) settings: AuditSettings,
    /// How many records the last checkpoint is about; `None` before the first.
    pub(super) size: Option<u64>,
    /// When it was made.
    pub(super) time: Timestamp,
    /// One that could not be kept beside the log. Nothing is recorded before it is.
    pub(super) owed: Option<SignedCheckpoint>,
}

impl Signing {
    /// The key that is in the headers.
    pub(super) fn key(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// How many records there may be before the next checkpoint, at least one.
    pub(super) fn room(&self, chain: &Chain) -> usize {
        let new = chain.records().saturating_sub(self.size.unwrap_or(0));
        let left = self.settings.checkpoint_records.get().saturating_sub(new);
        usize::try_from(left).unwrap_or(usize::MAX).max(1)
    }

    /// Makes a checkpoint if there are records enough since the last one, or if that was long ago.
    pub(super) fn make_if_due(&mut self, chain: &Chain, now: Timestamp) -> std::io::Result<()> {
        let new = chain.records().saturating_sub(self.size.unwrap_or(0));
        let age = Duration::try_from(now.duration_since(self.time)).unwrap_or_default();
        let due = new >= self.settings.checkpoint_records.get()
            || new > 0 && age >= self.settings.checkpoint_period();
        if due { self.make(chain, now) } else { Ok(()) }
    }

    /// Makes a checkpoint of all there is, unless the last one was of that.
    pub(super) fn make(&mut self, chain: &Chain, now: Timestamp) -> std::io::Result<()> {
        self.settle()?;
        if self.size == Some(chain.records()) {
            return Ok(());
        }
        let checkpoint = Checkpoint {
            origin: Checkpoint::origin(&chain.log),
            size: chain.records(),
            root: chain.tree.root(),
            time: Some(now),
            next: Some(self.settings.cadence()),
        };
        (self.size, self.time) = (Some(checkpoint.size), now);
        self.owed = Some(checkpoint.sign(&self.signer));
        self.settle()
    }

    /// Keeps what could not be kept before.
    pub(super) fn settle(&mut self) -> std::io::Result<()> {
        if let Some(checkpoint) = &self.owed {
            self.keep.keep(checkpoint)?;
            // Without sinks nobody listens.
            self.published.send_replace(self.owed.take());
        }
        Ok(())
    }
}

/// The newest checkpoints that sinks have. Where one cannot be asked, the log is opened without it.
pub(super) async fn newest(sinks: &[Arc<dyn CheckpointSink>]) -> Vec<(String, SignedCheckpoint)> {
    let mut found = Vec::new();
    for sink in sinks {
        match tokio::time::timeout(DEADLINE, sink.newest()).await {
            Ok(Ok(Some(checkpoint))) => found.push((sink.name().to_owned(), checkpoint)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(
                sink = sink.name(),
                error = &error as &dyn std::error::Error,
                "the audit log is opened without a look at the checkpoints that are kept there"
            ),
            Err(_) => tracing::warn!(
                sink = sink.name(),
                "the audit log is opened without a look at the checkpoints that are kept there: no answer within {DEADLINE:?}"
            ),
        }
    }
    found
}

/// Hands checkpoints to a sink until the log is closed. Of several that come while the sink is busy it gets the last.
pub(super) fn deliver(
    sink: Arc<dyn CheckpointSink>,
    mut published: watch::Receiver<Option<SignedCheckpoint>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        // The first one may be there already.
        published.mark_changed();
        while published.changed().await.is_ok() {
            let Some(checkpoint) = published.borrow_and_update().clone() else {
                continue;
            };
            let size = checkpoint.size;
            match tokio::time::timeout(DEADLINE, sink.keep(&checkpoint)).await {
                Ok(Ok(())) => tracing::debug!(sink = sink.name(), size, "a checkpoint is kept"),
                Ok(Err(error)) => tracing::warn!(
                    sink = sink.name(),
                    size,
                    error = &error as &dyn std::error::Error,
                    "a checkpoint of the audit log was not kept; the next one is tried again"
                ),
                Err(_) => tracing::warn!(
                    sink = sink.name(),
                    size,
                    "a checkpoint of the audit log was not kept within {DEADLINE:?}; the next one is tried again"
                ),
            }
        }
    })
}
