//! The one thread that writes a log: whatever is waiting is written and forced to disk together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claw_core::audit::{AuditError, AuditReceipt};
use claw_core::clock::Clock;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::chain::{Chain, Note};
use super::head::{Head, HeadFile};
use super::medium::Medium;
use super::segments::{Retirable, Shelf};
use super::settings::AuditSettings;
use super::signing::Signing;
use super::{audit_error, io_error};

/// Most records, and most bytes (roughly), that are written together.
const BATCH_RECORDS: usize = 4096;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

pub(super) type Reply = oneshot::Sender<Result<AuditReceipt, AuditError>>;

pub(super) enum Request {
    /// Record an event, given as canonical JSON.
    Append { event: String, reply: Reply },
    /// Look at the time: a checkpoint or a new segment may be due.
    Tick,
    /// Record that the log is closed, and let go of the file.
    Close {
        reply: oneshot::Sender<Result<(), AuditError>>,
    },
}

/// Owns the current segment and the end of its chain.
pub(super) struct Writer<M> {
    pub(super) medium: M,
    /// Length of the medium up to the end of the last durable record, in bytes.
    pub(super) len: u64,
    pub(super) chain: Chain,
    pub(super) head_file: Option<HeadFile>,
    pub(super) head: Arc<Mutex<Head>>,
    pub(super) clock: Arc<dyn Clock>,
    /// Why nothing can be written any more.
    pub(super) broken: Option<String>,
    pub(super) settings: AuditSettings,
    pub(super) shelf: Box<dyn Shelf<M>>,
    /// Which segment is written.
    pub(super) segment: u64,
    /// When it was begun.
    pub(super) begun: Timestamp,
    /// It takes no records any more; the next one has to be begun.
    pub(super) sealed: bool,
    pub(super) signing: Signing,
}

impl<M: Medium> Writer<M> {
    /// Serves requests until the log is closed or nobody can make requests any more.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.blocking_recv() {
            let mut batch = Vec::new();
            let mut bytes = 0_usize;
            let mut close = None;
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Append { event, reply } => {
                        bytes = bytes.saturating_add(event.len());
                        batch.push((event, reply));
                    }
                    Request::Tick => {}
                    Request::Close { reply } => {
                        close = Some(reply);
                        break;
                    }
                }
                let full = batch.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES;
                next = if full { None } else { queue.try_recv().ok() };
            }
            if !batch.is_empty() {
                self.commit(batch);
            }
            if let Some(reply) = close {
                let closed = self.finish();
                // The file and its lock are free before the caller goes on.
                drop(self);
                let _ = reply.send(closed);
                return;
            }
            self.keep_house();
        }
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the audit log could not be closed in order");
        }
    }

    /// Records notes before anything else.
    pub(super) fn notes(&mut self, notes: &[Note]) -> Result<(), AuditError> {
        let mut chain = self.chain.clone();
        let lines: String = notes.iter().map(|note| chain.link_note(note).0).collect();
        self.write(lines.as_bytes(), chain)
            .map_err(|error| io_error("a note of the log about itself", error))
    }

    fn commit(&mut self, batch: Vec<(String, Reply)>) {
        if let Err(error) = self.make_ready() {
            let reason = error.to_string();
            for (_, reply) in batch {
                let _ = reply.send(Err(audit_error(&reason)));
            }
            return;
        }
        let mut chain = self.chain.clone();
        let mut lines = String::new();
        let mut answers = Vec::with_capacity(batch.len());
        for (event, reply) in batch {
            let (line, receipt) = chain.link_event(&event);
            lines.push_str(&line);
            answers.push((receipt, reply));
        }
        // A caller that has gone away is told nothing; its record stands all the same.
        match self.write(lines.as_bytes(), chain) {
            Ok(()) => {
                for (receipt, reply) in answers {
                    let _ = reply.send(Ok(receipt));
                }
            }
            Err(error) => {
                for (_, reply) in answers {
                    let copy = std::io::Error::new(error.kind(), error.to_string());
                    let _ = reply.send(Err(match &self.broken {
                        // Says what to do.
                        Some(reason) => audit_error(reason),
                        None => io_error("the record could not be written; check the disk", copy),
                    }));
                }
            }
        }
    }

    /// What failed before and has to be done before the next record.
    fn make_ready(&mut self) -> std::io::Result<()> {
        let failed = |what: &str, error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("{what} ({error}); check the disk"))
        };
        self.signing
            .settle()
            .map_err(|error| failed("the last checkpoint could not be written", error))?;
        if self.sealed {
            self.turn()
                .map_err(|error| failed("the next segment could not be begun", error))?;
        }
        Ok(())
    }

    /// Makes the checkpoint, and begins the segment, that are due. What fails is tried again before the next record.
    fn keep_house(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let now = self.clock.now();
        if let Err(error) = self.signing.make_if_due(&self.chain, now) {
            tracing::warn!(%error, "a checkpoint of the audit log could not be written; nothing is recorded until it can");
        }
        let age = Duration::try_from(now.duration_since(self.begun)).unwrap_or_default();
        let old = self
            .settings
            .segment_seconds
            .is_some_and(|limit| age >= Duration::from_secs(limit.get()));
        if self.sealed || old || self.len >= self.settings.segment_bytes.get() {
            if let Err(error) = self
                .seal()
                .and_then(|()| self.turn().map_err(|error| io_error("the next segment", error)))
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the next segment of the audit log could not be begun"
                );
            } else {
                self.retire(now);
            }
        }
    }

    /// Ends the segment with a note.
    pub(super) fn seal(&mut self) -> Result<(), AuditError> {
        if self.sealed {
            return Ok(());
        }
        let note = Note::Sealed {
            time: self.clock.now(),
            records: self.chain.records(),
            root: self.chain.tree.root(),
        };
        self.notes(&[note])?;
        self.sealed = true;
        Ok(())
    }

    /// Begins the next segment after a checkpoint of all that is in this one.
    pub(super) fn turn(&mut self) -> std::io::Result<()> {
        let now = self.clock.now();
        self.signing.make(&self.chain, now)?;
        let mut chain = self.chain.clone();
        let next = self.segment.saturating_add(1);
        let header = chain.turn(now, &self.signing.key(), next);
        self.medium = self.shelf.turn(self.segment, header.as_bytes())?;
        (self.chain, self.len) = (chain, header.len() as u64);
        (self.segment, self.begun, self.sealed) = (next, now, false);
        Ok(())
    }

    /// Deletes sealed segments that need not be kept. That they are is on record first.
    fn retire(&mut self, now: Timestamp) {
        let retired = self.shelf.retirable(now).and_then(|found| {
            let Some(Retirable { segments, records }) = found else {
                return Ok(());
            };
            let note = Note::Retired {
                time: now,
                segments,
                records,
            };
            self.notes(&[note]).map_err(std::io::Error::other)?;
            self.shelf.retire(segments)
        });
        if let Err(error) = retired {
            tracing::warn!(%error, "old segments of the audit log could not be deleted; it is tried again with the next segment");
        }
    }

    /// Writes `lines`, which end in the end of `chain`, and forces them to disk.
    fn write(&mut self, lines: &[u8], chain: Chain) -> std::io::Result<()> {
        if let Some(reason) = &self.broken {
            return Err(std::io::Error::other(reason.clone()));
        }
        if let Err(error) = self.medium.append(lines) {
            // Part of the lines may be there. Without them the log is as before, and can go on when there is room again.
            if let Err(cut) = self.medium.cut(self.len) {
                self.broken = Some(format!(
                    "part of a record could not be taken back ({cut}); restart the agent when the disk is in order"
                ));
            }
            return Err(error);
        }
        if let Err(error) = self.medium.sync() {
            // The system may have dropped what it could not write, and may call the next sync a success.
            self.broken = Some(format!(
                "the disk failed to store a record ({error}); check the disk and restart the agent"
            ));
            return Err(error);
        }
        self.len = self.len.saturating_add(lines.len() as u64);
        let head = chain.head();
        self.chain = chain;
        if let Some(Err(error)) = self.head_file.as_mut().map(|file| file.write(&head)) {
            // The records are safe. Until the next one the end of the log is less well guarded.
            tracing::warn!(%error, "the head file of the audit log could not be written");
        }
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AuditError> {
        self.make_ready()
            .map_err(|error| io_error("the log cannot be closed in order", error))?;
        let time = self.clock.now();
        self.notes(&[Note::Closed { time }])?;
        self.signing
            .make(&self.chain, time)
            .map_err(|error| io_error("the last checkpoint could not be written", error))?;
        match &self.head_file {
            Some(file) => file.sync().map_err(|error| io_error("the head file", error)),
            None => Ok(()),
        }
    }
}
