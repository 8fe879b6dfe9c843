//! The audit log in a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::audit::{AuditError, AuditEvent, AuditLog, AuditReceipt, CheckpointSink};
use claw_core::canonical;
use claw_core::clock::Clock;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::checkpoint::VerifierKey;
use super::head::Head;
use super::settings::AuditSettings;
use super::signing::deliver;
use super::writer::Request;
use super::{MAX_LINE, audit_error, io_error, open};

/// What a record adds to its event at most, in bytes.
const ENVELOPE: usize = 512;

/// How callers wait for the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// How many records may wait for the disk before callers wait for room.
    pub(super) queue: usize,
    /// How long a caller waits for the disk before its read is given up.
    pub(super) timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: 4096,
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
    /// The current segment of an existing log is checked. A line that a crash left without its end was never acknowledged:
    /// it is cut off, and the log says so. Anything else that is wrong is an error, and the file stays as it is.
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
        let (writer, published) = tokio::task::spawn_blocking(move || open::open(&at, clock, settings))
            .await
            .map_err(|error| audit_error(format!("opening the log was interrupted ({error})")))??;
        let head = Arc::clone(&writer.head);
        let verifier = writer.signing.signer.verifier().clone();
        let (queue, requests) = mpsc::channel(options.queue.max(1));
        std::thread::Builder::new()
            .name("claw-audit".to_owned())
            .spawn(move || writer.run(requests))
            .map_err(|error| io_error("no thread for the log", error))?;
        tokio::spawn(tick(queue.downgrade(), period));
        let deliveries = sinks
            .into_iter()
            .map(|sink| deliver(sink, published.clone()))
            .collect();
        Ok(Self {
            path,
            queue,
            head,
            verifier,
            timeout: options.timeout,
            deliveries: Mutex::new(deliveries),
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

    async fn ask<T>(
        &self,
        request: Request,
        answer: oneshot::Receiver<Result<T, AuditError>>,
    ) -> Result<T, AuditError> {
        let closed = || audit_error(format!("{} is closed", self.path.display()));
        let exchange = async {
            self.queue.send(request).await.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        };
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
}

/// Has the writer look at the time, as long as the log is open.
async fn tick(queue: mpsc::WeakSender<Request>, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        match queue.upgrade() {
            // A queue that is full has the writer awake.
            Some(queue) => drop(queue.try_send(Request::Tick)),
            None => return,
        }
    }
}

#[async_trait]
impl AuditLog for FileAuditLog {
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
        let event = canonical_event(&event)?;
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Append { event, reply }, answer).await
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
    let text = canonical::to_string(&canonical::representable(value)).map_err(unfit)?;
    if text.len() > MAX_LINE - ENVELOPE {
        return Err(audit_error(format!(
            "an event of {} bytes is longer than the limit of {} bytes; ask for less at a time",
            text.len(),
            MAX_LINE - ENVELOPE
        )));
    }
    Ok(text)
}
