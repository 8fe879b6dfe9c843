//! Whatever is done to a log, the check finds it.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn log_of(count: usize) -> (Vec<u8>, Head) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let log = MemoryAuditLog::default();
    runtime.block_on(async {
        for index in 0..count {
            log.append(event("r", &format!("tool_{index}"))).await.unwrap();
        }
    });
    (log.text().into_bytes(), log.head())
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn check(text: &[u8], head: &Head) -> Verification {
    verify(text, Some(head)).unwrap()
}

#[derive(Clone, Debug)]
enum Tamper {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    DropLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    MoveLine(Index, Index),
}

fn tamper() -> impl Strategy<Value = Tamper> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1..=255_u8).prop_map(|(at, by)| Tamper::Flip(at, by)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Tamper::Insert(at, byte)),
        2 => at().prop_map(Tamper::Remove),
        2 => at().prop_map(Tamper::Cut),
        1 => at().prop_map(Tamper::DropLine),
        1 => at().prop_map(Tamper::DoubleLine),
        1 => (at(), at()).prop_map(|(a, b)| Tamper::SwapLines(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Tamper::MoveLine(a, b)),
    ]
}

fn apply(tamper: &Tamper, text: &[u8]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    let mut lines = lines(text);
    match tamper {
        Tamper::Flip(at, by) => bytes[at.index(text.len())] ^= by,
        Tamper::Insert(at, byte) => bytes.insert(at.index(text.len() + 1), *byte),
        Tamper::Remove(at) => drop(bytes.remove(at.index(text.len()))),
        Tamper::Cut(at) => bytes.truncate(at.index(text.len())),
        Tamper::DropLine(at) => {
            lines.remove(at.index(lines.len()));
            return lines.concat();
        }
        Tamper::DoubleLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at].clone());
            return lines.concat();
        }
        Tamper::SwapLines(a, b) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
            return lines.concat();
        }
        Tamper::MoveLine(a, b) => {
            let line = lines.remove(a.index(lines.len()));
            lines.insert(b.index(lines.len() + 1), line);
            return lines.concat();
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_change_is_found(count in 0..8_usize, changes in prop::collection::vec(tamper(), 1..4)) {
        let (text, head) = log_of(count);
        let changed = changes.iter().fold(text.clone(), |text, change| {
            // Nothing can be done to a file that is empty already.
            if text.is_empty() { text } else { apply(change, &text) }
        });
        let verification = check(&changed, &head);
        prop_assert_eq!(verification.is_intact(), changed == text, "{:?}\n{}", changes, verification);
        prop_assert_eq!(verification.problem_count == 0, verification.problems.is_empty());
    }

    #[test]
    fn any_file_is_checked_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let (_, head) = log_of(1);
        prop_assert!(!verify(bytes.as_slice(), None).unwrap().is_intact());
        prop_assert!(!check(&bytes, &head).is_intact());
        let _ = show(bytes.as_slice(), "r").unwrap().to_string();
    }

    #[test]
    fn a_shorter_log_is_found_against_a_later_head(count in 1..8_usize, keep in any::<Index>()) {
        let (text, head) = log_of(count);
        let lines = lines(&text);
        let kept = lines[..keep.index(count) + 1].concat();
        let verification = check(&kept, &head);
        prop_assert_eq!(verification.problems[0].kind, ProblemKind::Truncated);
    }
}

#[test]
fn every_single_byte_counts() {
    let (text, head) = log_of(2);
    for at in 0..text.len() {
        for by in [1, 0x20, 0x80] {
            let mut changed = text.clone();
            changed[at] ^= by;
            assert!(!check(&changed, &head).is_intact(), "byte {at} xor {by}");
        }
    }
}

#[test]
fn says_where_and_what() {
    let (text, head) = log_of(5);
    let all = lines(&text);
    let rest = |from: usize| all[from..].concat();
    let upto = |to: usize| all[..to].concat();
    let altered = String::from_utf8(text.clone())
        .unwrap()
        .replace("tool_2", "tool_9");
    let cases: [(Vec<u8>, ProblemKind, u64, Option<u64>); 7] = [
        (altered.into_bytes(), ProblemKind::Altered, 4, Some(2)),
        ([upto(3), rest(4)].concat(), ProblemKind::Missing, 4, Some(2)),
        ([upto(3), rest(2)].concat(), ProblemKind::OutOfPlace, 4, Some(2)),
        (
            [upto(3), b"what\n".to_vec(), rest(4)].concat(),
            ProblemKind::Malformed,
            4,
            Some(2),
        ),
        (upto(4), ProblemKind::Truncated, 4, Some(3)),
        (rest(1), ProblemKind::Header, 1, None),
        (
            text[..text.len() - 1].to_vec(),
            ProblemKind::Incomplete,
            6,
            Some(4),
        ),
    ];
    for (changed, kind, line, record) in cases {
        let verification = check(&changed, &head);
        let problem = &verification.problems[0];
        assert_eq!(
            (problem.kind, problem.line, problem.record),
            (kind, line, record),
            "{verification}"
        );
        assert!(!problem.reason.is_empty() && !problem.remedy.is_empty());
        assert!(verification.to_string().contains("NOT intact"));
    }
}

#[test]
fn one_altered_record_is_one_problem() {
    let (text, head) = log_of(5);
    let altered = String::from_utf8(text).unwrap().replace("tool_2", "tool_9");
    assert_eq!(check(altered.as_bytes(), &head).problem_count, 1);
}

#[test]
fn a_log_written_anew_is_found_against_the_old_head() {
    let (_, head) = log_of(3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let forged = MemoryAuditLog::default();
    runtime.block_on(async {
        for _ in 0..5 {
            forged.append(event("r", "harmless")).await.unwrap();
        }
    });
    let verification = check(forged.text().as_bytes(), &head);
    assert_eq!(verification.problems[0].kind, ProblemKind::Unlinked);
    assert!(verify(forged.text().as_bytes(), None).unwrap().is_intact());
    let other = Head {
        log: "other".to_owned(),
        ..forged.head()
    };
    assert_eq!(
        check(forged.text().as_bytes(), &other).problems[0].kind,
        ProblemKind::OtherLog
    );
}

#[test]
fn an_endless_line_takes_no_memory() {
    let (mut text, head) = log_of(1);
    text.extend(vec![b'x'; MAX_LINE * 3]);
    text.push(b'\n');
    let verification = check(&text, &head);
    assert_eq!(verification.problems[0].kind, ProblemKind::Malformed);
    assert_eq!(verification.problem_count, 1);
}

#[test]
fn a_first_line_that_is_too_long_or_missing_is_no_header() {
    let long = [vec![b'x'; MAX_LINE + 10], b"\n".to_vec()].concat();
    for text in [long.as_slice(), b""] {
        let verification = verify(text, None).unwrap();
        let kinds: Vec<_> = verification.problems.iter().map(|problem| problem.kind).collect();
        assert_eq!(kinds, [ProblemKind::Header], "{verification}");
    }
    let place = place();
    std::fs::write(&place.path, "").unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert_eq!(verification.problems[0].reason, "the file is empty");
    // The header is no record, and without one no head is missed.
    let (text, _) = log_of(0);
    let torn = verify(&text[..text.len() - 1], None).unwrap();
    assert_eq!(
        (torn.problems[0].kind, torn.problems[0].record),
        (ProblemKind::Incomplete, None)
    );
    std::fs::write(&place.path, text).unwrap();
    assert!(verify_file(&place.path).unwrap().is_intact());
}

#[test]
fn listed_problems_are_bounded_and_all_are_counted() {
    let (text, head) = log_of(1);
    let garbage = [text, b"x\n".repeat(500)].concat();
    let verification = check(&garbage, &head);
    assert_eq!(verification.problems.len(), 100);
    assert_eq!(verification.problem_count, 500);
    assert!(verification.to_string().ends_with("and 400 more problems"));
}
