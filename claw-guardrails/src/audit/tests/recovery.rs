//! What happens to a log after a crash.

use super::super::head::HeadFile;
use super::*;

#[tokio::test]
async fn a_torn_line_is_cut_off_and_the_log_says_so() {
    let place = place();
    written(&place, 2).await;
    let whole = std::fs::read(&place.path).unwrap();
    append_bytes(&place, br#"{"event":{"actor":"cl"#);
    let torn = verify_file(&place.path).unwrap();
    assert_eq!(torn.problems[0].kind, ProblemKind::Incomplete);
    assert_eq!((torn.problems[0].line, torn.problems[0].record), (5, Some(3)));

    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    log.append(event("r", "after")).await.unwrap();
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact());
    assert!(matches!(
        verification.notes.as_slice(),
        [Noted {
            note: Note::Recovered { bytes: 21, .. },
            ..
        }]
    ));
    let text = std::fs::read(&place.path).unwrap();
    assert!(text.starts_with(&whole));
    let line = text[whole.len()..].split(|byte| *byte == b'\n').next().unwrap();
    let record: Record = serde_json::from_slice(line).unwrap();
    assert!(matches!(
        record.entry,
        Entry::Note(Note::Recovered { bytes: 21, .. })
    ));
}

#[tokio::test]
async fn every_cut_of_an_unacknowledged_record_is_recovered_from() {
    let place = place();
    written(&place, 1).await;
    let whole = std::fs::read(&place.path).unwrap();
    let head = std::fs::read(head_path(&place.path)).unwrap();
    let checkpoints = std::fs::read(checkpoint::checkpoints_path(&place.path)).unwrap();
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    log.append(event("r", "second")).await.unwrap();
    log.close().await.unwrap();
    let longer = std::fs::read(&place.path).unwrap();
    for cut in (whole.len() + 1..longer.len())
        .step_by(23)
        .chain([longer.len() - 1])
    {
        std::fs::write(&place.path, &longer[..cut]).unwrap();
        // The head is the one from before: the record was never acknowledged.
        std::fs::write(head_path(&place.path), &head).unwrap();
        std::fs::write(checkpoint::checkpoints_path(&place.path), &checkpoints).unwrap();
        let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
        log.append(event("r", "third")).await.unwrap();
        log.close().await.unwrap();
        let verification = verify_file(&place.path).unwrap();
        assert!(verification.is_intact(), "cut at {cut}: {verification}");
    }
}

#[tokio::test]
async fn an_acknowledged_record_that_is_torn_is_not_cut_off() {
    let place = place();
    written(&place, 2).await;
    let mut bytes = std::fs::read(&place.path).unwrap();
    bytes.truncate(bytes.len() - 1);
    std::fs::write(&place.path, &bytes).unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("but it had 3"), "{error}");
    assert_eq!(std::fs::read(&place.path).unwrap(), bytes);
}

#[tokio::test]
async fn a_log_whose_end_was_cut_or_changed_is_not_taken_up() {
    let place = place();
    written(&place, 3).await;
    let text = std::fs::read_to_string(&place.path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let cut = lines[..3].concat();
    let damaged = text.replace("\"kind\":\"closed\"", "\"kind\":\"clozed\"");
    let header = text.replacen("\"format\":2", "\"format\":3", 1);
    let hash = lines[0]
        .trim_end()
        .trim_end_matches("\"}")
        .rsplit('"')
        .next()
        .unwrap();
    let unfit = text.replacen(hash, &"0f".repeat(32), 1);
    for (bad, reason) in [
        (cut.as_str(), "but it had 4"),
        (damaged.as_str(), "line 5 is damaged"),
        (header.as_str(), "written by a newer version"),
        (unfit.as_str(), "line 1 is not the header"),
        ("", "the log is empty, but it had 4"),
        ("some other file", "the file is not an audit log"),
        ("some other file\n", "line 1 is not the header"),
        ("some other file\nwith lines\n", "line 1 is not the header"),
    ] {
        std::fs::write(&place.path, bad).unwrap();
        let error = FileAuditLog::open(&place.path, clock())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{reason} is not in {error}");
        assert_eq!(
            std::fs::read_to_string(&place.path).unwrap(),
            bad,
            "the file was touched"
        );
    }
}

/// A disk that does not store in order leaves holes after a power failure, and whole lines after them.
#[tokio::test]
async fn what_was_never_acknowledged_may_have_holes() {
    let place = place();
    written(&place, 2).await;
    let whole = std::fs::read(&place.path).unwrap();
    let (head, checkpoints) = (head_path(&place.path), checkpoint::checkpoints_path(&place.path));
    let before = (
        std::fs::read(&head).unwrap(),
        std::fs::read(&checkpoints).unwrap(),
    );
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    for index in 0..3 {
        log.append(event("r", &format!("later_{index}"))).await.unwrap();
    }
    log.close().await.unwrap();
    let longer = std::fs::read(&place.path).unwrap();
    let at = |line: usize| {
        let lines = longer[whole.len()..].split_inclusive(|byte| *byte == b'\n');
        whole.len() + lines.take(line).map(<[u8]>::len).sum::<usize>()
    };
    let holes = [
        (whole.len(), at(1), 0),
        (whole.len() + 10, at(1) - 5, 0),
        (at(1), at(2), 1),
        (at(2) + 1, longer.len(), 2),
        (whole.len(), longer.len(), 0),
    ];
    for (from, to, left) in holes {
        for zeros in [0, MAX_LINE + 10] {
            let mut bytes = longer.clone();
            bytes[from..to].fill(0);
            bytes.extend(vec![0; zeros]);
            std::fs::write(&place.path, &bytes).unwrap();
            std::fs::write(&head, &before.0).unwrap();
            std::fs::write(&checkpoints, &before.1).unwrap();
            let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
            log.append(event("r", "on")).await.unwrap();
            log.close().await.unwrap();
            let verification = verify_file(&place.path).unwrap();
            assert!(verification.is_intact(), "{from} to {to}: {verification}");
            let text = std::fs::read(&place.path).unwrap();
            let kept = at(left);
            assert_eq!(text[..kept], longer[..kept]);
            let cut = (bytes.len() - kept) as u64;
            let noted = |noted: &Noted| matches!(noted.note, Note::Recovered { bytes, .. } if bytes == cut);
            assert!(
                verification.notes.iter().any(noted),
                "{from} to {to}: {verification}"
            );
        }
    }
    // What the head says was acknowledged is not cut off, and neither is more than one write.
    let mut bytes = longer.clone();
    bytes[at(0) - 50..at(0) - 40].fill(0);
    std::fs::write(&place.path, &bytes).unwrap();
    std::fs::write(&head, &before.0).unwrap();
    std::fs::write(&checkpoints, &before.1).unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("line 4 is damaged"), "{error}");
    let huge = [whole, vec![0; 32 << 20]].concat();
    std::fs::write(&place.path, &huge).unwrap();
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("line 5 is damaged"), "{error}");
    assert_eq!(std::fs::metadata(&place.path).unwrap().len(), huge.len() as u64);
}

#[tokio::test]
async fn a_log_that_was_never_begun_is_begun() {
    let begun = place();
    written(&begun, 0).await;
    let text = std::fs::read_to_string(&begun.path).unwrap();
    let header = text.lines().next().unwrap();
    for end in 0..=header.len() {
        let place = place();
        std::fs::write(&place.path, &header[..end]).unwrap();
        let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
        assert_eq!(log.append(event("r", "a")).await.unwrap().sequence, 0);
        log.close().await.unwrap();
        assert!(verify_file(&place.path).unwrap().is_intact());
    }
}

#[tokio::test]
async fn a_file_that_is_no_log_is_left_as_it_is() {
    for text in [
        "a-token-without-line-end",
        "{\"created\":1}",
        "{\"auths\":{",
        " ",
        "{\"created\":\"x",
        "{\"created\":\"2026-03-01T10:00:00Z\",\"format\":2,\"key\":\"k\",\"auths\":{",
        "{\"created\":\"2026-03-01T10:00:00Z\",\"format\":2,\"key\":\"a\u{7}b",
    ] {
        let place = place();
        std::fs::write(&place.path, text).unwrap();
        let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
        assert!(error.to_string().contains("is not an audit log"), "{error}");
        assert_eq!(std::fs::read_to_string(&place.path).unwrap(), text);
        assert!(!head_path(&place.path).exists());
        assert!(!checkpoint::checkpoints_path(&place.path).exists());
    }
}

/// The only thing that is wrong is that the head file is not there; who does without it, and without checkpoints, finds
/// nothing wrong.
fn lacks_head(place: &Place) -> bool {
    let checks = Checks::default().with_checkpoints(CheckpointCheck::Skip);
    let checked = verify_file_with(&place.path, checks.clone()).unwrap();
    let kinds: Vec<_> = checked.problems.iter().map(|problem| problem.kind).collect();
    let skipped = verify_file_with(&place.path, checks.with_end(EndCheck::Skip)).unwrap();
    assert_eq!((&checked.anchor, &skipped.anchor), (&Anchor::None, &Anchor::None));
    kinds == [ProblemKind::HeadMissing] && skipped.is_intact()
}

#[tokio::test]
async fn a_log_that_was_cut_together_with_its_head_is_not_intact() {
    let place = place();
    written(&place, 3).await;
    let kept = Head::read(head_path(&place.path)).unwrap().unwrap();
    let text = std::fs::read_to_string(&place.path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    std::fs::write(&place.path, lines[..3].concat()).unwrap();
    std::fs::remove_file(head_path(&place.path)).unwrap();
    assert!(lacks_head(&place));
    // The checkpoints say what is missing, and so does a head that was kept as text.
    let checked = verify_file_with(&place.path, EndCheck::Skip).unwrap();
    assert_eq!(checked.problems[0].kind, ProblemKind::Truncated, "{checked}");
    let kept: Head = kept.to_string().parse().unwrap();
    let checked = verify_file_with(&place.path, EndCheck::Kept(kept.clone())).unwrap();
    assert_eq!(checked.problems[0].kind, ProblemKind::Truncated, "{checked}");
    std::fs::write(&place.path, text).unwrap();
    let checked = verify_file_with(&place.path, EndCheck::Kept(kept.clone())).unwrap();
    assert!(checked.is_intact(), "{checked}");
    // Another log of the same length is not this one.
    let other = Head {
        hash: "ab".repeat(32),
        ..kept
    };
    let checked = verify_file_with(&place.path, EndCheck::Kept(other)).unwrap();
    assert_eq!(checked.problems[0].kind, ProblemKind::Unlinked, "{checked}");
}

#[test]
fn a_text_that_is_no_head_is_refused() {
    let hash = "0f".repeat(32);
    assert!(format!("3:{hash}").parse::<Head>().is_ok());
    for text in [
        String::new(),
        "3".to_owned(),
        "3:".to_owned(),
        format!("3:{}", &hash[1..]),
        format!("3:{hash}0"),
        format!("+3:{hash}"),
        format!("99999999999999999999999:{hash}"),
        format!("3:{}", hash.to_uppercase()),
        "C:\\logs\\head".to_owned(),
    ] {
        assert_eq!(text.parse::<Head>(), Err(ParseHeadError), "{text}");
    }
}

#[test]
fn a_head_is_written_as_a_whole_or_not_at_all() {
    let place = place();
    let path = head_path(&place.path);
    let last = Head {
        log: "x".repeat(16),
        records: 0,
        hash: "0f".repeat(32),
    };
    let mut written = 0;
    // Around the length at which its file is full.
    for length in 350..500 {
        let head = Head {
            log: "x".repeat(length),
            records: 7,
            hash: "0f".repeat(32),
        };
        if HeadFile::create(&path, &head).is_ok() {
            assert_eq!(Head::read(&path).unwrap(), Some(head));
            written += 1;
        }
    }
    assert!((1..150).contains(&written), "{written}");
    // However long its text is, the file is of one size.
    let mut file = HeadFile::create(&path, &last).unwrap();
    for records in [7, u64::MAX] {
        let head = Head {
            records,
            ..last.clone()
        };
        file.write(&head).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 512);
        assert_eq!(Head::read(&path).unwrap(), Some(head));
    }
    // One that cannot be looked for is not one that is not there.
    Head::read(path.join("head")).unwrap_err();
    // One with more behind it is none.
    let mut longer = std::fs::read(&path).unwrap();
    longer.extend(b"more");
    std::fs::write(&path, longer).unwrap();
    Head::read(&path).unwrap_err();
}

#[tokio::test]
async fn a_missing_head_is_recorded_and_a_damaged_one_refused() {
    let place = place();
    written(&place, 2).await;
    std::fs::remove_file(head_path(&place.path)).unwrap();
    assert!(lacks_head(&place));
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact());
    assert!(
        matches!(
            verification.notes.as_slice(),
            [Noted {
                line: 5,
                record: 3,
                note: Note::HeadMissing { .. },
                ..
            }]
        ),
        "{verification}"
    );
    assert!(verification.to_string().contains("the head file was gone"));

    std::fs::write(head_path(&place.path), "not a head").unwrap();
    assert!(matches!(verify_file(&place.path), Err(VerifyError::Head { .. })));
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("audit.jsonl.head"), "{error}");
}

#[tokio::test]
async fn a_head_that_a_power_failure_left_blank_counts_as_missing() {
    for blank in [Vec::new(), vec![0; 512], b"  \n".to_vec()] {
        let place = place();
        written(&place, 2).await;
        std::fs::write(head_path(&place.path), blank).unwrap();
        assert!(lacks_head(&place));
        let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
        log.close().await.unwrap();
        let text = std::fs::read_to_string(&place.path).unwrap();
        assert!(text.contains("\"kind\":\"head_missing\""));
        assert!(verify_file(&place.path).unwrap().is_intact());
    }
}

#[tokio::test]
async fn a_missing_folder_is_an_error_that_says_so() {
    let place = place();
    let path = place.path.join("deeper.jsonl");
    let error = FileAuditLog::open(path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("folder has to exist"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_a_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    written(&place, 1).await;
    for path in [place.path.clone(), head_path(&place.path)] {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_head_from_before_what_is_left_says_nothing() {
    let place = place();
    let log = FileAuditLog::open(&place.path, clock()).await.unwrap();
    log.append(event("r", "a")).await.unwrap();
    let kept = log.head();
    log.close().await.unwrap();
    drop(log);
    written_with(&place, 30, small().with_keep_segments(1)).await;
    let found = verify_file_with(&place.path, EndCheck::Kept(kept.clone())).unwrap();
    assert!(found.is_intact(), "{found}");
    assert_eq!(found.anchor, Anchor::Passed(kept));
    assert!(
        found
            .to_string()
            .contains("end not checked: the head is of 1 records"),
        "{found}"
    );
}
