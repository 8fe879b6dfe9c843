//! Which alert belongs to which run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::alerts::{AlertEnd, Attach, Attached, RecentRun, RunAlert};
use super::error::StoreError;
use super::memory::Contents;
use super::record::{AlertKey, Closed};
use crate::workflow::RunId;

/// Alerts of one run, in the order in which they began.
pub(super) type RunAlerts = BTreeMap<(Timestamp, String), RunAlert>;

impl Contents {
    fn has_alerts(&self, run: &RunId) -> bool {
        self.alerts.values().any(|(_, owner)| owner == run)
    }

    /// The run that this alert belongs to, if it has not been resolved or fired anew since.
    pub(super) fn owner(&self, alert: &AlertKey) -> Option<&RunId> {
        let (starts_at, run) = self.alerts.get(&alert.fingerprint)?;
        (*starts_at >= alert.starts_at).then_some(run)
    }

    /// Gives these alerts to the run. Returns the runs that had an earlier period of them.
    pub(super) fn take_over(
        &mut self,
        run: &RunId,
        alerts: Vec<RunAlert>,
    ) -> Result<BTreeSet<RunId>, StoreError> {
        let mut before = BTreeSet::new();
        for alert in alerts {
            let known = self.alerts.remove(&alert.fingerprint);
            let starts_at = known
                .as_ref()
                .map_or(alert.starts_at, |(at, _)| alert.starts_at.max(*at));
            before.extend(known.map(|(_, owner)| owner).filter(|owner| owner != run));
            self.alerts
                .insert(alert.fingerprint.clone(), (starts_at, run.clone()));
            // An earlier period whose end nobody told was over by then.
            let earlier = |known: &RunAlert| known.starts_at < alert.starts_at;
            self.end_periods(&alert.fingerprint, alert.starts_at, earlier);
            let key = (alert.starts_at, alert.fingerprint.clone());
            self.get(run)?.alerts.insert(key, alert);
        }
        Ok(before)
    }

    fn end_periods(&mut self, fingerprint: &str, ended_at: Timestamp, which: impl Fn(&RunAlert) -> bool) {
        let all = self.runs.iter_mut().flat_map(|entry| entry.alerts.values_mut());
        let open =
            all.filter(|known| known.fingerprint == fingerprint && known.ended_at.is_none() && which(known));
        open.for_each(|known| known.ended_at = Some(ended_at));
    }

    pub(super) fn attach(&mut self, attach: Attach, now: Timestamp) -> Result<Attached, StoreError> {
        let record = &self.get(&attach.run)?.run;
        if !record.admits(&attach) {
            return Ok(Attached::Ended(record.status));
        }
        let amends = record.is_untouched() && attach.input.is_some();
        let fresh: Vec<_> = attach
            .alerts
            .into_iter()
            .filter(|joining| self.owner(&joining.alert).is_none())
            .collect();
        if fresh.is_empty() {
            return Ok(Attached::Joined {
                alerts: Vec::new(),
                amended: false,
                closed: Vec::new(),
            });
        }
        let alerts = fresh.iter().map(|joining| joining.alert.clone()).collect();
        let joined = fresh
            .into_iter()
            .map(|joining| joining.joined(amends, now))
            .collect();
        let before = self.take_over(&attach.run, joined)?;
        let entry = self.get(&attach.run)?;
        entry.run.attach();
        if let Some(input) = attach.input.filter(|_| amends) {
            entry.input = input;
        }
        Ok(Attached::Joined {
            alerts,
            amended: amends,
            closed: self.close_runs(before, now)?,
        })
    }

    pub(super) fn end_alerts(
        &mut self,
        ends: &[AlertEnd],
        now: Timestamp,
    ) -> Result<Vec<Closed>, StoreError> {
        let mut runs = BTreeSet::new();
        for end in ends {
            let AlertEnd { alert, ended_at } = end;
            let over = self
                .alerts
                .get(&alert.fingerprint)
                .is_some_and(|(starts_at, _)| *starts_at <= alert.starts_at);
            if over {
                runs.extend(self.alerts.remove(&alert.fingerprint).map(|(_, run)| run));
            }
            let told = |known: &RunAlert| known.starts_at <= alert.starts_at;
            self.end_periods(&alert.fingerprint, *ended_at, told);
        }
        self.close_runs(runs, now)
    }

    pub(super) fn recent(&self, workflow: &str, since: Timestamp, limit: u32) -> Vec<RecentRun> {
        let recent = self.runs.iter().rev().filter(|entry| {
            let run = &entry.run;
            let fits = run.workflow == workflow && run.enqueued_at >= since;
            fits && !run.has_no_report() && !entry.alerts.is_empty()
        });
        recent
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|entry| RecentRun {
                run: entry.run.clone(),
                input: entry.input.clone(),
                alerts: entry.alerts.values().cloned().collect(),
            })
            .collect()
    }

    pub(super) fn close_runs(
        &mut self,
        runs: BTreeSet<RunId>,
        now: Timestamp,
    ) -> Result<Vec<Closed>, StoreError> {
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
