//! Whether a log may go on: what its key does not vouch for is not signed with it.
//!
//! The agent has the key, and who can write the log's files has not. So an agent that signed whatever it finds when it starts
//! would sign for anybody. It signs what follows from its own last checkpoint, and of that no more than can have been written
//! before the next one was due.

use claw_core::audit::SignedCheckpoint;
use jiff::Timestamp;

use super::checkpoint::{Checkpoint, SignedNote, VerifierKey};
use super::entry::{Header, Note};
use super::recovery::State;
use super::settings::{AuditSettings, RECORDS};

/// A checkpoint that was found somewhere.
#[derive(Clone, Debug)]
pub(super) struct Sighted {
    /// Where, for messages.
    pub(super) place: String,
    pub(super) checkpoint: Checkpoint,
    pub(super) note: SignedNote,
}

impl Sighted {
    /// Reads a checkpoint that a sink kept.
    pub(super) fn read(place: &str, kept: &SignedCheckpoint) -> Result<Self, String> {
        let read = SignedNote::parse(&kept.note)
            .and_then(|note| Checkpoint::read(&note).map(|checkpoint| (checkpoint, note)));
        match read {
            Ok((checkpoint, note)) => Ok(Self {
                place: place.to_owned(),
                checkpoint,
                note,
            }),
            Err(error) => Err(format!("what is kept in {place} is not a checkpoint: {error}")),
        }
    }
}

/// The keys whose checkpoints count: the log's own, and those that it had before.
pub(super) fn keys(settings: &AuditSettings, own: &VerifierKey) -> Result<Vec<VerifierKey>, String> {
    let mut keys = vec![own.clone()];
    for text in &settings.previous_keys {
        let key = text.parse();
        keys.push(key.map_err(|_| {
            format!("`{text}` in `previous_keys` is not a public key as `audit verify` prints it")
        })?);
    }
    Ok(keys)
}

/// The checkpoints that were found, if all of them are of this log and signed with one of its keys.
pub(super) fn signed(
    sighted: &[Sighted],
    log: &str,
    keys: &[VerifierKey],
) -> Result<Vec<Checkpoint>, String> {
    let origin = Checkpoint::origin(log);
    let mut checkpoints = Vec::new();
    for Sighted {
        place,
        checkpoint,
        note,
    } in sighted
    {
        if checkpoint.origin != origin {
            return Err(format!(
                "the checkpoints in {place} belong to another log, {}",
                checkpoint.origin
            ));
        }
        note.verify(keys).map_err(|error| {
            format!(
                "the last checkpoint in {place} does not hold: {error}; if the key was changed, name the public key before it \
                 in `previous_keys`"
            )
        })?;
        checkpoints.push(checkpoint.clone());
    }
    Ok(checkpoints)
}

/// What has to be on record of a change of key; `None` when there was none.
pub(super) fn key_change(
    state: &State,
    keys: &[VerifierKey],
    settings: &AuditSettings,
    time: Timestamp,
) -> Result<Option<Note>, String> {
    let (Header { key, .. }, Some(own)) = (&state.header, keys.first()) else {
        return Ok(None);
    };
    let to = own.to_string();
    if *key == to {
        return Ok(None);
    }
    let known = keys.iter().any(|known| known.to_string() == *key);
    // A log without a key was made before there were any. What it has on record is for `unsigned` to judge.
    if known || key.is_empty() && (settings.adopt_unsigned || state.vouched.is_some() || is_blank(state)) {
        let from = key.clone();
        return Ok((!from.is_empty()).then_some(Note::KeyChanged { time, from, to }));
    }
    Err(if key.is_empty() {
        "it has no key, so that nothing vouches for its records; look at it, and open it once with `adopt_unsigned`"
            .to_owned()
    } else {
        format!("its key is {key}, and not {to}; if it was changed, name the first in `previous_keys`")
    })
}

/// What has to be on record of the records that no checkpoint vouches for; `None` when there are none.
pub(super) fn unsigned(
    state: &State,
    settings: &AuditSettings,
    time: Timestamp,
) -> Result<Option<Note>, String> {
    let records = state.chain.records();
    let (after, bound) = match &state.vouched {
        Some(checkpoint) => (
            checkpoint.size,
            checkpoint.next.map_or(RECORDS, |next| next.records).get(),
        ),
        None if is_blank(state) => return Ok(None),
        None if settings.adopt_unsigned => (0, u64::MAX),
        None => {
            return Err(format!(
                "no checkpoint vouches for its {records} records, although the agent makes one before the first of them and \
                 before each segment; restore the checkpoints, or look at the log and open it once with `adopt_unsigned`"
            ));
        }
    };
    if state.unsigned > bound && !settings.adopt_unsigned {
        return Err(format!(
            "{} events come after its last checkpoint, which is about {after} records and says that the next one comes after \
             {bound} at most; restore the checkpoints, or look at the log and open it once with `adopt_unsigned`",
            state.unsigned
        ));
    }
    Ok((records > after).then_some(Note::Unsigned { time, after, records }))
}

/// Whether the log has nothing on record.
fn is_blank(state: &State) -> bool {
    state.chain.records() == 0
}
