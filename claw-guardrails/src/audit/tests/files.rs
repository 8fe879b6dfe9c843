//! Logs as they lie on disk, in memory, and what somebody could make of them who has the files and not the key.

use super::super::chain::{Chain, read_header};
use super::super::check::Check;
use super::super::checkpoint::{Checkpoint, Signer};
use super::super::cursor::Cursor;
use super::super::entry::Entry;
use super::mutations::Dice;
use super::*;

/// A log as it lies on disk.
#[derive(Clone, PartialEq)]
pub(super) struct Files {
    pub(super) segments: Vec<Vec<u8>>,
    /// The number of the first of them.
    pub(super) first: u64,
    pub(super) head: Head,
    pub(super) checkpoints: Vec<u8>,
}

impl Files {
    pub(super) fn read(place: &Place) -> Self {
        let mut segments: Vec<_> = sealed_segments(&place.path)
            .unwrap()
            .iter()
            .map(|(_, path)| std::fs::read(path).unwrap())
            .collect();
        segments.push(std::fs::read(&place.path).unwrap());
        Self {
            segments,
            first: 0,
            head: Head::read(head_path(&place.path)).unwrap().unwrap(),
            checkpoints: std::fs::read(checkpoint::checkpoints_path(&place.path)).unwrap(),
        }
    }

    /// As `verify_file_with` checks it, from memory.
    pub(super) fn check(&self, keys: &[VerifierKey], kept: Option<&[u8]>) -> Verification {
        let beside = Cursor::beside(Box::new(self.checkpoints.as_slice()), keys.to_vec(), true);
        let kept = kept.map(|kept| Cursor::kept(Box::new(kept), keys.to_vec(), true));
        let mut check = Check::new(Some(&self.head), kept.into_iter().chain([beside]).collect());
        let last = self.segments.len() - 1;
        for (index, segment) in self.segments.iter().enumerate() {
            let part = if index == last {
                Part::Current
            } else {
                Part::Sealed(self.first + index as u64)
            };
            check.segment(part, segment.as_slice(), None).unwrap();
        }
        check.finish(true).unwrap()
    }

    /// Its checkpoints, each with the number of its records.
    pub(super) fn notes(&self) -> Vec<(u64, String)> {
        let text = std::str::from_utf8(&self.checkpoints).unwrap();
        let mut notes: Vec<(u64, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            if line.starts_with("claw-audit/") {
                notes.push((0, String::new()));
            }
            notes.last_mut().unwrap().1.push_str(line);
        }
        for (size, note) in &mut notes {
            *size = note.lines().nth(1).unwrap().parse().unwrap();
        }
        notes
    }

    /// Takes the newest checkpoints away, so that `left` are left. Returns how many records the last of them is about.
    pub(super) fn drop_checkpoints(&mut self, left: usize) -> u64 {
        let mut notes = self.notes();
        notes.truncate(left);
        self.checkpoints = notes.iter().flat_map(|(_, note)| note.bytes()).collect();
        notes.last().map_or(0, |(size, _)| *size)
    }

    /// Cuts records off the end of the last segment, and sets the head back with them.
    pub(super) fn cut(&mut self, records: usize) {
        let last = self.segments.len() - 1;
        let lines = self.lines(last);
        let keep = lines.len() - records;
        self.segments[last] = lines[..keep].concat();
        let text = String::from_utf8(lines[keep - 1].clone()).unwrap();
        let (header, ..) = read_header(lines[0].trim_ascii_end()).unwrap();
        self.head.records -= records as u64;
        self.head.hash = match serde_json::from_str::<Record>(&text) {
            Ok(record) => record.hash,
            Err(_) => header.after.unwrap().hash,
        };
    }

    /// Whether a crash may leave the log so after a checkpoint of `vouched` records.
    pub(super) fn is_left_by_a_crash(&self, vouched: u64, bound: u64) -> bool {
        let last = self.lines(self.segments.len() - 1);
        let (header, ..) = read_header(last[0].trim_ascii_end()).unwrap();
        let begun = header.after.map_or(0, |after| after.records);
        let after = vouched.saturating_sub(begun) as usize;
        let tail: Vec<Record> = last[1..]
            .iter()
            .skip(after)
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let events = tail
            .iter()
            .filter(|record| matches!(record.entry, Entry::Event(_)));
        let closed = tail
            .last()
            .is_some_and(|record| matches!(record.entry, Entry::Note(Note::Closed { .. })));
        begun <= vouched && events.count() as u64 <= bound && !closed
    }

    /// Segment and byte, any of them as likely as any other.
    pub(super) fn byte(&self, dice: &mut Dice) -> (usize, usize) {
        let mut at = dice.roll(self.segments.iter().map(Vec::len).sum());
        for (segment, bytes) in self.segments.iter().enumerate() {
            if at < bytes.len() {
                return (segment, at);
            }
            at -= bytes.len();
        }
        panic!("a log without bytes")
    }

    pub(super) fn lines(&self, segment: usize) -> Vec<Vec<u8>> {
        self.segments[segment]
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    }

    /// Segment and line.
    pub(super) fn line(&self, dice: &mut Dice) -> (usize, usize) {
        let segment = dice.roll(self.segments.len());
        (segment, dice.roll(self.lines(segment).len()))
    }

    pub(super) fn with_line(
        &mut self,
        (segment, line): (usize, usize),
        change: impl FnOnce(&mut Vec<Vec<u8>>, usize),
    ) {
        let mut lines = self.lines(segment);
        change(&mut lines, line);
        self.segments[segment] = lines.concat();
    }
}

/// Writes the log anew from the record `victim` on, whose event is changed (or which is left out), with all the hashes, roots,
/// headers and the head that follow from it. `forger` signs checkpoints of it as well.
pub(super) fn forge(files: &Files, victim: u64, leave_out: bool, forger: Option<&Signer>) -> Files {
    let mut chain: Option<Chain> = None;
    let mut segments = Vec::new();
    let mut number = 0;
    for bytes in &files.segments {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut lines = text.lines();
        let (header, hash, _) = read_header(lines.next().unwrap().as_bytes()).unwrap();
        let mut key = header.key.clone();
        if let Some(forger) = forger {
            key = forger.verifier().to_string();
        }
        let mut out = match &mut chain {
            Some(chain) => chain.turn(header.created, &key, header.segment),
            None if forger.is_some() => {
                let (begun, line, _) = Chain::begin(header.created, &header.log, &key);
                chain = Some(begun);
                line
            }
            None => {
                chain = Chain::at_header(&header, &hash);
                format!("{}\n", text.lines().next().unwrap())
            }
        };
        let chain = chain.as_mut().unwrap();
        for line in lines {
            let record: Record = serde_json::from_str(line).unwrap();
            let this = number == victim;
            number += 1;
            let (line, _) = match record.entry {
                _ if this && leave_out => continue,
                Entry::Event(mut event) => {
                    if this {
                        event.why.push_str(", or so it is said");
                    }
                    chain.link_event(&file::canonical_event(&event).unwrap())
                }
                Entry::Note(Note::Sealed { time, .. }) => {
                    let (records, root) = (chain.records(), chain.tree.root());
                    chain.link_note(&Note::Sealed { time, records, root })
                }
                Entry::Note(Note::Closed { time }) if this => chain.link_note(&Note::HeadMissing { time }),
                Entry::Note(note) => chain.link_note(&note),
            };
            out.push_str(&line);
        }
        segments.push(out.into_bytes());
    }
    let chain = chain.unwrap();
    let checkpoints = forger.map_or_else(
        || files.checkpoints.clone(),
        |forger| {
            let checkpoint = Checkpoint {
                origin: Checkpoint::origin(&chain.log),
                size: chain.records(),
                root: chain.tree.root(),
                time: None,
                next: None,
            };
            format!("{}\n", checkpoint.sign(forger).note).into_bytes()
        },
    );
    Files {
        segments,
        first: files.first,
        head: chain.head(),
        checkpoints,
    }
}

/// The log with the note that its first segments are deleted in the place of its last record.
pub(super) fn retire(files: &Files, segments: u64, records: u64) -> Files {
    let mut bad = files.clone();
    bad.cut(1);
    let last = bad.segments.len() - 1;
    let text = String::from_utf8(bad.segments[last].clone()).unwrap();
    let mut lines = text.lines();
    let (header, hash, _) = read_header(lines.next().unwrap().as_bytes()).unwrap();
    let mut chain = Chain::at_header(&header, &hash).unwrap();
    for line in lines {
        chain.accept(&serde_json::from_str::<Record>(line).unwrap().hash);
    }
    let time = header.created;
    let (line, _) = chain.link_note(&Note::Retired {
        time,
        segments,
        records,
    });
    bad.segments[last].extend(line.bytes());
    bad.head = chain.head();
    bad
}

/// The events of the log as a log of the first format, which has no key.
pub(super) fn plain(files: &Files) -> Files {
    let line = files.lines(0)[0].clone();
    let (header, ..) = read_header(line.trim_ascii_end()).unwrap();
    let (mut chain, begun, _) = Chain::begin(header.created, &header.log, "");
    let mut out = begun;
    for segment in 0..files.segments.len() {
        for line in &files.lines(segment)[1..] {
            if let Entry::Event(event) = serde_json::from_slice::<Record>(line).unwrap().entry {
                out.push_str(&chain.link_event(&file::canonical_event(&event).unwrap()).0);
            }
        }
    }
    Files {
        segments: vec![out.into_bytes()],
        first: 0,
        head: chain.head(),
        checkpoints: files.checkpoints.clone(),
    }
}
