//! A writer on a disk in memory that can be full, fail or hang.

use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use tokio::sync::{mpsc, oneshot};

use super::super::chain::Chain;
use super::super::checkpoint::Signer;
use super::super::medium::Medium;
use super::super::segments::{Retirable, SegmentStore};
use super::super::signing::{Keep, Signing};
use super::super::writer::{Request, Writer};
use super::*;

#[derive(Default)]
pub(super) struct Disk {
    pub(super) bytes: Mutex<Vec<u8>>,
    pub(super) room: AtomicUsize,
    pub(super) syncs: AtomicUsize,
    pub(super) sync_fails: AtomicUsize,
    pub(super) cut_fails: AtomicUsize,
    pub(super) turn_fails: AtomicUsize,
    pub(super) turn_fails_late: AtomicUsize,
    pub(super) keep_fails: AtomicUsize,
    /// How often it was asked for segments that need not be kept.
    pub(super) looks: AtomicUsize,
    /// While it is set, forced writes wait.
    hangs: Mutex<bool>,
    goes_on: Condvar,
    /// Segments that were put away.
    pub(super) sealed: Mutex<Vec<Vec<u8>>>,
    pub(super) kept: Mutex<Vec<SignedCheckpoint>>,
}

impl Disk {
    /// Has forced writes wait, or go on.
    pub(super) fn hang(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.goes_on.notify_all();
    }
}

impl SegmentStore<Handle> for Handle {
    fn turn(&mut self, index: u64, header: &[u8]) -> std::io::Result<Handle> {
        if self.0.turn_fails.load(Ordering::SeqCst) > 0 {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let mut sealed = self.0.sealed.lock().unwrap();
        let done = sealed.len() as u64 == index + 1;
        if done {
            // The try before failed after it was done.
            assert_eq!(*self.0.bytes.lock().unwrap(), header);
        } else {
            assert_eq!(sealed.len() as u64, index);
            sealed.push(std::mem::replace(
                &mut *self.0.bytes.lock().unwrap(),
                header.to_vec(),
            ));
        }
        if self.0.turn_fails_late.load(Ordering::SeqCst) > 0 {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(self.clone())
    }

    fn retirable(&mut self, _now: Timestamp) -> std::io::Result<Option<Retirable>> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
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
pub(super) struct Handle(Arc<Disk>);

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
        let hangs = self.0.hangs.lock().unwrap();
        drop(self.0.goes_on.wait_while(hangs, |hangs| *hangs).unwrap());
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

pub(super) struct Rig {
    pub(super) disk: Arc<Disk>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) queue: mpsc::Sender<Request>,
    /// Requests that the writer has not begun to serve; taken when it starts.
    pub(super) pending: Option<(Writer<Handle>, mpsc::Receiver<Request>)>,
}

pub(super) fn rig() -> Rig {
    rig_with(AuditSettings::default())
}

pub(super) fn rig_with(settings: AuditSettings) -> Rig {
    let disk = Arc::new(Disk {
        room: AtomicUsize::new(usize::MAX),
        ..Disk::default()
    });
    let signer = Signer::of_seed(&[1; 32], "claw-audit/test");
    let (chain, header, _) = Chain::begin(Timestamp::UNIX_EPOCH, "test", &signer.verifier().to_string());
    disk.bytes.lock().unwrap().extend(header.as_bytes());
    let handle = Handle(disk.clone());
    let clock = clock();
    let writer = Writer {
        medium: handle.clone(),
        len: header.len() as u64,
        head: Arc::new(Mutex::new(chain.head())),
        chain,
        head_file: None,
        clock: clock.clone(),
        broken: None,
        settings: settings.clone(),
        store: Box::new(handle.clone()),
        segment: 0,
        begun: clock.now(),
        sealed: false,
        turning: None,
        retired: None,
        signing: Signing {
            signer,
            keep: Box::new(handle),
            published: tokio::sync::watch::channel(None).0,
            settings,
            size: None,
            time: clock.now(),
            owed: None,
        },
    };
    let (queue, requests) = mpsc::channel(100);
    Rig {
        disk,
        clock,
        queue,
        pending: Some((writer, requests)),
    }
}

impl Rig {
    pub(super) fn start(&mut self) {
        let (writer, requests) = self.pending.take().unwrap();
        std::thread::spawn(move || writer.run(requests));
    }

    pub(super) async fn ask(&self, subject: &str) -> oneshot::Receiver<Result<AuditReceipt, AuditError>> {
        let (reply, answer) = oneshot::channel();
        let event = file::canonical_event(&event("r", subject)).unwrap();
        self.queue
            .send(Request::Append {
                event,
                reply,
                room: None,
            })
            .await
            .unwrap();
        answer
    }

    pub(super) async fn append(&self, subject: &str) -> Result<AuditReceipt, AuditError> {
        self.ask(subject).await.await.unwrap()
    }

    pub(super) fn verification(&self) -> Verification {
        let sealed = self.disk.sealed.lock().unwrap();
        let bytes = self.disk.bytes.lock().unwrap();
        let mut check = check::Check::new(None, Vec::new());
        for (index, segment) in sealed.iter().enumerate() {
            check
                .segment(Part::Sealed(index as u64), segment.as_slice(), None)
                .unwrap();
        }
        check.segment(Part::Current, bytes.as_slice(), None).unwrap();
        check.finish(false).unwrap()
    }

    /// Waits until the writer has done what it does between two requests.
    pub(super) async fn settled(&self) {
        // A tick is served after what came before it.
        let (done, over) = tokio::sync::oneshot::channel();
        let tick = Request::Tick { done: Some(done) };
        self.queue.send(tick).await.unwrap();
        over.await.unwrap();
    }
}
