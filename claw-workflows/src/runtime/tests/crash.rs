//! The process is killed at every write to the journal, once just before and once just after it took effect.

use std::path::Path;

use claw_core::clock::SystemClock;
use claw_core::store::{
    AlertEnd, AlertKey, Attach, Attached, Claim, Closed, Delivery, DeliveryEnd, Enqueued, NewRun, RecentRun,
    RunAlert, RunEnd, RunRecord, SqliteStore, StepRecord, StepResult, StoreError,
};
use tokio::sync::Notify;

use super::*;

/// Lets the first writes through and kills the process at the next.
struct Mortal {
    store: SqliteStore,
    left: Mutex<u32>,
    /// Whether the last write takes effect.
    after: bool,
    killed: Notify,
}

impl Mortal {
    async fn write<T>(&self, write: impl Future<Output = T>) -> T {
        let last = {
            let mut left = self.left.lock().unwrap();
            *left = left.saturating_sub(1);
            *left == 0
        };
        if last && !self.after {
            self.die().await;
        }
        let value = write.await;
        if last {
            self.die().await;
        }
        value
    }

    async fn die(&self) {
        self.killed.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Journal for Mortal {
    async fn enqueue(&self, run: NewRun, now: Timestamp) -> Result<Enqueued, StoreError> {
        self.store.enqueue(run, now).await
    }
    async fn attach(&self, attach: Attach, now: Timestamp) -> Result<Attached, StoreError> {
        self.store.attach(attach, now).await
    }
    async fn claim(&self, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        self.write(self.store.claim(now)).await
    }
    async fn claim_run(&self, run: &RunId, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        self.write(self.store.claim_run(run, now)).await
    }
    async fn record_step(&self, run: &RunId, result: StepResult, now: Timestamp) -> Result<(), StoreError> {
        self.write(self.store.record_step(run, result, now)).await
    }
    async fn finish(
        &self,
        run: &RunId,
        step: u32,
        name: &str,
        report: &Report,
        sinks: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(self.store.finish(run, step, name, report, sinks, now))
            .await
    }
    async fn postpone(
        &self,
        run: &RunId,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(self.store.postpone(run, until, reason, now)).await
    }
    async fn end(&self, run: &RunId, end: RunEnd, now: Timestamp) -> Result<(), StoreError> {
        self.write(self.store.end(run, end, now)).await
    }
    async fn wake(&self, approval: &str, now: Timestamp) -> Result<Vec<RunId>, StoreError> {
        self.write(self.store.wake(approval, now)).await
    }
    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        self.store.run(run).await
    }
    async fn runs(&self, status: Option<RunStatus>, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        self.store.runs(status, limit).await
    }
    async fn steps(&self, run: &RunId) -> Result<Vec<StepRecord>, StoreError> {
        self.store.steps(run).await
    }
    async fn report(&self, run: &RunId) -> Result<Option<Report>, StoreError> {
        self.store.report(run).await
    }
    async fn resolve(&self, ends: &[AlertEnd], now: Timestamp) -> Result<Vec<Closed>, StoreError> {
        self.write(self.store.resolve(ends, now)).await
    }
    async fn run_of_alert(&self, fingerprint: &str) -> Result<Option<RunId>, StoreError> {
        self.store.run_of_alert(fingerprint).await
    }
    async fn owners(&self, alerts: &[AlertKey]) -> Result<Vec<Option<RunId>>, StoreError> {
        self.store.owners(alerts).await
    }
    async fn alerts(&self, run: &RunId) -> Result<Vec<RunAlert>, StoreError> {
        self.store.alerts(run).await
    }
    async fn recent(
        &self,
        workflow: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RecentRun>, StoreError> {
        self.store.recent(workflow, since, limit).await
    }
    async fn deliveries(&self, run: &RunId) -> Result<Vec<Delivery>, StoreError> {
        self.store.deliveries(run).await
    }
    async fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        self.store.due_deliveries(now).await
    }
    async fn begin_delivery(&self, run: &RunId, sink: &str, now: Timestamp) -> Result<Delivery, StoreError> {
        self.write(self.store.begin_delivery(run, sink, now)).await
    }
    async fn end_delivery(
        &self,
        run: &RunId,
        sink: &str,
        end: DeliveryEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(self.store.end_delivery(run, sink, end, now)).await
    }
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due().await
    }
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.store.prune(before).await
    }
}

/// What survives a kill besides the journal: the outside world, and what the test notes.
#[derive(Default)]
struct World {
    inbox: Option<Inbox>,
    /// Every step that was taken, over all lives.
    taken: Vec<&'static str>,
}

/// Opens the journal as soon as the tasks of the last life have let go of it.
async fn reopen(path: &Path) -> SqliteStore {
    loop {
        match SqliteStore::open(path).await {
            Err(StoreError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            opened => return opened.unwrap(),
        }
    }
}

/// Names of the steps whose end is in the journal.
async fn journaled(store: &SqliteStore) -> Vec<String> {
    let steps = store.steps(&id("r")).await.unwrap();
    steps.into_iter().map(|step| step.name).collect()
}

/// One life of the agent: until it is killed at write number `kill`, or until the report is delivered. Returns whether
/// it was killed.
async fn live(path: &Path, world: &mut World, kill: u32, after: bool, hiccup: bool) -> bool {
    let store = reopen(path).await;
    let journal = Arc::new(Mortal {
        store: store.clone(),
        left: Mutex::new(kill),
        after,
        killed: Notify::new(),
    });
    let pause = Duration::from_millis(1);
    let settings = Settings::default()
        .with_step_retry(Retry::new(20, pause, pause))
        .with_delivery_retry(Retry::new(4, pause, pause));
    let before = journaled(&store).await;
    // Step b fails once in a life, so that being postponed is a moment to die in too.
    let failed = Mutex::new(!hiccup);
    let scenario = Scenario::new(move |step, _, _| {
        if step == "b" && !std::mem::replace(&mut *failed.lock().unwrap(), true) {
            return Script::Transient("a hiccup");
        }
        Script::Go
    });
    let inbox = world.inbox.get_or_insert_with(|| Inbox::new("inbox")).clone();
    let rig = rig_with(scenario, inbox, journal.clone(), Arc::new(SystemClock), settings);
    rig.runner
        .submit::<Scenario>(id("r"), &"input".to_owned(), Vec::new())
        .await
        .unwrap();
    let done = async {
        loop {
            let deliveries = store.deliveries(&id("r")).await.unwrap();
            if !deliveries.is_empty() && deliveries.iter().all(|delivery| delivery.state.is_settled()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let killed = tokio::select! {
        biased;
        () = journal.killed.notified() => true,
        served = rig.runner.serve(CancellationToken::new()) => panic!("{served:?}"),
        () = done => false,
    };
    let taken = rig.taken.lock().unwrap().clone();
    for step in &taken {
        assert!(
            !before.iter().any(|done| done == step),
            "{step} was taken after it was journaled"
        );
    }
    world.taken.extend(taken);
    store.close().await;
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_a_run_has_one_report_and_no_step_twice() {
    let mut moments = 0;
    for after in [false, true] {
        for kill in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal.db");
            let mut world = World::default();
            let killed = live(&path, &mut world, kill, after, true).await;
            if killed {
                moments += 1;
                assert!(!live(&path, &mut world, u32::MAX, false, true).await);
            }
            let inbox = world.inbox.as_ref().unwrap();
            let reports = inbox.shown();
            assert_eq!(reports.len(), 1, "kill {kill}, after {after}");
            assert_eq!(reports[0].summary, "a,b,c");
            assert!(inbox.calls() <= 2);
            let store = reopen(&path).await;
            assert_eq!(journaled(&store).await, ["a", "b", "c"]);
            // A step is taken again only while its end is not in the journal.
            assert!(world.taken.len() <= "abbc".len() + 2, "{:?}", world.taken);
            if !killed {
                break;
            }
        }
    }
    // Claims, steps, a postponement, the report, and the delivery: each before and after.
    assert!(moments >= 2 * 9, "{moments}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_a_run_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut world = World::default();
    let mut lives = 0;
    // Killed at its third write in every life: enough for one step.
    while live(&path, &mut world, 3, true, false).await {
        lives += 1;
        assert!(lives < 20, "the run makes no progress");
    }
    assert!(lives >= 2);
    assert_eq!(world.inbox.unwrap().shown().len(), 1);
    let store = reopen(&path).await;
    assert_eq!(journaled(&store).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_kills_the_process_each_time_ends_in_a_partial_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let inbox = Inbox::new("inbox");
    for _ in 0..6 {
        let store = reopen(&path).await;
        let taken_b = Arc::new(Notify::new());
        let tell = Arc::clone(&taken_b);
        let scenario = Scenario::new(move |step, _, _| {
            if step == "b" {
                tell.notify_one();
                return Script::Hang;
            }
            Script::Go
        });
        let rig = rig_with(
            scenario,
            inbox.clone(),
            Arc::new(store.clone()),
            Arc::new(SystemClock),
            Settings::default(),
        );
        rig.runner
            .submit::<Scenario>(id("r"), &String::new(), Vec::new())
            .await
            .unwrap();
        let run = id("r");
        tokio::select! {
            biased;
            () = taken_b.notified() => {}
            ended = rig.runner.drive_to_end(&run) => {
                let report = ended.unwrap().report.unwrap();
                assert_eq!((report.title.as_str(), report.summary.as_str()), ("partial", "a"));
                assert!(report.gaps[0].reason.contains("begun 4 times"), "{:?}", report.gaps);
                assert_eq!(inbox.calls(), 1);
                return;
            }
        }
        store.close().await;
    }
    panic!("the run did not end");
}
