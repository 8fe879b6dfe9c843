//! Checking a log: is it whole, and is it as it was written?

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::check::Check;
use super::checkpoint::{VerifierKey, checkpoints_path};
use super::cursor::Cursor;
use super::head::{self, Head, head_path};
use super::segments::header_of;
use super::snapshot::Segments;
use super::verification::{Part, Verification};

/// How often a check is begun while a log in use goes on in another file.
const TRIES: u32 = 10;

/// A log could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The log itself.
    #[error("the audit log {path} cannot be read; check that it exists and that this user may read it")]
    Log {
        /// Where it should be.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The head file beside it.
    #[error(
        "the head file {path} cannot be read; if it is damaged, move it away and check the log without it"
    )]
    Head {
        /// Where it is.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Its checkpoints.
    #[error(
        "the checkpoints {path} cannot be read; check that the file exists and that this user may read it"
    )]
    Checkpoints {
        /// Where they should be.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A folder with no log, or with several.
    #[error("{path} has {found} audit logs; name the file of the one that is meant")]
    Folder {
        /// The folder.
        path: String,
        /// How many there are.
        found: usize,
    },
}

/// What the end of a log is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCheck {
    /// The head file beside the log. That it is gone beside a log with records is a problem.
    #[default]
    Beside,
    /// A head that was kept elsewhere.
    Kept(Head),
    /// Nothing: records that were cut off the end are not seen.
    Skip,
}

/// Which checkpoints the records are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointCheck {
    /// The file of checkpoints beside the log.
    #[default]
    Beside,
    /// A file that was kept elsewhere, with one checkpoint or many, and the one beside the log. So it is seen that the log was
    /// set back, all its files together.
    Kept(PathBuf),
    /// None: that somebody wrote records anew, with their hashes, is not seen.
    Skip,
}

/// What a log is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checks {
    /// The end.
    pub end: EndCheck,
    /// Checkpoints.
    pub checkpoints: CheckpointCheck,
    /// Public keys that checkpoints have to be signed with. Without any, the ones that the log itself names, which shows
    /// nothing if the log was written anew.
    pub keys: Vec<VerifierKey>,
}

impl Checks {
    /// Sets [`end`](Self::end).
    #[must_use]
    pub fn with_end(mut self, end: EndCheck) -> Self {
        self.end = end;
        self
    }

    /// Sets [`checkpoints`](Self::checkpoints).
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: CheckpointCheck) -> Self {
        self.checkpoints = checkpoints;
        self
    }

    /// Adds a key to [`keys`](Self::keys).
    #[must_use]
    pub fn with_key(mut self, key: VerifierKey) -> Self {
        self.keys.push(key);
        self
    }
}

impl From<EndCheck> for Checks {
    fn from(end: EndCheck) -> Self {
        Self::default().with_end(end)
    }
}

/// Checks the log at `path` with all its segments, against the head file and the checkpoints beside it. The log may be in
/// use.
///
/// Blocks while it reads. Takes memory for one line.
pub fn verify_file(path: impl AsRef<Path>) -> Result<Verification, VerifyError> {
    verify_file_with(path, Checks::default())
}

/// Checks the log at `path` with all its segments, against what `checks` says. The log may be in use. `path` may also be a
/// folder with one log.
///
/// Blocks while it reads. Takes memory for one line.
pub fn verify_file_with(
    path: impl AsRef<Path>,
    checks: impl Into<Checks>,
) -> Result<Verification, VerifyError> {
    let path = &log_in(path.as_ref())?;
    let Checks {
        end,
        checkpoints,
        keys,
    } = checks.into();
    let beside = matches!(end, EndCheck::Beside);
    let mut tries = TRIES;
    let (head, log, notes) = loop {
        let (head, log, notes) = gathered(path, &end, &checkpoints)?;
        // Of a segment that was begun in between there may be checkpoints, and nothing else.
        tries -= 1;
        if tries == 0 || log.is_current().map_err(failed(path))? {
            break (head, log, notes);
        }
    };
    let trusted = !keys.is_empty();
    let keys = if trusted { keys } else { log.keys() };
    let mut cursors = Vec::new();
    if let CheckpointCheck::Kept(kept) = &checkpoints {
        let reader = so_far(kept).map_err(unread(kept))?;
        cursors.push(Cursor::kept(reader, keys.clone(), trusted));
    }
    cursors.extend(notes.map(|notes| Cursor::beside(notes, keys, trusted)));
    let mut check = Check::new(head.as_ref(), cursors);
    log.read(|part, reader, upto| check.segment(part, reader, upto))?;
    check.finish(beside).map_err(failed(path))
}

/// A head, a log and its checkpoints, to be compared.
type Gathered = (Option<Head>, Segments, Option<Box<dyn BufRead>>);

/// The head first: a log in use only grows, so that it cannot seem to lag behind its head. The checkpoints last, and of the
/// log what there was before, so that those are there that have to be: see `Check::segment`.
fn gathered(path: &Path, end: &EndCheck, checkpoints: &CheckpointCheck) -> Result<Gathered, VerifyError> {
    let head = match end {
        EndCheck::Skip => None,
        EndCheck::Kept(head) => Some(head.clone()),
        EndCheck::Beside => {
            let head_path = head_path(path);
            head::read(&head_path).map_err(|source| VerifyError::Head {
                path: head_path.display().to_string(),
                source,
            })?
        }
    };
    let log = Segments::open(path)?;
    let at = checkpoints_path(path);
    let notes = match checkpoints {
        CheckpointCheck::Skip => None,
        _ => match so_far(&at) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Some(Box::new(std::io::empty()) as Box<dyn BufRead>)
            }
            read => Some(read.map_err(unread(&at))?),
        },
    };
    Ok((head, log, notes))
}

fn unread(path: &Path) -> impl FnOnce(std::io::Error) -> VerifyError {
    let path = path.display().to_string();
    move |source| VerifyError::Checkpoints { path, source }
}

/// Checks a log of one segment, and its end against `head`.
pub fn verify(reader: impl BufRead, head: Option<&Head>) -> std::io::Result<Verification> {
    let mut check = Check::new(head, Vec::new());
    check.segment(Part::Current, reader, None)?;
    check.finish(false)
}

pub(super) fn failed(path: &Path) -> impl Fn(std::io::Error) -> VerifyError {
    move |source| VerifyError::Log {
        path: path.display().to_string(),
        source,
    }
}

/// The file at `path` as long as it is now.
fn so_far(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(Box::new(BufReader::new(file.take(length))))
}

/// The log that is meant: the file itself, or the one in the folder.
pub(super) fn log_in(path: &Path) -> Result<PathBuf, VerifyError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed(path))? {
        let entry = entry.map_err(failed(path))?.path();
        let named = entry.extension().is_some_and(|extension| extension == "jsonl");
        if named && header_of(&entry).is_ok_and(|header| header.is_some()) {
            logs.push(entry);
        }
    }
    match logs.as_slice() {
        [log] => Ok(log.clone()),
        logs => Err(VerifyError::Folder {
            path: path.display().to_string(),
            found: logs.len(),
        }),
    }
}
