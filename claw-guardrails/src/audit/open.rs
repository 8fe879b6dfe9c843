//! Opening a log: a new one is begun, an old one is checked and taken up again.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex};

use claw_core::audit::{AuditError, SignedCheckpoint};
use claw_core::clock::Clock;
use claw_core::digest::sha256;
use tokio::sync::watch;

use super::chain::{Chain, FORMAT};
use super::checkpoint::{Checkpoint, CheckpointFile, KeyError, Signer, checkpoints_path};
use super::entry::{Header, Note};
use super::files::{is_at, private, sync_folder};
use super::head::{self, HeadFile, head_path};
use super::recovery::{Known, State, Unfit, recover};
use super::segments::{SegmentFiles, Turning, finish_turn, header_of, sealed_segments};
use super::settings::AuditSettings;
use super::signing::Signing;
use super::trust::{self, Sighted};
use super::writer::Writer;
use super::{audit_error, io_error};

/// How often the file behind a name may change while it is being opened, because another process begins a segment.
const TRIES: u32 = 10;

/// A writer, and the checkpoints that it makes.
pub(super) type Opened = (Writer<File>, watch::Receiver<Option<SignedCheckpoint>>);

/// Opens the log at `path`, or begins it, and makes it the caller's alone. `elsewhere` are the newest checkpoints that are kept
/// in other places.
pub(super) fn open(
    path: &Path,
    clock: Arc<dyn Clock>,
    settings: AuditSettings,
    elsewhere: Vec<Sighted>,
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
                    "{} cannot be taken up; restore it from a copy, or from where checkpoints are kept",
                    checkpoints_path.display()
                ),
                error,
            )
        })
    };
    // Not made beside a file that turns out to be no log.
    let (beside, last) = if checkpoints_path.exists() {
        let (file, last) = open_checkpoints()?;
        (Some(file), last)
    } else {
        (None, None)
    };
    let size = last.as_ref().map(|(checkpoint, _)| checkpoint.size);
    let mut sighted = elsewhere;
    sighted.extend(last.map(|(checkpoint, note)| Sighted {
        place: checkpoints_path.display().to_string(),
        checkpoint,
        note,
    }));
    let unfit = |reason: String| {
        audit_error(format!(
            "{name}: {reason}; run `audit verify {name}` to see the whole extent; where nothing can be restored, keep the \
             files, and begin a new log"
        ))
    };
    let failed = |error| io_error(format!("{name} cannot be read"), error);
    let header = header_of(path).map_err(failed)?;
    let signer = match &header {
        Some(header) => Some(signer_of(path, header, &settings)?),
        None => None,
    };
    let keys = match &signer {
        Some(signer) => trust::keys(&settings, signer.verifier()).map_err(unfit)?,
        None => Vec::new(),
    };
    let checkpoints = match &header {
        Some(header) => trust::signed(&sighted, &header.log, &keys).map_err(unfit)?,
        None => sighted.into_iter().map(|sighted| sighted.checkpoint).collect(),
    };
    let known = Known {
        head: kept.as_ref(),
        checkpoints: &checkpoints,
    };
    let recovered = recover(&file, known).map_err(|error| match error {
        Unfit::Disk(error) => failed(error),
        Unfit::Log(reason) => unfit(reason),
    })?;
    let now = clock.now();
    let mut notes = Vec::new();
    let (state, signer) = match (recovered, signer) {
        (Some(state), Some(signer)) => {
            notes.extend(trust::unsigned(&state, &settings, now).map_err(unfit)?);
            if kept.is_none() {
                notes.push(Note::HeadMissing { time: now });
            }
            notes.extend(trust::key_change(&state, &keys, &settings, now).map_err(unfit)?);
            (state, signer)
        }
        (Some(_), None) => return Err(unfit("line 1 is not the header of an audit log".to_owned())),
        (None, _) => {
            refuse_remains(path)?;
            let id = log_id(path, clock.as_ref());
            let signer = Signer::read_or_make(&settings.key_path(path), &Checkpoint::origin(&id));
            let signer = signer.map_err(unsigned(path))?;
            let begun = begin(&file, path, &id, &signer.verifier().to_string(), clock.as_ref());
            let begun = begun.map_err(|error| io_error(format!("{name} cannot be begun"), error))?;
            (begun, signer)
        }
    };
    let beside = match beside {
        Some(file) => file,
        None => open_checkpoints()?.0,
    };
    if let Some((bytes, digest)) = state.torn {
        file.set_len(state.len)
            .and_then(|()| file.sync_data())
            .map_err(|error| io_error(format!("{name} has a torn end that cannot be cut off"), error))?;
        let time = now;
        notes.push(Note::Recovered { time, bytes, digest });
    }
    let head = state.chain.head();
    let head_file = HeadFile::create(&head_path, &head)
        .map_err(|error| io_error(format!("{} cannot be written", head_path.display()), error))?;
    let (published, receiver) = watch::channel(None);
    let mut writer = Writer {
        medium: file,
        len: state.len,
        chain: state.chain,
        head_file: Some(head_file),
        head: Arc::new(Mutex::new(head)),
        clock,
        broken: None,
        store: Box::new(SegmentFiles::new(path, &settings)),
        segment: state.header.segment,
        begun: state.header.created,
        // No record of this format goes into a file of an earlier one.
        sealed: state.sealed || state.header.format < FORMAT,
        turning: None,
        retired: None,
        signing: Signing {
            signer,
            keep: Box::new(beside),
            published,
            settings: settings.clone(),
            size,
            time: now,
            owed: None,
        },
        settings,
    };
    let kept = |error| io_error(format!("{} cannot be written", checkpoints_path.display()), error);
    // There is never a record without a checkpoint before it.
    if writer.chain.records() == 0 {
        writer.signing.make(&writer.chain, now).map_err(kept)?;
    }
    // What has to be said of these records is on record before they are signed.
    if !writer.sealed {
        writer.notes(&notes)?;
        notes.clear();
    }
    // Each header names the key of its segment.
    if state.header.key != writer.signing.key() {
        writer.seal()?;
    }
    if writer.sealed {
        let turned = writer.turn();
        turned.map_err(|error| io_error(format!("the next segment of {name} cannot be begun"), error))?;
    }
    writer.notes(&notes)?;
    writer.signing.make(&writer.chain, now).map_err(kept)?;
    Ok((writer, receiver))
}

/// The signer of a log that is there. A key that is gone is not replaced unasked: who has no part in the log would have it signed.
fn signer_of(path: &Path, header: &Header, settings: &AuditSettings) -> Result<Signer, AuditError> {
    let (at, origin) = (settings.key_path(path), Checkpoint::origin(&header.log));
    let replaced = header.key.is_empty() || !settings.previous_keys.is_empty();
    let signer = if replaced {
        Signer::read_or_make(&at, &origin)
    } else {
        Signer::read(&at, &origin)
    };
    signer.map_err(unsigned(path))
}

fn unsigned(path: &Path) -> impl Fn(KeyError) -> AuditError {
    move |error| AuditError {
        reason: format!(
            "{} cannot be signed; restore its key, or name the public key that it had in `previous_keys` to have another made",
            path.display()
        ),
        source: Some(Box::new(error)),
    }
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
        // Its owner is between two names, or it is another process that ends what a crash began.
        if finish_turn(path).map_err(unopened)? == Turning::InUse {
            return Err(in_use());
        }
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
        vouched: None,
        unsigned: 0,
    })
}
