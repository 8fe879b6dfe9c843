//! What Ingresses name that is not there. It may have been so for long: only what suffers for it says since when.

use claw_core::evidence::Severity;
use claw_k8s::model::Ingress;

use super::finding::finding;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// The annotation that named a class before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";
/// Marks the class of Ingresses that name none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Names of an Ingress that nobody has.
pub(super) fn names_nothing(facts: &Facts<'_>, ingress: &Ingress) -> Vec<Symptom> {
    let ns = ingress.metadata.ns();
    let mut found = Vec::new();
    let mut add =
        |id, statement: String| found.push(finding(facts, ingress, id, Severity::Info, None, statement));
    let classes = &facts.case.objects.ingress_classes;
    // A recording without classes does not tell that there are none.
    if !classes.is_empty() {
        match ingress.spec.ingress_class_name.as_deref() {
            Some(class) if !classes.iter().any(|known| known.metadata.name == class) => {
                add(
                    "ingress.class_missing",
                    format!("names class {class}, which does not exist"),
                );
            }
            None if !ingress.metadata.annotations.contains_key(CLASS)
                && !classes.iter().any(|class| {
                    class
                        .metadata
                        .annotations
                        .get(DEFAULT)
                        .is_some_and(|value| value == "true")
                }) =>
            {
                add(
                    "ingress.no_class",
                    "names no class, and none is the default".to_owned(),
                );
            }
            _ => {}
        }
    }
    if facts.case.knows_all("Service", ns) {
        let absent = ingress
            .backends()
            .find(|backend| facts.service(ns, &backend.name).is_none());
        if let Some(backend) = absent {
            add(
                "ingress.backend_missing",
                format!("routes to Service {}, which does not exist", backend.name),
            );
        }
    }
    if facts.case.knows_all("Secret", ns) {
        let mut wanted = ingress.spec.tls.iter().map(|tls| &tls.secret_name);
        if let Some(secret) = wanted.find(|secret| !secret.is_empty() && !facts.has_secret(ns, secret)) {
            add(
                "ingress.tls_secret_missing",
                format!("takes its certificate from Secret {secret}, which does not exist"),
            );
        }
    }
    found
}
