use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::Journal;
use super::error::StoreError;
use super::record::{
    AlertKey, Claim, Delivery, DeliveryEnd, Enqueued, NewRun, RunEnd, RunRecord, RunStatus, StepEnd,
    StepRecord, StepResult,
};
use crate::report::Report;
use crate::workflow::RunId;

/// A journal that lives as long as the process: for single investigations and for tests.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    runs: Vec<Entry>,
    alerts: BTreeMap<String, (Timestamp, RunId)>,
}

#[derive(Debug)]
struct Entry {
    run: RunRecord,
    input: Value,
    state: Option<Value>,
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
        (*starts_at == alert.starts_at).then_some(run)
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
        for (alert, owner) in run.alerts.iter().zip(owners) {
            if owner.is_none() {
                let value = (alert.starts_at, run.id.clone());
                contents.alerts.insert(alert.fingerprint.clone(), value);
            }
        }
        contents.runs.push(Entry {
            run: RunRecord::queued(&run, now),
            input: run.input,
            state: None,
            report: None,
            steps: Vec::new(),
            deliveries: BTreeMap::new(),
        });
        Ok(Enqueued::New)
    }

    async fn claim(&self, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        Ok(self.lock().runs.iter_mut().find_map(|entry| entry.claim(now)))
    }

    async fn claim_run(&self, run: &RunId, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        Ok(self.lock().get(run)?.claim(now))
    }

    async fn record_step(&self, run: &RunId, result: StepResult, now: Timestamp) -> Result<(), StoreError> {
        let mut contents = self.lock();
        let entry = contents.get(run)?;
        let outcome = entry.run.advance(result.step, result.wait.as_ref(), now)?;
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

    async fn resolve(&self, fingerprints: &[String], now: Timestamp) -> Result<Vec<RunId>, StoreError> {
        let mut contents = self.lock();
        let removed = fingerprints
            .iter()
            .filter_map(|fingerprint| contents.alerts.remove(fingerprint));
        let mut runs: Vec<_> = removed.map(|(_, run)| run).collect();
        runs.sort();
        runs.dedup();
        runs.retain(|run| !contents.has_alerts(run));
        for run in &runs {
            contents.get(run)?.run.resolved_at = Some(now);
        }
        Ok(runs)
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
        let Contents { runs, alerts } = &mut *contents;
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
