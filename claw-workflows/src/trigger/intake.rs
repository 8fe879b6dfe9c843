//! What a notification does: it opens runs, joins runs that are there, and closes runs.

use claw_core::clock::Clock;
use claw_core::store::{AlertKey, Enqueued};
use claw_core::workflow::{RunId, Workflow};
use serde::Serialize;
use std::sync::Arc;

use super::alertmanager::Webhook;
use super::{Alert, Filter, Incident};
use crate::runtime::{Runner, RunnerError};

/// Hands incidents to a runner.
///
/// The firing alerts of a notification that the filter lets through are one incident. It opens a run, unless each of the
/// alerts has opened one already: an alert is the same as long as it fires without a break. When the last alert of a run
/// is resolved, the run is closed.
#[derive(Clone, Debug)]
pub struct Intake {
    runner: Runner,
    workflow: &'static str,
    filter: Filter,
    clock: Arc<dyn Clock>,
}

/// What became of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The runs that the firing alerts belong to.
    pub runs: Vec<RunId>,
    /// Those of them that were opened by this notification.
    pub opened: Vec<RunId>,
    /// Runs that have no firing alert left.
    pub closed: Vec<RunId>,
    /// How many firing alerts the filter kept out.
    pub filtered: usize,
    /// How many alerts the sender left out of the notification.
    pub truncated: u64,
}

impl Intake {
    /// An intake that opens runs of `W`, a workflow that `runner` has.
    pub fn new<W: Workflow<Input = Incident>>(runner: Runner, filter: Filter, clock: Arc<dyn Clock>) -> Self {
        Self {
            runner,
            workflow: W::NAME,
            filter,
            clock,
        }
    }

    /// The runner.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Takes a notification in. When this returns, its run survives a crash.
    pub async fn accept(&self, webhook: Webhook) -> Result<Receipt, RunnerError> {
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
            let mut over: Vec<_> = resolved.iter().map(key).collect();
            // One that is said to be resolved and to fire is not over.
            over.retain(|over| !firing.iter().any(|alert| key(alert) == *over));
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
        self.open(
            Incident::of_alerts(&webhook.group_key, alerts, self.clock.now()),
            &mut receipt,
        )
        .await?;
        Ok(receipt)
    }

    async fn open(&self, incident: Incident, receipt: &mut Receipt) -> Result<(), RunnerError> {
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
            Enqueued::Covered(runs) => receipt.runs = runs,
            Enqueued::New { closed } => {
                receipt.closed.extend(closed.into_iter().map(|closed| closed.run));
                receipt.opened.push(run.clone());
                receipt.runs.push(run);
            }
            _ => receipt.runs.push(run),
        }
        Ok(())
    }
}

fn key(alert: &Alert) -> AlertKey {
    AlertKey {
        fingerprint: alert.fingerprint.clone(),
        starts_at: alert.starts_at,
    }
}
