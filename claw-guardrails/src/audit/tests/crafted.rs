//! Logs that were put together line by line, each with one thing that does not fit.

use super::super::chain::Chain;
use super::super::check::Check;
use super::super::checkpoint::{Checkpoint, Signer};
use super::super::cursor::Cursor;
use super::super::merkle::TreeHash;
use super::*;

/// A log, and the checkpoints that somebody may have put beside it.
struct Crafted {
    chain: Chain,
    signer: Signer,
    segments: Vec<String>,
    checkpoints: String,
}

impl Crafted {
    fn begin() -> Self {
        let signer = Signer::of_seed(&[7; 32], &Checkpoint::origin("crafted"));
        let key = signer.verifier().to_string();
        let (chain, header, _) = Chain::begin(Timestamp::UNIX_EPOCH, "crafted", &key);
        Self {
            chain,
            signer,
            segments: vec![header],
            checkpoints: String::new(),
        }
    }

    /// A log whose first segment has two events and was sealed.
    fn sealed() -> Self {
        let mut log = Self::begin();
        log.events(2);
        log.seal();
        log
    }

    fn add(&mut self, line: &str) {
        self.segments.last_mut().unwrap().push_str(line);
    }

    fn events(&mut self, count: usize) {
        for index in 0..count {
            let event = file::canonical_event(&event("r", &format!("t{index}"))).unwrap();
            let (line, _) = self.chain.link_event(&event);
            self.add(&line);
        }
    }

    fn note(&mut self, note: &Note) {
        let (line, _) = self.chain.link_note(note);
        self.add(&line);
    }

    fn seal(&mut self) {
        let (records, root) = (self.chain.records(), self.chain.tree.root());
        self.seal_as(records, root);
    }

    fn seal_as(&mut self, records: u64, root: TreeHash) {
        let time = Timestamp::UNIX_EPOCH;
        self.note(&Note::Sealed { time, records, root });
    }

    fn turn(&mut self, segment: u64) {
        let key = self.signer.verifier().to_string();
        let header = self.chain.turn(Timestamp::UNIX_EPOCH, &key, segment);
        self.segments.push(header);
        self.events(1);
    }

    /// Goes on after the first segment as if that had been changed.
    fn turned(change: impl FnOnce(&mut Self), segment: u64) -> Self {
        let mut log = Self::sealed();
        change(&mut log);
        log.turn(segment);
        log
    }

    fn lines(&self, segment: usize) -> Vec<&str> {
        self.segments[segment].split_inclusive('\n').collect()
    }

    /// A checkpoint of as many records as there are now.
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: Checkpoint::origin(&self.chain.log),
            size: self.chain.records(),
            root: self.chain.tree.root(),
            time: None,
            next: None,
        }
    }

    fn put(&mut self, checkpoint: &Checkpoint) {
        self.checkpoints
            .push_str(&format!("{}\n", checkpoint.sign(&self.signer).note));
    }

    /// Without a look at checkpoints.
    fn check(&self, head: Option<&Head>) -> Verification {
        self.check_with(Check::new(head, Vec::new()))
    }

    /// Against its checkpoints.
    fn check_signed(&self) -> Verification {
        let keys = vec![self.signer.verifier().clone()];
        let beside = Cursor::beside(Box::new(self.checkpoints.as_bytes()), keys, true);
        self.check_with(Check::new(None, vec![beside]))
    }

    fn check_with(&self, mut check: Check<'_>) -> Verification {
        for segment in &self.segments {
            check.segment(Part::Current, segment.as_bytes(), None).unwrap();
        }
        check.finish(false).unwrap()
    }

    fn kinds(&self) -> Vec<ProblemKind> {
        kinds(&self.check(None))
    }
}

fn kinds(verification: &Verification) -> Vec<ProblemKind> {
    let problems = verification.problems.iter();
    problems.map(|problem| problem.kind).collect()
}

#[test]
fn a_segment_is_told_to_be_missing_or_out_of_place() {
    let mut log = Crafted::sealed();
    log.turn(1);
    log.seal();
    log.turn(2);
    assert_eq!(log.kinds(), []);
    let of = |segments: &[usize]| {
        let segments = segments.iter().map(|at| log.segments[*at].clone());
        let some = Crafted {
            segments: segments.collect(),
            ..Crafted::begin()
        };
        some.kinds()
    };
    assert_eq!(of(&[0, 2]), [ProblemKind::Missing]);
    assert_eq!(of(&[0, 1, 1, 2]), [ProblemKind::OutOfPlace]);
    // The number of one is missing, and none of the records.
    let jumped = Crafted::turned(|_| {}, 2);
    assert_eq!(jumped.kinds(), [ProblemKind::Missing]);
    let again = Crafted::turned(|_| {}, 0);
    assert_eq!(again.kinds(), [ProblemKind::OutOfPlace]);
    // Records are missing at the end of a segment, whatever the number of the next is.
    for number in [0, 1, 2] {
        let mut cut = Crafted::turned(|_| {}, number);
        cut.segments[0] = cut.lines(0)[..3].concat();
        assert_eq!(cut.kinds(), [ProblemKind::Missing], "{number}");
    }
    // How many records a line was that cannot be read is not known.
    let mut merged = Crafted::turned(|_| {}, 1);
    merged.segments[0] = [merged.lines(0)[..2].concat(), "what\n".to_owned()].concat();
    assert_eq!(merged.kinds(), [ProblemKind::Malformed]);
}

#[test]
fn a_record_after_the_end_of_a_segment_belongs_nowhere() {
    let longer = Crafted::turned(
        |log| {
            let sealed = log.chain.clone();
            log.events(1);
            log.chain = sealed;
        },
        1,
    );
    let found = longer.check(None);
    assert_eq!(
        kinds(&found),
        [ProblemKind::OutOfPlace, ProblemKind::OutOfPlace],
        "{found}"
    );
    assert!(
        found.problems[0].reason.contains("after the one that sealed"),
        "{found}"
    );
    assert!(
        found.problems[1].reason.contains("goes on after 3 records"),
        "{found}"
    );
}

#[test]
fn a_segment_that_goes_on_from_something_else_is_not_linked() {
    let hash = Crafted::turned(|log| log.chain.last = "ab".repeat(32), 1);
    let found = hash.check(None);
    assert_eq!(kinds(&found), [ProblemKind::Unlinked], "{found}");
    assert!(
        found.problems[0].reason.contains("not the hash of the record"),
        "{found}"
    );
    let tree = Crafted::turned(
        |log| {
            let mut other = Crafted::begin();
            other.events(3);
            log.chain.tree = other.chain.tree;
        },
        1,
    );
    let found = tree.check(None);
    assert_eq!(kinds(&found), [ProblemKind::Unlinked], "{found}");
    assert!(
        found.problems[0].reason.contains("a tree with the root"),
        "{found}"
    );
    let log = Crafted::turned(|log| log.chain.log = "other".to_owned(), 1);
    assert_eq!(log.kinds(), [ProblemKind::OtherLog]);
    // Which log it was whose first line cannot be read is not known.
    let mut nameless = Crafted::turned(|_| {}, 1);
    nameless.segments[0] = ["what\n".to_owned(), nameless.lines(0)[1..].concat()].concat();
    assert_eq!(nameless.kinds(), [ProblemKind::Header]);
}

#[test]
fn a_segment_is_sealed_with_what_is_in_it() {
    let mut log = Crafted::begin();
    log.events(2);
    let (records, root) = (log.chain.records(), log.chain.tree.root());
    for (records, root) in [(records + 1, root), (records, TreeHash::empty())] {
        let mut bad = Crafted::begin();
        bad.events(2);
        bad.seal_as(records, root);
        assert_eq!(bad.kinds(), [ProblemKind::Root], "{records}");
    }
}

#[test]
fn listed_notes_are_bounded_and_all_are_counted() {
    let mut log = Crafted::begin();
    for count in 1..=102 {
        log.note(&Note::HeadMissing {
            time: Timestamp::UNIX_EPOCH,
        });
        let found = log.check(None);
        assert_eq!(
            (found.notes.len() as u64, found.note_count),
            (count.min(100), count)
        );
    }
}

#[test]
fn a_head_counts_as_compared_where_its_record_was_or_has_to_be() {
    let mut log = Crafted::begin();
    log.events(3);
    let head = log.chain.head();
    let found = log.check(Some(&head));
    assert!(
        found.is_intact() && found.anchor == Anchor::Head(head.clone()),
        "{found}"
    );
    let lines: Vec<String> = log.lines(0).into_iter().map(str::to_owned).collect();
    log.segments = vec![lines[..3].concat()];
    let found = log.check(Some(&head));
    assert_eq!(found.anchor, Anchor::Head(head.clone()), "{found}");
    // Its record cannot be read, so that nothing was compared with it.
    log.segments = vec![[lines[..3].concat(), "what\n".to_owned()].concat()];
    let found = log.check(Some(&head));
    assert_eq!(found.anchor, Anchor::Passed(head), "{found}");
}

#[test]
fn checkpoints_go_on_from_each_other_and_may_be_of_the_same_records() {
    let mut log = Crafted::begin();
    let mut notes = vec![log.checkpoint()];
    for _ in 0..3 {
        log.events(1);
        notes.push(log.checkpoint());
    }
    for (order, expected) in [
        (&[0, 1, 2, 3][..], &[][..]),
        (&[0, 3, 3], &[]),
        (&[0, 3, 2], &[ProblemKind::Checkpoint]),
    ] {
        log.checkpoints.clear();
        for at in order {
            log.put(&notes[*at]);
        }
        let found = log.check_signed();
        assert_eq!(kinds(&found), expected, "{found}");
    }
}

#[test]
fn a_checkpoint_of_another_log_by_the_same_key_is_none_of_this_one() {
    let mut log = Crafted::begin();
    let other = Checkpoint {
        origin: Checkpoint::origin("other"),
        ..log.checkpoint()
    };
    let own = log.checkpoint();
    log.put(&other);
    log.put(&own);
    let found = log.check_signed();
    assert_eq!(kinds(&found), [ProblemKind::Checkpoint], "{found}");
    assert!(
        found.problems[0].reason.contains("is that of claw-audit/other"),
        "{found}"
    );
}

#[test]
fn a_file_that_cannot_be_told_apart_is_not_read_on() {
    let mut log = Crafted::begin();
    let own = log.checkpoint();
    log.put(&own);
    log.checkpoints.push_str("what\n\n");
    for _ in 0..64 {
        log.checkpoints.push_str("else\n");
    }
    let found = log.check_signed();
    assert_eq!(kinds(&found), [ProblemKind::Checkpoint], "{found}");
    assert!(
        found.problems[0].reason.contains("none after it could be read"),
        "{found}"
    );
}

/// Its first segment is said to be gone with all of its records, of which there were none.
#[test]
fn a_log_that_begins_later_is_anchored_by_a_checkpoint_of_records() {
    let mut log = Crafted::begin();
    let empty = log.checkpoint();
    log.put(&empty);
    log.segments.clear();
    log.turn(1);
    let found = log.check_signed();
    assert_eq!(kinds(&found), [ProblemKind::Unanchored], "{found}");
    let some = log.checkpoint();
    log.put(&some);
    assert_eq!(kinds(&log.check_signed()), []);
}
