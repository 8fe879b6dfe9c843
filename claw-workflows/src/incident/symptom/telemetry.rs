//! What logs and metrics say is wrong.

use claw_core::evidence::Severity;
use claw_metrics::classify::Measure;

use crate::incident::candidate::Symptom;
use crate::incident::degradation;
use crate::incident::facts::{Facts, clip};
use crate::incident::meter::without_meter;

/// A score below this is noise rather than a symptom.
const NOTABLE: f64 = 5.0;

/// Log entries that say that something is wrong.
pub(super) fn of_logs(facts: &Facts<'_>) -> Vec<Symptom> {
    let mut found = Vec::new();
    for digest in &facts.case.logs {
        let concerned = facts.is_concerned(&facts.unit_of(&digest.pod));
        let notable = digest.patterns.iter().filter(|pattern| {
            pattern.fatal
                || pattern.emerged
                || (pattern.repeated && concerned)
                || !pattern.indications.is_empty()
                || pattern.exception.is_some()
        });
        for pattern in notable.take(3) {
            found.push(Symptom {
                id: if pattern.fatal { "log.fatal" } else { "log.error" },
                entity: digest.pod.clone(),
                severity: Severity::Warning,
                since: pattern.first,
                statement: format!(
                    "{} logs: {}",
                    digest.container,
                    clip(without_meter(&pattern.sample), 160)
                ),
                evidence: vec![facts.log_evidence(digest, pattern)],
            });
        }
    }
    found
}

/// Series that moved the wrong way.
pub(super) fn of_metrics(facts: &Facts<'_>) -> Vec<Symptom> {
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.harmful && signal.score >= NOTABLE)
        .filter_map(|signal| {
            let (id, severity) = match signal.measure {
                Measure::Errors | Measure::Availability => ("metric.errors", Severity::Critical),
                Measure::Latency => ("metric.latency", Severity::Critical),
                Measure::Restarts | Measure::OutOfMemory => ("metric.restarts", Severity::Warning),
                Measure::Cpu
                | Measure::CpuThrottling
                | Measure::Memory
                | Measure::Disk
                | Measure::Queue
                | Measure::Connections
                | Measure::Saturation => ("metric.saturation", Severity::Info),
                Measure::NetworkErrors => ("metric.network", Severity::Warning),
                _ => return None,
            };
            Some(Symptom {
                id,
                entity: signal.entity.clone(),
                severity,
                since: signal.onset,
                statement: signal.statement(),
                evidence: vec![degradation::evidence(signal)],
            })
        })
        .collect()
}
