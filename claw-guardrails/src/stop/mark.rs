//! What is left beside the journal: that the stop is engaged, and that a person has asked to release it.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use claw_core::redact::Redactor;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Name of the mark's file, in the folder of the journal.
const MARK: &str = "stop.json";
/// Name of an order's file.
const ORDER: &str = "stop.release.json";
/// Largest file of either kind, in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// The longest name or reason, in characters.
const MAX_WORDS: usize = 200;

/// That the stop is engaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Since when.
    pub since: Timestamp,
    /// Who or what engaged it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Mark {
    /// The mark of somebody who engages the stop now. Of a name and a reason that are too long the beginning is kept, and no
    /// secret.
    pub fn new(since: Timestamp, by: &str, reason: &str) -> Self {
        let reason = words(reason);
        Self {
            since,
            by: words(by),
            reason: if reason.is_empty() {
                "no reason was given".to_owned()
            } else {
                reason
            },
        }
    }

    /// Why the stop is engaged, in one line.
    pub(super) fn line(&self) -> String {
        format!("{} ({})", self.reason, self.by)
    }
}

/// One line without secrets, of a length that can be read.
pub(super) fn words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible: String = line.chars().filter(|c| !c.is_control()).collect();
    // Before it is cut: half a secret is not known for one.
    Redactor::new().redact(&visible).chars().take(MAX_WORDS).collect()
}

/// That a person asks the agent which is running to release the stop. It holds for one mark: where the stop was engaged anew
/// since, it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Who.
    pub by: String,
    /// Why it may go on.
    pub reason: String,
    /// The mark that they have seen.
    pub mark: Mark,
    /// Why the agent did not do it; `None` as long as it has not answered.
    #[serde(default)]
    pub refused: Option<String>,
}

/// The mark cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {verb}; check that its folder is there, is writable and has space")]
pub struct MarkError {
    /// The file.
    pub path: String,
    /// `read`, `written` or `removed`.
    pub verb: &'static str,
    /// The underlying error.
    #[source]
    pub source: std::io::Error,
}

/// The files of mark and order in one folder. Every method blocks for the time that a file takes.
#[derive(Clone, Debug)]
pub struct MarkFile {
    folder: PathBuf,
}

impl MarkFile {
    /// Those in `folder`, which is that of the journal.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The mark; `None` where there is none. One that cannot be understood is one all the same.
    pub fn read(&self) -> Result<Option<Mark>, MarkError> {
        let path = self.folder.join(MARK);
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        Ok(Some(parse(&bytes).unwrap_or_else(|| Mark {
            since: Timestamp::UNIX_EPOCH,
            by: "nobody knows whom".to_owned(),
            reason: format!("there is a mark that cannot be understood: {}", path.display()),
        })))
    }

    /// Leaves a mark. It is there for good when this returns.
    pub fn write(&self, mark: &Mark) -> Result<(), MarkError> {
        write(&self.folder.join(MARK), mark)
    }

    /// Takes the mark away.
    pub fn remove(&self) -> Result<(), MarkError> {
        remove(&self.folder.join(MARK))
    }

    /// The order that was left; `None` where there is none, or none that can be understood: nothing is released by that.
    pub fn order(&self) -> Result<Option<Order>, MarkError> {
        let bytes = read(&self.folder.join(ORDER))?;
        Ok(bytes.and_then(|bytes| parse(&bytes)))
    }

    /// Leaves an order, or the answer to one.
    pub fn give(&self, order: &Order) -> Result<(), MarkError> {
        write(&self.folder.join(ORDER), order)
    }

    /// Takes the order away.
    pub fn take_back(&self) -> Result<(), MarkError> {
        remove(&self.folder.join(ORDER))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, MarkError> {
    let opened = std::fs::File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_BYTES), &mut bytes)?;
        Ok(bytes)
    });
    match opened {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "read", error)),
    }
}

/// Whole or not at all, whenever the power fails.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), MarkError> {
    let written = || {
        let new = path.with_extension("new");
        let mut file = std::fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        sync_folder(path)
    };
    written().map_err(|error| failed(path, "written", error))
}

fn remove(path: &Path) -> Result<(), MarkError> {
    match std::fs::remove_file(path).and_then(|()| sync_folder(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, "removed", error)),
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn failed(path: &Path, verb: &'static str, source: std::io::Error) -> MarkError {
    MarkError {
        path: path.display().to_string(),
        verb,
        source,
    }
}
