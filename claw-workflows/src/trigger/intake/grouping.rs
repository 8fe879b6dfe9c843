//! Deciding which incident alerts belong to, one notification after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::digest::{sha256_of_parts, short};
use claw_core::store::RecentRun;
use claw_core::workflow::RunId;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::carrying_out::Decided;
use super::lookout::Lookout;
use super::plan::Plan;
use super::planning::Compared;
use super::recent::{CONTEXT, Recent, keep_within};
use super::{Basis, Intake, Receipt, key};
use crate::incident::grouping::{Extent, LONGEST_REPEATED, Surroundings};
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
        let mut told = BTreeSet::new();
        for ((alert, key), owner) in alerts.into_iter().zip(&keys).zip(owners) {
            match owner {
                Some(run) => receipt.belongs_to(&run),
                None if told.insert(key) => fresh.push(alert),
                None => {}
            }
        }
        let (mut recent, mut left_out) = recent_runs(intake, &fresh).await?;
        fresh.retain(|alert| {
            // A notification that was held up on its way: the period that it tells of is over.
            let key = key(alert);
            let over = recent.iter().find(|run| run.has(&key));
            over.inspect(|run| receipt.belongs_to(&run.run)).is_none()
        });
        let Some(first) = fresh.iter().map(|alert| alert.starts_at).min() else {
            return Ok(());
        };
        recent.retain(|run| run.bears_on(first) || run.is_repeated_by(&fresh));
        if !recent
            .iter()
            .any(|run| run.is_open_at(first) || run.is_repeated_by(&fresh))
        {
            recent.clear();
        }
        receipt.left_out.append(&mut left_out);
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
        let mut left_out = keep_within(&mut recent, MOST_ALERTS.saturating_sub(fresh.len()));
        if !left_out.is_empty() {
            tracing::warn!(group, runs = ?left_out, "there are too many alerts to compare; these runs are left out");
        }
        receipt.left_out.append(&mut left_out);
        let decision = decision(group, &fresh, intake.clock.now());
        let compared = Arc::new(Compared { recent, fresh });
        let (mut plan, basis) = self.plan(group, &decision, &compared).await;
        tracing::info!(
            group,
            decision = decision.0,
            ?basis,
            compared = compared.count(),
            joined = plan.joins.len(),
            opened = plan.opens.len(),
            "it was decided which incidents alerts belong to"
        );
        receipt.grouped_by = Some(basis);
        receipt.decision = Some(decision.clone());
        receipt.ties = std::mem::take(&mut plan.ties);
        let decided = Decided {
            group,
            decision,
            basis,
        };
        decided.carry_out(intake, plan, &compared.recent, receipt).await
    }

    /// What is to be done, and by what that was decided.
    async fn plan(&self, group: &str, decision: &RunId, compared: &Arc<Compared>) -> (Plan, Basis) {
        let all = compared.alerts();
        let (around, basis) = self.look(group, decision, &all).await;
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
    async fn look(&self, group: &str, decision: &RunId, all: &[Alert]) -> (Surroundings, Basis) {
        let left = self.left();
        let seen = if left.is_zero() {
            None
        } else {
            let look = self.grouping.lookout.look(decision, all, left);
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

/// The runs that the alerts may belong to, the oldest first, and those that are not looked at.
async fn recent_runs(intake: &Intake, fresh: &[Alert]) -> Result<(Vec<Recent>, Vec<RunId>), RunnerError> {
    let Some(first) = fresh.iter().map(|alert| alert.starts_at).min() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let before = |lasts| first.checked_sub(lasts).unwrap_or(Timestamp::MIN);
    let since = before(CONTEXT.max(LONGEST_REPEATED));
    let journal = intake.runner.journal();
    // One more than is compared tells whether there are more.
    let mut runs = journal
        .recent(intake.workflow, since, MOST_RUNS.saturating_add(1))
        .await?;
    let most = usize::try_from(MOST_RUNS).unwrap_or(usize::MAX).min(runs.len());
    let more = runs.split_off(most);
    // Of the older ones only those matter whose alerts come again, and these are mostly among the latest.
    let missed = |recent: &RecentRun| recent.run.enqueued_at >= before(CONTEXT);
    let missed = more.into_iter().filter(missed);
    let mut left_out: Vec<RunId> = missed.map(|recent| recent.run.id).collect();
    let mut readable = Vec::with_capacity(runs.len());
    for recent in runs.into_iter().rev() {
        let run = recent.run.id.clone();
        match Recent::of(recent) {
            Some(recent) => readable.push(recent),
            None => left_out.push(run),
        }
    }
    Ok((readable, left_out))
}
