//! Credentials that are no longer accepted.

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_metrics::logs::indicators::Indicator;

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target, complaints};
use crate::incident::facts::{Facts, clip, needs};

/// A workload is refused by what it depends on: a rotated or wrong password, token or key.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthenticationFailed;

impl Mechanism for AuthenticationFailed {
    fn id(&self) -> &'static str {
        "authentication_failed"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        complaints(facts)
            .iter()
            .filter(|complaint| {
                matches!(
                    complaint.kind,
                    Indicator::AuthenticationFailed | Indicator::AccessDenied
                )
            })
            .filter_map(|complaint| candidate(facts, complaint))
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, complaint: &Complaint<'_>) -> Option<Candidate> {
    let workload = &complaint.workload;
    let (_, pattern) = complaint.entries.first()?;
    // A server logs the wrong passwords of its visitors, too; those are not its own trouble.
    let own = !matches!(complaint.target, Target::Unnamed) || pattern.fatal || pattern.exception.is_some();
    let of = match (&complaint.target, &complaint.host) {
        (Target::Known(entity) | Target::External(entity), _) => format!(" of {entity}"),
        (_, Some(host)) => format!(" of {host}"),
        _ => String::new(),
    };
    let mut candidate = Candidate::new(
        "authentication_failed",
        workload.clone(),
        format!(
            "{workload} presents credentials that are not accepted{of}: {}",
            clip(&pattern.sample, 160)
        ),
    )
    .clue(
        "credentials are refused",
        if own { 2.2 } else { 0.8 },
        complaint.evidence(facts),
    )
    .since(complaint.since())
    .derived(0.15);
    let secrets = facts
        .workload(workload)
        .map(|found| needs(&found.template().spec))
        .unwrap_or_default();
    let edit = secrets
        .into_iter()
        .filter_map(|(kind, name)| {
            let entity = EntityRef::namespaced(kind, workload.namespace.clone()?, name);
            facts.change_before(&entity, complaint.since(), |change| {
                change.kind == ChangeKind::Config
            })
        })
        .filter(|change| {
            complaint
                .since()
                .is_some_and(|since| since.duration_since(change.time).as_hours() < 24)
        })
        .max_by_key(|change| change.time);
    if let Some(change) = edit {
        candidate = candidate
            .clue(
                "its secret or configuration was edited",
                1.5,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    } else if let Some(change) = facts.rollout_before(
        workload,
        complaint.since(),
        &["env", "environment", "secret", "serviceAccount"],
    ) {
        candidate = candidate
            .clue(
                "rollout changed its credentials",
                1.2,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    }
    Some(candidate.advise(Advice::new(
        format!("Bring the credentials of {workload} and what the other side accepts{of} together"),
        "Every call is refused until they fit; pods read changed environment variables only when they start",
    )))
}
