//! What a notification does: it opens runs, joins runs that are there, and closes runs.

mod carrying_out;
mod grouping;
mod lookout;
mod plan;
mod planning;
mod receipt;
mod recent;

use std::collections::BTreeSet;
use std::sync::Arc;

use claw_core::clock::Clock;
use claw_core::store::{AlertEnd, AlertKey, Enqueued};
use claw_core::workflow::Workflow;

pub use grouping::Grouping;
pub use lookout::{GateLookout, Lookout, Seen};
pub use receipt::{Basis, Receipt, Tied};

use super::alertmanager::Webhook;
use super::{Alert, Filter, Incident};
use crate::runtime::{Runner, RunnerError};

/// Hands incidents to a runner.
///
/// The firing alerts of a notification that the filter lets through are one incident. It opens a run, unless each of the
/// alerts has opened one already: an alert is the same as long as it fires without a break. When the last alert of a run
/// is resolved, the run is closed.
///
/// With a [`Grouping`] ([`with_grouping`](Self::with_grouping)), what alerts are about decides, and not which notification brought them: those of one
/// incident are one run.
#[derive(Clone, Debug)]
pub struct Intake {
    runner: Runner,
    workflow: &'static str,
    filter: Filter,
    clock: Arc<dyn Clock>,
    grouping: Option<Grouping>,
}

impl Intake {
    /// An intake that opens runs of `W`, a workflow that `runner` has.
    pub fn new<W: Workflow<Input = Incident>>(runner: Runner, filter: Filter, clock: Arc<dyn Clock>) -> Self {
        Self {
            runner,
            workflow: W::NAME,
            filter,
            clock,
            grouping: None,
        }
    }

    /// Lets alerts of one incident share a run, whichever notifications bring them, and alerts of several incidents open
    /// several, where it could be read that they have nothing to do with each other.
    #[must_use]
    pub fn with_grouping(mut self, grouping: Grouping) -> Self {
        self.grouping = Some(grouping);
        self
    }

    /// The runner.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Takes a notification in. When this returns, its runs survive a crash. Sent again, it changes nothing.
    ///
    /// # Errors
    /// If the journal or the audit log fails: send it again.
    pub async fn accept(&self, webhook: Webhook) -> Result<Receipt, RunnerError> {
        let turn = match &self.grouping {
            Some(grouping) => Some(grouping.turn().await),
            None => None,
        };
        let (firing, resolved): (Vec<_>, Vec<_>) =
            webhook.alerts.into_iter().partition(|alert| alert.is_firing());
        let mut receipt = Receipt {
            truncated: webhook.truncated_alerts,
            ..Receipt::default()
        };
        if webhook.truncated_alerts > 0 {
            tracing::warn!(
                group = webhook.group_key,
                truncated = webhook.truncated_alerts,
                "alerts were left out of a notification; raise max_alerts in Alertmanager's webhook_config"
            );
        }
        if !resolved.is_empty() {
            let mut over: Vec<_> = resolved.iter().map(|alert| self.end(alert)).collect();
            // One that is said to be resolved and to fire is not over.
            let fires: BTreeSet<AlertKey> = firing.iter().map(key).collect();
            over.retain(|over| !fires.contains(&over.alert));
            receipt.closed = self.runner.resolve(&over).await?;
        }
        let count = firing.len();
        let alerts: Vec<_> = firing
            .into_iter()
            .filter(|alert| self.filter.lets_through(alert))
            .collect();
        receipt.filtered = count.saturating_sub(alerts.len());
        if alerts.is_empty() {
            return Ok(receipt);
        }
        let group = &webhook.group_key;
        match turn {
            Some(turn) => turn.place(self, group, alerts, &mut receipt).await?,
            None => self.open(group, alerts, &mut receipt).await?,
        }
        Ok(receipt)
    }

    /// Opens a run of these alerts.
    async fn open(&self, group: &str, alerts: Vec<Alert>, receipt: &mut Receipt) -> Result<(), RunnerError> {
        let incident = Incident::of_alerts(group, alerts, self.clock.now());
        let run = incident.id.clone();
        let keys = incident.alerts.iter().map(key).collect();
        let input = serde_json::to_value(&incident).map_err(|source| RunnerError::Input {
            workflow: self.workflow.to_owned(),
            source,
        })?;
        let enqueued = self
            .runner
            .submit_json(self.workflow, run.clone(), input, keys)
            .await?;
        match enqueued {
            Enqueued::Covered(runs) => runs.iter().for_each(|run| receipt.belongs_to(run)),
            Enqueued::New { closed } => {
                receipt.closed.extend(closed.into_iter().map(|closed| closed.run));
                receipt.opened.push(run.clone());
                receipt.belongs_to(&run);
            }
            _ => receipt.belongs_to(&run),
        }
        Ok(())
    }

    fn end(&self, alert: &Alert) -> AlertEnd {
        AlertEnd {
            alert: key(alert),
            ended_at: alert.ends_at.unwrap_or_else(|| self.clock.now()),
        }
    }
}

fn key(alert: &Alert) -> AlertKey {
    AlertKey {
        fingerprint: alert.fingerprint.clone(),
        starts_at: alert.starts_at,
    }
}

#[cfg(test)]
mod tests;
