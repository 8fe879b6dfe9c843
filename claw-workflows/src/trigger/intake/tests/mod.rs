//! Notifications, one after the other and at once, against runs that are there.

mod bounds;
mod cascade;
mod done;
mod fallback;
mod life;
mod reasons;
mod split;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::gate::Gate;
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::store::{Journal, MemoryJournal};
use claw_core::workflow::{RunId, StepError};
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::incident::grouping::{Extent, Surroundings};
use crate::runtime::{Ended, Runner};
use crate::trigger::testing::Telling;

/// A lookout that knows who calls whom.
#[derive(Debug)]
struct Known {
    calls: Vec<&'static str>,
    extent: Extent,
    /// How long it takes, whatever the patience.
    takes: Duration,
    looks: AtomicUsize,
}

impl Known {
    fn all() -> Self {
        Self {
            calls: vec!["web>orders", "orders>db", "intranet>wiki"],
            extent: Extent::All,
            takes: Duration::ZERO,
            looks: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Lookout for Known {
    async fn look(&self, _: &RunId, alerts: &[Alert], _: Duration) -> Result<Seen, StepError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.takes).await;
        Ok(Seen {
            around: Surroundings::calling(alerts, &self.calls),
            extent: self.extent,
        })
    }
}

/// An intake, and what it hands runs to.
struct World {
    intake: Intake,
    lookout: Arc<Known>,
    clock: Arc<ManualClock>,
    audit: Arc<MemoryAuditLog>,
}

impl World {
    fn new(lookout: Known) -> Self {
        Self::over(Arc::new(MemoryJournal::new()), lookout)
    }

    fn over(journal: Arc<dyn Journal>, lookout: Known) -> Self {
        let clock = Arc::new(ManualClock::at(minute(5)));
        let audit = Arc::new(MemoryAuditLog::default());
        let gate = Gate::new(
            Arc::new(Engine::new(Config::default(), clock.clone())),
            Arc::<MemoryAuditLog>::clone(&audit),
            clock.clone(),
            Redactor::new(),
        );
        let runner = Runner::builder(gate, Registry::new(), journal)
            .workflow(Telling::default())
            .build();
        let lookout = Arc::new(lookout);
        let intake = Intake::new::<Telling>(runner, Filter::any(), clock.clone())
            // A machine that is busy with other tests takes longer than a notification would wait.
            .with_grouping(
                Grouping::new(Arc::<Known>::clone(&lookout)).with_patience(Duration::from_secs(60)),
            );
        Self {
            intake,
            lookout,
            clock,
            audit,
        }
    }

    /// One whose notifications wait for no longer than they do unless somebody sets it.
    fn hasty(lookout: Known) -> Self {
        let mut world = Self::new(lookout);
        let lookout = Arc::<Known>::clone(&world.lookout);
        world.intake = world.intake.with_grouping(Grouping::new(lookout));
        world
    }

    async fn accept(&self, alerts: &[Alert]) -> Receipt {
        self.intake.accept(notification(alerts)).await.unwrap()
    }

    /// Time goes on to that moment.
    fn at(&self, time: Timestamp) {
        let ahead = time.duration_since(self.clock.now());
        self.clock.advance(Duration::try_from(ahead).unwrap_or_default());
    }

    fn looks(&self) -> usize {
        self.lookout.looks.load(Ordering::Relaxed)
    }

    async fn ids(&self) -> Vec<RunId> {
        let runs = self.intake.runner().journal().runs(None, 99).await.unwrap();
        runs.into_iter().rev().map(|run| run.id).collect()
    }

    async fn look(&self, run: &RunId) -> Ended {
        self.intake.runner().look(run).await.unwrap().unwrap()
    }

    /// What the report of the run says that it is about.
    async fn told(&self, run: &RunId) -> String {
        let ended = self.intake.runner().drive_to_end(run).await.unwrap();
        ended.report.unwrap().summary
    }
}

fn minute(minute: i64) -> Timestamp {
    "2026-03-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// An alert about a service of the namespace `shop`, by whose name it goes.
fn fires(at: i64, service: &str) -> Alert {
    let labels = [("alertname", "Slow"), ("namespace", "shop"), ("service", service)];
    with_labels(at, service, &labels)
}

/// The same, as somebody else says it who holds it for so urgent.
fn grave(severity: &str, alert: Alert) -> Alert {
    let mut labels = alert.labels;
    labels.insert("severity".to_owned(), severity.to_owned());
    Alert {
        fingerprint: format!("{}-{severity}", alert.fingerprint),
        labels,
        ..alert
    }
}

fn with_labels(at: i64, fingerprint: &str, labels: &[(&str, &str)]) -> Alert {
    Alert {
        fingerprint: fingerprint.to_owned(),
        status: crate::trigger::AlertStatus::Firing,
        labels: labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        annotations: Default::default(),
        starts_at: minute(at),
        ends_at: None,
        generator_url: None,
    }
}

fn over(alert: &Alert, at: i64) -> Alert {
    Alert {
        status: crate::trigger::AlertStatus::Resolved,
        ends_at: Some(minute(at)),
        ..alert.clone()
    }
}

/// As Alertmanager sends it where it groups by the name of alerts and what they are about.
fn notification(alerts: &[Alert]) -> Webhook {
    let group = alerts
        .first()
        .map(|alert| alert.fingerprint.clone())
        .unwrap_or_default();
    Webhook {
        group_key: format!("{{}}:{{of={group:?}}}"),
        receiver: None,
        group_labels: Default::default(),
        external_url: None,
        truncated_alerts: 0,
        alerts: alerts.to_vec(),
    }
}
