//! What people read of a check.

use super::super::checkpoint::Cadence;
use super::*;

/// Of a log of seven records that was closed in order, changed.
fn said(change: impl FnOnce(&mut Verification)) -> String {
    let mut of = Verification {
        log: "ab".to_owned(),
        created: None,
        records: 7,
        segments: 1,
        gone: None,
        hash: "cd".repeat(32),
        root: None,
        anchor: Anchor::None,
        checkpoints: None,
        end: End::Closed,
        problems: Vec::new(),
        problem_count: 0,
        notes: Vec::new(),
        note_count: 0,
    };
    change(&mut of);
    of.to_string()
}

#[test]
fn the_first_line_says_whether_it_is_intact_and_what_its_end_was_compared_with() {
    let head = || Head {
        log: "ab".to_owned(),
        records: 5,
        hash: "cd".repeat(32),
    };
    let closed = "audit log ab: intact, 7 records, closed in order";
    assert_eq!(said(|_| {}), closed);
    assert_eq!(
        said(|of| of.segments = 2),
        "audit log ab: intact, 7 records in 2 segments, closed in order"
    );
    assert_eq!(
        said(|of| of.end = End::Open),
        "audit log ab: intact, 7 records, end not checked: no head, and the log was not closed in order"
    );
    assert_eq!(
        said(|of| of.anchor = Anchor::Head(head())),
        "audit log ab: intact, 7 records, end checked against a head at 5 records"
    );
    assert_eq!(
        said(|of| of.anchor = Anchor::Passed(head())),
        "audit log ab: intact, 7 records, end not checked: the head is of 5 records, before the first that is still there"
    );
    let gone = Gone {
        segments: 2,
        records: 9,
        retired: true,
    };
    assert_eq!(
        said(|of| of.gone = Some(gone)),
        format!(
            "{closed}\ngone: the first 2 segments, with records 0 to 8, deleted as the log's settings ask"
        )
    );
    let unsaid = Gone {
        retired: false,
        ..gone
    };
    assert!(unsaid.to_string().ends_with("and the log does not say why"));
}

#[test]
fn what_is_not_listed_is_counted() {
    let problem = Problem {
        part: Part::Sealed(3),
        line: 5,
        record: Some(9),
        kind: ProblemKind::Altered,
        reason: "it was altered".to_owned(),
        remedy: "keep the file".to_owned(),
    };
    let noted = Noted {
        part: Part::Sealed(3),
        line: 5,
        record: 9,
        note: Note::Closed {
            time: Timestamp::UNIX_EPOCH,
        },
    };
    let begin = "audit log ab: NOT intact, 7 records, closed in order\n\
                 segment 000003, line 5, record 9: it was altered; keep the file";
    for (count, more) in [(1, ""), (3, "\nand 2 more problems")] {
        let text = said(|of| (of.problems, of.problem_count) = (vec![problem.clone()], count));
        assert_eq!(text, format!("{begin}{more}"));
    }
    let begin = "audit log ab: intact, 7 records, closed in order\n\
                 segment 000003, line 5, record 9: note: closed in order at 1970-01-01T00:00:00Z";
    for (count, more) in [(1, ""), (3, "\nand 2 more notes")] {
        let text = said(|of| (of.notes, of.note_count) = (vec![noted.clone()], count));
        assert_eq!(text, format!("{begin}{more}"));
    }
}

#[test]
fn checkpoints_are_said_to_vouch_for_what_they_vouch_for() {
    let kept = || Checkpoints {
        checked: 4,
        kept: 1,
        last: Some(6),
        trusted: true,
        ..Checkpoints::default()
    };
    let compared =
        "checkpoints: 4 compared with the records, the last at 6, signed by the key that was given";
    assert_eq!(kept().to_string(), compared);
    let none = Checkpoints { last: None, ..kept() };
    assert_eq!(
        none.to_string(),
        "checkpoints: none that could be compared with the records"
    );
    let first = Checkpoints {
        last: Some(0),
        ..kept()
    };
    assert_eq!(
        first.to_string(),
        "checkpoints: none is about a record yet; the first is signed by the key that was given"
    );
    let retired = Checkpoints {
        unmatched: 2,
        ..kept()
    };
    assert_eq!(
        retired.to_string(),
        format!("{compared}; 2 more are about records that are gone")
    );
    let unsigned = Checkpoints {
        unsigned: 3,
        next: Some(Cadence {
            records: number(1000),
            seconds: number(60),
        }),
        ..kept()
    };
    let text = unsigned.to_string();
    assert!(
        text.contains("\nafter the last checkpoint: 3 records, which only")
            && text.ends_with("after 1000 events or 60 seconds at the latest"),
        "{text}"
    );
    let beside = Checkpoints { kept: 0, ..kept() };
    let text = beside.to_string();
    assert!(
        text.starts_with(&format!("{compared}\nnot to be seen here: ")),
        "{text}"
    );
    let own = Checkpoints {
        trusted: false,
        ..kept()
    };
    assert!(own.to_string().contains("the key that the log itself names"));
}
