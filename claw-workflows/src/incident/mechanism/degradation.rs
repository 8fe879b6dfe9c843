//! A unit's metrics stand out by themselves.

use claw_core::entity::EntityRef;
use claw_metrics::logs::indicators::Indicator;

use super::{Area, Mechanism};
use crate::incident::candidate::Candidate;
use crate::incident::complaint::Target;
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
        let candidates = strains.candidates();
        candidates
            .into_iter()
            .map(|candidate| blames_another(facts, candidate))
            .collect()
    }
}

/// Failures that a unit's own logs put down to somebody else are not the unit's own, even where nothing was measured of
/// that somebody.
fn blames_another(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    if !matches!(candidate.mechanism, "error_degradation" | "latency_degradation") {
        return candidate;
    }
    let blaming = facts.complaints().iter().find(|complaint| {
        let fails = matches!(
            complaint.kind,
            Indicator::ConnectionRefused
                | Indicator::ConnectionReset
                | Indicator::Timeout
                | Indicator::UnknownHost
                | Indicator::ResolverFailed
                | Indicator::Unreachable
                | Indicator::UpstreamError
        );
        fails && complaint.workload == candidate.entity && complaint.target != Target::Unnamed
    });
    match blaming {
        Some(complaint) => candidate.clue("its logs blame another", -2.0, complaint.evidence(facts)),
        None => candidate,
    }
}
