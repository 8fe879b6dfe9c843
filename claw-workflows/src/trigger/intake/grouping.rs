//! Deciding which incident alerts belong to, one notification after the other.

use std::sync::Arc;
use std::time::Duration;

use claw_core::digest::{sha256_of_parts, short};
use claw_core::store::{Attach, Attached, Joining};
use claw_core::workflow::RunId;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::lookout::Lookout;
use super::plan::Plan;
use super::planning::Compared;
use super::recent::Recent;
use super::{Basis, Intake, Receipt, key};
use crate::incident::grouping::{Extent, LONGEST, Surroundings};
use crate::runtime::RunnerError;
use crate::trigger::Alert;

/// How long a notification waits for what its alerts are about.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a reading whose time is over may take to write down what it has.
const GRACE: Duration = Duration::from_millis(500);

/// Most runs that new alerts are compared with, the latest ones.
const MOST_RUNS: u32 = 50;

/// Most alerts that are compared with each other: the time that it takes grows with their square.
const MOST_ALERTS: usize = 500;

/// Puts alerts of one incident into one run, whichever notifications bring them.
///
/// Clones share the turn: one notification is decided on at a time.
#[derive(Clone, Debug)]
pub struct Grouping {
    lookout: Arc<dyn Lookout>,
    patience: Duration,
    turn: Arc<Mutex<()>>,
}

impl Grouping {
    /// Groups by what `lookout` sees.
    pub fn new(lookout: Arc<dyn Lookout>) -> Self {
        Self {
            lookout,
            patience: PATIENCE,
            turn: Arc::default(),
        }
    }

    /// How long a notification waits for what its alerts are about, the time included in which others have their turn. Then the
    /// labels decide. 3 seconds unless set; the answer to the webhook comes so much later at most.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let until = Instant::now().checked_add(self.patience);
        let guard = self.turn.lock().await;
        Turn {
            grouping: self,
            until,
            _guard: guard,
        }
    }
}

/// One notification is being decided on; no other is meanwhile.
pub(super) struct Turn<'a> {
    grouping: &'a Grouping,
    until: Option<Instant>,
    _guard: tokio::sync::MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Lets alerts that belong to no run join one, or open some.
    pub(super) async fn place(
        &self,
        intake: &Intake,
        group: &str,
        alerts: Vec<Alert>,
        receipt: &mut Receipt,
    ) -> Result<(), RunnerError> {
        let journal = intake.runner.journal();
        let keys: Vec<_> = alerts.iter().map(key).collect();
        let owners = journal.owners(&keys).await?;
        let mut fresh: Vec<Alert> = Vec::new();
        for (alert, owner) in alerts.into_iter().zip(owners) {
            match owner {
                Some(run) => receipt.belongs_to(&run),
                None if fresh.iter().any(|known| key(known) == key(&alert)) => {}
                None => fresh.push(alert),
            }
        }
        let mut recent = recent_runs(intake, &fresh).await?;
        fresh.retain(|alert| {
            // A notification that was held up on its way: the period that it tells of is over.
            let over = recent.iter().find(|run| run.has(&key(alert)));
            over.inspect(|run| receipt.belongs_to(&run.run)).is_none()
        });
        let Some(first) = fresh.iter().map(|alert| alert.starts_at).min() else {
            return Ok(());
        };
        recent.retain(|run| run.is_open_at(first));
        if recent.is_empty() && fresh.len() == 1 {
            return intake.open(group, fresh, receipt).await;
        }
        if fresh.len() > MOST_ALERTS {
            tracing::warn!(
                group,
                alerts = fresh.len(),
                "a notification has too many alerts to compare; they are taken for one incident"
            );
            receipt.grouped_by = Some(Basis::Notification);
            return intake.open(group, fresh, receipt).await;
        }
        within_bounds(&mut recent, MOST_ALERTS.saturating_sub(fresh.len()));
        let compared = Arc::new(Compared { recent, fresh });
        let (plan, basis) = self.plan(group, &compared, intake.clock.now()).await;
        receipt.grouped_by = Some(basis);
        carry_out(intake, group, plan, &compared.recent, receipt).await
    }

    /// What is to be done, and by what that was decided.
    async fn plan(&self, group: &str, compared: &Arc<Compared>, now: Timestamp) -> (Plan, Basis) {
        let all = compared.alerts();
        let (around, basis) = self.look(group, &all, &compared.fresh, now).await;
        if basis != Basis::Labels {
            let planned = Arc::clone(compared).plan(around, basis == Basis::Surroundings);
            if let Ok(Some(plan)) = tokio::time::timeout(self.left().saturating_add(GRACE), planned).await {
                return (plan, basis);
            }
            tracing::warn!(
                group,
                alerts = all.len(),
                "alerts could not be compared in time by what they are about; their labels alone decide"
            );
        }
        match Arc::clone(compared)
            .plan(Surroundings::unknown(&all), false)
            .await
        {
            Some(plan) => (plan, Basis::Labels),
            None => (Plan::together(&compared.fresh), Basis::Notification),
        }
    }

    /// How long the notification may still wait.
    fn left(&self) -> Duration {
        self.until.map_or(self.grouping.patience, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// What all these alerts are about, and how much of it is known.
    async fn look(
        &self,
        group: &str,
        all: &[Alert],
        fresh: &[Alert],
        now: Timestamp,
    ) -> (Surroundings, Basis) {
        let decision = decision(group, fresh, now);
        let left = self.left();
        let seen = if left.is_zero() {
            None
        } else {
            let look = self.grouping.lookout.look(&decision, all, left);
            match tokio::time::timeout(left.saturating_add(GRACE), look).await {
                Ok(Ok(seen)) => Some(seen),
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(group, error, "what alerts are about could not be looked at");
                    None
                }
                Err(_) => None,
            }
        };
        match seen {
            Some(seen) if seen.extent == Extent::All => (seen.around, Basis::Surroundings),
            Some(seen) if seen.extent == Extent::Part => {
                tracing::info!(
                    group,
                    decision = decision.0,
                    "only a part of what alerts are about could be read; those of the notification stay together"
                );
                (seen.around, Basis::Part)
            }
            _ => {
                tracing::warn!(
                    group,
                    decision = decision.0,
                    "what alerts are about could not be read in time; their labels alone decide"
                );
                (Surroundings::unknown(all), Basis::Labels)
            }
        }
    }
}

/// The name of a decision in the audit log.
fn decision(group: &str, fresh: &[Alert], now: Timestamp) -> RunId {
    let mut parts = vec![group.to_owned(), now.to_string()];
    parts.extend(fresh.iter().map(|alert| alert.fingerprint.clone()));
    RunId(format!("group-{}", short(&sha256_of_parts(&parts), 16)))
}

/// The runs that the alerts may belong to, the oldest first.
async fn recent_runs(intake: &Intake, fresh: &[Alert]) -> Result<Vec<Recent>, RunnerError> {
    let Some(first) = fresh.iter().map(|alert| alert.starts_at).min() else {
        return Ok(Vec::new());
    };
    let since = first.checked_sub(LONGEST).unwrap_or(Timestamp::MIN);
    let journal = intake.runner.journal();
    let recent = journal.recent(intake.workflow, since, MOST_RUNS).await?;
    Ok(recent.into_iter().rev().filter_map(Recent::of).collect())
}

/// Leaves out the oldest runs where all of them have more than `most` alerts.
fn within_bounds(recent: &mut Vec<Recent>, most: usize) {
    let mut count = 0_usize;
    let kept = recent.iter().rev().take_while(|run| {
        count = count.saturating_add(run.alerts.len());
        count <= most
    });
    let left = recent.len().saturating_sub(kept.count());
    if left > 0 {
        tracing::warn!(
            runs = left,
            "there are too many alerts to compare; the oldest runs are left out"
        );
        recent.drain(..left);
    }
}

async fn carry_out(
    intake: &Intake,
    group: &str,
    plan: Plan,
    recent: &[Recent],
    receipt: &mut Receipt,
) -> Result<(), RunnerError> {
    for runs in &plan.bridged {
        tracing::info!(?runs, "an alert shows that these runs are about one incident");
    }
    receipt.bridged = plan.bridged;
    for (position, alerts) in plan.joins {
        let Some(run) = recent.get(position) else { continue };
        join(intake, group, run, alerts, receipt).await?;
    }
    for alerts in plan.opens {
        intake.open(group, alerts, receipt).await?;
    }
    Ok(())
}

async fn join(
    intake: &Intake,
    group: &str,
    run: &Recent,
    alerts: Vec<Alert>,
    receipt: &mut Receipt,
) -> Result<(), RunnerError> {
    let unfit = |source| RunnerError::Input {
        workflow: intake.workflow.to_owned(),
        source,
    };
    let joining = |alert: &Alert| {
        Ok(Joining {
            alert: key(alert),
            body: serde_json::to_value(alert).map_err(unfit)?,
        })
    };
    let attach = Attach {
        run: run.run.clone(),
        alerts: alerts.iter().map(joining).collect::<Result<_, RunnerError>>()?,
        input: Some(run.input_with(&alerts).map_err(unfit)?),
        unless_done: false,
    };
    match intake.runner.attach(attach).await? {
        Attached::Joined { closed, amended, .. } => {
            let alerts = alerts.len();
            tracing::info!(run = run.run.0, group, alerts, amended, "alerts joined a run");
            receipt.closed.extend(closed.into_iter().map(|closed| closed.run));
            receipt.joined.push(run.run.clone());
            receipt.belongs_to(&run.run);
            Ok(())
        }
        // Somebody has ended it meanwhile: these alerts are still nobody's.
        _ => intake.open(group, alerts, receipt).await,
    }
}
