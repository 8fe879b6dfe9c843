//! Disks that are full, fail or hang.

use std::io::{Error, ErrorKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::super::chain::{Chain, FORMAT};
use super::super::medium::Medium;
use super::super::writer::{Request, Writer};
use super::*;

#[derive(Default)]
struct Disk {
    bytes: Mutex<Vec<u8>>,
    room: AtomicUsize,
    syncs: AtomicUsize,
    sync_fails: AtomicUsize,
    cut_fails: AtomicUsize,
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
    let disk = Arc::new(Disk {
        room: AtomicUsize::new(usize::MAX),
        ..Disk::default()
    });
    let (chain, header) = Chain::begin(&Header {
        created: Timestamp::UNIX_EPOCH,
        format: FORMAT,
        log: "test".to_owned(),
    });
    disk.bytes.lock().unwrap().extend(header.as_bytes());
    let writer = Writer {
        medium: Handle(disk.clone()),
        len: header.len() as u64,
        head: Arc::new(Mutex::new(chain.head())),
        chain,
        head_file: None,
        clock: clock(),
        broken: None,
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
        verify(self.disk.bytes.lock().unwrap().as_slice(), None).unwrap()
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
    let log = FileAuditLog::open_with(&place.path, clock(), options)
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
