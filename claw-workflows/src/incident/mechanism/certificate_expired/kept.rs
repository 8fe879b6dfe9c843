//! Certificates that cert-manager keeps, and did not renew in time.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::{DynamicObject, Object};
use jiff::Timestamp;
use serde_json::Value;

use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip, needs};
use crate::incident::logs::host_of;

/// Adds the Certificates whose time is over to what logs say of expired ones. Where one is kept in a Secret that an accused
/// workload uses, it is that one which is at fault.
pub(super) fn join(facts: &Facts<'_>, mut told: Vec<Candidate>) -> Vec<Candidate> {
    let certificates = facts.case.objects.certificates.iter();
    let expired: Vec<(&DynamicObject, Timestamp)> = certificates
        .filter(|object| object.kind == "Certificate")
        .filter_map(|object| Some((object, over(facts, object)?)))
        .collect();
    for (certificate, since) in expired {
        let users = users(facts, certificate);
        let mut evidence = Vec::new();
        let served =
            |told: &&mut Candidate| users.contains(&told.entity) || is_name_of(certificate, &told.entity);
        for candidate in told.iter_mut().filter(served) {
            if candidate.entity.kind == EntityRef::EXTERNAL_HOST {
                // It is called from outside, and renewed here.
                candidate.advice.clear();
            }
            candidate.derived = candidate.derived.max(0.8);
            evidence.extend(candidate.clues.iter().flat_map(|clue| clue.evidence.clone()));
        }
        let mut found = candidate(facts, certificate, since, users);
        if !evidence.is_empty() {
            found = found.clue("clients refuse it", 1.2, evidence);
        }
        told.push(found);
    }
    told
}

/// When a certificate's time was over, where that is so.
fn over(facts: &Facts<'_>, certificate: &DynamicObject) -> Option<Timestamp> {
    let end: Timestamp = certificate.status.get("notAfter")?.as_str()?.parse().ok()?;
    (end <= facts.case.window.end).then_some(end)
}

/// Whether a host is one that the certificate is made out for.
fn is_name_of(certificate: &DynamicObject, host: &EntityRef) -> bool {
    let names = certificate.spec.get("dnsNames").and_then(Value::as_array);
    let name = host_of(&host.name);
    let fits = |known: &str| match known.strip_prefix("*.") {
        Some(domain) => name.split_once('.').is_some_and(|(_, rest)| rest == domain),
        None => known == name,
    };
    let mut names = names.into_iter().flatten().filter_map(Value::as_str);
    host.kind == EntityRef::EXTERNAL_HOST && names.any(fits)
}

fn secret(certificate: &DynamicObject) -> &str {
    let name = certificate.spec.get("secretName").and_then(Value::as_str);
    name.unwrap_or_default()
}

/// The workloads and Ingresses that use the Secret in which it is kept.
fn users(facts: &Facts<'_>, certificate: &DynamicObject) -> BTreeSet<EntityRef> {
    let ns = certificate.metadata.ns();
    let secret = ("Secret".to_owned(), secret(certificate).to_owned());
    let workloads = facts
        .top_workloads()
        .filter(|workload| workload.metadata.ns() == ns && needs(&workload.template().spec).contains(&secret))
        .map(Object::entity);
    let ingresses = facts
        .case
        .objects
        .ingresses
        .iter()
        .filter(|ingress| ingress.metadata.ns() == ns)
        .filter(|ingress| ingress.spec.tls.iter().any(|tls| tls.secret_name == secret.1))
        .map(Object::entity);
    workloads.chain(ingresses).collect()
}

/// What its conditions say of why it was not renewed.
fn why(certificate: &DynamicObject) -> Option<String> {
    let conditions = certificate.status.get("conditions")?.as_array()?;
    let said = |kind: &str| {
        let of_kind = |condition: &&Value| condition.get("type").and_then(Value::as_str) == Some(kind);
        let condition = conditions.iter().find(of_kind)?;
        let refused = condition.get("status").and_then(Value::as_str) == Some("False");
        let message = condition.get("message").and_then(Value::as_str)?;
        (refused && !message.is_empty()).then(|| message.to_owned())
    };
    said("Issuing").or_else(|| said("Ready"))
}

fn candidate(
    facts: &Facts<'_>,
    certificate: &DynamicObject,
    since: Timestamp,
    users: BTreeSet<EntityRef>,
) -> Candidate {
    let entity = certificate.entity();
    let ns = certificate.metadata.ns();
    let why = why(certificate);
    let because = why.as_ref().map_or_else(String::new, |why| {
        format!(", and was not renewed: {}", clip(why, 320))
    });
    let seen = vec![facts.object(
        certificate,
        Some(since),
        format!("is not valid after {since}{because}"),
    )];
    let mut found = Candidate::new(
        "certificate_expired",
        entity.clone(),
        format!("{entity} has expired{because}"),
    )
    .clue("certificate has expired", 3.4, seen)
    .since(Some(since))
    .hurting([EntityRef::namespaced("Secret", ns, secret(certificate))])
    .hurting(users);
    // What was over long before has harmed nobody who is heard of now.
    let long = facts
        .case
        .began
        .is_some_and(|began| began.duration_since(since).as_hours() >= 24);
    if long {
        found = found.clue("was over long before", -1.5, Vec::new());
    }
    found.advise(
        Advice::new(
            format!("Find why cert-manager did not renew {entity} (its CertificateRequests, Orders and Challenges), and renew it"),
            "Clients refuse the connection until it is valid",
        )
        .command(format!(
            "kubectl -n {ns} describe certificate {0}; cmctl -n {ns} renew {0}",
            certificate.metadata.name
        )),
    )
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::super::CertificateExpired;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::of;

    const SAID: &str = "Get \"https://ledger:8443/v1\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-05-01T10:00:00Z is after 2026-05-01T09:00:00Z";

    /// Entities that are blamed, the one to which it is put down first, when `ledger` serves with the Secret of a Certificate.
    fn blamed(not_after: Option<&str>, secret: &str) -> Vec<(String, f64)> {
        let volumes = json!([{"name": "tls", "secret": {"secretName": "ledger-tls"}}]);
        let containers = || json!([{"name": "app"}]);
        let mut ledger: Value = fixture::workload("shop", "ledger", containers());
        ledger["spec"]["template"]["spec"]["volumes"] = volumes;
        let mut case = fixture::case(json!({
            "workloads": [ledger, fixture::workload("shop", "cart", containers())],
            "services": [fixture::service("shop", "ledger", json!({"port": 8443}))],
            "pods": [fixture::pod("shop", "cart", containers())],
            "certificates": [{
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                "metadata": {"name": "ledger", "namespace": "shop"},
                "spec": {"secretName": secret, "dnsNames": ["ledger.shop.svc"]},
                "status": {
                    "notAfter": not_after,
                    "conditions": [
                        {"type": "Ready", "status": "False", "reason": "Expired", "message": "Certificate expired"},
                        {"type": "Issuing", "status": "False", "reason": "Failed", "message": "The certificate request has failed: issuer not found"},
                    ],
                },
            }],
        }));
        fixture::log(&mut case, "cart-7d9f8b6c5-x1", SAID);
        let found = of(&CertificateExpired, &case);
        found
            .iter()
            .map(|found| (found.entity.to_string(), found.derived))
            .collect()
    }

    #[test]
    fn a_certificate_of_a_host_that_is_served_here_is_renewed_here() {
        let advised = |names: Value| {
            let mut case = fixture::case(json!({
                "workloads": [fixture::workload("shop", "cart", json!([{"name": "app"}]))],
                "pods": [fixture::pod("shop", "cart", json!([{"name": "app"}]))],
                "certificates": [{
                    "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                    "metadata": {"name": "front", "namespace": "edge"},
                    "spec": {"secretName": "front-tls", "dnsNames": names},
                    "status": {"notAfter": "2026-05-01T09:00:00Z"},
                }],
            }));
            let said = SAID.replace("https://ledger:8443/v1", "https://pay.shop.example.com/v1");
            fixture::log(&mut case, "cart-7d9f8b6c5-x1", &said);
            let found = of(&CertificateExpired, &case);
            let host = found
                .iter()
                .find(|found| found.entity.kind == EntityRef::EXTERNAL_HOST);
            host.map(|host| (host.derived, host.advice.len())).unwrap()
        };
        assert_eq!(advised(json!(["pay.shop.example.com"])), (0.8, 0));
        assert_eq!(advised(json!(["*.shop.example.com"])), (0.8, 0));
        assert_eq!(advised(json!(["*.example.com"])).0, 0.0);
    }

    #[test]
    fn a_certificate_that_was_not_renewed_is_named() {
        let ledger = || "Deployment shop/ledger".to_owned();
        let found = blamed(Some("2026-05-01T09:00:00Z"), "ledger-tls");
        assert_eq!(
            found,
            [(ledger(), 0.8), ("Certificate shop/ledger".to_owned(), 0.0)]
        );
        // It is another's, it is still valid, it was never issued.
        let other = blamed(Some("2026-05-01T09:00:00Z"), "other-tls");
        assert_eq!(other[0], (ledger(), 0.0));
        for end in [Some("2026-06-01T09:00:00Z"), None] {
            assert_eq!(blamed(end, "ledger-tls"), [(ledger(), 0.0)]);
        }
    }
}
