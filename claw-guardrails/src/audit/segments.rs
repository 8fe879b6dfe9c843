//! The files of a log: the one that is written, and the sealed ones before it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufReader, Error, ErrorKind, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::chain::read_header;
use super::entry::Header;
use super::files::{is_at, private, sync_folder};
use super::lines::{Next, next_line};
use super::settings::AuditSettings;

/// Digits of the number of a sealed segment in its name, at least.
const DIGITS: usize = 6;

/// Where the sealed segment `index` of the log at `log` lies: `audit.jsonl` → `audit.jsonl.000000`.
pub fn segment_path(log: &Path, index: u64) -> PathBuf {
    super::beside(log, &format!(".{index:0DIGITS$}"))
}

/// Where the next segment lies before it takes the place of the current one.
pub(super) fn next_path(log: &Path) -> PathBuf {
    super::beside(log, ".next")
}

/// The sealed segments of the log at `log` that are there, in their order.
pub fn sealed_segments(log: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(name) = log.file_name().and_then(|name| name.to_str()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let file = entry.file_name();
        let digits = file
            .to_str()
            .and_then(|file| file.strip_prefix(name)?.strip_prefix('.'));
        let Some(digits) = digits.filter(|digits| digits.len() >= DIGITS) else {
            continue;
        };
        match digits.parse::<u64>() {
            // Written as we write it, so that one number is one file.
            Ok(index) if format!("{index:0DIGITS$}") == digits => found.push((index, entry.path())),
            _ => {}
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The header of a segment; `None` when its first line is none.
pub(super) fn header_of(path: &Path) -> std::io::Result<Option<Header>> {
    let mut line = Vec::new();
    let next = next_line(&mut BufReader::new(File::open(path)?), &mut line)?;
    Ok(match next {
        Next::Line => read_header(&line)
            .filter(|(_, hash, computed)| hash == computed)
            .map(|(header, ..)| header),
        _ => None,
    })
}

/// What may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retirable {
    /// All segments before this one.
    pub(super) segments: u64,
    /// How many records are before it.
    pub(super) records: u64,
}

/// Where segments are kept. A trait so that failures can be tried.
pub(super) trait SegmentStore<M>: Send {
    /// Puts the current segment away as the sealed segment `index`, and begins the next with the line `header`. May be
    /// called again after an error, with the same arguments.
    fn turn(&mut self, index: u64, header: &[u8]) -> std::io::Result<M>;

    /// Which sealed segments need not be kept any more at `now`.
    fn retirable(&mut self, now: Timestamp) -> std::io::Result<Option<Retirable>>;

    /// Deletes the sealed segments before `segment`.
    fn retire(&mut self, segment: u64) -> std::io::Result<()>;
}

/// How far a turn to the next segment got. An error leaves it there, and the next try goes on from there.
#[derive(Debug)]
enum Stage {
    /// The next segment is on disk under a name of its own.
    Written(File),
    /// The current segment has its number, and its name is free.
    PutAway(File),
    /// The next segment has the name; the folder may not be on disk yet.
    InPlace(File),
}

/// Segments as files beside each other.
pub(super) struct SegmentFiles {
    log: PathBuf,
    keep_segments: Option<u32>,
    keep_seconds: Option<NonZeroU64>,
    stage: Option<(u64, Stage)>,
    /// Forces a folder to disk. A field so that failures can be tried.
    pub(super) sync: fn(&Path) -> std::io::Result<()>,
}

impl SegmentFiles {
    /// The segments of the log at `log`.
    pub(super) fn new(log: &Path, settings: &AuditSettings) -> Self {
        Self {
            log: log.to_owned(),
            keep_segments: settings.keep_segments,
            keep_seconds: settings.keep_seconds,
            stage: None,
            sync: sync_folder,
        }
    }

    /// Writes the next segment. Nobody takes it for a log that is not in use, from the moment it has its name.
    pub(super) fn write(&self, header: &[u8]) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        private(&mut options);
        let mut file = options.open(next_path(&self.log))?;
        file.try_lock()?;
        file.set_len(0)?;
        file.write_all(header)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Gives the current segment its number.
    pub(super) fn put_away(&self, index: u64) -> std::io::Result<()> {
        let away = segment_path(&self.log, index);
        if fs::exists(&away)? {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "{} is there already, and is not this log's; move it away",
                    away.display()
                ),
            ));
        }
        fs::rename(&self.log, &away)
    }

    /// Gives the next segment the name of the log.
    pub(super) fn put_in_place(&self, file: &File) -> std::io::Result<()> {
        match fs::rename(next_path(&self.log), &self.log) {
            // Another process, which took this one for dead, did it.
            Err(error) if error.kind() == ErrorKind::NotFound && is_at(file, &self.log)? => Ok(()),
            done => done,
        }
    }
}

impl SegmentStore<File> for SegmentFiles {
    fn turn(&mut self, index: u64, header: &[u8]) -> std::io::Result<File> {
        let mut stage = match self.stage.take() {
            Some((of, stage)) if of == index => stage,
            _ => Stage::Written(self.write(header)?),
        };
        loop {
            // What fails leaves the stage as it was.
            let done = match &stage {
                Stage::Written(_) => self.put_away(index),
                Stage::PutAway(file) => self.put_in_place(file),
                Stage::InPlace(_) => (self.sync)(&self.log),
            };
            if let Err(error) = done {
                self.stage = Some((index, stage));
                return Err(error);
            }
            stage = match stage {
                Stage::Written(file) => Stage::PutAway(file),
                Stage::PutAway(file) => Stage::InPlace(file),
                Stage::InPlace(file) => return Ok(file),
            };
        }
    }

    fn retirable(&mut self, now: Timestamp) -> std::io::Result<Option<Retirable>> {
        let (keep_segments, keep_seconds) = (self.keep_segments, self.keep_seconds);
        if keep_segments.is_none() && keep_seconds.is_none() {
            return Ok(None);
        }
        let sealed = sealed_segments(&self.log)?;
        let too_many = keep_segments.map_or(0, |keep| sealed.len().saturating_sub(keep as usize));
        let mut found = None;
        // A segment was sealed when the one after it was begun.
        let after = sealed.iter().skip(1).map(|(_, path)| path).chain([&self.log]);
        for (place, next) in after.enumerate().take(sealed.len()) {
            let Some(Header {
                after: Some(after),
                created,
                segment,
                ..
            }) = header_of(next)?
            else {
                break;
            };
            let too_old = keep_seconds.is_some_and(|keep| {
                let age = Duration::try_from(now.duration_since(created)).unwrap_or_default();
                age >= Duration::from_secs(keep.get())
            });
            if place >= too_many && !too_old {
                break;
            }
            found = Some(Retirable {
                segments: segment,
                records: after.records,
            });
        }
        Ok(found)
    }

    fn retire(&mut self, segment: u64) -> std::io::Result<()> {
        for (index, path) in sealed_segments(&self.log)? {
            if index < segment {
                fs::remove_file(path)?;
            }
        }
        (self.sync)(&self.log)
    }
}

/// What was found of a turn to the next segment that did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turning {
    /// None, or it has ended now.
    Ended,
    /// Who makes it is alive.
    InUse,
}

/// Whether the current segment was put away and none has its name yet.
fn is_between(log: &Path) -> std::io::Result<bool> {
    let is_free = match fs::metadata(log) {
        // An empty file is what somebody made who came between the renames.
        Ok(found) => found.is_file() && found.len() == 0,
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    Ok(is_free && !sealed_segments(log)?.is_empty())
}

/// Ends a turn to the next segment that a crash interrupted between its two renames. Blocks.
pub(super) fn finish_turn(log: &Path) -> std::io::Result<Turning> {
    let next = next_path(log);
    let file = match OpenOptions::new().read(true).append(true).open(&next) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Turning::Ended),
        Err(error) => return Err(error),
    };
    if !is_between(log)? {
        return Ok(Turning::Ended);
    }
    // Whoever makes the turn has it locked, from before its first rename.
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Turning::InUse),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // It may have ended between the look at the names and the lock.
    if is_between(log)? && is_at(&file, &next)? {
        fs::rename(&next, log)?;
        sync_folder(log)?;
    }
    Ok(Turning::Ended)
}
