//! Places for checkpoints that need nothing else.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use claw_core::audit::{CheckpointError, CheckpointSink, SignedCheckpoint};

use super::file::CheckpointFile;

/// Adds the checkpoints of one log to a file, which is best on another disk or machine than the log: on a volume of its own,
/// say.
///
/// The log has such a file beside it in any case. While one agent adds to the file it is locked. A checkpoint of another log, or
/// of fewer records than the last one in the file, is refused: the log that made it was set back or begun anew.
#[derive(Clone)]
pub struct FileSink {
    path: PathBuf,
    name: String,
    open: Arc<Mutex<Option<Open>>>,
}

/// The file, while it is ours, and its last checkpoint.
struct Open {
    file: CheckpointFile,
    last: Option<(String, u64)>,
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl FileSink {
    /// A sink that adds to the file at `path`. It is opened, or made, when the first checkpoint comes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: format!("file {}", path.display()),
            path,
            open: Arc::default(),
        }
    }

    /// Blocks.
    fn add(&self, checkpoint: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let failed = |error: std::io::Error| {
            let remedy = "check the disk and its permissions";
            self.failed("cannot be written", remedy, Some(error))
        };
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out while it is written: after an error it is opened anew, and looked at again.
        let mut open = match held.take() {
            Some(open) => open,
            None => {
                let (file, last) = CheckpointFile::open(&self.path).map_err(failed)?;
                let last = last.map(|(checkpoint, _)| (checkpoint.origin, checkpoint.size));
                Open { file, last }
            }
        };
        match &open.last {
            Some((origin, _)) if *origin != checkpoint.origin => {
                let what = format!("has the checkpoints of another log, {origin}");
                return Err(self.failed(&what, "give each log a file of its own", None));
            }
            Some((_, size)) if *size > checkpoint.size => {
                let what = format!(
                    "has a checkpoint of {size} records, and the log has {}",
                    checkpoint.size
                );
                return Err(self.failed(
                    &what,
                    "it was set back: run `audit verify --checkpoints` with the file",
                    None,
                ));
            }
            // Given twice.
            Some((_, size)) if *size == checkpoint.size => {}
            _ => {
                open.file.append(checkpoint).map_err(failed)?;
                open.last = Some((checkpoint.origin.clone(), checkpoint.size));
            }
        }
        *held = Some(open);
        Ok(())
    }

    fn failed(&self, what: &str, remedy: &str, source: Option<std::io::Error>) -> CheckpointError {
        CheckpointError {
            reason: format!("{} {what}; {remedy}", self.path.display()),
            source: source.map(|error| Box::new(error) as _),
        }
    }
}

#[async_trait]
impl CheckpointSink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let (sink, checkpoint) = (self.clone(), checkpoint.clone());
        let added = tokio::task::spawn_blocking(move || sink.add(&checkpoint));
        added.await.unwrap_or_else(|error| {
            let interrupted = std::io::Error::other(error);
            Err(self.failed(
                "was not written",
                "the next one is tried again",
                Some(interrupted),
            ))
        })
    }

    async fn newest(&self) -> Result<Option<SignedCheckpoint>, CheckpointError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || CheckpointFile::last(&path));
        let read = read
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let last = read.map_err(|error| {
            self.failed(
                "cannot be read",
                "check the disk and its permissions",
                Some(error),
            )
        })?;
        Ok(last.map(|(checkpoint, note)| SignedCheckpoint {
            origin: checkpoint.origin,
            size: checkpoint.size,
            note: note.to_string(),
        }))
    }
}

/// Prints checkpoints to standard output, for a collector of logs to carry away.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdoutSink;

#[async_trait]
impl CheckpointSink for StdoutSink {
    fn name(&self) -> &str {
        "standard output"
    }

    async fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let text = format!("{}\n", checkpoint.note);
        let written = tokio::task::spawn_blocking(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()
        });
        let written = written
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| CheckpointError {
            reason: "standard output cannot be written".to_owned(),
            source: Some(Box::new(error)),
        })
    }
}
