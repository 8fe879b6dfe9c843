//! The files of a log: the one that is written, and the sealed ones before it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::chain::{Header, read_header};
use super::lines::{Next, next_line};
use super::open::{private, sync_folder};
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
pub(super) trait Shelf<M>: Send {
    /// Puts the current segment away as the sealed segment `index`, and begins the next with the line `header`. May be
    /// called again after an error.
    fn turn(&mut self, index: u64, header: &[u8]) -> std::io::Result<M>;

    /// Which sealed segments need not be kept any more at `now`.
    fn retirable(&mut self, now: Timestamp) -> std::io::Result<Option<Retirable>>;

    /// Deletes the sealed segments before `segment`.
    fn retire(&mut self, segment: u64) -> std::io::Result<()>;
}

/// Segments as files beside each other.
#[derive(Debug)]
pub(super) struct FileShelf {
    pub(super) log: PathBuf,
    pub(super) settings: AuditSettings,
}

impl Shelf<File> for FileShelf {
    fn turn(&mut self, index: u64, header: &[u8]) -> std::io::Result<File> {
        let (next, away) = (next_path(&self.log), segment_path(&self.log, index));
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        private(&mut options);
        let mut file = options.open(&next)?;
        // Nobody takes it for a log that is not in use, from the moment it has its name.
        file.try_lock()?;
        file.set_len(0)?;
        file.write_all(header)?;
        file.sync_all()?;
        match fs::exists(&away)? {
            false => fs::rename(&self.log, &away)?,
            // Put away by an earlier try, which failed after that.
            true if !fs::exists(&self.log)? => {}
            true => {
                return Err(std::io::Error::new(
                    ErrorKind::AlreadyExists,
                    format!("{} is there already; move it away", away.display()),
                ));
            }
        }
        fs::rename(&next, &self.log)?;
        sync_folder(&self.log)?;
        Ok(file)
    }

    fn retirable(&mut self, now: Timestamp) -> std::io::Result<Option<Retirable>> {
        let AuditSettings {
            keep_segments,
            keep_seconds,
            ..
        } = self.settings;
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
        sync_folder(&self.log)
    }
}

/// Ends a turn to the next segment that a crash interrupted between its two renames. Blocks.
pub(super) fn finish_turn(log: &Path) -> std::io::Result<()> {
    let next = next_path(log);
    if fs::exists(log)? || !fs::exists(&next)? || sealed_segments(log)?.is_empty() {
        return Ok(());
    }
    fs::rename(&next, log)?;
    sync_folder(log)
}
