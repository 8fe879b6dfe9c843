//! What somebody with the files and without the key gets an agent to sign when it starts: nothing.

use claw_core::audit::CheckpointSink;

use super::super::chain::{Chain, read_header};
use super::super::checkpoint::{FileSink, Signer, checkpoints_path, key_path};
use super::super::merkle::TreeHash;
use super::files::{Files, forge, plain, retire};
use super::*;

/// Writes a log to where an agent finds it.
fn put(place: &Place, files: &Files) {
    for (_, path) in sealed_segments(&place.path).unwrap() {
        std::fs::remove_file(path).unwrap();
    }
    let (current, sealed) = files.segments.split_last().unwrap();
    for (index, bytes) in sealed.iter().enumerate() {
        std::fs::write(segment_path(&place.path, index as u64), bytes).unwrap();
    }
    std::fs::write(&place.path, current).unwrap();
    std::fs::write(head_path(&place.path), serde_json::to_vec(&files.head).unwrap()).unwrap();
    std::fs::write(checkpoints_path(&place.path), &files.checkpoints).unwrap();
}

async fn open(place: &Place, settings: AuditSettings) -> Result<FileAuditLog, AuditError> {
    FileAuditLog::open_with(&place.path, clock(), settings, Vec::new()).await
}

/// The log is not taken up, and nothing is signed.
async fn is_refused(place: &Place, settings: AuditSettings, reason: &str) {
    let before = std::fs::read(checkpoints_path(&place.path)).unwrap_or_default();
    let log = std::fs::read(&place.path).unwrap();
    let error = open(place, settings).await.unwrap_err().to_string();
    assert!(error.contains(reason), "{reason} is not in {error}");
    let after = std::fs::read(checkpoints_path(&place.path)).unwrap_or_default();
    assert_eq!(before, after, "{error}");
    assert_eq!(std::fs::read(&place.path).unwrap(), log, "{error}");
}

/// The log without the note that closed it, and without the checkpoint of that: as a crash leaves it.
fn crashed(files: &Files) -> Files {
    let mut files = files.clone();
    files.cut(1);
    files.drop_checkpoints(files.notes().len() - 1);
    files
}

#[tokio::test]
async fn a_log_without_its_checkpoints_is_not_signed_anew() {
    let place = place();
    written(&place, 5).await;
    let files = Files::read(&place);
    for forged in [files.clone(), forge(&files, 2, false, None)] {
        for checkpoints in [None, Some("")] {
            put(&place, &forged);
            match checkpoints {
                None => std::fs::remove_file(checkpoints_path(&place.path)).unwrap(),
                Some(text) => std::fs::write(checkpoints_path(&place.path), text).unwrap(),
            }
            let settings = AuditSettings::default();
            is_refused(&place, settings, "no checkpoint vouches for its 6 records").await;
        }
    }
    // Who looked at it can have it signed, and that is on record.
    let adopt = AuditSettings::default().with_adopt_unsigned(true);
    open(&place, adopt).await.unwrap().close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert!(
        matches!(
            verification.notes[0].note,
            Note::Unsigned {
                after: 0,
                records: 6,
                ..
            }
        ),
        "{verification}"
    );
}

#[tokio::test]
async fn a_forged_log_is_not_signed_whatever_is_left_of_its_checkpoints() {
    let place = place();
    let settings = small().with_segment_bytes(number(1 << 20));
    written_with(&place, 20, settings.clone()).await;
    let files = Files::read(&place);
    let notes = files.notes();
    // What comes after the last but one is what a crash may leave: that is signed, with a note.
    for left in 1..notes.len() - 1 {
        let mut bad = files.clone();
        let vouched = bad.drop_checkpoints(left);
        put(&place, &bad);
        is_refused(&place, settings.clone(), "events come after its last checkpoint").await;
        let bad = forge(&bad, vouched + 1, false, None);
        put(&place, &bad);
        is_refused(&place, settings.clone(), "events come after its last checkpoint").await;
    }
    // What a checkpoint was made of is not changed in any case.
    let forged = forge(&files, 4, false, None);
    put(&place, &forged);
    is_refused(&place, settings, "are not those that a checkpoint was signed for").await;
}

#[tokio::test]
async fn a_segment_that_no_checkpoint_vouches_for_is_not_signed() {
    let place = place();
    written_with(&place, 20, small()).await;
    let files = Files::read(&place);
    let begun = files.head.records - files.lines(files.segments.len() - 1).len() as u64 + 1;
    let mut bad = files.clone();
    let left = files.notes().iter().filter(|(size, _)| *size < begun).count();
    bad.drop_checkpoints(left);
    put(&place, &bad);
    is_refused(&place, small(), "no checkpoint vouches for its").await;
}

#[tokio::test]
async fn what_a_crash_leaves_unsigned_is_signed_and_on_record() {
    let place = place();
    let key = written_with(&place, 5, AuditSettings::default()).await;
    let files = crashed(&Files::read(&place));
    let keys = [key];
    let checked = files.check(&keys, None);
    assert!(checked.is_intact(), "{checked}");
    let found = checked.checkpoints.as_ref().unwrap();
    assert_eq!((found.checked, found.last, found.unsigned), (0, Some(0), 5));
    let text = checked.to_string();
    for part in [
        "none is about a record yet",
        "after the last checkpoint: 5 records",
        "after 1000 events or 60 seconds at the latest",
        "--checkpoints",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    put(&place, &files);
    open(&place, AuditSettings::default())
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert!(
        matches!(
            verification.notes.as_slice(),
            [Noted {
                record: 5,
                note: Note::Unsigned {
                    after: 0,
                    records: 5,
                    ..
                },
                ..
            }]
        ),
        "{verification}"
    );
}

/// As many events as the last checkpoint leaves room for are what a crash may leave.
#[tokio::test]
async fn the_last_event_before_the_next_checkpoint_was_due_is_signed() {
    let place = place();
    let settings = small().with_segment_bytes(number(1 << 20));
    written_with(&place, 21, settings.clone()).await;
    let mut files = Files::read(&place);
    files.cut(1);
    let left = files.notes().iter().filter(|(size, _)| *size <= 18).count();
    assert_eq!(files.drop_checkpoints(left), 18);
    put(&place, &files);
    open(&place, settings).await.unwrap().close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert!(
        matches!(
            verification.notes[0].note,
            Note::Unsigned {
                after: 18,
                records: 21,
                ..
            }
        ),
        "{verification}"
    );
}

/// No checkpoint is about the last records, so that nothing but their hashes and the head tell what they were.
#[tokio::test]
async fn what_no_checkpoint_is_about_is_taken_up_as_the_head_says_or_not_at_all() {
    let place = place();
    written(&place, 3).await;
    let files = crashed(&Files::read(&place));
    let refused = async |bad: &Files, has_head: bool, reason: &str| {
        put(&place, bad);
        if !has_head {
            std::fs::remove_file(head_path(&place.path)).unwrap();
        }
        is_refused(&place, AuditSettings::default(), reason).await;
    };
    let last = |change: &dyn Fn(&str) -> String| {
        let mut bad = files.clone();
        bad.with_line((0, 3), |lines, at| {
            let line = change(std::str::from_utf8(&lines[at]).unwrap());
            assert_ne!(line.as_bytes(), lines[at]);
            lines[at] = line.into_bytes();
        });
        bad
    };
    let altered = last(&|line| line.replace("tool_2", "tool_9"));
    let misnamed = last(&|line| line.replace(&files.head.hash, &"0f".repeat(32)));
    for bad in [altered, misnamed] {
        for has_head in [true, false] {
            refused(&bad, has_head, "line 4 is damaged").await;
        }
    }
    // Each has a hash of its own, and one follows from another record, and one has another number.
    let links: [fn(&mut Chain); 2] = [
        |chain| chain.link = "0f".repeat(32),
        |chain| chain.tree.push(TreeHash::empty()),
    ];
    for change in links {
        let mut bad = files.clone();
        bad.cut(1);
        let lines = bad.lines(0);
        let (header, hash, _) = read_header(lines[0].trim_ascii_end()).unwrap();
        let mut chain = Chain::at_header(&header, &hash).unwrap();
        for line in &lines[1..] {
            chain.accept(&serde_json::from_slice::<Record>(line).unwrap().hash);
        }
        change(&mut chain);
        let (line, receipt) = chain.link_event(&file::canonical_event(&event("r", "tool_2")).unwrap());
        bad.segments[0].extend(line.bytes());
        bad.head = Head {
            hash: receipt.hash,
            ..files.head.clone()
        };
        refused(&bad, true, "line 4 is damaged").await;
    }
    let other_end = Files {
        head: files.head.clone(),
        ..forge(&files, 2, false, None)
    };
    refused(&other_end, true, "not the one that the head file names").await;
    let other_head = Files {
        head: Head {
            log: "other".to_owned(),
            records: 1,
            ..files.head.clone()
        },
        ..files.clone()
    };
    refused(&other_head, true, "the head file belongs to another log").await;
    let emptied = Files {
        segments: vec![Vec::new()],
        ..files.clone()
    };
    refused(&emptied, false, "there are checkpoints of one").await;
}

#[tokio::test]
async fn a_log_without_a_key_that_has_nothing_on_record_is_taken_up() {
    let place = place();
    let (_, header, _) = Chain::begin(Timestamp::UNIX_EPOCH, "plain", "");
    std::fs::write(&place.path, header).unwrap();
    let log = open(&place, AuditSettings::default()).await.unwrap();
    log.append(event("r", "a")).await.unwrap();
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
}

#[tokio::test]
async fn a_log_of_the_first_format_is_not_taken_up_unasked() {
    let place = place();
    let key = written_with(&place, 6, AuditSettings::default()).await;
    let mut bad = plain(&Files::read(&place));
    bad.checkpoints.clear();
    assert!(!bad.check(&[key], None).is_intact());
    put(&place, &bad);
    is_refused(&place, AuditSettings::default(), "adopt_unsigned").await;
}

#[tokio::test]
async fn another_key_is_not_taken_unless_the_one_before_is_named() {
    let place = place();
    let first = written_with(&place, 4, AuditSettings::default()).await;
    // The key is gone, and no other one is made.
    let key = std::fs::read(key_path(&place.path)).unwrap();
    std::fs::remove_file(key_path(&place.path)).unwrap();
    is_refused(&place, AuditSettings::default(), "restore its key").await;
    assert!(!key_path(&place.path).exists());
    std::fs::write(key_path(&place.path), key).unwrap();
    // The log with a key of somebody else's in its header, and checkpoints by it.
    let files = Files::read(&place);
    let forger = Signer::of_seed(&[9; 32], first.name());
    put(&place, &forge(&files, 1, false, Some(&forger)));
    std::fs::set_permissions(
        key_path(&place.path),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    is_refused(&place, AuditSettings::default(), "does not hold").await;
    std::fs::write(checkpoints_path(&place.path), "").unwrap();
    is_refused(&place, AuditSettings::default(), "no checkpoint vouches").await;
    // A change that is meant is on record.
    put(&place, &files);
    let other = AuditSettings::default().with_key_file(place.path.with_extension("other"));
    Signer::read_or_make(&place.path.with_extension("other"), first.name()).unwrap();
    is_refused(&place, other.clone(), "does not hold").await;
    let log = open(&place, other.with_previous_key(&first)).await.unwrap();
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    let changed = Note::KeyChanged {
        time: clock().now(),
        from: first.to_string(),
        to: log.verifier_key().to_string(),
    };
    assert_eq!(verification.notes[0].note, changed, "{verification}");
    assert!(verification.is_intact(), "{verification}");
    let bad = AuditSettings {
        previous_keys: vec!["what".to_owned()],
        ..AuditSettings::default()
    };
    is_refused(&place, bad, "is not a public key").await;
}

/// An old copy of everything is as good as the log itself: only what is kept elsewhere tells them apart.
/// Who adopts records that nothing vouches for still says whose they were.
#[tokio::test]
async fn another_key_is_not_taken_with_what_is_adopted() {
    let (place, other) = (place(), super::place());
    let key = other.path.with_extension("key");
    let settings = || AuditSettings::default().with_key_file(&key);
    written_with(&other, 1, settings()).await;
    let first = written_with(&place, 3, AuditSettings::default()).await;
    std::fs::remove_file(checkpoint::checkpoints_path(&place.path)).unwrap();
    let adopting = || settings().with_adopt_unsigned(true);
    is_refused(&place, adopting(), "its key is").await;
    let named = adopting().with_previous_key(&first);
    open(&place, named).await.unwrap().close().await.unwrap();
    assert!(verify_file(&place.path).unwrap().is_intact());
}

#[tokio::test]
async fn a_log_that_was_set_back_is_found_by_what_a_sink_has() {
    let place = place();
    let kept = place.path.with_extension("kept");
    let opened = async || {
        let sinks: Vec<Arc<dyn CheckpointSink>> = vec![Arc::new(FileSink::new(&kept))];
        FileAuditLog::open_with(&place.path, clock(), AuditSettings::default(), sinks).await
    };
    let log = opened().await.unwrap();
    log.append(event("r", "a")).await.unwrap();
    log.close().await.unwrap();
    drop(log);
    let old = Files::read(&place);
    let log = opened().await.unwrap();
    log.append(event("r", "b")).await.unwrap();
    log.close().await.unwrap();
    let key = log.verifier_key().clone();
    drop(log);
    put(&place, &old);
    assert!(
        verify_file_with(&place.path, Checks::default().with_key(key))
            .unwrap()
            .is_intact()
    );
    let checks = Checks::default().with_checkpoints(CheckpointCheck::Kept(kept.clone()));
    let found = verify_file_with(&place.path, checks).unwrap();
    assert_eq!(
        (found.problems[0].kind, found.problems[0].part),
        (ProblemKind::Truncated, Part::KeptCheckpoints),
        "{found}"
    );
    let error = opened().await.unwrap_err().to_string();
    assert!(error.contains("a checkpoint was signed for 4"), "{error}");
    // Nor is another log begun in its place.
    for path in [
        place.path.clone(),
        head_path(&place.path),
        checkpoints_path(&place.path),
    ] {
        std::fs::remove_file(path).unwrap();
    }
    let error = opened().await.unwrap_err().to_string();
    assert!(error.contains("but it had 4 records"), "{error}");
}

/// That segments were to be deleted counts when a checkpoint vouches for it, which the agent makes before it deletes them.
#[tokio::test]
async fn nobody_else_can_say_that_segments_were_to_be_deleted() {
    let place = place();
    let key = written_with(&place, 20, small()).await;
    let files = Files::read(&place);
    let line = files.lines(1)[0].clone();
    let (header, ..) = read_header(line.trim_ascii_end()).unwrap();
    let mut bad = retire(&files, 1, header.after.unwrap().records);
    bad.segments.remove(0);
    bad.first = 1;
    bad.drop_checkpoints(files.notes().len() - 1);
    let found = bad.check(&[key], None);
    assert_eq!(found.problems[0].kind, ProblemKind::SegmentMissing, "{found}");
    assert!(
        found.problems[0].reason.contains("no checkpoint vouches"),
        "{found}"
    );
}
