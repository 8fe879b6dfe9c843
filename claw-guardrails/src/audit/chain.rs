//! The hash chain: how a record becomes a line, and a line a record.

use claw_core::audit::{AuditEvent, AuditReceipt};
use claw_core::canonical;
use claw_core::digest::{hex, sha256};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::head::Head;

/// Version of the format that this code writes. It reads all up to this one.
///
/// 1: numbers as serde_json writes them, keys sorted by code points. 2: canonical JSON as RFC 8785 has it.
pub(super) const FORMAT: u32 = 2;

/// The first line of a log. Its hash is what the first record follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// When the log was begun.
    pub created: Timestamp,
    /// Version of the format.
    pub format: u32,
    /// Tells this log from others.
    pub log: String,
}

/// Something that the log records about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Note {
    /// The log was opened again and ended in a line without its end, left by a crash in the middle of a write. Nobody
    /// had been told that this record was safe. It was cut off.
    Recovered {
        /// When the log was opened again.
        time: Timestamp,
        /// Length of the line in bytes.
        bytes: u64,
        /// SHA-256 of it, hexadecimal.
        digest: String,
    },
    /// The log was opened again and its head file was gone: what was cut off before this moment cannot be seen.
    HeadMissing {
        /// When the log was opened again.
        time: Timestamp,
    },
    /// The log was closed in order.
    Closed {
        /// When.
        time: Timestamp,
    },
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Entry {
    /// An event that was handed to the log.
    Event(Box<AuditEvent>),
    /// Something that the log records about itself.
    Note(Note),
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the log, from 0.
    pub sequence: u64,
    /// Hash of the record before, or of the header.
    pub prev: String,
    /// The event or the note.
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash of this record.
    pub hash: String,
}

/// The end of a chain, to which the next record is linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    log: String,
    records: u64,
    hash: String,
}

impl Chain {
    /// A new chain, and its header as a line.
    pub(super) fn begin(header: &Header) -> (Self, String) {
        let (line, hash) = seal(&canonical::for_digest(&serde_json::json!(header)));
        let chain = Self {
            log: header.log.clone(),
            records: 0,
            hash,
        };
        (chain, line)
    }

    /// A chain that goes on after `head`.
    pub(super) fn after(head: Head) -> Self {
        Self {
            log: head.log,
            records: head.records,
            hash: head.hash,
        }
    }

    /// Links an event, given as canonical JSON.
    pub(super) fn link_event(&mut self, event: &str) -> (String, AuditReceipt) {
        self.link("event", event)
    }

    /// Links a note.
    pub(super) fn link_note(&mut self, note: &Note) -> (String, AuditReceipt) {
        self.link("note", &canonical::for_digest(&serde_json::json!(note)))
    }

    /// The end of the chain.
    pub(super) fn head(&self) -> Head {
        Head {
            log: self.log.clone(),
            records: self.records,
            hash: self.hash.clone(),
        }
    }

    fn link(&mut self, key: &str, entry: &str) -> (String, AuditReceipt) {
        let sequence = self.records;
        let body = format!(
            r#"{{"{key}":{entry},"prev":"{}","sequence":{sequence}}}"#,
            self.hash
        );
        let (line, hash) = seal(&body);
        self.records = self.records.saturating_add(1);
        self.hash.clone_from(&hash);
        (line, AuditReceipt { sequence, hash })
    }
}

/// What comes between an object and its hash.
const JOINT: &[u8] = br#","hash":""#;
const HASH_LEN: usize = 64;
const CLOSE: &[u8] = b"\"}";

/// Adds the hash to a JSON object as its last member, and the line's end.
fn seal(object: &str) -> (String, String) {
    let hash = sha256(object);
    let open = object.strip_suffix('}').unwrap_or(object);
    (format!("{open},\"hash\":\"{hash}\"}}\n"), hash)
}

/// What one line says about itself. `computed` is what its hash ought to be.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) sequence: u64,
    pub(super) prev: String,
    pub(super) hash: String,
    pub(super) computed: String,
    pub(super) note: Option<Note>,
}

/// Takes a record's line (without its end) apart. `None` when it is not one in exactly the form in which it is written.
pub(super) fn read_line(line: &[u8]) -> Option<Line> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        #[serde(default)]
        event: Option<IgnoredAny>,
        #[serde(default)]
        note: Option<Note>,
        prev: String,
        sequence: u64,
        hash: String,
    }
    let computed = computed_hash(line)?;
    let raw: Raw = serde_json::from_slice(line).ok()?;
    if raw.event.is_some() == raw.note.is_some() {
        return None;
    }
    Some(Line {
        sequence: raw.sequence,
        prev: raw.prev,
        hash: raw.hash,
        computed,
        note: raw.note,
    })
}

/// Takes the header's line (without its end) apart: the header, its stated hash, and what that ought to be.
pub(super) fn read_header(line: &[u8]) -> Option<(Header, String, String)> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        created: Timestamp,
        format: u32,
        log: String,
        hash: String,
    }
    let computed = computed_hash(line)?;
    let raw: Raw = serde_json::from_slice(line).ok()?;
    let header = Header {
        created: raw.created,
        format: raw.format,
        log: raw.log,
    };
    Some((header, raw.hash, computed))
}

/// The hash of a line without its last member, which has to be the hash in its fixed form.
fn computed_hash(line: &[u8]) -> Option<String> {
    let tail = JOINT.len() + HASH_LEN + CLOSE.len();
    let (open, tail) = line.split_at_checked(line.len().checked_sub(tail)?)?;
    let digits = tail.strip_prefix(JOINT)?.strip_suffix(CLOSE)?;
    let lower_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if !digits.iter().all(lower_hex) {
        return None;
    }
    let hash = Sha256::new().chain_update(open).chain_update(b"}");
    Some(hex(&hash.finalize()))
}

/// Whether `bytes` are the beginning of a header, or all of it but the line's end: a crash cut it off.
pub(super) fn begins_header(bytes: &[u8]) -> bool {
    enum Part {
        Text(&'static [u8]),
        Some(fn(&u8) -> bool),
    }
    let time = |byte: &u8| byte.is_ascii_digit() || b"TZ:.-".contains(byte);
    let parts = [
        Part::Text(br#"{"created":""#),
        Part::Some(time),
        Part::Text(br#"","format":"#),
        Part::Some(u8::is_ascii_digit),
        Part::Text(br#","log":""#),
        Part::Some(u8::is_ascii_hexdigit),
        Part::Text(br#"","hash":""#),
        Part::Some(u8::is_ascii_hexdigit),
        Part::Text(CLOSE),
    ];
    let mut rest = bytes;
    for part in parts {
        match part {
            Part::Text(text) => match rest.strip_prefix(text) {
                Some(after) => rest = after,
                None => return text.starts_with(rest),
            },
            Part::Some(fits) => {
                let length = rest.iter().take_while(|byte| fits(byte)).count();
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }
    rest.is_empty()
}
