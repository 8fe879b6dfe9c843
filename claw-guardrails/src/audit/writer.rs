//! The one thread that writes a log: whatever is waiting is written and forced to disk together.

use std::sync::{Arc, Mutex, PoisonError};

use claw_core::audit::{AuditError, AuditReceipt};
use claw_core::clock::Clock;
use tokio::sync::{mpsc, oneshot};

use super::chain::{Chain, Note};
use super::head::{Head, HeadFile};
use super::medium::Medium;
use super::{audit_error, io_error};

/// Most records, and most bytes (roughly), that are written together.
const BATCH_RECORDS: usize = 4096;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

pub(super) type Reply = oneshot::Sender<Result<AuditReceipt, AuditError>>;

pub(super) enum Request {
    /// Record an event, given as canonical JSON.
    Append { event: String, reply: Reply },
    /// Record that the log is closed, and let go of the file.
    Close {
        reply: oneshot::Sender<Result<(), AuditError>>,
    },
}

/// Owns the file and the end of its chain.
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
        let time = self.clock.now();
        self.notes(&[Note::Closed { time }])?;
        match &self.head_file {
            Some(file) => file.sync().map_err(|error| io_error("the head file", error)),
            None => Ok(()),
        }
    }
}
