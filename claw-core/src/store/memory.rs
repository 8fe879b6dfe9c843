use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::Journal;
use super::error::StoreError;
use super::record::{
    AlertKey, Claim, Closed, Delivery, DeliveryEnd, Enqueued, NewRun, RunEnd, RunRecord, RunStatus, StepEnd,
    StepRecord, StepResult,
};
use super::snapshot::Snapshot;
use crate::report::Report;
use crate::workflow::{RunId, Wait};

/// A journal that lives as long as the process: for single investigations and for tests.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    runs: Vec<Entry>,
    alerts: BTreeMap<String, (Timestamp, RunId)>,
    /// When each approval was decided.
    decisions: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct Entry {
    run: RunRecord,
    input: Value,
    state: Option<Snapshot>,
    report: Option<Report>,
    steps: Vec<StepRecord>,
    deliveries: BTreeMap<String, Delivery>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// What opening a file anew does: whatever was going on was interrupted.
    #[cfg(test)]
    pub(super) fn restart(&self) {
        for entry in &mut self.lock().runs {
            entry.run.recover();
            entry.deliveries.values_mut().for_each(Delivery::recover);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn find(&self, run: &RunId) -> Option<&Entry> {
        self.runs.iter().find(|entry| entry.run.id == *run)
    }

    fn get(&mut self, run: &RunId) -> Result<&mut Entry, StoreError> {
        let entry = self.runs.iter_mut().find(|entry| entry.run.id == *run);
        entry.ok_or_else(|| StoreError::UnknownRun { run: run.clone() })
    }

    fn has_alerts(&self, run: &RunId) -> bool {
        self.alerts.values().any(|(_, owner)| owner == run)
    }

    /// The run that this alert opened, if it has not been resolved or fired anew since.
    fn owner(&self, alert: &AlertKey) -> Option<&RunId> {
        let (starts_at, run) = self.alerts.get(&alert.fingerprint)?;
        (*starts_at >= alert.starts_at).then_some(run)
    }

    fn close_runs(&mut self, runs: BTreeSet<RunId>, now: Timestamp) -> Result<Vec<Closed>, StoreError> {
        let mut closed = Vec::new();
        for run in runs {
            if self.has_alerts(&run) {
                continue;
            }
            let entry = self.get(&run)?;
            let ended = entry.run.close(now);
            if ended {
                entry.state = None;
            }
            closed.push(Closed { run, ended });
        }
        Ok(closed)
    }
}

impl Entry {
    fn claim(&mut self, now: Timestamp) -> Option<Claim> {
        self.run.due().filter(|due| *due <= now)?;
        self.run.claim(now);
        Some(Claim {
            run: self.run.clone(),
            input: self.input.clone(),
            state: self.state.clone(),
        })
    }

    fn delivery(&mut self, sink: &str) -> Result<&mut Delivery, StoreError> {
        let run = self.run.id.clone();
        let delivery = self.deliveries.get_mut(sink);
        delivery.ok_or_else(|| StoreError::UnknownDelivery {
            run,
            sink: sink.to_owned(),
        })
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn enqueue(&self, run: NewRun, now: Timestamp) -> Result<Enqueued, StoreError> {
        let mut contents = self.lock();
        if let Some(known) = contents.find(&run.id) {
            return Ok(Enqueued::Known(known.run.status));
        }
        let owners: Vec<_> = run
            .alerts
            .iter()
            .map(|alert| contents.owner(alert).cloned())
            .collect();
        if !owners.is_empty() && owners.iter().all(Option::is_some) {
            let mut owners: Vec<_> = owners.into_iter().flatten().collect();
            owners.sort();
            owners.dedup();
            return Ok(Enqueued::Covered(owners));
        }
        let mut before = BTreeSet::new();
        for (alert, _) in run.alerts.iter().zip(owners).filter(|(_, owner)| owner.is_none()) {
            let known = contents.alerts.remove(&alert.fingerprint);
            let starts_at = known
                .as_ref()
                .map_or(alert.starts_at, |(at, _)| alert.starts_at.max(*at));
            before.extend(known.map(|(_, owner)| owner).filter(|owner| *owner != run.id));
            let value = (starts_at, run.id.clone());
            contents.alerts.insert(alert.fingerprint.clone(), value);
        }
        contents.runs.push(Entry {
            run: RunRecord::queued(&run, now),
            input: run.input,
            state: None,
            report: None,
            steps: Vec::new(),
            deliveries: BTreeMap::new(),
        });
        let closed = contents.close_runs(before, now)?;
        Ok(Enqueued::New { closed })
    }

    async fn claim(&self, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        Ok(self.lock().runs.iter_mut().find_map(|entry| entry.claim(now)))
    }

    async fn claim_run(&self, run: &RunId, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        Ok(self.lock().get(run)?.claim(now))
    }

    async fn record_step(&self, run: &RunId, result: StepResult, now: Timestamp) -> Result<(), StoreError> {
        let mut contents = self.lock();
        let decided = match &result.wait {
            Some(Wait::Approval { id, .. }) => contents.decisions.contains_key(id),
            _ => false,
        };
        let entry = contents.get(run)?;
        let outcome = entry
            .run
            .advance(result.step, result.wait.as_ref(), decided, now)?;
        entry.state = Some(result.state);
        entry.steps.push(StepRecord {
            step: result.step,
            name: result.name,
            outcome,
            ended_at: now,
        });
        Ok(())
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
        let mut contents = self.lock();
        let entry = contents.get(run)?;
        entry.run.finish(step, now)?;
        entry.state = None;
        entry.report = Some(report.clone());
        entry.steps.push(StepRecord {
            step,
            name: name.to_owned(),
            outcome: StepEnd::Done,
            ended_at: now,
        });
        for sink in sinks {
            entry
                .deliveries
                .insert(sink.clone(), Delivery::pending(run, sink, now));
        }
        Ok(())
    }

    async fn postpone(
        &self,
        run: &RunId,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().get(run)?.run.postpone(until, reason, now)
    }

    async fn end(&self, run: &RunId, end: RunEnd, now: Timestamp) -> Result<(), StoreError> {
        let mut contents = self.lock();
        let entry = contents.get(run)?;
        entry.run.end(&end, now)?;
        entry.state = None;
        Ok(())
    }

    async fn wake(&self, approval: &str, now: Timestamp) -> Result<Vec<RunId>, StoreError> {
        let mut contents = self.lock();
        contents.decisions.entry(approval.to_owned()).or_insert(now);
        let waiting = contents
            .runs
            .iter_mut()
            .filter(|entry| entry.run.approval.as_deref() == Some(approval));
        Ok(waiting
            .map(|entry| {
                entry.run.wake(now);
                entry.run.id.clone()
            })
            .collect())
    }

    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.lock().find(run).map(|entry| entry.run.clone()))
    }

    async fn runs(&self, status: Option<RunStatus>, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let contents = self.lock();
        let runs = contents.runs.iter().rev().map(|entry| &entry.run);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(runs
            .filter(|run| status.is_none_or(|status| run.status == status))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn steps(&self, run: &RunId) -> Result<Vec<StepRecord>, StoreError> {
        Ok(self
            .lock()
            .find(run)
            .map(|entry| entry.steps.clone())
            .unwrap_or_default())
    }

    async fn report(&self, run: &RunId) -> Result<Option<Report>, StoreError> {
        Ok(self.lock().find(run).and_then(|entry| entry.report.clone()))
    }

    async fn resolve(&self, alerts: &[AlertKey], now: Timestamp) -> Result<Vec<Closed>, StoreError> {
        let mut contents = self.lock();
        let mut runs = BTreeSet::new();
        for alert in alerts {
            let over = contents
                .alerts
                .get(&alert.fingerprint)
                .is_some_and(|(starts_at, _)| *starts_at <= alert.starts_at);
            if over {
                runs.extend(contents.alerts.remove(&alert.fingerprint).map(|(_, run)| run));
            }
        }
        contents.close_runs(runs, now)
    }

    async fn run_of_alert(&self, fingerprint: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.lock().alerts.get(fingerprint).map(|(_, run)| run.clone()))
    }

    async fn deliveries(&self, run: &RunId) -> Result<Vec<Delivery>, StoreError> {
        let contents = self.lock();
        Ok(contents
            .find(run)
            .map(|entry| entry.deliveries.values().cloned().collect())
            .unwrap_or_default())
    }

    async fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        let contents = self.lock();
        let deliveries = contents.runs.iter().flat_map(|entry| entry.deliveries.values());
        Ok(deliveries
            .filter(|delivery| delivery.due().is_some_and(|due| due <= now))
            .cloned()
            .collect())
    }

    async fn begin_delivery(&self, run: &RunId, sink: &str, now: Timestamp) -> Result<Delivery, StoreError> {
        let mut contents = self.lock();
        let delivery = contents.get(run)?.delivery(sink)?;
        delivery.begin(now)?;
        Ok(delivery.clone())
    }

    async fn end_delivery(
        &self,
        run: &RunId,
        sink: &str,
        end: DeliveryEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().get(run)?.delivery(sink)?.end(&end, now)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let contents = self.lock();
        let runs = contents.runs.iter().filter_map(|entry| entry.run.due());
        let deliveries = contents
            .runs
            .iter()
            .flat_map(|entry| entry.deliveries.values())
            .filter_map(Delivery::due);
        Ok(runs.chain(deliveries).min())
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut contents = self.lock();
        let Contents {
            runs,
            alerts,
            decisions,
        } = &mut *contents;
        let open = |entry: &Entry| !entry.run.status.is_ended() && entry.run.enqueued_at < before;
        if !runs.iter().any(open) {
            decisions.retain(|_, decided_at| *decided_at >= before);
        }
        let count = runs.len();
        runs.retain(|entry| {
            let settled = entry
                .deliveries
                .values()
                .all(|delivery| delivery.state.is_settled());
            let firing = alerts.values().any(|(_, owner)| *owner == entry.run.id);
            !(entry.run.status.is_ended() && entry.run.updated_at < before && settled && !firing)
        });
        Ok(u64::try_from(count.saturating_sub(runs.len())).unwrap_or(u64::MAX))
    }
}
