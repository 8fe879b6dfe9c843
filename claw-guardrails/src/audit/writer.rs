//! The one thread that writes a log: whatever is waiting is written and forced to disk together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claw_core::audit::{AuditError, AuditReceipt};
use claw_core::clock::Clock;
use jiff::Timestamp;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::chain::Chain;
use super::entry::Note;
use super::head::{Head, HeadFile};
use super::medium::Medium;
use super::segments::{Retirable, SegmentStore};
use super::settings::AuditSettings;
use super::signing::Signing;
use super::{ENVELOPE, MAX_LINE, audit_error, io_error};

/// Most records, and most bytes (roughly), that are written together.
const BATCH_RECORDS: usize = 4096;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// No write is longer, in bytes: the event that fills a batch is in it as a whole.
pub(super) const LONGEST_APPEND: u64 = (BATCH_BYTES + MAX_LINE + BATCH_RECORDS * ENVELOPE) as u64;

pub(super) type Reply = oneshot::Sender<Result<AuditReceipt, AuditError>>;

pub(super) enum Request {
    /// Record an event, given as canonical JSON. It takes up room in the queue until it is written or refused.
    Append {
        event: String,
        reply: Reply,
        room: Option<OwnedSemaphorePermit>,
    },
    /// Look at the time: a checkpoint or a new segment may be due.
    Tick {
        /// Who waits until what follows from that is done.
        done: Option<oneshot::Sender<()>>,
    },
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
    pub(super) store: Box<dyn SegmentStore<M>>,
    /// Which segment is written.
    pub(super) segment: u64,
    /// When it was begun.
    pub(super) begun: Timestamp,
    /// It takes no records any more; the next one has to be begun.
    pub(super) sealed: bool,
    /// The next one, while it could not be begun.
    pub(super) turning: Option<Turn>,
    /// What is on record as deleted.
    pub(super) retired: Option<Retirable>,
    pub(super) signing: Signing,
}

/// How the log goes on in its next segment.
pub(super) struct Turn {
    time: Timestamp,
    chain: Chain,
    header: String,
}

/// An event that is to be recorded, and who waits for it.
struct Waiting {
    event: String,
    reply: Reply,
    _room: Option<OwnedSemaphorePermit>,
}

impl<M: Medium> Writer<M> {
    /// Serves requests until the log is closed or nobody can make requests any more.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = next(&mut queue) {
            let mut batch = Vec::new();
            let mut bytes = 0_usize;
            let mut close = None;
            let mut ticked = false;
            let mut watchers = Vec::new();
            // No more than there may be before the next checkpoint.
            let most = BATCH_RECORDS.min(self.signing.room(&self.chain));
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Append { event, reply, room } => {
                        bytes = bytes.saturating_add(event.len());
                        batch.push(Waiting {
                            event,
                            reply,
                            _room: room,
                        });
                    }
                    Request::Tick { done } => {
                        ticked = true;
                        watchers.extend(done);
                    }
                    Request::Close { reply } => {
                        close = Some(reply);
                        break;
                    }
                }
                let full = batch.len() >= most || bytes >= BATCH_BYTES;
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
            self.keep_house(ticked);
            for done in watchers {
                let _ = done.send(());
            }
        }
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the audit log could not be closed in order");
        }
    }

    /// Records notes before anything else.
    pub(super) fn notes(&mut self, notes: &[Note]) -> Result<(), AuditError> {
        if notes.is_empty() {
            return Ok(());
        }
        let mut chain = self.chain.clone();
        let lines: String = notes.iter().map(|note| chain.link_note(note).0).collect();
        self.write(lines.as_bytes(), chain)
            .map_err(|error| io_error("a note of the log about itself", error))?;
        self.write_head();
        Ok(())
    }

    fn commit(&mut self, batch: Vec<Waiting>) {
        if let Err(error) = self.make_ready() {
            let reason = error.to_string();
            for waiting in batch {
                let _ = waiting.reply.send(Err(audit_error(&reason)));
            }
            return;
        }
        let mut chain = self.chain.clone();
        let mut lines = String::new();
        let mut answers = Vec::with_capacity(batch.len());
        for waiting in batch {
            let (line, receipt) = chain.link_event(&waiting.event);
            lines.push_str(&line);
            answers.push((receipt, waiting.reply));
        }
        // A caller that has gone away is told nothing; its record stands all the same.
        match self.write(lines.as_bytes(), chain) {
            Ok(()) => {
                for (receipt, reply) in answers {
                    let _ = reply.send(Ok(receipt));
                }
                // Nobody has to wait for it: it is never ahead, and lags behind as well after a power failure.
                self.write_head();
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

    /// Makes the checkpoint, and begins the segment, that are due, and now and then looks for segments that are too old. What
    /// fails is tried again before the next record.
    fn keep_house(&mut self, ticked: bool) {
        if self.broken.is_some() {
            return;
        }
        let now = self.clock.now();
        if let Err(error) = self.signing.make_if_due(&self.chain, now) {
            tracing::warn!(%error, "a checkpoint of the audit log could not be written; nothing is recorded until it can");
            // Nor is a note of the log's own.
            return;
        }
        let age = Duration::try_from(now.duration_since(self.begun)).unwrap_or_default();
        let old = self
            .settings
            .segment_seconds
            .is_some_and(|limit| age >= Duration::from_secs(limit.get()));
        let mut turned = false;
        if self.sealed || old || self.len >= self.settings.segment_bytes.get() {
            let begun = self
                .seal()
                .and_then(|()| self.turn().map_err(|error| io_error("the next segment", error)));
            turned = begun.is_ok();
            if let Err(error) = begun {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the next segment of the audit log could not be begun"
                );
                return;
            }
        }
        if turned || ticked && self.settings.keep_seconds.is_some() {
            self.retire(now);
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
        let next = self.segment.saturating_add(1);
        // Nothing is recorded in between, so that what an earlier try may have put on disk is what this one puts there.
        let turn = self.turning.take().unwrap_or_else(|| {
            let mut chain = self.chain.clone();
            let header = chain.turn(now, &self.signing.key(), next);
            Turn {
                time: now,
                chain,
                header,
            }
        });
        self.medium = match self.store.turn(self.segment, turn.header.as_bytes()) {
            Ok(medium) => medium,
            Err(error) => {
                self.turning = Some(turn);
                return Err(error);
            }
        };
        (self.chain, self.len) = (turn.chain, turn.header.len() as u64);
        (self.segment, self.begun, self.sealed) = (next, turn.time, false);
        Ok(())
    }

    /// Deletes sealed segments that need not be kept. That they are is on record first, and signed, so that nobody else can
    /// say it of segments that are missing.
    fn retire(&mut self, now: Timestamp) {
        let retired = self.store.retirable(now).and_then(|found| {
            let Some(found) = found else {
                return Ok(());
            };
            if self.retired != Some(found) {
                let Retirable { segments, records } = found;
                let note = Note::Retired {
                    time: now,
                    segments,
                    records,
                };
                self.notes(&[note]).map_err(std::io::Error::other)?;
                self.retired = Some(found);
            }
            self.signing.make(&self.chain, now)?;
            self.store.retire(found.segments)
        });
        if let Err(error) = retired {
            tracing::warn!(%error, "old segments of the audit log could not be deleted; it is tried again");
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
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = chain.head();
        self.chain = chain;
        Ok(())
    }

    /// Has the head file say how far the log goes.
    fn write_head(&mut self) {
        let head = self.chain.head();
        if let Some(Err(error)) = self.head_file.as_mut().map(|file| file.write(&head)) {
            // The records are safe. Until the next one the end of the log is less well guarded.
            tracing::warn!(%error, "the head file of the audit log could not be written");
        }
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

/// How often the queue is looked at before the writer goes to sleep. Who records one event after the other comes back within
/// microseconds, and waking a thread takes longer than that.
const LOOKS: u32 = 50;

/// The next request; `None` when there will be none.
fn next(queue: &mut mpsc::Receiver<Request>) -> Option<Request> {
    for _ in 0..LOOKS {
        match queue.try_recv() {
            Ok(request) => return Some(request),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
    queue.blocking_recv()
}
