use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::Journal;
use super::alerts::{AlertEnd, Attach, Attached, RecentRun, RunAlert};
use super::error::StoreError;
use super::memory_alerts::RunAlerts;
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
pub(super) struct Contents {
    pub(super) runs: Vec<Entry>,
    /// Alerts that fire, each with the start of its period and the run that it belongs to.
    pub(super) alerts: BTreeMap<String, (Timestamp, RunId)>,
    /// When each approval was decided.
    decisions: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) run: RunRecord,
    pub(super) input: Value,
    pub(super) state: Option<Snapshot>,
    report: Option<Report>,
    steps: Vec<StepRecord>,
    deliveries: BTreeMap<String, Delivery>,
    pub(super) alerts: RunAlerts,
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

    pub(super) fn get(&mut self, run: &RunId) -> Result<&mut Entry, StoreError> {
        let entry = self.runs.iter_mut().find(|entry| entry.run.id == *run);
        entry.ok_or_else(|| StoreError::UnknownRun { run: run.clone() })
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
        let fresh = run.alerts.iter().zip(owners).filter(|(_, owner)| owner.is_none());
        let alerts = fresh.map(|(alert, _)| RunAlert::opening(alert)).collect();
        contents.runs.push(Entry {
            run: RunRecord::queued(&run, now),
            input: run.input,
            state: None,
            report: None,
            steps: Vec::new(),
            deliveries: BTreeMap::new(),
            alerts: RunAlerts::new(),
        });
        let before = contents.take_over(&run.id, alerts)?;
        let closed = contents.close_runs(before, now)?;
        Ok(Enqueued::New { closed })
    }

    async fn attach(&self, attach: Attach, now: Timestamp) -> Result<Attached, StoreError> {
        self.lock().attach(attach, now)
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

    async fn resolve(&self, ends: &[AlertEnd], now: Timestamp) -> Result<Vec<Closed>, StoreError> {
        self.lock().end_alerts(ends, now)
    }

    async fn run_of_alert(&self, fingerprint: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.lock().alerts.get(fingerprint).map(|(_, run)| run.clone()))
    }

    async fn owners(&self, alerts: &[AlertKey]) -> Result<Vec<Option<RunId>>, StoreError> {
        let contents = self.lock();
        Ok(alerts
            .iter()
            .map(|alert| contents.owner(alert).cloned())
            .collect())
    }

    async fn alerts(&self, run: &RunId) -> Result<Vec<RunAlert>, StoreError> {
        let contents = self.lock();
        let alerts = contents.find(run).map(|entry| entry.alerts.values().cloned());
        Ok(alerts.map(Iterator::collect).unwrap_or_default())
    }

    async fn recent(
        &self,
        workflow: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RecentRun>, StoreError> {
        Ok(self.lock().recent(workflow, since, limit))
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
