//! Opening a log: a new one is begun, an old one is checked and taken up again.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex};

use claw_core::audit::{AuditError, SignedCheckpoint};
use claw_core::clock::Clock;
use claw_core::digest::sha256;
use tokio::sync::watch;

use super::chain::{Chain, FORMAT, Note};
use super::checkpoint::{Checkpoint, CheckpointFile, Signer, checkpoints_path};
use super::head::{self, Head, HeadFile, head_path};
use super::segments::{FileShelf, finish_turn, sealed_segments};
use super::settings::AuditSettings;
use super::signing::Signing;
use super::take_up::{State, take_up};
use super::writer::Writer;
use super::{audit_error, io_error};

/// How often the file behind a name may change while it is being opened, because another process begins a segment.
const TRIES: u32 = 10;

/// Only the agent's own user may read what it saw.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn private(_options: &mut OpenOptions) {}

/// Makes the names of the files in the folder of `path` survive a power failure.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// A writer, and the checkpoints that it makes.
pub(super) type Opened = (Writer<File>, watch::Receiver<Option<SignedCheckpoint>>);

/// Opens the log at `path`, or begins it, and makes it the caller's alone.
pub(super) fn open(
    path: &Path,
    clock: Arc<dyn Clock>,
    settings: AuditSettings,
) -> Result<Opened, AuditError> {
    let name = path.display();
    let file = own(path)?;
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
    let checkpoints_path = checkpoints_path(path);
    let open_checkpoints = || {
        CheckpointFile::open(&checkpoints_path).map_err(|error| {
            io_error(
                format!(
                    "{} cannot be taken up; run `audit verify`, and move the file away if the log is intact",
                    checkpoints_path.display()
                ),
                error,
            )
        })
    };
    // Not made beside a file that turns out to be no log.
    let opened = if checkpoints_path.exists() {
        Some(open_checkpoints()?)
    } else {
        None
    };
    let (checkpoints, last) = match opened {
        Some((file, last)) => (Some(file), last.map(|(checkpoint, _)| checkpoint)),
        None => (None, None),
    };
    let failed = |error| io_error(format!("{name} cannot be read"), error);
    let taken = take_up(&file, kept.as_ref(), last.as_ref()).map_err(failed)?;
    let taken = taken.map_err(|reason| {
        audit_error(format!(
            "{name}: {reason}; run `audit verify {name}` to see the whole extent, keep the file, and begin a new log"
        ))
    })?;
    let signer_of = |log: &str| {
        Signer::read_or_make(&settings.key_path(path), &Checkpoint::origin(log)).map_err(|error| AuditError {
            reason: format!("{name} cannot be signed"),
            source: Some(Box::new(error)),
        })
    };
    let (state, signer, new) = match taken {
        Some(state) => {
            let signer = signer_of(&state.chain.log)?;
            (state, signer, false)
        }
        None => {
            refuse_remains(path)?;
            let id = log_id(path, clock.as_ref());
            let signer = signer_of(&id)?;
            let begun = begin(&file, path, &id, &signer.verifier().to_string(), clock.as_ref());
            (
                begun.map_err(|error| io_error(format!("{name} cannot be begun"), error))?,
                signer,
                true,
            )
        }
    };
    let checkpoints = match checkpoints {
        Some(file) => file,
        None => open_checkpoints()?.0,
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
    if kept.is_none() && !new {
        notes.push(Note::HeadMissing { time: clock.now() });
    }
    let head = state.chain.head();
    let head_file = HeadFile::create(&head_path, &head)
        .map_err(|error| io_error(format!("{} cannot be written", head_path.display()), error))?;
    let (published, receiver) = watch::channel(None);
    let now = clock.now();
    let mut writer = Writer {
        medium: file,
        len: state.len,
        chain: state.chain,
        head_file: Some(head_file),
        head: Arc::new(Mutex::new(head)),
        clock,
        broken: None,
        shelf: Box::new(FileShelf {
            log: path.to_owned(),
            settings: settings.clone(),
        }),
        segment: state.header.segment,
        begun: state.header.created,
        // No record of this format goes into a file of an earlier one.
        sealed: state.sealed || state.header.format < FORMAT,
        signing: Signing {
            signer,
            keep: Box::new(checkpoints),
            published,
            settings: settings.clone(),
            size: last.map(|checkpoint| checkpoint.size),
            time: now,
            owed: None,
        },
        settings,
    };
    // Each header names the key of its segment.
    if !writer.sealed && state.header.key != writer.signing.key() {
        writer.seal()?;
    }
    if writer.sealed {
        let turned = writer.turn();
        turned.map_err(|error| io_error(format!("the next segment of {name} cannot be begun"), error))?;
    }
    if !notes.is_empty() {
        writer.notes(&notes)?;
    }
    let signed = writer.signing.make(&writer.chain, now);
    signed.map_err(|error| io_error(format!("{} cannot be written", checkpoints_path.display()), error))?;
    Ok((writer, receiver))
}

/// Opens the file and locks it.
fn own(path: &Path) -> Result<File, AuditError> {
    let name = path.display();
    let unopened = |error| {
        io_error(
            format!("{name} cannot be opened; its folder has to exist and be writable"),
            error,
        )
    };
    let in_use = || {
        audit_error(format!(
            "{name} is in use by another process; give each agent a log of its own"
        ))
    };
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    private(&mut options);
    for _ in 0..TRIES {
        finish_turn(path).map_err(unopened)?;
        let file = options.open(path).map_err(unopened)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use()),
            Err(TryLockError::Error(error)) => {
                return Err(io_error(format!("{name} cannot be locked"), error));
            }
        }
        // Between opening and locking, its owner may have put it away as a sealed segment.
        if is_at(&file, path).map_err(unopened)? {
            return Ok(file);
        }
    }
    Err(in_use())
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, there) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> std::io::Result<bool> {
    Ok(true)
}

/// A log is not begun beside the sealed segments of another.
fn refuse_remains(path: &Path) -> Result<(), AuditError> {
    let name = path.display();
    match sealed_segments(path) {
        Ok(sealed) if sealed.is_empty() => Ok(()),
        Ok(_) => Err(audit_error(format!(
            "{name} is gone, and sealed segments of it are there; restore it, or move them away to begin a new log"
        ))),
        Err(error) => Err(io_error(format!("the folder of {name} cannot be read"), error)),
    }
}

/// Two logs begun at one path differ in time, two begun at one time differ in process or path.
fn log_id(path: &Path, clock: &dyn Clock) -> String {
    let seed = format!(
        "{} {} {}",
        clock.now().as_nanosecond(),
        std::process::id(),
        path.display()
    );
    sha256(&seed).get(..16).unwrap_or_default().to_owned()
}

/// Begins the log. It is on disk, and found under its name, when this returns.
fn begin(mut file: &File, path: &Path, log: &str, key: &str, clock: &dyn Clock) -> std::io::Result<State> {
    let (chain, line, header) = Chain::begin(clock.now(), log, key);
    file.set_len(0)?;
    std::io::Write::write_all(&mut file, line.as_bytes())?;
    file.sync_all()?;
    sync_folder(path)?;
    Ok(State {
        header,
        chain,
        len: line.len() as u64,
        torn: None,
        sealed: false,
    })
}

/// Whether the log goes at least as far as its head file says.
pub(super) fn agree(kept: Option<&Head>, found: &Head) -> Result<(), String> {
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
