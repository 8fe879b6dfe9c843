//! A case from series, calls and changes that are at hand, without tools: how a ranking is judged on many incidents.

use claw_core::change::Change;
use claw_core::workflow::Workflow as _;
use claw_metrics::series::Series;

use super::case::{Call, Case};
use super::facts::Facts;
use super::steps::gather_context::alerting;
use super::subject::{self, Hints};
use super::{IncidentInvestigation, metrics, window};
use crate::trigger::Incident;

/// What the steps of a run would have gathered of an incident of which only this is known. Weigh it with
/// [`conclude::report`](super::conclude::report).
pub fn case(incident: Incident, series: &[Series], calls: Vec<Call>, changes: Vec<Change>) -> Case {
    let now = incident.received_at;
    let mut case = IncidentInvestigation::new("").start(incident);
    window::settle(&mut case, now);
    let mut hints = Hints::default();
    for alert in &case.incident.alerts {
        hints.extend(subject::hints(&alert.labels));
    }
    hints.entities.extend(case.incident.subject.iter().cloned());
    case.calls = calls;
    case.changes = changes;
    case.subject = alerting(&Facts::new(&case), &hints);
    metrics::compare(&mut case, series);
    case
}
