//! What does not go away.

use claw_core::evidence::{Evidence, Severity, Source};

use crate::incident::candidate::Symptom;
use crate::incident::deletion::{self, Stuck};
use crate::incident::facts::Facts;

/// Objects whose deletion is stuck. What has been so for long, and is not asked about, troubles nobody now.
pub(super) fn stuck(facts: &Facts<'_>) -> Vec<Symptom> {
    deletion::stuck(facts)
        .into_iter()
        .map(|Stuck { entity, meta, since }| {
            let matters = since >= facts.case.window.start || facts.case.subject.contains(&entity);
            let statement = format!("is being deleted since {since}, and is still there");
            let raw = serde_json::to_vec(meta).unwrap_or_default();
            let source = Source::object(&entity);
            let seen = Evidence::new(
                entity.clone(),
                Some(since),
                statement.clone(),
                source,
                "get_dependencies",
                &raw,
            );
            Symptom {
                id: "object.terminating",
                severity: if matters {
                    Severity::Warning
                } else {
                    Severity::Info
                },
                since: Some(since),
                statement,
                evidence: vec![seen],
                entity,
            }
        })
        .collect()
}
