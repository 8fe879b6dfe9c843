use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::{
    AuditError, AuditEvent, AuditKind, AuditLog, AuditReceipt, Observed, SignedCheckpoint,
};
use claw_core::clock::{Clock as _, ManualClock};
use jiff::Timestamp;
use serde_json::json;

use super::checkpoint::VerifierKey;
use super::*;

mod checkpoints;
mod crafted;
mod crash;
mod disk;
mod files;
mod formats;
mod mutations;
mod proofs;
mod recovery;
mod rig;
mod said;
mod segments;
mod tamper;
mod trust;
mod turning;

pub(super) fn number(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

/// Settings under which a log of a few records has several segments and several checkpoints.
pub(super) fn small() -> AuditSettings {
    AuditSettings::default()
        .with_segment_bytes(number(3000))
        .with_checkpoint_every(number(3), number(60))
}

/// A log on disk with `count` events, under these settings, closed in order.
pub(super) async fn written_with(place: &Place, count: usize, settings: AuditSettings) -> VerifierKey {
    let log = FileAuditLog::open_with(&place.path, clock(), settings, Vec::new())
        .await
        .unwrap();
    for index in 0..count {
        log.append(event("r", &format!("tool_{index}"))).await.unwrap();
    }
    log.close().await.unwrap();
    log.verifier_key().clone()
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()))
}

pub(super) fn event(run: &str, subject: &str) -> AuditEvent {
    AuditEvent {
        time: "2026-03-01T10:00:00.5Z".parse().unwrap(),
        run: run.to_owned(),
        step: Some("gather_context".to_owned()),
        actor: "claw".to_owned(),
        kind: AuditKind::Observe,
        subject: subject.to_owned(),
        input: json!({"namespace": "shop", "limit": 0.1}),
        observed: Some(Observed {
            digest: "ab".repeat(32),
            bytes: 12,
            excerpt: "{\"pods\":\"ü\\n\"}".to_owned(),
        }),
        reasoned: None,
        decided: Some("allowed by reads.allowed".to_owned()),
        why: "to see which pods run".to_owned(),
        error: None,
        requests: None,
    }
}

pub(super) struct Place {
    _folder: tempfile::TempDir,
    pub(super) path: PathBuf,
}

pub(super) fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    Place {
        _folder: folder,
        path,
    }
}

/// A log on disk with `count` events, closed in order.
pub(super) async fn written(place: &Place, count: usize) -> Vec<AuditReceipt> {
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    let mut receipts = Vec::new();
    for index in 0..count {
        receipts.push(log.append(event("r", &format!("tool_{index}"))).await.unwrap());
    }
    log.close().await.unwrap();
    receipts
}

#[tokio::test]
async fn records_are_numbered_chained_and_intact() {
    let place = place();
    let receipts = written(&place, 3).await;
    let sequences: Vec<_> = receipts.iter().map(|receipt| receipt.sequence).collect();
    assert_eq!(sequences, [0, 1, 2]);

    let text = std::fs::read_to_string(&place.path).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["format"], 2);
    for (at, receipt) in receipts.iter().enumerate() {
        assert_eq!(lines[at + 1]["prev"], lines[at]["hash"]);
        assert_eq!(lines[at + 1]["hash"], receipt.hash.as_str());
        assert_eq!(lines[at + 1]["event"]["subject"], format!("tool_{at}"));
    }
    assert_eq!(lines[4]["note"]["kind"], "closed");

    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!(verification.records, 4);
    assert_eq!(verification.end, End::Closed);
    assert_eq!(verification.anchor, Anchor::Head(verification.head().unwrap()));
}

#[tokio::test]
async fn the_hash_is_that_of_the_canonical_json_of_the_other_members() {
    let place = place();
    written(&place, 2).await;
    for line in std::fs::read_to_string(&place.path).unwrap().lines() {
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let hash = object.remove("hash").unwrap();
        let canonical = claw_core::canonical::to_string(&object.into()).unwrap();
        assert_eq!(hash, claw_core::digest::sha256(canonical));
    }
}

#[tokio::test]
async fn a_record_is_in_the_file_before_its_receipt() {
    let place = place();
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    for _ in 0..5 {
        let receipt = log.append(event("r", "get_pods")).await.unwrap();
        let text = std::fs::read_to_string(&place.path).unwrap();
        assert!(text.ends_with(&format!("\"hash\":\"{}\"}}\n", receipt.hash)));
        assert_eq!(log.head().records, receipt.sequence + 1);
    }
    assert!(verify_file(&place.path).unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_records_have_one_order() {
    let place = place();
    let log = Arc::new(
        FileAuditLog::open_waiting(
            &place.path,
            clock(),
            AuditSettings::default(),
            Vec::new(),
            file::Options {
                queue: 4,
                ..file::Options::default()
            },
        )
        .await
        .unwrap(),
    );
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(event("r", &format!("tool_{index}"))).await.unwrap() })
        })
        .collect();
    let mut sequences = Vec::new();
    for task in tasks {
        sequences.push(task.await.unwrap().sequence);
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (0..200).collect::<Vec<u64>>());
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!(verification.records, 201);
}

#[tokio::test]
async fn a_closed_log_takes_nothing_more_and_can_be_opened_again() {
    let place = place();
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    log.append(event("r", "a")).await.unwrap();
    log.close().await.unwrap();
    assert!(log.append(event("r", "b")).await.is_err());
    assert!(log.close().await.is_err());

    let again = FileAuditLog::open(&place.path, clock()).await.unwrap();
    assert_eq!(again.append(event("r", "c")).await.unwrap().sequence, 2);
    again.close().await.unwrap();
    assert!(verify_file(&place.path).unwrap().is_intact());
}

#[tokio::test]
async fn two_cannot_write_one_log() {
    let place = place();
    let first = FileAuditLog::open(&place.path, clock()).await.unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    first.append(event("r", "a")).await.unwrap();
    first.close().await.unwrap();
    FileAuditLog::open(&place.path, clock()).await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_dropped_is_closed_by_its_thread() {
    let place = place();
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    log.append(event("r", "a")).await.unwrap();
    drop(log);
    for _ in 0..200 {
        if verify_file(&place.path).unwrap().end == End::Closed {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the log was not closed");
}

#[tokio::test]
async fn an_event_longer_than_a_line_is_refused_and_the_log_goes_on() {
    let place = place();
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    let long = AuditEvent {
        why: "x".repeat(MAX_LINE),
        ..event("r", "a")
    };
    let error = log.append(long).await.unwrap_err();
    assert!(error.to_string().contains("longer than the limit"), "{error}");
    assert_eq!(log.append(event("r", "b")).await.unwrap().sequence, 0);
    let longest = AuditEvent {
        why: "x".repeat(4_190_000),
        ..event("r", "c")
    };
    log.append(longest).await.unwrap();
    log.close().await.unwrap();
    assert!(verify_file(&place.path).unwrap().is_intact());
    FileAuditLog::open(&place.path, clock()).await.unwrap();
}

#[tokio::test]
async fn integers_that_no_double_holds_are_written_as_their_digits() {
    let log = MemoryAuditLog::default();
    let large = AuditEvent {
        input: json!({"uid": u64::MAX, "limit": [9_007_199_254_740_993_u64, 7, 0.5]}),
        ..event("r", "a")
    };
    log.append(large).await.unwrap();
    let text = log.text();
    let input = r#""input":{"limit":["9007199254740993",7,0.5],"uid":"18446744073709551615"}"#;
    assert!(text.contains(input), "{text}");
    assert!(verify(text.as_bytes(), Some(&log.head())).unwrap().is_intact());
}

#[tokio::test]
async fn memory_and_file_have_the_same_chain() {
    let memory = MemoryAuditLog::default();
    let again = MemoryAuditLog::default();
    for index in 0..4 {
        for log in [&memory, &again] {
            let receipt = log.append(event("r", &format!("t{index}"))).await.unwrap();
            assert_eq!(receipt.sequence, index);
        }
    }
    assert_eq!(memory.text(), again.text());
    assert_eq!(memory.events().len(), 4);
    let verification = verify(memory.text().as_bytes(), Some(&memory.head())).unwrap();
    assert!(verification.is_intact(), "{verification}");

    let place = place();
    std::fs::write(&place.path, memory.text()).unwrap();
    let adopt = AuditSettings::default().with_adopt_unsigned(true);
    let log = FileAuditLog::open_with(&place.path, clock(), adopt, Vec::new())
        .await
        .unwrap();
    // Records 4 and 5 say that nothing vouched for those before, and that there was no head file; record 6 seals a segment
    // without a key.
    assert_eq!(log.append(event("r", "next")).await.unwrap().sequence, 7);
    log.close().await.unwrap();
    assert!(verify_file(&place.path).unwrap().is_intact());
}

#[tokio::test]
async fn a_run_reads_as_a_story() {
    let log = MemoryAuditLog::default();
    let start = AuditEvent {
        kind: AuditKind::RunStarted,
        step: None,
        observed: None,
        decided: None,
        ..event("run-1", "incident_investigation")
    };
    log.append(start).await.unwrap();
    log.append(event("run-2", "get_nodes")).await.unwrap();
    let mut hostile = event("run-1", "get_pods");
    hostile.observed.as_mut().unwrap().excerpt =
        "a\u{1b}[2Jb\u{202e}c\nd\u{61c}\u{2028}\u{200b}\u{feff}e".to_owned();
    log.append(hostile).await.unwrap();
    let refused = AuditEvent {
        kind: AuditKind::Refuse,
        step: Some("synthesize".to_owned()),
        decided: Some("refused by writes.not_enabled: not enabled".to_owned()),
        observed: None,
        ..event("run-1", "Patch Deployment shop/cart")
    };
    log.append(refused).await.unwrap();

    let story = show(log.text().as_bytes(), "run-1").unwrap();
    let sequences: Vec<_> = story.events.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [0, 2, 3]);
    let text = story.to_string();
    for part in [
        "run run-1 by claw: 1 observation, 0 conclusions, 1 refusal",
        "\ngather_context\n",
        "\nsynthesize\n",
        "+0.000 s #2 observed get_pods limit=0.1 namespace=shop",
        "saw: 12 bytes, sha256 abababababab…: a [2Jb c d    e",
        "decided: refused by writes.not_enabled: not enabled",
        "why: to see which pods run",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let unseen = [
        '\u{1b}', '\u{202e}', '\u{61c}', '\u{2028}', '\u{200b}', '\u{feff}',
    ];
    assert!(!text.contains(unseen), "{text:?}");
    assert!(
        show(log.text().as_bytes(), "nobody")
            .unwrap()
            .to_string()
            .contains("nothing is recorded")
    );
}

#[test]
fn the_written_time_of_a_log_is_that_of_the_clock() {
    let log = MemoryAuditLog::new("a", Timestamp::UNIX_EPOCH);
    let verification = verify(log.text().as_bytes(), None).unwrap();
    assert_eq!(verification.created, Some(Timestamp::UNIX_EPOCH));
    assert_eq!(verification.log, "a");
    assert_eq!(verification.end, End::Open);
    assert!(verification.to_string().contains("end not checked"));
}

pub(super) fn append_bytes(place: &Place, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&place.path)
        .unwrap();
    file.write_all(bytes).unwrap();
}
