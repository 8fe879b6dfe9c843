//! Symptoms that the state of one object shows.

use claw_core::evidence::Severity;
use claw_k8s::model::Object;
use jiff::Timestamp;
use serde::Serialize;

use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// What is wrong with `object`, as its state says.
pub(super) fn finding<O: Object + Serialize>(
    facts: &Facts<'_>,
    object: &O,
    id: &'static str,
    severity: Severity,
    since: Option<Timestamp>,
    statement: impl Into<String>,
) -> Symptom {
    let statement = statement.into();
    Symptom {
        id,
        entity: object.entity(),
        severity,
        since,
        evidence: vec![facts.object(object, since, statement.clone())],
        statement,
    }
}
