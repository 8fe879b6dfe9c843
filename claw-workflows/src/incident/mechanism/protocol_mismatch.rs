//! One side speaks TLS and the other does not.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_metrics::logs::indicators::Indicator;

use super::rollback::roll_back;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::facts::Facts;

/// A caller uses another scheme, or another version of HTTP, than the port that it calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProtocolMismatch;

impl Mechanism for ProtocolMismatch {
    fn id(&self) -> &'static str {
        "protocol_mismatch"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .complaints()
            .iter()
            .filter(|complaint| complaint.kind == Indicator::ProtocolMismatch)
            .filter_map(|complaint| candidate(facts, complaint))
            .collect()
    }
}

/// Phrases of the side that is called, about who calls it.
const OF_SERVER: [&str; 5] = [
    "client sent an http",
    "does not look like a tls handshake",
    "plain http request was sent",
    "x16\\x03",
    "http request to an https server",
];

fn candidate(facts: &Facts<'_>, complaint: &Complaint<'_>) -> Option<Candidate> {
    let (_, pattern) = complaint.entries.first()?;
    let said = pattern.sample.to_lowercase();
    let other = match &complaint.target {
        Target::Known(entity) => Some(entity.clone()),
        _ => None,
    };
    // A server tells of its client; Go's client words about a server are told apart by the address that it wanted.
    let serving = OF_SERVER.iter().any(|phrase| said.contains(phrase)) && !said.contains("://");
    let (caller, callee) = if serving {
        (other?, Some(complaint.workload.clone()))
    } else {
        (complaint.workload.clone(), other)
    };
    let since = complaint.since();
    let of = |entity: &EntityRef| {
        let (change, _) = recent_change::of_unit(facts, entity, since)?;
        Some(change)
    };
    let ours = of(&caller);
    // Whoever was changed last no longer fits the other.
    let theirs: Option<(&EntityRef, &Change)> = callee
        .as_ref()
        .and_then(|callee| Some((callee, of(callee)?)))
        .filter(|(_, theirs)| ours.is_none_or(|ours| ours.time < theirs.time));
    let to = match (&callee, &complaint.host) {
        (Some(callee), _) => callee.to_string(),
        (None, Some(host)) => host.clone(),
        (None, None) => "whom it calls".to_owned(),
    };
    let (entity, change) = match theirs {
        Some((callee, change)) => (callee.clone(), Some(change)),
        None => (caller.clone(), ours),
    };
    let mut found = Candidate::new(
        "protocol_mismatch",
        entity.clone(),
        format!("{caller} and {to} do not speak the same protocol: one uses TLS, or another version of HTTP"),
    )
    .aspect(to.clone())
    .clue("protocols do not fit", 3.0, complaint.evidence(facts))
    .hurting([caller.clone()])
    .since(since)
    .derived(0.1);
    if let Some(change) = change {
        found = found
            .clue("changed before", 1.2, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let back = roll_back(facts, &entity, change, "Both sides spoke the same before");
        found.advice.extend(back);
    }
    Some(found.advise(Advice::new(
        format!("Have {caller} call {to} with the scheme (http or https) and port that it serves"),
        "Every connection fails at its first bytes until then",
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::ProtocolMismatch;
    use crate::incident::case::Case;
    use crate::incident::testing::of;

    fn case() -> Case {
        let mut cart = fixture::pod("shop", "cart", json!([{"name": "app"}]));
        cart["status"]["podIP"] = json!("10.1.0.10");
        fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([{"name": "app"}])),
                fixture::workload("shop", "cart", json!([{"name": "app"}])),
            ],
            "pods": [fixture::pod("shop", "web", json!([{"name": "app"}])), cart],
            "services": [fixture::service("shop", "cart", json!({"port": 80}))],
        }))
    }

    fn blamed(pod: &str, line: &str, edited: Option<&str>) -> Vec<String> {
        let mut case = case();
        fixture::log(&mut case, pod, line);
        if let Some(name) = edited {
            case.changes.push(fixture::change(
                "2026-05-01T09:54:00Z",
                &fixture::deployment(name),
                &[],
            ));
        }
        of(&ProtocolMismatch, &case)
            .into_iter()
            .map(|found| found.entity.name)
            .collect()
    }

    #[test]
    fn both_sides_tell_of_the_caller() {
        let client = "Get \"https://cart:80/\": http: server gave HTTP response to HTTPS client";
        let server =
            "http: TLS handshake error from 10.1.0.9:5123: client sent an HTTP request to an HTTPS server";
        assert_eq!(blamed("web-7d9f8b6c5-x1", client, None), ["web"]);
        assert_eq!(blamed("cart-7d9f8b6c5-x1", server, None), ["web"]);
        // The server was changed, and its callers were not.
        assert_eq!(blamed("web-7d9f8b6c5-x1", client, Some("cart")), ["cart"]);
        assert_eq!(blamed("web-7d9f8b6c5-x1", client, Some("web")), ["web"]);
    }

    #[test]
    fn other_tls_trouble_is_none() {
        let line = "x509: certificate signed by unknown authority calling https://cart:443";
        assert!(blamed("web-7d9f8b6c5-x1", line, None).is_empty());
    }
}
