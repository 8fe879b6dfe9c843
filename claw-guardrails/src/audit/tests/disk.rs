//! Disks that are full, fail or hang.

use std::io::{Error, ErrorKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::super::chain::Chain;
use super::super::checkpoint::Signer;
use super::super::medium::Medium;
use super::super::segments::{Retirable, Shelf};
use super::super::signing::{Keep, Signing};
use super::super::writer::{Request, Writer};
use super::*;

#[derive(Default)]
struct Disk {
    bytes: Mutex<Vec<u8>>,
    room: AtomicUsize,
    syncs: AtomicUsize,
    sync_fails: AtomicUsize,
    cut_fails: AtomicUsize,
    turn_fails: AtomicUsize,
    keep_fails: AtomicUsize,
    /// Segments that were put away.
    sealed: Mutex<Vec<Vec<u8>>>,
    kept: Mutex<Vec<SignedCheckpoint>>,
}

impl Shelf<Handle> for Handle {
    fn turn(&mut self, index: u64, header: &[u8]) -> std::io::Result<Handle> {
        if self.0.turn_fails.load(Ordering::SeqCst) > 0 {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let mut sealed = self.0.sealed.lock().unwrap();
        assert_eq!(sealed.len() as u64, index);
        sealed.push(std::mem::replace(
            &mut *self.0.bytes.lock().unwrap(),
            header.to_vec(),
        ));
        Ok(self.clone())
    }

    fn retirable(&mut self, _now: Timestamp) -> std::io::Result<Option<Retirable>> {
        Ok(None)
    }

    fn retire(&mut self, _segment: u64) -> std::io::Result<()> {
        Ok(())
    }
}

impl Keep for Handle {
    fn keep(&mut self, checkpoint: &SignedCheckpoint) -> std::io::Result<()> {
        if self.0.keep_fails.load(Ordering::SeqCst) > 0 {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.0.kept.lock().unwrap().push(checkpoint.clone());
        Ok(())
    }
}

#[derive(Clone)]
struct Handle(Arc<Disk>);

impl Medium for Handle {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut stored = self.0.bytes.lock().unwrap();
        let room = self.0.room.load(Ordering::SeqCst).saturating_sub(stored.len());
        stored.extend(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        match self.0.sync_fails.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(Error::other("input/output error")),
        }
    }

    fn cut(&mut self, len: u64) -> std::io::Result<()> {
        if self.0.cut_fails.load(Ordering::SeqCst) > 0 {
            return Err(Error::other("input/output error"));
        }
        self.0.bytes.lock().unwrap().truncate(len as usize);
        Ok(())
    }
}

struct Rig {
    disk: Arc<Disk>,
    queue: mpsc::Sender<Request>,
    /// Requests that the writer has not begun to serve; taken when it starts.
    pending: Option<(Writer<Handle>, mpsc::Receiver<Request>)>,
}

fn rig() -> Rig {
    rig_with(AuditSettings::default())
}

fn rig_with(settings: AuditSettings) -> Rig {
    let disk = Arc::new(Disk {
        room: AtomicUsize::new(usize::MAX),
        ..Disk::default()
    });
    let signer = Signer::of_seed(&[1; 32], "claw-audit/test");
    let (chain, header, _) = Chain::begin(Timestamp::UNIX_EPOCH, "test", &signer.verifier().to_string());
    disk.bytes.lock().unwrap().extend(header.as_bytes());
    let handle = Handle(disk.clone());
    let writer = Writer {
        medium: handle.clone(),
        len: header.len() as u64,
        head: Arc::new(Mutex::new(chain.head())),
        chain,
        head_file: None,
        clock: clock(),
        broken: None,
        settings: settings.clone(),
        shelf: Box::new(handle.clone()),
        segment: 0,
        begun: clock().now(),
        sealed: false,
        signing: Signing {
            signer,
            keep: Box::new(handle),
            published: tokio::sync::watch::channel(None).0,
            settings,
            size: None,
            time: clock().now(),
            owed: None,
        },
    };
    let (queue, requests) = mpsc::channel(100);
    Rig {
        disk,
        queue,
        pending: Some((writer, requests)),
    }
}

impl Rig {
    fn start(&mut self) {
        let (writer, requests) = self.pending.take().unwrap();
        std::thread::spawn(move || writer.run(requests));
    }

    async fn ask(&self, subject: &str) -> oneshot::Receiver<Result<AuditReceipt, AuditError>> {
        let (reply, answer) = oneshot::channel();
        let event = file::canonical_event(&event("r", subject)).unwrap();
        self.queue.send(Request::Append { event, reply }).await.unwrap();
        answer
    }

    async fn append(&self, subject: &str) -> Result<AuditReceipt, AuditError> {
        self.ask(subject).await.await.unwrap()
    }

    fn verification(&self) -> Verification {
        let sealed = self.disk.sealed.lock().unwrap();
        let bytes = self.disk.bytes.lock().unwrap();
        let mut check = check::Check::new(None, None);
        for (index, segment) in sealed.iter().enumerate() {
            check
                .segment(Part::Sealed(index as u64), segment.as_slice())
                .unwrap();
        }
        check.segment(Part::Current, bytes.as_slice()).unwrap();
        check.finish(false).unwrap()
    }

    /// Waits until the writer has done what it does between two requests.
    async fn settled(&self) {
        // One that is refused for its length of zero would be answered too; a tick is served after what came before it.
        for _ in 0..2 {
            self.queue.send(Request::Tick).await.unwrap();
            while self.queue.capacity() < self.queue.max_capacity() {
                tokio::task::yield_now().await;
            }
        }
    }
}

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
async fn a_disk_that_hangs_is_given_up() {
    let place = place();
    let options = file::Options {
        timeout: Duration::ZERO,
        ..file::Options::default()
    };
    let settings = AuditSettings::default();
    let log = FileAuditLog::open_waiting(&place.path, clock(), settings, Vec::new(), options)
        .await
        .unwrap();
    // The writer may be quicker than the first look at the clock; it is not a thousand times in a row.
    let mut refused = None;
    for _ in 0..1_000 {
        if let Err(error) = log.append(event("r", "a")).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.unwrap();
    assert!(
        error.to_string().contains("not written to disk within"),
        "{error}"
    );
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
    let mut rig = rig_with(AuditSettings::default().with_segment_bytes(number(1500)));
    rig.start();
    rig.disk.turn_fails.store(1, Ordering::SeqCst);
    let mut taken = 0;
    let error = loop {
        match rig.append("a").await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        rig.settled().await;
        assert!(taken < 100);
    };
    assert!(
        error.to_string().contains("the next segment could not be begun"),
        "{error}"
    );
    rig.disk.turn_fails.store(0, Ordering::SeqCst);
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
