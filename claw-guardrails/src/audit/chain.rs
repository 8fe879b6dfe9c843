//! The hash chain: how a record becomes a line, and a line a record.

use claw_core::audit::AuditReceipt;
use claw_core::canonical;
use claw_core::digest::{hex, sha256};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::entry::{After, Header, Note};
use super::head::Head;
use super::merkle::{Frontier, TreeHash};

/// Version of the format that this code writes. It reads all up to this one.
///
/// 1: numbers as serde_json writes them, keys sorted by code points; one file. 2: canonical JSON as RFC 8785 has it, a tree
/// over the records, segments.
pub(super) const FORMAT: u32 = 2;

/// The end of a chain, to which the next record is linked, and the tree over its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) log: String,
    /// Hash of the last record, or of the first header when there is none.
    pub(super) last: String,
    /// What the next record follows: the last record, or the header of its segment.
    pub(super) link: String,
    pub(super) tree: Frontier,
}

impl Chain {
    /// A new chain, and its header, as a line and as it is.
    pub(super) fn begin(created: Timestamp, log: &str, key: &str) -> (Self, String, Header) {
        let header = Header {
            after: None,
            created,
            format: FORMAT,
            key: key.to_owned(),
            log: log.to_owned(),
            segment: 0,
        };
        let (line, hash) = seal(&canonical::for_digest(&serde_json::json!(header)));
        let chain = Self {
            log: header.log.clone(),
            last: hash.clone(),
            link: hash,
            tree: Frontier::new(),
        };
        (chain, line, header)
    }

    /// Goes on in another segment, whose header is returned as a line.
    pub(super) fn turn(&mut self, created: Timestamp, key: &str, segment: u64) -> String {
        let header = Header {
            after: Some(After {
                hash: self.last.clone(),
                peaks: self.tree.peaks().to_vec(),
                records: self.tree.size(),
                root: self.tree.root(),
            }),
            created,
            format: FORMAT,
            key: key.to_owned(),
            log: self.log.clone(),
            segment,
        };
        let (line, hash) = seal(&canonical::for_digest(&serde_json::json!(header)));
        self.link = hash;
        line
    }

    /// The chain as it is after a header with that hash; `None` when what the header says of the tree does not fit together.
    pub(super) fn at_header(header: &Header, hash: &str) -> Option<Self> {
        let (last, tree) = match &header.after {
            None => (hash.to_owned(), Frontier::new()),
            Some(after) => (after.hash.clone(), after.tree()?),
        };
        Some(Self {
            log: header.log.clone(),
            last,
            link: hash.to_owned(),
            tree,
        })
    }

    /// Links an event, given as canonical JSON.
    pub(super) fn link_event(&mut self, event: &str) -> (String, AuditReceipt) {
        self.link("event", event)
    }

    /// Links a note.
    pub(super) fn link_note(&mut self, note: &Note) -> (String, AuditReceipt) {
        self.link("note", &canonical::for_digest(&serde_json::json!(note)))
    }

    /// Takes a record up that is there already.
    pub(super) fn accept(&mut self, hash: &str) {
        if let Some(leaf) = TreeHash::of_record(hash) {
            self.tree.push(leaf);
        }
        hash.clone_into(&mut self.last);
        hash.clone_into(&mut self.link);
    }

    /// How many records there are.
    pub(super) fn records(&self) -> u64 {
        self.tree.size()
    }

    /// The end of the chain.
    pub(super) fn head(&self) -> Head {
        Head {
            log: self.log.clone(),
            records: self.records(),
            hash: self.last.clone(),
        }
    }

    fn link(&mut self, key: &str, entry: &str) -> (String, AuditReceipt) {
        let sequence = self.records();
        let body = format!(
            r#"{{"{key}":{entry},"prev":"{}","sequence":{sequence}}}"#,
            self.link
        );
        let (line, hash) = seal(&body);
        self.accept(&hash);
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

/// The end of a record's line: what it says of its place, without a look at what it records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail<'a> {
    pub(super) prev: &'a str,
    pub(super) sequence: u64,
    pub(super) hash: &'a str,
}

/// Reads the end of a record's line, which has a fixed form. `None` when it does not have it.
pub(super) fn read_tail(line: &[u8]) -> Option<Tail<'_>> {
    let (line, hash) = before_hash(line.strip_suffix(CLOSE)?, JOINT)?;
    let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (line, sequence) = line.split_at_checked(line.len().checked_sub(digits)?)?;
    let (_, prev) = before_hash(line.strip_suffix(br#"","sequence":"#)?, br#","prev":""#)?;
    Some(Tail {
        prev,
        sequence: std::str::from_utf8(sequence).ok()?.parse().ok()?,
        hash,
    })
}

/// Parts a line that ends in `joint` and a hash.
fn before_hash<'a>(line: &'a [u8], joint: &[u8]) -> Option<(&'a [u8], &'a str)> {
    let (line, hash) = line.split_at_checked(line.len().checked_sub(HASH_LEN)?)?;
    Some((line.strip_suffix(joint)?, std::str::from_utf8(hash).ok()?))
}

/// Takes the header's line (without its end) apart: the header, its stated hash, and what that ought to be.
pub(super) fn read_header(line: &[u8]) -> Option<(Header, String, String)> {
    let computed = computed_hash(line)?;
    let mut raw: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
    let serde_json::Value::String(hash) = raw.remove("hash")? else {
        return None;
    };
    let header = serde_json::from_value(raw.into()).ok()?;
    Some((header, hash, computed))
}

/// The hash of a line without its last member, which has to be the hash in its fixed form.
pub(super) fn computed_hash(line: &[u8]) -> Option<String> {
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

/// Whether `bytes` are the beginning of a first header, or all of it but the line's end: a crash cut it off.
pub(super) fn begins_header(bytes: &[u8]) -> bool {
    let time = |byte: &u8| byte.is_ascii_digit() || b"TZ:.-".contains(byte);
    let in_string = |byte: &u8| !byte.is_ascii_control() && *byte != b'"';
    let start = [
        Part::Text(br#"{"created":""#),
        Part::Some(time),
        Part::Text(br#"","format":"#),
        Part::Some(u8::is_ascii_digit),
    ];
    let end = [
        Part::Some(u8::is_ascii_hexdigit),
        Part::Text(br#"","hash":""#),
        Part::Some(u8::is_ascii_hexdigit),
        Part::Text(CLOSE),
    ];
    let first = [Part::Text(br#","log":""#)];
    let second = [
        Part::Text(br#","key":""#),
        Part::Some(in_string),
        Part::Text(br#"","log":""#),
        Part::Some(u8::is_ascii_hexdigit),
        Part::Text(br#"","segment":0,"hash":""#),
        Part::Some(u8::is_ascii_hexdigit),
        Part::Text(CLOSE),
    ];
    begins(bytes, start.iter().chain(&second)) || begins(bytes, start.iter().chain(&first).chain(&end))
}

enum Part {
    Text(&'static [u8]),
    Some(fn(&u8) -> bool),
}

fn begins<'a>(bytes: &[u8], parts: impl Iterator<Item = &'a Part>) -> bool {
    let mut rest = bytes;
    for part in parts {
        match part {
            Part::Text(text) => match rest.strip_prefix(*text) {
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
