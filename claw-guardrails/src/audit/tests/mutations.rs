//! Many thousands of changes to logs of several segments, each of which has to be found.
//!
//! `cargo test --workspace --lib -- --ignored --nocapture all_mutations` makes all of them.

use std::collections::BTreeMap;

use super::super::chain::{Chain, Entry, read_header};
use super::super::check::Check;
use super::super::checkpoint::{Checkpoint, Signer};
use super::super::marks::Marks;
use super::*;

/// Numbers that are the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// A log as it lies on disk.
#[derive(Clone, PartialEq)]
struct Files {
    segments: Vec<Vec<u8>>,
    head: Head,
    checkpoints: Vec<u8>,
}

impl Files {
    fn read(place: &Place) -> Self {
        let mut segments: Vec<_> = sealed_segments(&place.path)
            .unwrap()
            .iter()
            .map(|(_, path)| std::fs::read(path).unwrap())
            .collect();
        segments.push(std::fs::read(&place.path).unwrap());
        Self {
            segments,
            head: Head::read(head_path(&place.path)).unwrap().unwrap(),
            checkpoints: std::fs::read(checkpoint::checkpoints_path(&place.path)).unwrap(),
        }
    }

    /// As `verify_file_with` checks it, from memory.
    fn check(&self, keys: &[VerifierKey]) -> Verification {
        let marks = Marks::new(Box::new(self.checkpoints.as_slice()), keys.to_vec(), true);
        let mut check = Check::new(Some(&self.head), Some(marks));
        let last = self.segments.len() - 1;
        for (index, segment) in self.segments.iter().enumerate() {
            let part = if index == last {
                Part::Current
            } else {
                Part::Sealed(index as u64)
            };
            check.segment(part, segment.as_slice()).unwrap();
        }
        check.finish(true).unwrap()
    }

    /// Segment and byte, any of them as likely as any other.
    fn byte(&self, dice: &mut Dice) -> (usize, usize) {
        let mut at = dice.roll(self.segments.iter().map(Vec::len).sum());
        for (segment, bytes) in self.segments.iter().enumerate() {
            if at < bytes.len() {
                return (segment, at);
            }
            at -= bytes.len();
        }
        panic!("a log without bytes")
    }

    fn lines(&self, segment: usize) -> Vec<Vec<u8>> {
        self.segments[segment]
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    }

    /// Segment and line.
    fn line(&self, dice: &mut Dice) -> (usize, usize) {
        let segment = dice.roll(self.segments.len());
        (segment, dice.roll(self.lines(segment).len()))
    }

    fn with_line(&mut self, (segment, line): (usize, usize), change: impl FnOnce(&mut Vec<Vec<u8>>, usize)) {
        let mut lines = self.lines(segment);
        change(&mut lines, line);
        self.segments[segment] = lines.concat();
    }
}

/// Writes the log anew from the record `victim` on, whose event is changed (or which is left out), with all the hashes, roots,
/// headers and the head that follow from it. `forger` signs checkpoints of it as well.
fn forge(files: &Files, victim: u64, leave_out: bool, forger: Option<&Signer>) -> Files {
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
            };
            format!("{}\n", checkpoint.sign(forger).note).into_bytes()
        },
    );
    Files {
        segments,
        head: chain.head(),
        checkpoints,
    }
}

const KINDS: [&str; 14] = [
    "flip a bit",
    "drop a byte",
    "insert a byte",
    "drop a line",
    "double a line",
    "swap lines",
    "truncate a segment",
    "truncate the log at a record, head too",
    "drop a segment",
    "swap segments",
    "splice a line of another log",
    "splice the end of another log",
    "edit or drop a record, recompute all, old checkpoints",
    "the same, with checkpoints by a key of one's own",
];

fn mutate(kind: usize, files: &Files, other: &Files, forger: &Signer, dice: &mut Dice) -> Files {
    let mut bad = files.clone();
    let records = files.head.records as usize;
    match kind {
        0 => {
            let (segment, at) = files.byte(dice);
            bad.segments[segment][at] ^= 1 << dice.roll(8);
        }
        1 => {
            let (segment, at) = files.byte(dice);
            bad.segments[segment].remove(at);
        }
        2 => {
            let (segment, at) = files.byte(dice);
            bad.segments[segment].insert(at, dice.roll(256) as u8);
        }
        3 => bad.with_line(files.line(dice), |lines, at| drop(lines.remove(at))),
        4 => bad.with_line(files.line(dice), |lines, at| lines.insert(at, lines[at].clone())),
        5 => {
            let (from, to) = (files.line(dice), files.line(dice));
            let (one, two) = (
                files.lines(from.0)[from.1].clone(),
                files.lines(to.0)[to.1].clone(),
            );
            bad.with_line(from, |lines, at| lines[at] = two);
            bad.with_line(to, |lines, at| lines[at] = one);
        }
        6 => {
            let (segment, at) = files.byte(dice);
            bad.segments[segment].truncate(at);
        }
        7 => {
            // The head file is set back with the log: only checkpoints know.
            let last = bad.segments.len() - 1;
            let lines = files.lines(last);
            let keep = 1 + dice.roll(lines.len() - 1);
            bad.segments[last] = lines[..keep].concat();
            let gone = (lines.len() - keep) as u64;
            let text = String::from_utf8(lines[keep - 1].clone()).unwrap();
            let (header, ..) = read_header(lines[0].trim_ascii_end()).unwrap();
            bad.head.records -= gone;
            bad.head.hash = match serde_json::from_str::<Record>(&text) {
                Ok(record) => record.hash,
                Err(_) => header.after.unwrap().hash,
            };
        }
        8 => drop(bad.segments.remove(dice.roll(files.segments.len()))),
        9 => {
            let count = files.segments.len();
            bad.segments.swap(dice.roll(count), dice.roll(count));
        }
        10 => {
            let from = other.line(dice);
            let line = other.lines(from.0)[from.1].clone();
            bad.with_line(files.line(dice), |lines, at| lines[at] = line);
        }
        11 => {
            let from = dice.roll(files.segments.len().min(other.segments.len()));
            bad.segments.truncate(from);
            bad.segments.extend(other.segments[from..].iter().cloned());
        }
        12 => bad = forge(files, dice.roll(records) as u64, dice.roll(2) == 0, None),
        _ => bad = forge(files, dice.roll(records) as u64, dice.roll(2) == 0, Some(forger)),
    }
    bad
}

/// Makes about `count` mutations. Returns how many there were of each kind; every one was found.
async fn run(count: usize) -> BTreeMap<&'static str, usize> {
    let mut logs = Vec::new();
    for (index, size) in [9, 14, 23].into_iter().enumerate() {
        let place = place();
        let settings = AuditSettings::default()
            .with_segment_bytes(number(2500))
            .with_checkpoint_every(number(2 + index as u64), number(60));
        let key = written_with(&place, size, settings).await;
        let files = Files::read(&place);
        let clean = files.check(std::slice::from_ref(&key));
        assert!(clean.is_intact() && files.segments.len() > 2, "{clean}");
        logs.push((files, key));
    }
    let mut dice = Dice(2026);
    let mut counts = BTreeMap::new();
    for round in 0..count {
        let (files, key) = &logs[dice.roll(logs.len())];
        let (other, _) = &logs[dice.roll(logs.len())];
        let kind = round % KINDS.len();
        let forger = Signer::of_seed(&[9; 32], &Checkpoint::origin(&files.head.log));
        let bad = mutate(kind, files, other, &forger, &mut dice);
        // Two lines or segments that are swapped may be the same one.
        if bad == *files || bad.segments.is_empty() {
            continue;
        }
        let verification = bad.check(std::slice::from_ref(key));
        assert!(
            !verification.is_intact(),
            "round {round}: {} was not found",
            KINDS[kind]
        );
        *counts.entry(KINDS[kind]).or_default() += 1;
    }
    counts
}

fn print(counts: &BTreeMap<&str, usize>) -> usize {
    for (kind, count) in counts {
        println!("{count:>8} {kind}");
    }
    let all = counts.values().sum();
    println!("{all:>8} mutations, all of them found");
    all
}

#[tokio::test]
async fn mutations_are_found() {
    let counts = run(2_800).await;
    assert_eq!(counts.len(), KINDS.len());
    assert!(print(&counts) > 2_500);
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn all_mutations_are_found() {
    assert!(print(&run(126_000).await) >= 100_000);
}

/// Every bit of every file of a log, checkpoints included.
#[tokio::test]
async fn every_byte_of_every_file_counts() {
    let place = place();
    let key = written_with(&place, 4, small().with_segment_bytes(number(2000))).await;
    let files = Files::read(&place);
    let keys = [key];
    assert!(files.check(&keys).is_intact() && files.segments.len() > 1);
    let mut found = 0;
    for segment in 0..files.segments.len() {
        for at in 0..files.segments[segment].len() {
            let mut bad = files.clone();
            bad.segments[segment][at] ^= 1 << (at % 8);
            assert!(!bad.check(&keys).is_intact(), "byte {at} of segment {segment}");
            found += 1;
        }
    }
    for at in 0..files.checkpoints.len() {
        let mut bad = files.clone();
        bad.checkpoints[at] ^= 1 << (at % 8);
        assert!(!bad.check(&keys).is_intact(), "byte {at} of the checkpoints");
        found += 1;
    }
    println!("{found} bytes, one bit of each flipped: all of them found");
}
