//! Opening a log: a new one is begun, an old one is checked at its end and taken up again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};

use claw_core::audit::AuditError;
use claw_core::clock::Clock;
use claw_core::digest::sha256;

use super::chain::{Chain, FORMAT, Header, Note, begins_header, read_header, read_line};
use super::head::{self, Head, HeadFile, head_path};
use super::lines::{Next, next_line};
use super::writer::Writer;
use super::{MAX_LINE, audit_error, io_error};

/// Only the agent's own user may read what it saw.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn private(_options: &mut OpenOptions) {}

/// Opens the log at `path`, or begins it, and makes it the caller's alone.
pub(super) fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Writer<File>, AuditError> {
    let name = path.display();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    private(&mut options);
    let file = options.open(path).map_err(|error| {
        io_error(
            format!("{name} cannot be opened; its folder has to exist and be writable"),
            error,
        )
    })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(audit_error(format!(
                "{name} is in use by another process; give each agent a log of its own"
            )));
        }
        Err(TryLockError::Error(error)) => return Err(io_error(format!("{name} cannot be locked"), error)),
    }
    let head_path = head_path(path);
    let kept = head::read(&head_path).map_err(|error| {
        io_error(
            format!(
                "{} cannot be read; run `audit verify`, and remove the file if the log is intact",
                head_path.display()
            ),
            error,
        )
    })?;
    let failed = |error| io_error(format!("{name} cannot be read"), error);
    let (file, state) = match take_up(file, kept.as_ref()).map_err(failed)? {
        (_, Err(reason)) => {
            return Err(audit_error(format!(
                "{name}: {reason}; run `audit verify {name}` to see the whole extent, keep the file, and begin a new log"
            )));
        }
        (file, Ok(state)) => (file, state),
    };
    let (file, state) = match state {
        Some(state) => (file, state),
        None => begin(file, path, clock.as_ref())
            .map_err(|error| io_error(format!("{name} cannot be begun"), error))?,
    };
    let mut notes = Vec::new();
    if let Some((bytes, digest)) = state.torn {
        file.set_len(state.len)
            .and_then(|()| file.sync_data())
            .map_err(|error| io_error(format!("{name} has a torn end that cannot be cut off"), error))?;
        notes.push(Note::Recovered {
            time: clock.now(),
            bytes,
            digest,
        });
    }
    if kept.is_none() && !state.new {
        notes.push(Note::HeadMissing { time: clock.now() });
    }
    let head_file = HeadFile::create(&head_path, &state.head)
        .map_err(|error| io_error(format!("{} cannot be written", head_path.display()), error))?;
    let mut writer = Writer {
        medium: file,
        len: state.len,
        chain: Chain::after(state.head.clone()),
        head_file: Some(head_file),
        head: Arc::new(Mutex::new(state.head)),
        clock,
        broken: None,
    };
    if !notes.is_empty() {
        writer.notes(&notes)?;
    }
    Ok(writer)
}

/// Where a log ends.
struct State {
    new: bool,
    head: Head,
    /// Length up to the end of the last whole line, in bytes.
    len: u64,
    /// Length and digest of what comes after it.
    torn: Option<(u64, String)>,
}

/// Begins the log. It is on disk, and found under its name, when this returns.
fn begin(file: File, path: &Path, clock: &dyn Clock) -> std::io::Result<(File, State)> {
    let created = clock.now();
    // Two logs begun at one path differ in time, two begun at one time differ in process or path.
    let seed = format!(
        "{} {} {}",
        created.as_nanosecond(),
        std::process::id(),
        path.display()
    );
    let log = sha256(&seed).get(..16).unwrap_or_default().to_owned();
    let (chain, line) = Chain::begin(&Header {
        created,
        format: FORMAT,
        log,
    });
    let mut file = file;
    file.set_len(0)?;
    std::io::Write::write_all(&mut file, line.as_bytes())?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    let state = State {
        new: true,
        head: chain.head(),
        len: line.len() as u64,
        torn: None,
    };
    Ok((file, state))
}

/// Checks header and end of a log. `None` when nothing was ever recorded in it; the inner error says why the log cannot
/// be trusted.
#[allow(clippy::type_complexity)] // two kinds of failure: the disk's, and the log's
fn take_up(mut file: File, kept: Option<&Head>) -> std::io::Result<(File, Result<Option<State>, String>)> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let first = next_line(&mut reader, &mut line)?;
    let mut file = reader.into_inner();
    let header = match first {
        Next::End | Next::Incomplete => {
            let verdict = match kept {
                // Nobody's file is overwritten that was named by mistake.
                _ if !begins_header(&line) => Err("the file is not an audit log".to_owned()),
                Some(head) if head.records > 0 => {
                    Err(format!("the log is empty, but it had {} records", head.records))
                }
                // Empty, or a crash while the log was being begun.
                _ => Ok(None),
            };
            return Ok((file, verdict));
        }
        Next::TooLong => None,
        Next::Line => read_header(&line),
    };
    let header_len = line.len() as u64 + 1;
    let verdict = match header {
        Some((header, hash, computed)) if hash == computed && header.format <= FORMAT => {
            last_record(&mut file, header_len, size)?.and_then(|last| {
                let head = match last.line {
                    None => Head {
                        log: header.log,
                        records: 0,
                        hash,
                    },
                    Some((sequence, hash)) => Head {
                        log: header.log,
                        records: sequence.saturating_add(1),
                        hash,
                    },
                };
                agree(kept, &head)?;
                Ok(Some(State {
                    new: false,
                    head,
                    len: last.end,
                    torn: last.torn,
                }))
            })
        }
        Some((header, ..)) if header.format > FORMAT => Err(format!(
            "the log has format {}, written by a newer version; this one writes format {FORMAT}",
            header.format
        )),
        _ => Err("line 1 is not the header of an audit log".to_owned()),
    };
    Ok((file, verdict))
}

/// Whether the log goes at least as far as its head file says.
fn agree(kept: Option<&Head>, found: &Head) -> Result<(), String> {
    match kept {
        Some(kept) if kept.log != found.log => Err("the head file belongs to another log".to_owned()),
        Some(kept) if kept.records > found.records => Err(format!(
            "the log has {} records, but it had {}",
            found.records, kept.records
        )),
        Some(kept) if kept.records == found.records && kept.hash != found.hash => {
            Err("the last record is not the one that the head file names".to_owned())
        }
        _ => Ok(()),
    }
}

struct Last {
    /// Sequence and hash of the last whole record; `None` when only the header is there.
    line: Option<(u64, String)>,
    end: u64,
    torn: Option<(u64, String)>,
}

/// Finds the last whole line and what comes after it, reading from the end.
fn last_record(file: &mut File, header_len: u64, size: u64) -> std::io::Result<Result<Last, String>> {
    // Room for a torn line and the whole line before it.
    let span = (2 * (MAX_LINE as u64 + 1)).min(size.saturating_sub(header_len));
    let start = size - span;
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.by_ref().take(span).read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let (lines, torn) = tail.split_at(whole);
    let torn = (!torn.is_empty()).then(|| (torn.len() as u64, sha256(torn)));
    let end = start.saturating_add(whole as u64);
    let Some(lines) = lines.strip_suffix(b"\n") else {
        let only_header = start == header_len;
        return Ok(if only_header {
            Ok(Last {
                line: None,
                end,
                torn,
            })
        } else {
            Err("the end of the log is not made of records".to_owned())
        });
    };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(match read_line(last) {
        Some(line) if line.hash == line.computed => Ok(Last {
            line: Some((line.sequence, line.hash)),
            end,
            torn,
        }),
        _ => Err("the last record is damaged".to_owned()),
    })
}
