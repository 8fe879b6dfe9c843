//! The audit log in a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::audit::{AuditError, AuditEvent, AuditLog, AuditReceipt, CheckpointSink};
use claw_core::canonical;
use claw_core::clock::Clock;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::checkpoint::VerifierKey;
use super::head::Head;
use super::medium::Medium;
use super::settings::AuditSettings;
use super::signing::{deliver, newest};
use super::trust::Sighted;
use super::writer::{Request, Writer};
use super::{ENVELOPE, MAX_LINE, audit_error, io_error, open};

/// How callers wait for the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// How many records, and how many bytes of them, may wait for the disk before callers wait for room.
    pub(super) queue: usize,
    pub(super) queue_bytes: usize,
    /// How long a caller waits for the disk before its read is given up.
    pub(super) timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: 4096,
            queue_bytes: 64 * 1024 * 1024,
            timeout: Duration::from_secs(30),
        }
    }
}

/// An audit log in a file. See [the module](super) for its format.
///
/// One thread writes. Records that arrive while the disk is busy are written and forced to disk together. A receipt is
/// given only for a record that survives a power failure. When the disk is full, or fails, or hangs, appending is an
/// error; after a full disk the log goes on as soon as there is room.
///
/// Checkpoints are signed with the log's key, and written to the file of checkpoints beside the log; as long as one cannot be
/// written there, nothing is recorded. Other [sinks](CheckpointSink) get them as well: that one of those fails is a warning,
/// and the next checkpoint is tried again.
///
/// The file is locked: one process appends to it. Call [`close`](Self::close) at the end. A log that is dropped is
/// closed a little later, by its thread.
pub struct FileAuditLog {
    path: PathBuf,
    queue: mpsc::Sender<Request>,
    /// A permit for each byte that may wait.
    room: Arc<Semaphore>,
    head: Arc<Mutex<Head>>,
    verifier: VerifierKey,
    timeout: Duration,
    deliveries: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for FileAuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAuditLog")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl FileAuditLog {
    /// Opens the log at `path`, or begins one there.
    ///
    /// The current segment of an existing log is checked. What a crash left of a write that was never acknowledged is cut off,
    /// and the log says so. Anything else that is wrong is an error, and the file stays as it is: also that no checkpoint
    /// vouches for the log, or that there is more after its last one than can have been written before the next was due. What
    /// little there may be after the last one is signed, and a note says so. Checkpoints that the sinks have are compared as
    /// well: with one in another place, a log that was set back, or written anew, is not taken up.
    pub async fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        Self::open_with(path, clock, AuditSettings::default(), Vec::new()).await
    }

    /// Like [`open`](Self::open), with settings, and with further places for checkpoints.
    pub async fn open_with(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        settings: AuditSettings,
        sinks: Vec<Arc<dyn CheckpointSink>>,
    ) -> Result<Self, AuditError> {
        Self::open_waiting(path, clock, settings, sinks, Options::default()).await
    }

    pub(super) async fn open_waiting(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        settings: AuditSettings,
        sinks: Vec<Arc<dyn CheckpointSink>>,
        options: Options,
    ) -> Result<Self, AuditError> {
        let path = path.as_ref().to_owned();
        let at = path.clone();
        let period = settings.checkpoint_period();
        let elsewhere = newest(&sinks).await;
        let elsewhere = elsewhere
            .iter()
            .map(|(place, kept)| Sighted::read(place, kept))
            .collect::<Result<Vec<_>, _>>()
            .map_err(audit_error)?;
        let (writer, published) =
            tokio::task::spawn_blocking(move || open::open(&at, clock, settings, elsewhere))
                .await
                .map_err(|error| audit_error(format!("opening the log was interrupted ({error})")))??;
        let log = Self::start(path, writer, options)?;
        tokio::spawn(tick(log.queue.downgrade(), period));
        let deliveries = sinks
            .into_iter()
            .map(|sink| deliver(sink, published.clone()))
            .collect();
        *log.deliveries.lock().unwrap_or_else(PoisonError::into_inner) = deliveries;
        Ok(log)
    }

    /// Has the writer write, on a thread of its own.
    pub(super) fn start<M: Medium + 'static>(
        path: PathBuf,
        writer: Writer<M>,
        options: Options,
    ) -> Result<Self, AuditError> {
        let head = Arc::clone(&writer.head);
        let verifier = writer.signing.signer.verifier().clone();
        let (queue, requests) = mpsc::channel(options.queue.max(1));
        std::thread::Builder::new()
            .name("claw-audit".to_owned())
            .spawn(move || writer.run(requests))
            .map_err(|error| io_error("no thread for the log", error))?;
        Ok(Self {
            path,
            queue,
            room: Arc::new(Semaphore::new(options.queue_bytes.max(MAX_LINE))),
            head,
            verifier,
            timeout: options.timeout,
            deliveries: Mutex::default(),
        })
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How far the log goes. Keep it elsewhere, and [`verify`](super::verify) can show that records were cut off later.
    pub fn head(&self) -> Head {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The public key of its checkpoints. Keep it elsewhere, and `audit verify --key` can show that a log was written anew.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Writes what is waiting, records that the log is closed, makes a checkpoint, and lets go of the file. Returns when all
    /// sinks had the checkpoint, or their time for it is over. Appending is an error from then on.
    pub async fn close(&self) -> Result<(), AuditError> {
        let (reply, closed) = oneshot::channel();
        let closed = self.ask(Request::Close { reply }, closed).await;
        let deliveries = std::mem::take(&mut *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner));
        for mut delivery in deliveries {
            // It ends because the writer is gone, unless the writer hangs with its disk.
            if tokio::time::timeout(self.timeout, &mut delivery).await.is_err() {
                delivery.abort();
            }
        }
        closed
    }

    /// Has the writer look at the time, and waits until it has done what follows from that.
    #[cfg(test)]
    pub(super) async fn settled(&self) {
        let (done, over) = oneshot::channel();
        let tick = Request::Tick { done: Some(done) };
        self.queue.send(tick).await.unwrap();
        over.await.unwrap();
    }

    /// How many bytes wait for the disk.
    #[cfg(test)]
    pub(super) fn waiting_bytes(&self) -> usize {
        MAX_LINE - self.room.available_permits()
    }

    async fn ask<T>(
        &self,
        request: Request,
        answer: oneshot::Receiver<Result<T, AuditError>>,
    ) -> Result<T, AuditError> {
        self.in_time(async {
            self.queue.send(request).await.map_err(|_| self.closed())?;
            answer.await.map_err(|_| self.closed())?
        })
        .await
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, AuditError>>,
    ) -> Result<T, AuditError> {
        tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(audit_error(format!(
                    "{} was not written to disk within {:?}; check the disk",
                    self.path.display(),
                    self.timeout
                )))
            })
    }

    /// The error with the file that it is about.
    fn in_place(&self, error: AuditError) -> AuditError {
        let path = self.path.display().to_string();
        match error.reason.contains(&path) {
            true => error,
            false => AuditError {
                reason: format!("{path}: {}", error.reason),
                ..error
            },
        }
    }

    fn closed(&self) -> AuditError {
        audit_error(format!("{} is closed", self.path.display()))
    }
}

/// Has the writer look at the time, as long as the log is open.
async fn tick(queue: mpsc::WeakSender<Request>, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        match queue.upgrade() {
            // A queue that is full has the writer awake.
            Some(queue) => drop(queue.try_send(Request::Tick { done: None })),
            None => return,
        }
    }
}

#[async_trait]
impl AuditLog for FileAuditLog {
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
        let event = canonical_event(&event)?;
        let bytes = u32::try_from(event.len()).unwrap_or(u32::MAX);
        self.in_time(async {
            // In turn, so that a large event is not passed over for ever by small ones.
            let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
            let room = Some(room.map_err(|_| self.closed())?);
            let (reply, answer) = oneshot::channel();
            let request = Request::Append { event, reply, room };
            self.queue.send(request).await.map_err(|_| self.closed())?;
            let answer = answer.await.map_err(|_| self.closed())?;
            answer.map_err(|error| self.in_place(error))
        })
        .await
    }
}

/// The event as canonical JSON. Integers that canonical JSON does not know are written as strings of digits.
pub(super) fn canonical_event(event: &AuditEvent) -> Result<String, AuditError> {
    fn unfit(error: impl std::error::Error + Send + Sync + 'static) -> AuditError {
        AuditError {
            reason: "the event is not JSON".to_owned(),
            source: Some(Box::new(error)),
        }
    }
    let value = serde_json::to_value(event).map_err(unfit)?;
    // Hardly any event has an integer that is to be written otherwise.
    let text = match canonical::to_string(&value) {
        Ok(text) => text,
        Err(_) => canonical::to_string(&canonical::representable(value)).map_err(unfit)?,
    };
    if text.len() > MAX_LINE - ENVELOPE {
        return Err(audit_error(format!(
            "an event of {} bytes is longer than the limit of {} bytes; ask for less at a time",
            text.len(),
            MAX_LINE - ENVELOPE
        )));
    }
    Ok(text)
}
