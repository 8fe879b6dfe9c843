//! A crash at any moment: what was acknowledged is there, and the log goes on.

use std::path::Path;

use super::super::segments::next_path;
use super::*;

type Files = Vec<(PathBuf, Vec<u8>)>;

/// What is on disk of a log.
#[derive(Clone)]
struct Disk(Files);

impl Disk {
    fn read(place: &Place) -> Self {
        let folder = place.path.parent().unwrap();
        let files = std::fs::read_dir(folder).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        });
        Self(files.collect())
    }

    /// Puts everything back as it was.
    fn restore(&self, place: &Place) {
        for entry in std::fs::read_dir(place.path.parent().unwrap()).unwrap() {
            let path = entry.unwrap().path();
            if !self.0.iter().any(|(kept, _)| *kept == path) {
                std::fs::remove_file(path).unwrap();
            }
        }
        for (path, bytes) in &self.0 {
            std::fs::write(path, bytes).unwrap();
        }
    }

    fn file(&self, path: &Path) -> Vec<u8> {
        self.0.iter().find(|(kept, _)| kept == path).unwrap().1.clone()
    }
}

/// Opens the log after a crash, appends to it, and sees that all receipts are in it.
async fn goes_on(place: &Place, receipts: &[AuditReceipt], what: &str) {
    let log = FileAuditLog::open_with(&place.path, clock(), large(), Vec::new())
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}: {:?}", error.source));
    log.append(event("r", "after")).await.unwrap();
    log.close().await.unwrap();
    let verification = verify_file(&place.path).unwrap();
    assert!(verification.is_intact(), "{what}: {verification}");
    let mut hashes = Vec::new();
    let unreadable = each_record(&place.path, &Filter::default(), |record, _| {
        hashes.push((record.sequence, record.hash.clone()));
        true
    })
    .unwrap();
    assert_eq!(unreadable, 0, "{what}");
    for AuditReceipt { sequence, hash } in receipts {
        assert!(
            hashes.contains(&(*sequence, hash.clone())),
            "{what}: record {sequence} is lost"
        );
    }
}

fn large() -> AuditSettings {
    AuditSettings::default().with_checkpoint_every(number(5), number(60))
}

/// A file of checkpoints without the last ones of them.
fn without_last(checkpoints: &[u8], count: usize) -> Vec<u8> {
    let text = std::str::from_utf8(checkpoints).unwrap();
    let begins: Vec<_> = text
        .match_indices("claw-audit/")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || text[..*at].ends_with("\n\n"))
        .collect();
    checkpoints[..begins[begins.len() - count]].to_vec()
}

/// Some records, and what was on disk when they were acknowledged.
async fn acknowledged(place: &Place) -> (FileAuditLog, Vec<AuditReceipt>, Disk) {
    let log = FileAuditLog::open_with(&place.path, clock(), large(), Vec::new())
        .await
        .unwrap();
    let mut receipts = Vec::new();
    for index in 0..2 {
        receipts.push(log.append(event("r", &format!("t{index}"))).await.unwrap());
    }
    let disk = Disk::read(place);
    (log, receipts, disk)
}

#[tokio::test]
async fn a_crash_at_every_byte_of_the_last_write_loses_nothing_acknowledged() {
    let place = place();
    let (log, receipts, before) = acknowledged(&place).await;
    let short = AuditEvent {
        observed: None,
        why: String::new(),
        ..event("r", "x")
    };
    // Two records in one write.
    let (one, two) = tokio::join!(log.append(short.clone()), log.append(short));
    one.unwrap();
    two.unwrap();
    let after = std::fs::read(&place.path).unwrap();
    log.close().await.unwrap();
    let from = before.file(&place.path).len();
    for cut in from..=after.len() {
        before.restore(&place);
        std::fs::write(&place.path, &after[..cut]).unwrap();
        goes_on(&place, &receipts, &format!("cut at {cut}")).await;
    }
    println!(
        "{} crashes in a write of {} bytes: nothing lost",
        after.len() - from + 1,
        after.len() - from
    );
}

#[tokio::test]
async fn a_crash_at_every_byte_of_a_checkpoint_loses_nothing() {
    let place = place();
    let (log, mut receipts, _) = acknowledged(&place).await;
    receipts.push(log.append(event("r", "third")).await.unwrap());
    log.close().await.unwrap();
    let after = Disk::read(&place);
    let path = checkpoint::checkpoints_path(&place.path);
    let checkpoints = after.file(&path);
    // The first one was on disk before there were records.
    let first = without_last(&checkpoints, 1);
    for cut in first.len()..checkpoints.len() {
        after.restore(&place);
        std::fs::write(&path, &checkpoints[..cut]).unwrap();
        goes_on(&place, &receipts, &format!("checkpoints cut at {cut}")).await;
    }
    for cut in (0..first.len()).step_by(50) {
        after.restore(&place);
        std::fs::write(&path, &first[..cut]).unwrap();
        let error = FileAuditLog::open(&place.path, clock()).await.unwrap_err();
        assert!(
            error.to_string().contains("no checkpoint vouches"),
            "{cut}: {error}"
        );
    }
}

#[tokio::test]
async fn a_crash_anywhere_between_two_segments_loses_nothing() {
    let place = place();
    let (log, receipts, before) = acknowledged(&place).await;
    log.close().await.unwrap();
    before.restore(&place);
    // The same log, which now turns to its next segment.
    let tiny = large().with_segment_bytes(number(100));
    let log = FileAuditLog::open_with(&place.path, clock(), tiny, Vec::new())
        .await
        .unwrap();
    let mut receipts = receipts;
    receipts.push(log.append(event("r", "last")).await.unwrap());
    log.close().await.unwrap();
    let after = Disk::read(&place);
    let first = segment_path(&place.path, 0);
    let sealed = after.file(&first);
    let current = after.file(&place.path);
    let header = current
        .split_inclusive(|byte| *byte == b'\n')
        .next()
        .unwrap()
        .to_vec();
    // A checkpoint was made before the next segment was begun, and one when the log was closed.
    let path = checkpoint::checkpoints_path(&place.path);
    let checkpoints = after.file(&path);
    let (sealing, begun) = (without_last(&checkpoints, 2), without_last(&checkpoints, 1));
    // The next segment is empty but for its header in all these states, and so the head is one from before.
    let head = before.file(&head_path(&place.path));
    let seal_from = sealed[..sealed.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    let mut crashes = 0;
    let mut states: Vec<(String, Files)> = Vec::new();
    for cut in (seal_from..=sealed.len()).step_by(7) {
        states.push((
            format!("sealed up to {cut}"),
            vec![
                (place.path.clone(), sealed[..cut].to_vec()),
                (path.clone(), sealing.clone()),
            ],
        ));
    }
    for cut in (0..=header.len()).step_by(5) {
        states.push((
            format!("next segment begun up to {cut}"),
            vec![
                (place.path.clone(), sealed.clone()),
                (next_path(&place.path), header[..cut].to_vec()),
                (path.clone(), begun.clone()),
            ],
        ));
    }
    states.push((
        "between the renames".to_owned(),
        vec![
            (first.clone(), sealed.clone()),
            (next_path(&place.path), header.clone()),
            (path.clone(), begun.clone()),
        ],
    ));
    states.push((
        "after the renames".to_owned(),
        vec![
            (first.clone(), sealed.clone()),
            (place.path.clone(), header.clone()),
            (path.clone(), begun.clone()),
        ],
    ));
    for (what, files) in states {
        let kept = before
            .0
            .iter()
            .filter(|(kept, _)| *kept != place.path && *kept != path)
            .cloned()
            .chain(files)
            .collect();
        Disk(kept).restore(&place);
        std::fs::write(head_path(&place.path), &head).unwrap();
        goes_on(&place, &receipts, &what).await;
        crashes += 1;
    }
    println!("{crashes} crashes between two segments: nothing lost");
}

#[tokio::test]
async fn a_crash_while_a_log_is_begun_leaves_one_that_can_be_begun() {
    let place = place();
    let log = FileAuditLog::open_with(&place.path, clock(), large(), Vec::new())
        .await
        .unwrap();
    let begun = Disk::read(&place);
    log.close().await.unwrap();
    let (head, checkpoints) = (head_path(&place.path), checkpoint::checkpoints_path(&place.path));
    for missing in [vec![&head], vec![&checkpoints], vec![&head, &checkpoints]] {
        begun.restore(&place);
        for path in &missing {
            std::fs::remove_file(path).unwrap();
        }
        goes_on(&place, &[], &format!("without {missing:?}")).await;
        // Nor does a crash right after that leave one that cannot.
        let sizes = std::fs::read_to_string(&checkpoints).unwrap();
        assert!(sizes.lines().nth(1) == Some("0"), "{sizes}");
    }
}
