//! Places for checkpoints that need nothing else.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use claw_core::audit::{CheckpointError, CheckpointSink, SignedCheckpoint};

use super::file::CheckpointFile;

/// Adds checkpoints to a file, which is best on another disk or machine than the log: on a volume of its own, say.
///
/// The log has such a file beside it in any case.
#[derive(Clone)]
pub struct FileSink {
    path: PathBuf,
    name: String,
    file: Arc<Mutex<Option<CheckpointFile>>>,
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
            file: Arc::default(),
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
        let written = tokio::task::spawn_blocking(move || {
            let mut open = sink.file.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match open.take() {
                Some(file) => file,
                None => CheckpointFile::open(&sink.path)?.0,
            };
            // Taken out while it is written: after an error it is opened anew, and looked at again.
            let mut file = file;
            file.append(&checkpoint)?;
            *open = Some(file);
            Ok(())
        });
        let written = written
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error: std::io::Error| CheckpointError {
            reason: format!(
                "{} cannot be written; check the disk and its permissions",
                self.path.display()
            ),
            source: Some(Box::new(error)),
        })
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
