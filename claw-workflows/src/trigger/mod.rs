//! What starts a run, and the incident that it hands to the workflow.
//!
//! - [`alertmanager`]: reads Alertmanager's notifications; [`alerts`]: lists of alerts in files.
//! - [`Intake`]: turns notifications into runs, one for alerts that belong together, and closes runs whose alerts are
//!   resolved. With a [`Grouping`], alerts of one incident are one run, whichever notifications bring them.
//! - [`server`]: takes notifications in over HTTP, and shows runs.

pub mod alertmanager;
pub mod alerts;
mod filter;
mod intake;
pub mod server;
pub(crate) mod severity;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::digest::{sha256_of_parts, short};
use claw_core::entity::EntityRef;
use claw_core::report::Window;
use claw_core::workflow::RunId;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use filter::Filter;
pub use intake::{Basis, GateLookout, Grouping, Intake, Lookout, Receipt, Seen, Tied};

/// Whether an alert is still firing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertStatus {
    /// The condition holds.
    #[default]
    Firing,
    /// The condition no longer holds.
    Resolved,
}

/// One alert, whichever system sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Identifies the alert by its labels; the same alert has the same fingerprint each time it fires.
    pub fingerprint: String,
    /// Whether it is still firing.
    #[serde(default)]
    pub status: AlertStatus,
    /// Labels as sent: `alertname`, `severity`, `namespace`, …
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations as sent: `summary`, `description`, `runbook_url`, …
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Since when it has been firing.
    pub starts_at: Timestamp,
    /// When it stopped firing; `None` while it fires.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// Page of the system that raised it, usually the expression's graph.
    #[serde(default)]
    pub generator_url: Option<String>,
}

impl Alert {
    /// The label `alertname`, where there is one.
    pub fn name(&self) -> Option<&str> {
        self.label("alertname")
    }

    /// The label `severity`, where there is one.
    pub fn severity(&self) -> Option<&str> {
        self.label("severity")
    }

    /// The label of that name.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Whether it is still firing.
    pub fn is_firing(&self) -> bool {
        self.status == AlertStatus::Firing
    }
}

/// What is known beforehand about the times of an incident. Whatever is absent is found out by the workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeHints {
    /// The time to look at.
    pub window: Option<Window>,
    /// The time to compare with; it may lie months before.
    pub baseline: Option<Window>,
    /// When the incident began.
    pub began: Option<Timestamp>,
    /// When the incident ended, if it has.
    pub ended: Option<Timestamp>,
}

/// What an incident workflow is asked to investigate: its input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The run that this incident opens.
    pub id: RunId,
    /// The alerts that belong together; empty when a person asks.
    #[serde(default)]
    pub alerts: Vec<Alert>,
    /// When the trigger was received.
    pub received_at: Timestamp,
    /// What a person wants to know, where a person asks.
    #[serde(default)]
    pub question: Option<String>,
    /// What is known beforehand about the times.
    #[serde(default)]
    pub times: TimeHints,
    /// Entities that a person names as being in trouble, besides those that the alerts name.
    #[serde(default)]
    pub subject: Vec<EntityRef>,
    /// Namespaces that a person asks about.
    #[serde(default)]
    pub namespaces: BTreeSet<String>,
}

impl Incident {
    /// What is to be found out, in one sentence.
    pub fn goal(&self) -> String {
        let alert = self.alerts.first().and_then(Alert::name);
        match (&self.question, alert) {
            (Some(question), _) => question.clone(),
            (None, Some(name)) => format!("why does {name} fire?"),
            (None, None) => "what is wrong, and why?".to_owned(),
        }
    }

    /// An incident of `alerts` that belong together under `group` (Alertmanager's group key, or any stable name).
    ///
    /// The run's id comes from the group, the fingerprints and the times when the alerts began to fire: the same
    /// notification opens the same run, however often it is sent and whatever order its alerts have.
    pub fn of_alerts(group: &str, mut alerts: Vec<Alert>, received_at: Timestamp) -> Self {
        in_order(&mut alerts);
        let mut parts = vec![group.to_owned()];
        parts.extend(
            alerts
                .iter()
                .map(|alert| format!("{}@{}", alert.fingerprint, alert.starts_at)),
        );
        Self {
            id: run_id("inc", &parts),
            times: TimeHints {
                began: alerts.first().map(|alert| alert.starts_at),
                ..TimeHints::default()
            },
            alerts,
            received_at,
            question: None,
            subject: Vec::new(),
            namespaces: BTreeSet::new(),
        }
    }

    /// Adds alerts that belong to it and came later. Its run stays the same.
    pub(crate) fn join(&mut self, alerts: impl IntoIterator<Item = Alert>) {
        self.alerts.extend(alerts);
        in_order(&mut self.alerts);
        let first = self.alerts.first().map(|alert| alert.starts_at);
        self.times.began = self.times.began.into_iter().chain(first).min();
    }

    /// An incident that a person asks about.
    pub fn of_question(question: impl Into<String>, times: TimeHints, received_at: Timestamp) -> Self {
        let question = question.into();
        let parts = [question.clone(), received_at.to_string()];
        Self {
            id: run_id("ask", &parts),
            alerts: Vec::new(),
            received_at,
            question: Some(question),
            subject: Vec::new(),
            namespaces: BTreeSet::new(),
            times,
        }
    }
}

/// Alerts in the order in which they began, each period once.
fn in_order(alerts: &mut Vec<Alert>) {
    alerts.sort_by(|a, b| {
        (a.starts_at, &a.fingerprint, a.status).cmp(&(b.starts_at, &b.fingerprint, b.status))
    });
    alerts.dedup_by(|a, b| a.fingerprint == b.fingerprint && a.starts_at == b.starts_at);
}

/// `prefix-` and sixteen hexadecimal digits derived from `parts`.
fn run_id(prefix: &str, parts: &[String]) -> RunId {
    let digits = short(&sha256_of_parts(parts), 16);
    RunId(format!("{prefix}-{digits}"))
}

#[cfg(test)]
mod tests;
