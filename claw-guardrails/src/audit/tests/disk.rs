//! Disks that are full, fail or hang.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::writer::LONGEST_APPEND;
use super::rig::{Rig, rig, rig_with};
use super::*;

#[tokio::test]
async fn waiting_records_are_forced_to_disk_together() {
    let mut rig = rig();
    let mut answers = Vec::new();
    for index in 0..50 {
        answers.push(rig.ask(&format!("t{index}")).await);
    }
    rig.start();
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap().unwrap().sequence, index as u64);
    }
    assert_eq!(rig.disk.syncs.load(Ordering::SeqCst), 1);
    assert!(rig.verification().is_intact());
}

/// What is found behind the last record is cut off if one write may have left it there.
#[tokio::test]
async fn the_longest_batch_is_one_that_a_crash_may_leave_torn() {
    let mut rig = rig();
    let header = rig.disk.bytes.lock().unwrap().len();
    let batch = 8 << 20;
    let mut answers = Vec::new();
    // Events that all but fill the batch, and the longest that there is behind them.
    let events = 99;
    let longest = MAX_LINE - ENVELOPE;
    let bare = file::canonical_event(&event("r", "")).unwrap().len();
    for size in std::iter::repeat_n(batch / events, events).chain([longest]) {
        answers.push(rig.ask(&"x".repeat(size - bare)).await);
    }
    rig.start();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(rig.disk.syncs.load(Ordering::SeqCst), 1);
    let written = rig.disk.bytes.lock().unwrap().len() - header;
    assert!(written > batch + longest);
    assert!(written as u64 <= LONGEST_APPEND, "{written}");
}

/// The folder is looked through now and then, and not for each record.
#[tokio::test]
async fn segments_that_are_too_old_are_looked_for_as_time_goes_by() {
    let kept = AuditSettings::default().with_keep_seconds(number(60));
    for (settings, looks) in [(kept, 1), (AuditSettings::default(), 0)] {
        let mut rig = rig_with(settings);
        rig.start();
        for subject in ["a", "b", "c"] {
            rig.append(subject).await.unwrap();
        }
        assert_eq!(rig.disk.looks.load(Ordering::SeqCst), 0);
        rig.settled().await;
        assert_eq!(rig.disk.looks.load(Ordering::SeqCst), looks);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let mut rig = rig();
    rig.start();
    rig.append("a").await.unwrap();
    let used = rig.disk.bytes.lock().unwrap().len();
    rig.disk.room.store(used + 10, Ordering::SeqCst);
    for _ in 0..3 {
        let error = rig.append("b").await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("nothing is read or written until it can"),
            "{error}"
        );
        assert_eq!(rig.disk.bytes.lock().unwrap().len(), used);
    }
    rig.disk.room.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(rig.append("c").await.unwrap().sequence, 1);
    assert!(rig.verification().is_intact());
    assert_eq!(rig.verification().records, 2);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_taken_any_more() {
    let mut rig = rig();
    rig.start();
    rig.append("a").await.unwrap();
    rig.disk.sync_fails.store(1, Ordering::SeqCst);
    assert!(rig.append("b").await.is_err());
    rig.disk.sync_fails.store(0, Ordering::SeqCst);
    let error = rig.append("c").await.unwrap_err();
    assert!(error.to_string().contains("restart the agent"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_taken_back_stops_the_log() {
    let mut rig = rig();
    rig.start();
    rig.disk.room.store(0, Ordering::SeqCst);
    rig.disk.cut_fails.store(1, Ordering::SeqCst);
    assert!(rig.append("a").await.is_err());
    rig.disk.room.store(usize::MAX, Ordering::SeqCst);
    let error = rig.append("b").await.unwrap_err();
    assert!(error.to_string().contains("could not be taken back"), "{error}");
}

#[tokio::test]
async fn a_batch_fails_as_a_whole() {
    let mut rig = rig();
    let first = rig.ask("a").await;
    let second = rig.ask("b").await;
    let header = rig.disk.bytes.lock().unwrap().len();
    // Room for the first record, not for both.
    rig.disk.room.store(header + 700, Ordering::SeqCst);
    rig.start();
    assert!(first.await.unwrap().is_err());
    assert!(second.await.unwrap().is_err());
    assert_eq!(rig.disk.bytes.lock().unwrap().len(), header);
}

#[tokio::test]
async fn a_disk_that_hangs_is_given_up_and_what_it_takes_later_stands() {
    let mut rig = rig();
    let (writer, _requests) = rig.pending.take().unwrap();
    let options = file::Options {
        timeout: Duration::from_millis(50),
        ..file::Options::default()
    };
    let log = FileAuditLog::start("audit.jsonl".into(), writer, options).unwrap();
    rig.disk.hang(true);
    let error = log.append(event("r", "a")).await.unwrap_err();
    assert!(
        error.to_string().contains("not written to disk within 50ms"),
        "{error}"
    );
    // Nobody was told that it is safe; it is on record all the same.
    rig.disk.hang(false);
    while log.head().records == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.verification().records, 1);
}

#[tokio::test]
async fn an_error_names_the_log_that_it_is_about() {
    let mut rig = rig();
    let (writer, _requests) = rig.pending.take().unwrap();
    let log = FileAuditLog::start("audit.jsonl".into(), writer, file::Options::default()).unwrap();
    rig.disk.room.store(0, Ordering::SeqCst);
    let error = log.append(event("r", "a")).await.unwrap_err();
    assert!(error.reason.starts_with("audit.jsonl: the record"), "{error}");
    assert!(error.source.is_some());
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let mut rig = rig();
    let (writer, _requests) = rig.pending.take().unwrap();
    let options = file::Options {
        queue_bytes: MAX_LINE,
        ..file::Options::default()
    };
    let log = Arc::new(FileAuditLog::start("audit.jsonl".into(), writer, options).unwrap());
    rig.disk.hang(true);
    let tasks: Vec<_> = (0..5)
        .map(|index| {
            let log = Arc::clone(&log);
            let large = AuditEvent {
                why: "x".repeat(MAX_LINE / 3),
                ..event("r", &format!("t{index}"))
            };
            tokio::spawn(async move { log.append(large).await })
        })
        .collect();
    // Two have room, one of them with the writer, and the others wait for it.
    while log.waiting_bytes() <= MAX_LINE / 2 {
        tokio::task::yield_now().await;
    }
    assert!(tasks.iter().all(|task| !task.is_finished()));
    rig.disk.hang(false);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!((rig.verification().records, log.waiting_bytes()), (5, 0));
}

/// What the checkpoints say of the next one holds, however many records wait.
#[tokio::test]
async fn no_more_records_are_written_than_there_may_be_before_the_next_checkpoint() {
    let mut rig = rig_with(AuditSettings::default().with_checkpoint_every(number(7), number(60)));
    let mut answers = Vec::new();
    for index in 0..50 {
        answers.push(rig.ask(&format!("t{index}")).await);
    }
    rig.start();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    rig.settled().await;
    let kept = rig.disk.kept.lock().unwrap();
    let sizes: Vec<u64> = kept.iter().map(|kept| kept.size).collect();
    assert_eq!(sizes, [7, 14, 21, 28, 35, 42, 49]);
    assert!(kept[0].note.contains("\nnext 7 60\n"), "{}", kept[0].note);
}

fn often() -> AuditSettings {
    AuditSettings::default().with_checkpoint_every(number(1), number(60))
}

#[tokio::test]
async fn nothing_is_recorded_while_a_checkpoint_is_owed() {
    let mut rig = rig_with(often());
    rig.start();
    rig.append("a").await.unwrap();
    rig.settled().await;
    assert_eq!(rig.disk.kept.lock().unwrap().len(), 1);
    rig.disk.keep_fails.store(1, Ordering::SeqCst);
    // This one is on disk before the checkpoint is tried.
    rig.append("b").await.unwrap();
    rig.settled().await;
    for _ in 0..3 {
        let error = rig.append("c").await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the last checkpoint could not be written"),
            "{error}"
        );
    }
    rig.disk.keep_fails.store(0, Ordering::SeqCst);
    assert_eq!(rig.append("d").await.unwrap().sequence, 2);
    rig.settled().await;
    let sizes: Vec<u64> = rig
        .disk
        .kept
        .lock()
        .unwrap()
        .iter()
        .map(|kept| kept.size)
        .collect();
    assert_eq!(sizes, [1, 2, 3]);
    assert!(rig.verification().is_intact());
}

#[tokio::test]
async fn nothing_is_recorded_while_the_next_segment_cannot_be_begun() {
    for late in [false, true] {
        let mut rig = rig_with(AuditSettings::default().with_segment_bytes(number(1500)));
        rig.start();
        let fails = if late {
            &rig.disk.turn_fails_late
        } else {
            &rig.disk.turn_fails
        };
        nothing_is_recorded(&rig, fails).await;
    }
}

async fn nothing_is_recorded(rig: &Rig, fails: &AtomicUsize) {
    fails.store(1, Ordering::SeqCst);
    let mut taken = 0;
    let error = loop {
        match rig.append("a").await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        rig.settled().await;
        rig.clock.advance(Duration::from_secs(1));
        assert!(taken < 100);
    };
    assert!(
        error.to_string().contains("the next segment could not be begun"),
        "{error}"
    );
    fails.store(0, Ordering::SeqCst);
    // The record after those and the one that sealed the segment.
    assert_eq!(rig.append("b").await.unwrap().sequence, taken + 1);
    assert_eq!(rig.disk.sealed.lock().unwrap().len(), 1);
    let verification = rig.verification();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!(verification.segments, 2);
}

#[tokio::test]
async fn a_disk_that_fills_at_any_byte_loses_nothing_that_was_acknowledged() {
    let settings = || often().with_segment_bytes(number(2000));
    let room = 6000;
    for short in (0..4500).step_by(97) {
        let mut rig = rig_with(settings());
        rig.start();
        let header = rig.disk.bytes.lock().unwrap().len();
        rig.disk
            .room
            .store(header + (room - short) % 2300, Ordering::SeqCst);
        let mut taken = Vec::new();
        for index in 0..8 {
            let subject = format!("t{index}");
            match rig.append(&subject).await {
                Ok(receipt) => taken.push(receipt),
                Err(_) => rig.disk.room.store(usize::MAX, Ordering::SeqCst),
            }
            rig.settled().await;
        }
        let verification = rig.verification();
        assert!(verification.is_intact(), "{short}: {verification}");
        let all = [
            rig.disk.sealed.lock().unwrap().concat(),
            rig.disk.bytes.lock().unwrap().clone(),
        ]
        .concat();
        let all = String::from_utf8(all).unwrap();
        assert!(taken.len() >= 7);
        for receipt in taken {
            assert!(
                all.contains(&format!("\"hash\":\"{}\"}}\n", receipt.hash)),
                "{short}"
            );
        }
    }
}
