//! Many thousands of changes to logs of several segments, each of which has to be found.
//!
//! `cargo test --workspace --lib all_mutations_are_found -- --ignored --nocapture` makes all of them, and prints how many of each
//! kind.

use std::collections::BTreeMap;

use super::super::chain::read_header;
use super::super::checkpoint::{Checkpoint, Signer};
use super::files::{Files, forge, plain, retire};
use super::*;

/// Numbers that are the same each time (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

const KINDS: [&str; 23] = [
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
    "drop the newest checkpoints",
    "drop the newest checkpoints, edit a record after the last one left, recompute all",
    "drop all checkpoints but that of no records, edit a record, recompute all",
    "drop the newest checkpoints, edit a record, recompute all, cut the end",
    "drop all checkpoints",
    "drop the first segments, note that they were to be deleted",
    "drop the header's key, the tree and all checkpoints: a log of the first format",
    "an old copy of all files, newest checkpoint kept elsewhere",
    "the same, with records of one's own after it",
];

/// From here on a checkpoint that was kept elsewhere is needed.
const KEPT: usize = 21;

/// What there is of a log that may be used to change it.
struct Original {
    files: Files,
    /// Everything as it was earlier.
    old: Files,
    key: VerifierKey,
    /// How many events there may be after a checkpoint.
    bound: u64,
}

fn mutate(kind: usize, original: &Original, other: &Files, forger: &Signer, dice: &mut Dice) -> Files {
    let files = &original.files;
    let mut bad = files.clone();
    let notes = files.notes().len();
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
            let lines = files.lines(bad.segments.len() - 1).len();
            bad.cut(1 + dice.roll(lines - 1));
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
        13 => bad = forge(files, dice.roll(records) as u64, dice.roll(2) == 0, Some(forger)),
        14 => drop(bad.drop_checkpoints(1 + dice.roll(notes - 1))),
        15..=17 => {
            let left = if kind == 16 { 1 } else { 1 + dice.roll(notes - 1) };
            let vouched = bad.drop_checkpoints(left);
            let after = records - vouched as usize;
            bad = forge(&bad, vouched + dice.roll(after) as u64, dice.roll(2) == 0, None);
            if kind == 17 {
                let lines = bad.lines(bad.segments.len() - 1).len();
                bad.cut(dice.roll(lines));
            }
            // What little a crash may leave so cannot be told from what it leaves.
            if bad.is_left_by_a_crash(vouched, original.bound) {
                return files.clone();
            }
        }
        18 => bad.checkpoints.clear(),
        19 => {
            // In the place of the note that closes the log, and of the checkpoint after it.
            let gone = 1 + dice.roll(files.segments.len() - 1);
            let line = bad.lines(gone)[0].clone();
            let (header, ..) = read_header(line.trim_ascii_end()).unwrap();
            let before = header.after.unwrap().records;
            bad = retire(&bad, gone as u64, before);
            bad.segments.drain(..gone);
            bad.first = gone as u64;
            bad.drop_checkpoints(notes - 1);
        }
        20 => {
            bad = plain(&bad);
            bad.checkpoints.clear();
        }
        21 => bad = original.old.clone(),
        _ => {
            bad = original.old.clone();
            bad.cut(1);
            let last = bad.notes().len() - 1;
            let vouched = bad.drop_checkpoints(last);
            let after = bad.head.records - vouched;
            if after > 0 {
                bad = forge(&bad, vouched + dice.roll(after as usize) as u64, false, None);
            }
        }
    }
    bad
}

/// Makes about `count` mutations. Returns how many there were of each kind; every one was found.
async fn run(count: usize) -> BTreeMap<&'static str, usize> {
    let mut logs = Vec::new();
    for (index, size) in [9, 14, 23].into_iter().enumerate() {
        let place = place();
        let bound = 2 + index as u64;
        let settings = AuditSettings::default()
            .with_segment_bytes(number(2500))
            .with_checkpoint_every(number(bound), number(60));
        written_with(&place, size, settings.clone()).await;
        let old = Files::read(&place);
        let key = written_with(&place, 3, settings).await;
        let files = Files::read(&place);
        for files in [&old, &files] {
            let clean = files.check(std::slice::from_ref(&key), None);
            assert!(clean.is_intact() && files.segments.len() > 2, "{clean}");
        }
        logs.push(Original {
            files,
            old,
            key,
            bound,
        });
    }
    let mut dice = Dice(2026);
    let mut counts = BTreeMap::new();
    for round in 0..count {
        let original = &logs[dice.roll(logs.len())];
        let other = &logs[dice.roll(logs.len())].files;
        let files = &original.files;
        let kind = round % KINDS.len();
        let forger = Signer::of_seed(&[9; 32], &Checkpoint::origin(&files.head.log));
        let bad = mutate(kind, original, other, &forger, &mut dice);
        // Two lines or segments that are swapped may be the same one.
        if bad == *files || bad.segments.is_empty() {
            continue;
        }
        let newest = files.notes().pop().unwrap().1;
        let kept = (kind >= KEPT).then_some(newest.as_bytes());
        let verification = bad.check(std::slice::from_ref(&original.key), kept);
        assert!(
            !verification.is_intact(),
            "round {round}: {} was not found: {verification}",
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
    let counts = run(4_600).await;
    assert_eq!(counts.len(), KINDS.len());
    assert!(print(&counts) > 4_000);
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn all_mutations_are_found() {
    assert!(print(&run(130_000).await) >= 100_000);
}

/// Checkpoints that are taken away are missed as soon as the agent would have made another, and no sooner.
#[tokio::test]
async fn a_log_with_fewer_checkpoints_is_intact_if_a_crash_may_leave_it_so() {
    let place = place();
    let settings = small().with_segment_bytes(number(4000));
    let keys = [written_with(&place, 17, settings).await];
    let files = Files::read(&place);
    assert!(files.segments.len() > 1);
    let lines = files.lines(files.segments.len() - 1).len();
    let mut counts = [0, 0];
    for left in 1..=files.notes().len() {
        for cut in 0..lines {
            let mut bad = files.clone();
            bad.cut(cut);
            let vouched = bad.drop_checkpoints(left);
            // One of more records than there are is another matter.
            if vouched > bad.head.records {
                continue;
            }
            let intact = bad.is_left_by_a_crash(vouched, 3);
            let found = bad.check(&keys, None);
            assert_eq!(found.is_intact(), intact, "{left} left, {cut} cut: {found}");
            if !intact {
                assert_eq!(found.problems[0].kind, ProblemKind::Unsigned, "{found}");
            }
            counts[usize::from(intact)] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
}

/// Every bit of every file of a log, checkpoints included.
#[tokio::test]
async fn every_byte_of_every_file_counts() {
    let place = place();
    let key = written_with(&place, 4, small().with_segment_bytes(number(2000))).await;
    let files = Files::read(&place);
    let keys = [key];
    assert!(files.check(&keys, None).is_intact() && files.segments.len() > 1);
    let mut found = 0;
    for segment in 0..files.segments.len() {
        for at in 0..files.segments[segment].len() {
            let mut bad = files.clone();
            bad.segments[segment][at] ^= 1 << (at % 8);
            assert!(
                !bad.check(&keys, None).is_intact(),
                "byte {at} of segment {segment}"
            );
            found += 1;
        }
    }
    for at in 0..files.checkpoints.len() {
        let mut bad = files.clone();
        bad.checkpoints[at] ^= 1 << (at % 8);
        assert!(
            !bad.check(&keys, None).is_intact(),
            "byte {at} of the checkpoints"
        );
        found += 1;
    }
    println!("{found} bytes, one bit of each flipped: all of them found");
}
