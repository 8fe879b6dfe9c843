//! Logs of several files.

use super::*;

fn files(place: &Place) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(place.path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_log_goes_on_across_its_segments() {
    let place = place();
    written_with(&place, 20, small()).await;
    let names = files(&place);
    let sealed = sealed_segments(&place.path).unwrap();
    assert!(sealed.len() >= 3, "{names:?}");
    let indices: Vec<u64> = sealed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, (0..sealed.len() as u64).collect::<Vec<_>>());
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    // A note seals each, and one closes the log.
    assert_eq!(verification.segments, sealed.len() as u64 + 1);
    assert_eq!(verification.records, 20 + sealed.len() as u64 + 1);
    assert_eq!(verification.end, End::Closed);
    assert_eq!(
        verification.checkpoints.as_ref().unwrap().last,
        Some(verification.records)
    );
    // The folder is as good as the file.
    let folder = verify_file(place.path.parent().unwrap()).unwrap();
    assert_eq!(folder, verification);
    // Opened again it goes on in the same segment.
    written_with(&place, 1, small().with_segment_bytes(number(1 << 20))).await;
    let again = verify_file(&place.path).unwrap();
    assert!(again.is_intact(), "{again}");
    assert_eq!(
        (again.records, again.segments),
        (verification.records + 2, verification.segments)
    );
    let story = show_file(&place.path, "r").unwrap();
    assert_eq!((story.events.len(), story.unreadable), (21, 0));
    assert_eq!(show_file(&place.path, "another").unwrap().events, []);
}

#[test]
fn a_sealed_segment_has_its_number_in_its_name_as_it_is_written() {
    let place = place();
    for name in [
        "000000",
        "000012",
        "1000000",
        "0000001",
        "12",
        "00000x",
        "+00001",
        "000001.bak",
    ] {
        std::fs::write(place.path.with_file_name(format!("audit.jsonl.{name}")), "").unwrap();
    }
    std::fs::write(place.path.with_file_name("other.jsonl.000003"), "").unwrap();
    let found = sealed_segments(&place.path).unwrap();
    let expected = [0, 12, 1_000_000].map(|index| (index, segment_path(&place.path, index)));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_segment_is_sealed_for_its_age() {
    let place = place();
    let clock = clock();
    let settings = AuditSettings::default().with_segment_seconds(number(3600));
    let log = FileAuditLog::open_with(&place.path, clock.clone(), settings, Vec::new())
        .await
        .unwrap();
    for _ in 0..3 {
        log.append(event("r", "a")).await.unwrap();
        log.append(event("r", "b")).await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    log.append(event("r", "c")).await.unwrap();
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!(verification.segments, 4);
}

#[tokio::test]
async fn old_segments_are_deleted_and_what_is_left_verifies() {
    let place = place();
    let key = written_with(&place, 30, small().with_keep_segments(2)).await;
    assert_eq!(sealed_segments(&place.path).unwrap().len(), 2);
    let verification = verify_file_with(&place.path, Checks::default().with_key(key.clone())).unwrap();
    assert!(verification.is_intact(), "{verification}");
    let gone = verification.gone.unwrap();
    assert!(gone.retired && gone.segments > 1 && gone.records > 5, "{gone:?}");
    assert!(
        verification.to_string().contains("gone: the first"),
        "{verification}"
    );
    let checkpoints = verification.checkpoints.as_ref().unwrap();
    assert!(checkpoints.checked > 0 && checkpoints.unmatched > 0 && checkpoints.trusted);
    // It can be opened again, and what is left can be proved.
    written_with(&place, 1, small()).await;
    let proof = prove(&place.path, gone.records + 2, None, true).unwrap();
    proof.check(std::slice::from_ref(&key)).unwrap();
    let error = prove(&place.path, 1, None, true).unwrap_err();
    assert!(error.to_string().contains("are gone"), "{error}");
    // Without checkpoints nothing says what was in those that are gone.
    std::fs::remove_file(checkpoint::checkpoints_path(&place.path)).unwrap();
    let bare = Checks::default().with_checkpoints(CheckpointCheck::Skip);
    let unanchored = verify_file_with(&place.path, bare).unwrap();
    assert_eq!(
        unanchored.problems[0].kind,
        ProblemKind::Unanchored,
        "{unanchored}"
    );
}

#[tokio::test]
async fn segments_are_deleted_for_their_age() {
    let place = place();
    let clock = clock();
    let settings = AuditSettings::default()
        .with_segment_seconds(number(3600))
        .with_keep_seconds(number(2 * 3600));
    let log = FileAuditLog::open_with(&place.path, clock.clone(), settings, Vec::new())
        .await
        .unwrap();
    for _ in 0..8 {
        log.append(event("r", "a")).await.unwrap();
        clock.advance(Duration::from_secs(3601));
        log.append(event("r", "b")).await.unwrap();
    }
    log.close().await.unwrap();
    let sealed = sealed_segments(&place.path).unwrap();
    assert!((2..=3).contains(&sealed.len()), "{sealed:?}");
    assert!(verify_file(&place.path).unwrap().is_intact());
}

#[tokio::test]
async fn a_segment_that_somebody_took_away_is_missed() {
    let place = place();
    written_with(&place, 25, small()).await;
    let sealed = sealed_segments(&place.path).unwrap();
    for (index, path) in &sealed {
        let bytes = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        let verification = verify_file(&place.path).unwrap();
        let kind = verification.problems[0].kind;
        let expected = if *index == 0 {
            ProblemKind::SegmentMissing
        } else {
            ProblemKind::Missing
        };
        assert_eq!(kind, expected, "{verification}");
        std::fs::write(path, bytes).unwrap();
    }
    assert!(verify_file(&place.path).unwrap().is_intact());
    // A new log is not begun beside the remains.
    std::fs::remove_file(&place.path).unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(
        error.to_string().contains("it had") || error.to_string().contains("sealed segments"),
        "{error}"
    );
    std::fs::remove_file(head_path(&place.path)).unwrap();
    std::fs::remove_file(checkpoint::checkpoints_path(&place.path)).unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(
        error.to_string().contains("sealed segments of it are there"),
        "{error}"
    );
}

#[tokio::test]
async fn another_key_begins_another_segment() {
    let place = place();
    let first = written_with(&place, 3, AuditSettings::default()).await;
    let other = place.path.with_extension("other.key");
    let settings = AuditSettings::default()
        .with_key_file(&other)
        .with_previous_key(&first);
    let second = written_with(&place, 3, settings).await;
    assert_ne!(first, second);
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!(verification.segments, 2);
    let both = Checks::default().with_key(first.clone()).with_key(second);
    assert!(verify_file_with(&place.path, both).unwrap().is_intact());
    let one = Checks::default().with_key(first);
    let problems = verify_file_with(&place.path, one).unwrap().problems;
    assert!(
        problems
            .iter()
            .all(|problem| problem.kind == ProblemKind::Checkpoint)
    );
    assert!(
        problems[0].to_string().starts_with("checkpoints, line "),
        "{}",
        problems[0]
    );
}

#[tokio::test]
async fn a_folder_without_one_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        verify_file(folder.path()),
        Err(VerifyError::Folder { found: 0, .. })
    ));
    for name in ["a.jsonl", "b.jsonl"] {
        let log = FileAuditLog::open(folder.path().join(name), clock())
            .await
            .unwrap();
        log.close().await.unwrap();
    }
    std::fs::write(folder.path().join("c.jsonl"), "{}\n").unwrap();
    assert!(matches!(
        verify_file(folder.path()),
        Err(VerifyError::Folder { found: 2, .. })
    ));
}

#[test]
fn settings_that_are_not_set_are_those_that_are_documented() {
    let usual = AuditSettings::default();
    assert_eq!(usual.checkpoint_records.get(), 1_000);
    assert_eq!(usual.checkpoint_seconds.get(), 60);
    assert_eq!(usual.segment_bytes.get(), 67_108_864);
}

#[test]
fn settings_are_read_strictly() {
    let read = |text: &str| serde_json::from_str::<AuditSettings>(text);
    assert_eq!(read("{}").unwrap(), AuditSettings::default());
    assert_eq!(
        read(r#"{"keep_segments": 3}"#).unwrap(),
        AuditSettings::default().with_keep_segments(3)
    );
    for bad in [
        r#"{"keep_segment": 3}"#,
        r#"{"checkpoint_records": 0}"#,
        r#"{"checkpoint_seconds": 0}"#,
        r#"{"segment_bytes": -1}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
