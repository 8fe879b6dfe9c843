//! A certificate whose time is over.

use claw_metrics::logs::indicators::Indicator;

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Target, complaints};
use crate::incident::facts::Facts;

/// Callers refuse to talk to a host because its certificate has expired or is not valid yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct CertificateExpired;

impl Mechanism for CertificateExpired {
    fn id(&self) -> &'static str {
        "certificate_expired"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        complaints(facts)
            .iter()
            .filter(|complaint| complaint.kind == Indicator::CertificateExpired)
            .map(|complaint| {
                let entity = match &complaint.target {
                    Target::Known(entity) | Target::External(entity) => entity.clone(),
                    Target::Absent(_) | Target::Unnamed => complaint.workload.clone(),
                };
                Candidate::new(
                    "certificate_expired",
                    entity.clone(),
                    format!(
                        "the certificate of {entity} has expired, says {}",
                        complaint.workload
                    ),
                )
                .clue("certificate has expired", 3.8, complaint.evidence(facts))
                .since(complaint.since())
                .hurting([complaint.workload.clone()])
                .advise(
                    Advice::new(
                        format!("Renew the certificate of {entity}"),
                        "Clients refuse the connection until it is valid",
                    )
                    .command("kubectl get secrets -A --field-selector type=kubernetes.io/tls"),
                )
            })
            .collect()
    }
}
