//! Checkpoints as a log makes them, and what they show.

use std::sync::Mutex;

use async_trait::async_trait;
use claw_core::audit::{CheckpointError, CheckpointSink};

use super::super::check::Check;
use super::super::checkpoint::{Checkpoint, SignedNote, Signer};
use super::super::cursor::Cursor;
use super::files::Files;
use super::*;

#[derive(Default)]
struct Kept {
    taken: Mutex<Vec<SignedCheckpoint>>,
    refused: Mutex<u32>,
}

#[async_trait]
impl CheckpointSink for Kept {
    fn name(&self) -> &str {
        "kept"
    }

    async fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let mut refused = self.refused.lock().unwrap();
        if *refused > 0 {
            *refused -= 1;
            return Err(CheckpointError {
                reason: "not now".to_owned(),
                source: None,
            });
        }
        self.taken.lock().unwrap().push(checkpoint.clone());
        Ok(())
    }
}

fn sizes(text: &str) -> Vec<u64> {
    let mut lines = text.lines().peekable();
    let mut sizes = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("claw-audit/") {
            sizes.push(lines.peek().unwrap().parse().unwrap());
        }
    }
    sizes
}

#[tokio::test]
async fn a_sink_has_the_last_checkpoint_when_the_log_is_closed() {
    let place = place();
    let sink = Arc::new(Kept::default());
    // What it refuses is not given again; the next one is.
    *sink.refused.lock().unwrap() = 2;
    let sinks: Vec<Arc<dyn CheckpointSink>> = vec![sink.clone()];
    let log = FileAuditLog::open_with(&place.path, clock(), small(), sinks)
        .await
        .unwrap();
    for index in 0..10 {
        log.append(event("r", &format!("t{index}"))).await.unwrap();
    }
    log.close().await.unwrap();
    let kept = sink.taken.lock().unwrap().last().unwrap().clone();
    let verification = verify_file(&place.path).unwrap();
    assert_eq!(kept.size, verification.records);
    let note = SignedNote::parse(&kept.note).unwrap();
    note.verify(&[log.verifier_key().clone()]).unwrap();
    let checkpoint = Checkpoint::read(&note).unwrap();
    assert_eq!(Some(checkpoint.root), verification.root);
    assert_eq!(checkpoint.origin, Checkpoint::origin(&verification.log));
}

#[tokio::test]
async fn checkpoints_are_made_by_number_and_by_time() {
    let place = place();
    let clock = clock();
    let settings = AuditSettings::default().with_checkpoint_every(number(4), number(60));
    let log = FileAuditLog::open_with(&place.path, clock.clone(), settings, Vec::new())
        .await
        .unwrap();
    for index in 0..6 {
        log.append(event("r", &format!("t{index}"))).await.unwrap();
    }
    // The sixth record is looked at before it is late, and the seventh is on its own.
    log.settled().await;
    clock.advance(Duration::from_secs(61));
    log.append(event("r", "late")).await.unwrap();
    log.settled().await;
    log.close().await.unwrap();
    let text = std::fs::read_to_string(checkpoint::checkpoints_path(&place.path)).unwrap();
    // None yet, after four, after a minute, and at the end with the note that closes the log.
    assert_eq!(sizes(&text), [0, 4, 7, 8]);
}

#[tokio::test]
async fn a_checkpoint_of_new_records_needs_no_further_record() {
    let place = place();
    let settings = AuditSettings::default().with_checkpoint_every(number(1000), number(1));
    let log = FileAuditLog::open_with(
        &place.path,
        Arc::new(claw_core::clock::SystemClock),
        settings,
        Vec::new(),
    )
    .await
    .unwrap();
    log.append(event("r", "a")).await.unwrap();
    for _ in 0..500 {
        let text = std::fs::read_to_string(checkpoint::checkpoints_path(&place.path)).unwrap();
        if sizes(&text) == [0, 1] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no checkpoint was made");
}

/// Everything is written anew: header, records, head and checkpoints, with a key of one's own.
#[tokio::test]
async fn a_log_that_was_written_anew_is_found_by_the_key_that_was_kept() {
    let place = place();
    let key = written_with(&place, 6, small()).await;
    let kept = place.path.with_extension("kept");
    std::fs::copy(checkpoint::checkpoints_path(&place.path), &kept).unwrap();
    for path in [
        place.path.clone(),
        head_path(&place.path),
        checkpoint::checkpoints_path(&place.path),
        checkpoint::key_path(&place.path),
    ] {
        std::fs::remove_file(path).unwrap();
    }
    for (_, path) in sealed_segments(&place.path).unwrap() {
        std::fs::remove_file(path).unwrap();
    }
    written_with(&place, 6, small()).await;
    assert!(verify_file(&place.path).unwrap().is_intact());
    let by_key = verify_file_with(&place.path, Checks::default().with_key(key.clone())).unwrap();
    assert_eq!(by_key.problems[0].kind, ProblemKind::Checkpoint, "{by_key}");
    let checks = Checks::default()
        .with_key(key)
        .with_checkpoints(CheckpointCheck::Kept(kept));
    assert!(!verify_file_with(&place.path, checks).unwrap().is_intact());
}

#[tokio::test]
async fn what_was_kept_elsewhere_is_counted_and_what_another_key_signed_is_not() {
    let place = place();
    let often = AuditSettings::default().with_checkpoint_every(number(3), number(60));
    let key = written_with(&place, 10, often).await;
    let files = Files::read(&place);
    let about_records = files.notes().iter().filter(|(size, _)| *size > 0).count() as u64;
    let counted = |kept: Option<&[u8]>| {
        let found = files.check(std::slice::from_ref(&key), kept);
        assert!(found.is_intact(), "{found}");
        let found = found.checkpoints.unwrap();
        (found.checked, found.kept)
    };
    assert_eq!(counted(None), (about_records, 0));
    let both = counted(Some(&files.checkpoints));
    assert_eq!(both, (2 * about_records, about_records));
    let other = Signer::of_seed(&[9; 32], key.name());
    let found = files.check(&[other.verifier().clone()], None);
    assert_eq!(found.problem_count as usize, files.notes().len(), "{found}");
    let checkpoints = found.checkpoints.unwrap();
    assert_eq!((checkpoints.checked, checkpoints.last), (0, None));
}

#[tokio::test]
async fn checkpoints_that_cannot_be_looked_at_are_not_taken_for_none() {
    let place = place();
    written(&place, 2).await;
    let path = checkpoint::checkpoints_path(&place.path);
    std::fs::remove_file(&path).unwrap();
    let missing = verify_file(&place.path).unwrap();
    assert_eq!(
        missing.problems[0].kind,
        ProblemKind::CheckpointsMissing,
        "{missing}"
    );
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let error = verify_file(&place.path).unwrap_err();
    assert!(matches!(error, VerifyError::Checkpoints { .. }), "{error}");
}

/// While it is checked, a log in use has more written to it, and then checkpoints.
#[tokio::test]
async fn a_log_that_grows_is_read_as_far_as_it_went_and_as_its_checkpoints_go() {
    let place = place();
    let often = AuditSettings::default().with_checkpoint_every(number(3), number(60));
    let key = written_with(&place, 10, often).await;
    let files = Files::read(&place);
    let text = &files.segments[0];
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let length = lines.take(3).map(<[u8]>::len).sum::<usize>() as u64;
    let notes = files.notes();
    assert!(notes.len() > 3);
    for count in 0..=notes.len() {
        let beside: String = notes[..count].iter().map(|(_, note)| note.as_str()).collect();
        let cursor = Cursor::beside(Box::new(beside.as_bytes()), vec![key.clone()], true);
        let mut check = Check::new(None, vec![cursor]);
        check
            .segment(Part::Current, text.as_slice(), Some(length))
            .unwrap();
        let about = notes[..count].last().map_or(0, |(size, _)| *size);
        assert_eq!(check.finish(false).unwrap().records, about.max(2), "{count}");
    }
}

#[tokio::test]
async fn what_to_do_about_a_checkpoint_without_an_end_is_to_check_again() {
    let place = place();
    written_with(&place, 3, AuditSettings::default()).await;
    let path = checkpoint::checkpoints_path(&place.path);
    let whole = std::fs::read_to_string(&path).unwrap();
    let remedy = |text: String| {
        std::fs::write(&path, text).unwrap();
        let problem = verify_file(&place.path).unwrap().problems.remove(0);
        (problem.kind, problem.remedy)
    };
    let (kind, torn) = remedy(whole[..whole.len() - 20].to_owned());
    assert_eq!(kind, ProblemKind::Incomplete);
    assert!(torn.contains("check again"), "{torn}");
    let (kind, altered) = remedy(whole.replacen("\n0\n", "\n1\n", 1));
    assert_ne!(kind, ProblemKind::Incomplete);
    assert!(altered.contains("restore the log from a copy"), "{altered}");
}

#[tokio::test]
async fn that_checkpoints_are_gone_is_a_problem() {
    let place = place();
    let key = written_with(&place, 3, AuditSettings::default()).await;
    for text in [None, Some("")] {
        std::fs::remove_file(checkpoint::checkpoints_path(&place.path)).unwrap();
        if let Some(text) = text {
            std::fs::write(checkpoint::checkpoints_path(&place.path), text).unwrap();
        } else {
            let checked = verify_file_with(&place.path, Checks::default().with_key(key.clone())).unwrap();
            assert_eq!(
                checked.problems[0].kind,
                ProblemKind::CheckpointsMissing,
                "{checked}"
            );
            std::fs::write(checkpoint::checkpoints_path(&place.path), "").unwrap();
        }
        let checked = verify_file(&place.path).unwrap();
        assert_eq!(
            checked.problems[0].kind,
            ProblemKind::CheckpointsMissing,
            "{checked}"
        );
    }
}

#[tokio::test]
async fn a_log_is_not_taken_up_against_its_checkpoints() {
    let place = place();
    written_with(&place, 5, AuditSettings::default()).await;
    let text = std::fs::read_to_string(&place.path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    // Cut together with its head.
    std::fs::write(&place.path, lines[..4].concat()).unwrap();
    std::fs::remove_file(head_path(&place.path)).unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(
        error.to_string().contains("a checkpoint was signed for 6"),
        "{error}"
    );
    // Its checkpoints are those of another log.
    let other = super::place();
    written_with(&other, 5, AuditSettings::default()).await;
    std::fs::write(&place.path, &text).unwrap();
    std::fs::copy(
        checkpoint::checkpoints_path(&other.path),
        checkpoint::checkpoints_path(&place.path),
    )
    .unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("belong to another log"), "{error}");
}
