//! A certificate whose time is over.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_metrics::logs::indicators::{Indicator, refused_by_peer};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Target, complaints};
use crate::incident::facts::Facts;
use crate::incident::logs::{Digest, Pattern};

/// Callers refuse to talk to a host because its certificate has expired or is not valid yet.
///
/// A client's log speaks of the certificate of the other side, which is at fault. Where it names nobody, that is who is
/// accused otherwise, or the only one that the client calls; else the peer is not known. A server that is sent an alert
/// speaks of its own certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct CertificateExpired;

type Entries<'a> = Vec<(&'a Digest, &'a Pattern)>;

/// What is said of one host's certificate.
#[derive(Debug, Default)]
struct Accused<'a> {
    /// What clients say that name it.
    named: Entries<'a>,
    /// What clients say that do not name it.
    meant: Entries<'a>,
    /// What it says itself of alerts that it is sent.
    refused: Entries<'a>,
    callers: BTreeSet<EntityRef>,
}

impl Mechanism for CertificateExpired {
    fn id(&self) -> &'static str {
        "certificate_expired"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut accused: BTreeMap<EntityRef, Accused<'_>> = BTreeMap::new();
        let mut refused: BTreeMap<EntityRef, Entries<'_>> = BTreeMap::new();
        let mut unnamed: BTreeMap<EntityRef, Entries<'_>> = BTreeMap::new();
        let told = complaints(facts).iter();
        for complaint in told.filter(|complaint| complaint.kind == Indicator::CertificateExpired) {
            let client = &complaint.workload;
            let (own, others): (Entries<'_>, Entries<'_>) = complaint
                .entries
                .iter()
                .copied()
                .partition(|(_, pattern)| refused_by_peer(&pattern.sample));
            if !own.is_empty() {
                refused.entry(client.clone()).or_default().extend(own);
            }
            match &complaint.target {
                _ if others.is_empty() => {}
                Target::Known(entity) | Target::External(entity) => {
                    let host = accused.entry(entity.clone()).or_default();
                    host.named.extend(others);
                    host.callers.insert(client.clone());
                }
                Target::Absent(_) | Target::Unnamed => {
                    unnamed.entry(client.clone()).or_default().extend(others);
                }
            }
        }
        for (server, entries) in refused {
            let called = accused
                .keys()
                .find(|host| is_pod_of(facts, &server, host))
                .cloned();
            let host = accused
                .entry(called.unwrap_or_else(|| server.clone()))
                .or_default();
            host.refused.extend(entries);
            host.callers.insert(server);
        }
        let mut found = Vec::new();
        for (client, entries) in unnamed {
            match peer(facts, &client, &accused) {
                Some(peer) => {
                    let host = accused.entry(peer).or_default();
                    host.meant.extend(entries);
                    host.callers.insert(client);
                }
                None => found.push(of_a_peer(facts, &client, &entries)),
            }
        }
        found.extend(accused.iter().map(|(host, said)| of_a_host(facts, host, said)));
        kept::join(facts, found)
    }
}

/// Whether a pod of which only the log is known is one of a Service, by its name.
fn is_pod_of(facts: &Facts<'_>, pod: &EntityRef, service: &EntityRef) -> bool {
    let rest = pod
        .name
        .strip_prefix(&service.name)
        .and_then(|rest| rest.strip_prefix('-'));
    pod.kind == "Pod"
        && pod.namespace == service.namespace
        && facts.pod(pod).is_none()
        && rest.is_some_and(|rest| rest.split('-').count() <= 2)
}

/// Whose certificate a client means that names nobody.
fn peer(
    facts: &Facts<'_>,
    client: &EntityRef,
    accused: &BTreeMap<EntityRef, Accused<'_>>,
) -> Option<EntityRef> {
    let calls = facts.case.calls.iter();
    let callees: BTreeSet<EntityRef> = calls
        .filter(|call| facts.unit_of(&call.caller) == *client)
        .map(|call| facts.unit_of(&call.callee))
        .filter(|callee| callee != client)
        .collect();
    let mut known = accused
        .keys()
        .filter(|host| *host != client && (callees.is_empty() || callees.contains(*host)));
    match (known.next(), known.next()) {
        (Some(host), None) => Some(host.clone()),
        (None, _) if callees.len() == 1 => callees.into_iter().next(),
        _ => None,
    }
}

fn evidence(facts: &Facts<'_>, entries: &Entries<'_>) -> Vec<Evidence> {
    let entries = entries.iter().take(4);
    entries
        .map(|(digest, pattern)| facts.log_evidence(digest, pattern))
        .collect()
}

fn of_a_host(facts: &Facts<'_>, host: &EntityRef, said: &Accused<'_>) -> Candidate {
    let others: Vec<String> = said
        .callers
        .iter()
        .filter(|caller| *caller != host)
        .map(EntityRef::to_string)
        .collect();
    let by = if others.is_empty() {
        "its callers refuse it".to_owned()
    } else {
        format!("says {}", others.join(", "))
    };
    let mut candidate = Candidate::new(
        "certificate_expired",
        host.clone(),
        format!("the certificate of {host} has expired, {by}"),
    );
    let sure = !said.named.is_empty() || !said.refused.is_empty();
    for (name, log_odds, entries) in [
        ("certificate has expired", 3.8, &said.named),
        (
            "its callers refuse its certificate",
            if said.named.is_empty() { 3.8 } else { 0.8 },
            &said.refused,
        ),
        (
            "a caller of it finds a certificate expired",
            if sure { 0.5 } else { 2.8 },
            &said.meant,
        ),
    ] {
        if !entries.is_empty() {
            candidate = candidate.clue(name, log_odds, evidence(facts, entries));
        }
    }
    let entries = [&said.named, &said.refused, &said.meant].into_iter().flatten();
    let advice = if host.kind == EntityRef::EXTERNAL_HOST {
        Advice::new(
            format!("Ask whoever runs {host} to renew its certificate; fall back or fail fast meanwhile"),
            "It is not ours to renew: clients refuse the connection until it is valid",
        )
    } else {
        Advice::new(
            format!("Renew the certificate of {host}"),
            "Clients refuse the connection until it is valid",
        )
        .command("kubectl get secrets -A --field-selector type=kubernetes.io/tls")
    };
    candidate
        .since(entries.filter_map(|(_, pattern)| pattern.first).min())
        .hurting(said.callers.iter().cloned())
        .advise(advice)
}

fn of_a_peer(facts: &Facts<'_>, client: &EntityRef, entries: &Entries<'_>) -> Candidate {
    Candidate::new(
        "certificate_expired",
        client.clone(),
        format!("the certificate of a host that {client} calls has expired; its log does not name the host"),
    )
    .aspect("peer")
    .clue("certificate of a peer has expired", 2.6, evidence(facts, entries))
    .since(entries.iter().filter_map(|(_, pattern)| pattern.first).min())
    .hurting([client.clone()])
    .unseen("which host it is whose certificate has expired")
    .advise(
        Advice::new(
            format!(
                "Find which of the hosts that {client} calls has a certificate that expired, and renew that"
            ),
            "Clients refuse the connection until it is valid",
        )
        .command(
            "openssl s_client -connect HOST:PORT -servername HOST </dev/null | openssl x509 -noout -enddate",
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{self, call, log};
    use super::CertificateExpired;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::of;

    const GO: &str = "Get \"https://ledger:8443/v1\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-05-01T10:00:00Z is after 2026-05-01T09:00:00Z";
    const UNNAMED: &str = "rpc error: code = Unavailable desc = connection error: desc = \"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-05-01T10:00:00Z is after 2026-05-01T09:00:00Z\"";
    const ALERT: &str =
        "http: TLS handshake error from 10.2.0.57:40057: remote error: tls: expired certificate";

    /// The carts of the world call the ledger.
    fn world(texts: &[(&str, &str)]) -> Case {
        let containers = || json!([{"name": "app"}]);
        let names = ["cart", "ledger", "mail"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, containers())),
            "services": names.map(|name| fixture::service("shop", name, json!({"port": 8443}))),
            "pods": names.map(|name| fixture::pod("shop", name, containers())),
        }));
        for (name, text) in texts {
            log(&mut case, &format!("{name}-7d9f8b6c5-x1"), text);
        }
        case
    }

    fn entities(found: &[Candidate]) -> Vec<String> {
        found
            .iter()
            .map(|candidate| candidate.entity.to_string())
            .collect()
    }

    fn blamed(texts: &[(&str, &str)]) -> Vec<String> {
        entities(&of(&CertificateExpired, &world(texts)))
    }

    #[test]
    fn the_host_whose_certificate_it_is_is_at_fault() {
        assert_eq!(blamed(&[("cart", GO)]), ["Deployment shop/ledger"]);
        // A clock that is behind is another matter, and so is a certificate of a stranger.
        assert!(blamed(&[("cart", &GO.replace("is after", "is before"))]).is_empty());
        let stranger = "https://ledger:8443: x509: certificate signed by unknown authority";
        assert!(blamed(&[("cart", stranger)]).is_empty());
    }

    #[test]
    fn who_is_sent_an_alert_speaks_of_its_own_certificate() {
        assert_eq!(blamed(&[("ledger", ALERT)]), ["Deployment shop/ledger"]);
        // Both sides of the same connection accuse the same one, whether the client names it or not.
        for client in [GO, UNNAMED] {
            let found = of(
                &CertificateExpired,
                &world(&[("cart", client), ("ledger", ALERT)]),
            );
            assert_eq!(entities(&found), ["Deployment shop/ledger"]);
            assert!(found[0].hurts.contains(&fixture::deployment("cart")));
        }
    }

    #[test]
    fn whom_a_client_means_that_names_nobody_is_whom_it_calls() {
        let mut case = world(&[("cart", UNNAMED)]);
        let found = of(&CertificateExpired, &case);
        assert!(found[0].cause.contains("a host that Deployment shop/cart calls"));
        let unsure = found[0].clues[0].log_odds;
        call(&mut case, "cart", "ledger");
        let found = of(&CertificateExpired, &case);
        assert_eq!(entities(&found), ["Deployment shop/ledger"]);
        assert!(found[0].clues[0].log_odds > unsure);
        // Of two, it is not known which.
        call(&mut case, "cart", "mail");
        assert_eq!(
            entities(&of(&CertificateExpired, &case)),
            ["Deployment shop/cart"]
        );
    }
}
