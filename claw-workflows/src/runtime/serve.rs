//! Working off the journal, and driving one run to its end.

use std::sync::Arc;
use std::time::Duration;

use claw_core::store::{DeliveryState, RunStatus, StoreError};
use claw_core::workflow::{RunId, Workflow};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::drive::Stop;
use super::ended::Ended;
use super::error::RunnerError;
use super::persist::PERSIST;
use super::runner::{Inner, Runner};

/// How long to wait before looking again for work that is due but could not be begun.
const SATURATED: Duration = Duration::from_secs(1);

/// How often runs that ended long ago are forgotten.
const TIDY: Duration = Duration::from_secs(3600);

/// Shortest wait between two looks at the journal.
const BREATH: Duration = Duration::from_millis(10);

type Tasks = JoinSet<Result<(), StoreError>>;

struct Slots {
    runs: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
}

impl Runner {
    /// Works off the journal until `stop` fires: runs that were interrupted, runs that are queued, reports that are not
    /// delivered yet.
    ///
    /// After `stop`, steps and deliveries that have begun may end within
    /// [`stop_grace`](super::Settings::stop_grace). What is cut off then is done again at the next start. An error means
    /// that the journal cannot be used any more.
    pub async fn serve(&self, stop: CancellationToken) -> Result<(), RunnerError> {
        let settings = &self.0.settings;
        let slots = Slots {
            runs: Arc::new(Semaphore::new(settings.concurrent_runs.max(1))),
            deliveries: Arc::new(Semaphore::new(settings.concurrent_deliveries.max(1))),
        };
        let stop = Stop {
            soft: stop,
            hard: CancellationToken::new(),
        };
        let mut tasks = Tasks::new();
        let served = self.work_off(&slots, &stop, &mut tasks).await;
        let clock = self.0.gate.clock();
        tokio::select! {
            () = join_all(&mut tasks) => {}
            () = clock.sleep(settings.stop_grace) => {
                stop.hard.cancel();
                // Everything listens to the hard stop; whatever does not is dropped.
                let _ = tokio::time::timeout(settings.stop_grace, join_all(&mut tasks)).await;
            }
        }
        tasks.shutdown().await;
        Ok(served?)
    }

    async fn work_off(&self, slots: &Slots, stop: &Stop, tasks: &mut Tasks) -> Result<(), StoreError> {
        let mut changed = self.0.changed.subscribe();
        let clock = self.0.gate.clock();
        let mut failures = 0_u32;
        let mut tidy_at = Timestamp::MIN;
        while !stop.soft.is_cancelled() {
            changed.borrow_and_update();
            if self.0.now() >= tidy_at {
                tidy_at = clock.deadline(TIDY);
                self.0.tidy().await;
            }
            let pause = match self.begin_due(slots, stop, tasks).await {
                Ok(next) => {
                    failures = 0;
                    next
                }
                Err(error) if error.is_retryable() => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(%error, "the journal cannot be read; trying again");
                    Some(PERSIST.pause(failures))
                }
                Err(error) => return Err(error),
            };
            let sleep = async {
                match pause {
                    Some(pause) => clock.sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.soft.cancelled() => {}
                Some(ended) = tasks.join_next() => log_end(ended),
                _ = changed.changed(), if failures == 0 => {}
                () = sleep => {}
            }
        }
        Ok(())
    }

    /// Begins whatever is due and has a slot. Returns how long to wait before there may be more, as far as that is known.
    async fn begin_due(
        &self,
        slots: &Slots,
        stop: &Stop,
        tasks: &mut Tasks,
    ) -> Result<Option<Duration>, StoreError> {
        let journal = &self.0.journal;
        let mut saturated = false;
        for delivery in journal.due_deliveries(self.0.now()).await? {
            let Ok(slot) = Arc::clone(&slots.deliveries).try_acquire_owned() else {
                saturated = true;
                break;
            };
            let begun = journal.begin_delivery(&delivery.run, &delivery.sink, self.0.now());
            let delivery = match begun.await {
                Err(StoreError::Conflict { .. }) => continue,
                begun => begun?,
            };
            let (inner, stop) = (Arc::clone(&self.0), stop.clone());
            tasks.spawn(async move {
                let _slot = slot;
                inner.deliver(&delivery, &stop).await
            });
        }
        loop {
            let Ok(slot) = Arc::clone(&slots.runs).try_acquire_owned() else {
                saturated = true;
                break;
            };
            let Some(claim) = journal.claim(self.0.now()).await? else {
                break;
            };
            let (inner, stop) = (Arc::clone(&self.0), stop.clone());
            tasks.spawn(async move {
                let _slot = slot;
                inner.drive(claim, &stop).await
            });
        }
        let next = journal.next_due().await?;
        Ok(next.map(|due| match self.0.until(due) {
            Duration::ZERO if saturated => SATURATED,
            wait => wait.max(BREATH),
        }))
    }

    /// Queues a run of `W` and drives it to its end: until its report has been handed over, or until it waits for a
    /// person.
    ///
    /// A run of that id that is in the journal already is taken up where it is.
    pub async fn run<W: Workflow>(&self, id: RunId, input: &W::Input) -> Result<Ended, RunnerError> {
        self.submit::<W>(id.clone(), input, Vec::new()).await?;
        self.drive_to_end(&id).await
    }

    /// Drives a queued run to its end: until its report has been handed over, or until it waits for a person.
    pub async fn drive_to_end(&self, run: &RunId) -> Result<Ended, RunnerError> {
        let stop = Stop::default();
        self.take_all_steps(run, &stop).await?;
        self.make_all_deliveries(run, &stop).await?;
        let ended = self.look(run).await?;
        ended.ok_or_else(|| RunnerError::UnknownRun { run: run.clone() })
    }

    async fn take_all_steps(&self, run: &RunId, stop: &Stop) -> Result<(), RunnerError> {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let record = self.record(run).await?;
            if record.status.is_ended() || record.approval.is_some() {
                return Ok(());
            }
            if let Some(claim) = self.0.journal.claim_run(run, self.0.now()).await? {
                self.0.drive(claim, stop).await?;
                continue;
            }
            match record.not_before {
                Some(due) if record.status != RunStatus::Running => self.0.wait(&mut changed, due).await,
                // Another task takes its steps.
                _ => drop(changed.changed().await),
            }
        }
    }

    async fn make_all_deliveries(&self, run: &RunId, stop: &Stop) -> Result<(), RunnerError> {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let now = self.0.now();
            let mut due = Vec::new();
            let mut next = None;
            for delivery in self.0.journal.deliveries(run).await? {
                match delivery.state {
                    DeliveryState::Pending | DeliveryState::InDoubt => {
                        let at = delivery.not_before.unwrap_or(Timestamp::MIN);
                        if at <= now {
                            match self.0.journal.begin_delivery(run, &delivery.sink, now).await {
                                Err(StoreError::Conflict { .. }) => next = Some(now),
                                begun => due.push(begun?),
                            }
                        } else {
                            next = Some(next.map_or(at, |next: Timestamp| next.min(at)));
                        }
                    }
                    // Another task makes it, and says so when it has ended.
                    DeliveryState::Attempting => next = next.or(Some(Timestamp::MAX)),
                    _ => {}
                }
            }
            if !due.is_empty() {
                let tries = due.iter().map(|delivery| self.0.deliver(delivery, stop));
                futures::future::try_join_all(tries).await?;
                continue;
            }
            match next {
                Some(due) => self.0.wait(&mut changed, due).await,
                None => return Ok(()),
            }
        }
    }
}

impl Inner {
    /// Forgets runs that ended long ago. When that fails, the next try is soon enough.
    async fn tidy(&self) {
        let Ok(before) = self.now().checked_sub(self.settings.keep_runs) else {
            return;
        };
        match self.journal.prune(before).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "runs that ended long ago were forgotten"),
            Err(error) => tracing::warn!(%error, "runs that ended long ago could not be forgotten"),
        }
    }

    fn until(&self, due: Timestamp) -> Duration {
        Duration::try_from(due.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }

    /// Waits until the journal has changed or `due` has come.
    async fn wait(&self, changed: &mut tokio::sync::watch::Receiver<u64>, due: Timestamp) {
        tokio::select! {
            biased;
            _ = changed.changed() => {}
            () = self.gate.clock().sleep(self.until(due).max(BREATH)) => {}
        }
    }
}

async fn join_all(tasks: &mut Tasks) {
    while let Some(ended) = tasks.join_next().await {
        log_end(ended);
    }
}

/// A run that could not be journaled stays as it is until the next start.
fn log_end(ended: Result<Result<(), StoreError>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "a run or a delivery could not be journaled"),
        Err(error) => tracing::error!(%error, "a task of the runner ended in the middle"),
    }
}
