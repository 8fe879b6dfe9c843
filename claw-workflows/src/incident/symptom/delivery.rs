//! What GitOps controllers fail to deliver.

use claw_core::evidence::Severity;

use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// Applications, Kustomizations and HelmReleases that could not be delivered. One that has failed for long is no news.
pub(super) fn failed(facts: &Facts<'_>) -> Vec<Symptom> {
    facts
        .case
        .delivered
        .iter()
        .filter_map(|delivered| {
            let failure = delivered.failure.as_ref()?;
            let recent = failure.since.is_none_or(|since| since >= facts.case.window.start);
            let matters = recent || facts.case.subject.contains(&delivered.entity);
            let statement = format!("could not be delivered{}", said(&failure.message));
            Some(Symptom {
                id: "gitops.sync_failed",
                entity: delivered.entity.clone(),
                severity: if matters {
                    Severity::Warning
                } else {
                    Severity::Info
                },
                since: failure.since,
                evidence: vec![facts.delivery_evidence(delivered, failure.since, statement.clone())],
                statement,
            })
        })
        .collect()
}
