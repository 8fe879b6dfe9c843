//! Logs of the format before this one.

use super::super::chain::{read_header, read_line};
use super::super::writer::LONGEST_APPEND;
use super::*;

/// A log of format 1: numbers and order of keys are not those of RFC 8785.
const FORMAT_1: &str = include_str!("format1.jsonl");

fn head_of(text: &str) -> Head {
    let (header, ..) = read_header(text.lines().next().unwrap().as_bytes()).unwrap();
    let last = read_line(text.lines().last().unwrap().as_bytes()).unwrap();
    Head {
        log: header.log,
        records: last.sequence + 1,
        hash: last.hash,
    }
}

/// Other versions go by them: what one takes for a line, another has to, and what a crash left of the longest write of one is
/// no damage to another.
#[test]
fn lengths_that_other_versions_go_by_stay_as_they_are() {
    assert_eq!(MAX_LINE, 4_194_304);
    assert_eq!(LONGEST_APPEND, 14_680_064);
}

#[test]
fn a_log_of_format_1_verifies() {
    let head = head_of(FORMAT_1);
    let verification = verify(FORMAT_1.as_bytes(), Some(&head)).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!((verification.records, verification.end), (4, End::Closed));
    let altered = FORMAT_1.replace("1.0", "1.1");
    assert_ne!(altered, FORMAT_1);
    assert!(!verify(altered.as_bytes(), Some(&head)).unwrap().is_intact());
    // Its numbers would not be written so today.
    let line: serde_json::Value = serde_json::from_str(FORMAT_1.lines().nth(2).unwrap()).unwrap();
    let today = claw_core::canonical::for_digest(&line["event"]);
    assert!(!FORMAT_1.contains(&today));
}

#[tokio::test]
async fn a_log_of_format_1_goes_on_in_a_segment_of_this_format() {
    let place = place();
    std::fs::write(&place.path, FORMAT_1).unwrap();
    let head = serde_json::to_vec(&head_of(FORMAT_1)).unwrap();
    std::fs::write(head_path(&place.path), head).unwrap();
    let adopt = AuditSettings::default().with_adopt_unsigned(true);
    let log = FileAuditLog::open_with(&place.path, clock(), adopt, Vec::new())
        .await
        .unwrap();
    // Record 4 says that nothing vouched for those before.
    assert_eq!(log.append(event("r", "next")).await.unwrap().sequence, 5);
    log.close().await.unwrap();
    // Not a byte of it has changed.
    let old = std::fs::read_to_string(segment_path(&place.path, 0)).unwrap();
    assert_eq!(old, FORMAT_1);
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!((verification.records, verification.segments), (7, 2));
    assert_eq!(verification.log, "5e2d9c0b7a614f38");
    // Its records are in the tree that is signed from now on.
    let proof = prove(&place.path, 1, None, false).unwrap();
    assert!(proof.record.contains("18446744073709551615"));
    proof.check(&[log.verifier_key().clone()]).unwrap();
    let story = show_file(&place.path, "r").unwrap();
    assert_eq!(story.events.len(), 4);
    // What is done to it is found by its hashes, and by the tree.
    std::fs::write(segment_path(&place.path, 0), old.replace("tool_1", "tool_9")).unwrap();
    assert!(!verify_file(&place.path).unwrap().is_intact());
}
