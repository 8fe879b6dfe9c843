//! From one segment to the next: what fails half-way, and who comes in between.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::chain::{Chain, read_header};
use super::super::files::{is_at, sync_folder};
use super::super::segments::{SegmentFiles, SegmentStore as _, Turning, finish_turn, next_path};
use super::super::snapshot::Segments;
use super::*;

const OLD: &str = "the first segment\n";
const HEADER: &[u8] = b"the header of the second\n";

/// Segments of a log with nothing but [`OLD`] in it.
fn files(place: &Place) -> SegmentFiles {
    std::fs::write(&place.path, OLD).unwrap();
    SegmentFiles::new(&place.path, &AuditSettings::default())
}

fn has_turned(place: &Place) -> bool {
    let read = |path: &Path| std::fs::read(path).unwrap_or_default();
    read(&segment_path(&place.path, 0)) == OLD.as_bytes()
        && read(&place.path) == HEADER
        && !next_path(&place.path).exists()
}

#[test]
fn a_turn_goes_on_where_it_failed() {
    static FAILURES: AtomicUsize = AtomicUsize::new(3);
    fn failing(path: &Path) -> std::io::Result<()> {
        let left = |left: usize| left.checked_sub(1);
        match FAILURES.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) {
            Ok(_) => Err(Error::from(ErrorKind::StorageFull)),
            Err(_) => sync_folder(path),
        }
    }
    let place = place();
    let mut files = files(&place);
    files.sync = failing;
    for _ in 0..3 {
        let error = files.turn(0, HEADER).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(has_turned(&place), "{error}");
    }
    let file = files.turn(0, HEADER).unwrap();
    assert!(has_turned(&place) && is_at(&file, &place.path).unwrap());
}

#[test]
fn what_is_not_the_logs_own_is_not_written_over() {
    let place = place();
    let mut files = files(&place);
    std::fs::write(segment_path(&place.path, 0), "somebody's").unwrap();
    let error = files.turn(0, HEADER).unwrap_err();
    assert!(error.to_string().contains("move it away"), "{error}");
    assert_eq!(std::fs::read(&place.path).unwrap(), OLD.as_bytes());
    assert_eq!(
        std::fs::read(segment_path(&place.path, 0)).unwrap(),
        b"somebody's"
    );
    std::fs::remove_file(segment_path(&place.path, 0)).unwrap();
    files.turn(0, HEADER).unwrap();
    assert!(has_turned(&place));
}

#[test]
fn a_segment_that_is_gone_before_it_has_its_name_has_not_turned() {
    let place = place();
    let files = files(&place);
    let file = files.write(HEADER).unwrap();
    assert!(!is_at(&file, &place.path).unwrap());
    // Somebody took it away, and another file has the name.
    std::fs::remove_file(next_path(&place.path)).unwrap();
    let error = files.put_in_place(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    // Somebody else gave it the name.
    let file = files.write(HEADER).unwrap();
    std::fs::rename(next_path(&place.path), &place.path).unwrap();
    files.put_in_place(&file).unwrap();
    assert!(is_at(&file, &place.path).unwrap());
    // What cannot be looked at is not nothing.
    std::fs::create_dir(next_path(&place.path)).unwrap();
    finish_turn(&place.path).unwrap_err();
    is_at(&file, &place.path.join("inside")).unwrap_err();
}

/// Only where the name of the log is free, after a segment that was put away, does what lies beside it get the name.
#[test]
fn a_log_that_is_there_or_cannot_be_looked_at_is_not_written_over() {
    let place = place();
    let turning = files(&place);
    drop(turning.write(HEADER).unwrap());
    std::fs::write(segment_path(&place.path, 0), "an earlier one").unwrap();
    assert_eq!(finish_turn(&place.path).unwrap(), Turning::Ended);
    assert_eq!(std::fs::read(&place.path).unwrap(), OLD.as_bytes());
    std::fs::remove_file(&place.path).unwrap();
    std::os::unix::fs::symlink(&place.path, &place.path).unwrap();
    finish_turn(&place.path).unwrap_err();
    assert!(place.path.is_symlink() && next_path(&place.path).exists());
    std::fs::remove_file(&place.path).unwrap();
    std::fs::remove_file(segment_path(&place.path, 0)).unwrap();
    assert_eq!(finish_turn(&place.path).unwrap(), Turning::Ended);
    assert!(!place.path.exists() && next_path(&place.path).exists());
}

#[test]
fn who_comes_between_the_names_does_no_harm() {
    // Whoever turns is alive: nobody else touches anything.
    let place = place();
    let turning = files(&place);
    let file = turning.write(HEADER).unwrap();
    assert_eq!(finish_turn(&place.path).unwrap(), Turning::Ended);
    turning.put_away(0).unwrap();
    assert_eq!(finish_turn(&place.path).unwrap(), Turning::InUse);
    // Somebody makes an empty log there all the same.
    std::fs::write(&place.path, "").unwrap();
    assert_eq!(finish_turn(&place.path).unwrap(), Turning::InUse);
    turning.put_in_place(&file).unwrap();
    assert!(has_turned(&place));
    // An earlier version, or one on a disk without locks, has done it.
    turning.put_in_place(&file).unwrap();
    assert!(has_turned(&place));
    // Whoever turned is dead: the next one goes on.
    for empty in [false, true] {
        let place = super::place();
        let turning = files(&place);
        drop(turning.write(HEADER).unwrap());
        turning.put_away(0).unwrap();
        if empty {
            std::fs::write(&place.path, "").unwrap();
        }
        assert_eq!(finish_turn(&place.path).unwrap(), Turning::Ended);
        assert!(has_turned(&place));
    }
}

/// The header with which the log goes on after its first segment.
fn next_header(place: &Place) -> String {
    let text = std::fs::read_to_string(segment_path(&place.path, 0)).unwrap();
    let mut lines = text.lines();
    let (header, hash, _) = read_header(lines.next().unwrap().as_bytes()).unwrap();
    let mut chain = Chain::at_header(&header, &hash).unwrap();
    for line in lines {
        chain.accept(&serde_json::from_str::<Record>(line).unwrap().hash);
    }
    chain.turn(header.created, &header.key, 1)
}

#[tokio::test]
async fn a_log_between_two_segments_is_in_use() {
    let place = place();
    written(&place, 2).await;
    let turning = SegmentFiles::new(&place.path, &AuditSettings::default());
    let file = turning.write(HEADER).unwrap();
    turning.put_away(0).unwrap();
    // Who reads it meanwhile reads the segment that is to come.
    std::fs::write(next_path(&place.path), next_header(&place)).unwrap();
    let checks = Checks::default().with_end(EndCheck::Skip);
    let read = verify_file_with(&place.path, checks).unwrap();
    assert_eq!((read.records, read.segments), (3, 2), "{read}");
    let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    assert!(!place.path.exists());
    drop(file);
}

#[tokio::test]
async fn sealed_segments_are_deleted_for_their_age_while_nothing_happens() {
    let place = place();
    let clock = clock();
    let settings = small().with_keep_seconds(number(3600));
    let log = FileAuditLog::open_with(&place.path, clock.clone(), settings, Vec::new())
        .await
        .unwrap();
    for index in 0..12 {
        log.append(event("r", &format!("t{index}"))).await.unwrap();
    }
    assert!(sealed_segments(&place.path).unwrap().len() > 1);
    clock.advance(Duration::from_secs(3601));
    log.settled().await;
    assert_eq!(sealed_segments(&place.path).unwrap(), []);
    // It is said once, whatever else there is to look at.
    log.settled().await;
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{verification}");
    assert_eq!(
        (verification.note_count, verification.gone.unwrap().retired),
        (1, true)
    );
}

#[tokio::test]
async fn segments_that_are_deleted_while_a_log_is_read_are_read() {
    let place = place();
    written_with(&place, 20, small()).await;
    let all = sealed_segments(&place.path).unwrap().len() + 1;
    let segments = Segments::open(&place.path).unwrap();
    for (_, path) in sealed_segments(&place.path).unwrap() {
        std::fs::remove_file(path).unwrap();
    }
    let mut read = 0;
    segments
        .read(|_, reader, _| {
            read += 1;
            assert!(std::io::BufRead::lines(reader).count() > 1);
            Ok(())
        })
        .unwrap();
    assert_eq!(read, all);
}

#[tokio::test]
async fn a_segment_that_was_put_away_is_not_the_current_one() {
    let place = place();
    written(&place, 2).await;
    let segments = Segments::open(&place.path).unwrap();
    assert!(segments.is_current().unwrap());
    SegmentFiles::new(&place.path, &AuditSettings::default())
        .turn(0, HEADER)
        .unwrap();
    assert!(!segments.is_current().unwrap());
}

/// Whatever an agent does in the meantime, checks of its log see nothing that is not there, and exports miss nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_use_is_intact_at_every_moment() {
    let place = place();
    let settings = small().with_keep_segments(2);
    let log = FileAuditLog::open_with(&place.path, clock(), settings, Vec::new())
        .await
        .unwrap();
    let key = log.verifier_key().clone();
    let log = Arc::new(log);
    let writer = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for index in 0..400 {
                log.append(event("r", &format!("t{index}"))).await.unwrap();
            }
            log.close().await.unwrap();
        })
    };
    let mut checks = 0;
    while !writer.is_finished() {
        let (path, key) = (place.path.clone(), key.clone());
        let (found, unreadable) = tokio::task::spawn_blocking(move || {
            let found = verify_file_with(&path, Checks::default().with_key(key)).unwrap();
            let mut next = None;
            let unreadable = each_record(&path, &Filter::default(), |record, _| {
                assert!(next.is_none_or(|next| next == record.sequence), "{next:?}");
                next = Some(record.sequence + 1);
                true
            });
            (found, unreadable.unwrap())
        })
        .await
        .unwrap();
        // A line that is being written is not there yet, and neither is the checkpoint of a log that is being closed.
        let unfinished = |problem: &Problem| match problem.kind {
            ProblemKind::Incomplete => true,
            ProblemKind::Unsigned => found.end == End::Closed,
            _ => false,
        };
        assert!(found.problems.iter().all(unfinished), "{found}");
        assert!(unreadable <= 1);
        checks += 1;
    }
    writer.await.unwrap();
    println!("{checks} checks while 400 records were written");
    assert!(verify_file(&place.path).unwrap().is_intact());
}
