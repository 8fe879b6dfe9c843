//! What Ingresses name that is not there. It may have been so for long: only what suffers for it says since when.

use claw_core::evidence::Severity;
use claw_k8s::model::{Ingress, Object as _};
use jiff::{SignedDuration, Timestamp};

use super::finding::finding;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// The annotation that named a class before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";
/// An edit so long before the trouble may have brought it.
const SHORTLY: SignedDuration = SignedDuration::from_hours(2);
/// Marks the class of Ingresses that name none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Names of an Ingress that nobody has.
pub(super) fn names_nothing(facts: &Facts<'_>, ingress: &Ingress) -> Vec<Symptom> {
    let ns = ingress.metadata.ns();
    let mut found = Vec::new();
    let mut add = |id, severity, since, statement: String| {
        found.push(finding(facts, ingress, id, severity, since, statement))
    };
    let classes = &facts.case.objects.ingress_classes;
    let served = !ingress.status.load_balancer.ingress.is_empty();
    // A recording without classes does not tell that there are none, and what has an address is served by somebody.
    if !classes.is_empty() || facts.case.knows_all("IngressClass", ns) && !served {
        let (severity, since) = gravity(facts, ingress);
        match ingress.spec.ingress_class_name.as_deref() {
            Some(class) if !classes.iter().any(|known| known.metadata.name == class) => {
                add(
                    "ingress.class_missing",
                    severity,
                    since,
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
                    severity,
                    since,
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
                Severity::Info,
                None,
                format!("routes to Service {}, which does not exist", backend.name),
            );
        }
    }
    if facts.case.knows_all("Secret", ns) {
        let mut wanted = ingress.spec.tls.iter().map(|tls| &tls.secret_name);
        if let Some(secret) = wanted.find(|secret| !secret.is_empty() && !facts.has_secret(ns, secret)) {
            add(
                "ingress.tls_secret_missing",
                Severity::Info,
                None,
                format!("takes its certificate from Secret {secret}, which does not exist"),
            );
        }
    }
    found
}

/// How bad it is that nobody serves an Ingress: that it is so may be of no account.
fn gravity(facts: &Facts<'_>, ingress: &Ingress) -> (Severity, Option<Timestamp>) {
    let served = !ingress.status.load_balancer.ingress.is_empty();
    if served || !is_concerned(facts, ingress) {
        return (Severity::Info, None);
    }
    let since = edited(ingress).filter(|time| *time >= facts.case.window.start);
    (Severity::Warning, since)
}

/// Whether the run is about an Ingress, or it was edited shortly before the trouble began.
pub(in crate::incident) fn is_concerned(facts: &Facts<'_>, ingress: &Ingress) -> bool {
    let shortly = facts
        .case
        .began
        .zip(edited(ingress))
        .is_some_and(|(began, edited)| {
            let before = began.duration_since(edited);
            (SignedDuration::ZERO..=SHORTLY).contains(&before)
        });
    facts.case.subject.contains(&ingress.entity()) || shortly
}

fn edited(ingress: &Ingress) -> Option<Timestamp> {
    let edit = ingress.metadata.last_edit().and_then(|edit| edit.time);
    edit.or(ingress.metadata.creation_timestamp)
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::*;
    use crate::incident::testing::{at, case, object};

    #[test]
    fn an_ingress_that_nobody_serves_matters_where_the_run_is_about_it() {
        let severity = |asked: bool, made: i64, status: serde_json::Value| {
            let mut case = case();
            let spec = json!({"ingressClassName": "nginx"});
            let metadata = json!({"creationTimestamp": at(made)});
            let ingress = json!({"metadata": metadata, "spec": spec, "status": status});
            case.objects.ingresses.push(object("web", ingress));
            if asked {
                case.subject.push(EntityRef::namespaced("Ingress", "shop", "web"));
            }
            let facts = Facts::new(&case);
            let found = names_nothing(&facts, &case.objects.ingresses[0]);
            found.first().map(|symptom| symptom.severity)
        };
        const LONG_AGO: i64 = -1_000_000;
        assert_eq!(severity(true, LONG_AGO, json!({})), Some(Severity::Warning));
        assert_eq!(severity(false, -600, json!({})), Some(Severity::Warning));
        assert_eq!(severity(false, LONG_AGO, json!({})), Some(Severity::Info));
        let served = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
        assert_eq!(severity(true, LONG_AGO, served), None);
    }
}
