//! Credentials that are no longer accepted.

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_metrics::logs::indicators::Indicator;
use jiff::SignedDuration;

use super::databases::Databases;
use super::{Area, Mechanism, rbac_denied, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target, complaints};
use crate::incident::facts::{Facts, clip, needs};
use crate::incident::relay::relayed_from;

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
        let refused: Vec<&Complaint<'_>> = complaints(facts)
            .iter()
            .filter(|complaint| {
                matches!(
                    complaint.kind,
                    Indicator::AuthenticationFailed | Indicator::AccessDenied
                )
            })
            .collect();
        let databases = (!refused.is_empty()).then(|| Databases::of(facts));
        let withdrawn = databases.iter().flat_map(|databases| {
            let refused = refused.iter();
            refused.filter_map(|complaint| withdrawn(facts, databases, complaint))
        });
        let own = refused.iter().filter_map(|complaint| candidate(facts, complaint));
        own.chain(withdrawn).collect()
    }
}

/// A database that does not let in any more whom it let in before, although nothing was changed at the client: its user, or what
/// the user may do, was changed there.
fn withdrawn(facts: &Facts<'_>, databases: &Databases, complaint: &Complaint<'_>) -> Option<Candidate> {
    /// So long a client has to have got on with it.
    const WHILE: SignedDuration = SignedDuration::from_mins(15);
    let client = &complaint.workload;
    let (_, pattern) = complaint.entries.first()?;
    let began = complaint.since().into_iter().chain(facts.case.began).min()?;
    let server = databases
        .meant(facts, complaint)
        .filter(|server| databases.serves(server))?;
    let workload = facts.workload(client)?;
    let before = workload.metadata.creation_timestamp?;
    let same = facts.workload(&server).is_some() && server != *client;
    let unchanged = recent_change::of_unit(facts, client, Some(began)).is_none();
    if !same
        || !unchanged
        || began.duration_since(before) < WHILE
        || rbac_denied::told(&pattern.sample).is_some()
    {
        return None;
    }
    let cause = format!(
        "{server} refuses {client}, where nothing was changed: its user, or the user's rights, may have been changed in the database: {}",
        clip(&pattern.sample, 160)
    );
    let seen = vec![facts.object(workload, Some(before), "was not changed before it was refused")];
    let itself: Vec<Evidence> = complaints(facts)
        .iter()
        .filter(|other| other.workload == server && other.kind == complaint.kind)
        .flat_map(|other| other.evidence(facts))
        .collect();
    let found = Candidate::new("authentication_failed", server.clone(), cause)
        .aspect(client.to_string())
        .clue("credentials are refused", 2.2, complaint.evidence(facts))
        .since(complaint.since())
        .hurting([client.clone()])
        .derived(0.1);
    let found = if itself.is_empty() {
        found
    } else {
        found.clue("it says itself that it refuses somebody", 0.8, itself)
    };
    // Secrets are not looked at unless that is allowed, and a rotated one is the commonest reason.
    let uses_secret = needs(&workload.template().spec)
        .iter()
        .any(|(kind, _)| kind == "Secret");
    let namespace = client.namespace.as_deref().unwrap_or_default();
    let found = if uses_secret && !facts.case.knows_all("Secret", namespace) {
        found.unseen(format!("whether a Secret that {client} uses was edited"))
    } else {
        found.clue("nothing was changed at its client", 0.8, seen)
    };
    Some(found.advise(Advice::new(
        format!("Look in {server} which users there are, and what that of {client} may do"),
        "No change is known of what its client presents, so the user may have been changed in the database",
    )))
}

/// Of a refusal that a workload passes on: it is whom it called that presents credentials which are not accepted.
fn answered(facts: &Facts<'_>, complaint: &Complaint<'_>, callee: EntityRef, text: &str) -> Candidate {
    let cause = format!(
        "{callee} answers {} that credentials are not accepted: {}",
        complaint.workload,
        clip(text, 160)
    );
    let advice = Advice::new(
        format!("Look which credentials {callee} presents, and to whom"),
        "Those who call it only pass its answer on",
    );
    Candidate::new("authentication_failed", callee, cause)
        .clue("credentials are refused", 2.0, complaint.evidence(facts))
        .since(complaint.since())
        .hurting([complaint.workload.clone()])
        .derived(0.15)
        .advise(advice)
}

fn candidate(facts: &Facts<'_>, complaint: &Complaint<'_>) -> Option<Candidate> {
    let workload = &complaint.workload;
    let (_, pattern) = complaint.entries.first()?;
    if rbac_denied::told(&pattern.sample).is_some() {
        return None;
    }
    if matches!(complaint.target, Target::Unnamed)
        && let Some(callee) = relayed_from(facts, workload, pattern)
    {
        return Some(answered(facts, complaint, callee, &pattern.sample));
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::AuthenticationFailed;
    use crate::incident::testing::of;

    /// Who presents the credentials, where `checkout` calls `payment` and logs `text`.
    fn blamed(text: &str) -> Vec<String> {
        let names = ["checkout", "payment"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
            "services": names.map(|name| fixture::service("shop", name, json!({"port": 80}))),
        }));
        fixture::call(&mut case, "checkout", "payment");
        fixture::log(&mut case, "checkout-7d9f8b6c5-x1", &format!("ERROR {text}"));
        of(&AuthenticationFailed, &case)
            .into_iter()
            .map(|found| found.entity.name)
            .collect()
    }

    #[test]
    fn who_passes_a_refusal_on_is_not_the_one_that_was_refused() {
        let passed_on = "could not charge: rpc error: code = Unknown desc = payment failed. Invalid token";
        assert_eq!(blamed(passed_on), ["payment"]);
        assert_eq!(
            blamed("FATAL: password authentication failed for user \"app\""),
            ["checkout"]
        );
        let rbac =
            "pods is forbidden: User \"system:serviceaccount:shop:checkout\" cannot list resource \"pods\"";
        assert!(blamed(rbac).is_empty());
    }

    /// Who is blamed first where `app`, made at that time, is refused by its database, and perhaps was changed before.
    fn refused(made: &str, changed: bool) -> Vec<String> {
        let mut client = fixture::workload("shop", "app", json!([{"name": "app"}]));
        client["metadata"]["creationTimestamp"] = json!(made);
        let port = json!([{"name": "app", "ports": [{"containerPort": 27017}]}]);
        let mut case = fixture::case(json!({
            "workloads": [client, fixture::workload("shop", "store", port)],
            "pods": [fixture::pod("shop", "app", json!([{"name": "app"}]))],
            "services": [fixture::service("shop", "store", json!({"port": 27017}))],
        }));
        fixture::call(&mut case, "app", "store");
        fixture::log(
            &mut case,
            "app-7d9f8b6c5-x1",
            "FATAL (Unauthorized) not authorized on db to execute find",
        );
        if changed {
            let mut change = fixture::change(
                "2026-05-01T09:50:00Z",
                &fixture::deployment("app"),
                &["env[USER]: a → b"],
            );
            change.kind = claw_core::change::ChangeKind::Deploy;
            case.changes.push(change);
        }
        of(&AuthenticationFailed, &case)
            .into_iter()
            .map(|found| found.entity.name)
            .collect()
    }

    #[test]
    fn who_refuses_an_unchanged_client_was_changed_itself() {
        let before = "2026-04-01T00:00:00Z";
        assert!(refused(before, false).contains(&"store".to_owned()));
        // The client was changed, or had never got on with it.
        assert!(!refused(before, true).contains(&"store".to_owned()));
        assert!(!refused("2026-05-01T09:50:00Z", false).contains(&"store".to_owned()));
    }
}
