//! A unit's metrics stand out by themselves.

use claw_core::entity::EntityRef;

use super::{Area, Mechanism};
use crate::incident::candidate::Candidate;
use crate::incident::degradation::Strains;
use crate::incident::facts::Facts;
use crate::incident::units;

/// Strain that the metrics show and that the units which are called do not account for.
///
/// Its candidates carry the mechanism that the strain speaks for: `cpu_contention`, `memory_pressure`,
/// `storage_pressure`, `saturation`, `latency_degradation`, `error_degradation` or `network_degradation`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Degradation;

impl Mechanism for Degradation {
    fn id(&self) -> &'static str {
        "degradation"
    }

    fn area(&self) -> Area {
        Area::Load
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unit_of = |entity: &EntityRef| facts.unit_of(entity);
        let calls = facts
            .case
            .calls
            .iter()
            .map(|call| (call.caller.clone(), call.callee.clone()));
        let strains = Strains {
            units: units::units(&facts.case.signals, &unit_of),
            edges: units::edges(&facts.case.signals, &unit_of),
            callees: units::callees(calls, &unit_of),
        };
        strains.candidates()
    }
}
