//! A way in leads nowhere.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Ingress, IngressService, Object};

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, names};

/// An Ingress names a Service, a port, a class or a certificate that does not exist.
#[derive(Clone, Copy, Debug)]
pub(super) struct IngressBackend;

impl Mechanism for IngressBackend {
    fn id(&self) -> &'static str {
        "ingress_backend"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .case
            .objects
            .ingresses
            .iter()
            .flat_map(|ingress| of(facts, ingress))
            .collect()
    }
}

fn of(facts: &Facts<'_>, ingress: &Ingress) -> Vec<Candidate> {
    let ns = ingress.metadata.ns();
    let services = names(&facts.case.objects.services, ns);
    let mut found: Vec<Candidate> = ingress
        .backends()
        .filter_map(|backend| {
            if facts.service(ns, &backend.name).is_none() {
                if !facts.case.knows_all("Service", ns) {
                    return None;
                }
                let target = EntityRef::namespaced("Service", ns, &backend.name);
                let near: Vec<&str> = services.iter().map(String::as_str).take(10).collect();
                return Some((
                    format!(
                        "routes to {target}, which does not exist (there are: {})",
                        near.join(", ")
                    ),
                    "Route to a Service that exists".to_owned(),
                ));
            }
            wrong_port(facts, ns, backend)
        })
        .map(|(what, title)| candidate(facts, ingress, what, title))
        .collect();
    found.extend(unknown_class(facts, ingress));
    found.extend(missing_certificate(facts, ingress));
    found
}

/// The field names an object; the older annotation is a word that controllers are told to look for.
fn unknown_class(facts: &Facts<'_>, ingress: &Ingress) -> Option<Candidate> {
    let class = ingress.spec.ingress_class_name.as_deref()?;
    let classes = &facts.case.objects.ingress_classes;
    if !facts.case.knows_all("IngressClass", ingress.metadata.ns())
        || classes.iter().any(|known| known.metadata.name == class)
    {
        return None;
    }
    let there: Vec<&str> = classes.iter().map(|known| known.metadata.name.as_str()).collect();
    let what = if there.is_empty() {
        format!("has class {class}, which does not exist")
    } else {
        format!(
            "has class {class}, which does not exist (there are: {})",
            there.join(", ")
        )
    };
    let title = "Name an ingress class that exists".to_owned();
    Some(candidate(facts, ingress, what, title))
}

/// A certificate that is not there. Requests still get through, with a certificate that clients do not trust.
fn missing_certificate(facts: &Facts<'_>, ingress: &Ingress) -> Option<Candidate> {
    let ns = ingress.metadata.ns();
    if !facts.case.knows_all("Secret", ns) {
        return None;
    }
    let secrets = names(&facts.case.objects.secrets, ns);
    let tls = ingress
        .spec
        .tls
        .iter()
        .find(|tls| !tls.secret_name.is_empty() && !secrets.contains(&tls.secret_name))?;
    let hosts = if tls.hosts.is_empty() {
        "all its hosts".to_owned()
    } else {
        tls.hosts.join(", ")
    };
    let what = format!(
        "takes the certificate of {hosts} from Secret {}, which does not exist",
        tls.secret_name
    );
    let entity = ingress.entity();
    let seen = vec![facts.object(ingress, None, what.clone())];
    let found = Candidate::new("ingress_backend", entity.clone(), format!("{entity} {what}"))
        .aspect(tls.secret_name.as_str())
        .clue("certificate does not exist", 3.0, seen)
        .advise(
            Advice::new(
                format!("Create Secret {} with the certificate, or name the one that is meant", tls.secret_name),
                "Clients are shown a certificate that is not of this host until then",
            )
            .command(format!(
                "kubectl -n {ns} get secrets --field-selector type=kubernetes.io/tls; kubectl -n {ns} get certificates"
            )),
        );
    Some(changed(facts, ingress, found))
}

fn wrong_port(facts: &Facts<'_>, ns: &str, backend: &IngressService) -> Option<(String, String)> {
    let service = facts.service(ns, &backend.name)?;
    let known = service.spec.ports.iter().any(|port| match backend.port.number {
        Some(number) => port.port == number,
        None => port.name == backend.port.name,
    });
    if known || service.is_external_name() {
        return None;
    }
    let asked = backend
        .port
        .number
        .map_or_else(|| backend.port.name.clone(), |number| number.to_string());
    let ports: Vec<String> = service
        .spec
        .ports
        .iter()
        .map(|port| port.port.to_string())
        .collect();
    Some((
        format!(
            "routes to port {asked} of {}, which has {}",
            service.entity(),
            ports.join(", ")
        ),
        format!("Route to a port that {} has", service.entity()),
    ))
}

fn candidate(facts: &Facts<'_>, ingress: &Ingress, what: String, title: String) -> Candidate {
    let entity = ingress.entity();
    let since = ingress.metadata.last_edit().and_then(|edit| edit.time);
    let found = Candidate::new("ingress_backend", entity.clone(), format!("{entity} {what}"))
        .aspect(what.as_str())
        .clue(
            "way in leads nowhere",
            4.0,
            vec![facts.object(ingress, since, what)],
        )
        .advise(
            Advice::new(title, "Requests are answered with an error until then").command(format!(
                "kubectl -n {} edit ingress {}",
                ingress.metadata.ns(),
                ingress.metadata.name
            )),
        );
    changed(facts, ingress, found)
}

/// Adds the edit that may have brought it.
fn changed(facts: &Facts<'_>, ingress: &Ingress, found: Candidate) -> Candidate {
    match recent_change::before_trouble(facts, &ingress.entity(), None, |_| true) {
        Some(change) => found
            .clue("changed before", 0.5, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time)),
        None => found.since(ingress.metadata.last_edit().and_then(|edit| edit.time)),
    }
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::IngressBackend;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;

    fn ingress(annotations: Value, spec: Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "annotations": annotations}, "spec": spec})
    }

    fn found(case: &Case) -> Vec<Candidate> {
        crate::incident::testing::of(&IngressBackend, case)
    }

    #[test]
    fn a_class_is_an_object_only_where_the_field_names_it() {
        let classes =
            json!([{"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}]);
        let with = |ingress: Value, known: bool| {
            let mut case = fixture::case(json!({"ingresses": [ingress], "ingress_classes": classes}));
            if known {
                fixture::know_all(&mut case, &["IngressClass"]);
            }
            found(&case).len()
        };
        let field = ingress(json!({}), json!({"ingressClassName": "ngnix"}));
        assert_eq!(with(field.clone(), true), 1);
        assert_eq!(with(field, false), 0);
        let annotation = ingress(json!({"kubernetes.io/ingress.class": "haproxy"}), json!({}));
        assert_eq!(with(annotation, true), 0);
        assert_eq!(
            with(ingress(json!({}), json!({"ingressClassName": "nginx"})), true),
            0
        );
    }

    #[test]
    fn a_certificate_must_exist_where_secrets_are_known() {
        let spec = json!({"tls": [{"hosts": ["shop.example"], "secretName": "shop-tls"}]});
        let with = |secret: &str, namespace: &str, known: bool| {
            let secrets = json!([{"kind": "Secret", "metadata": {"name": secret, "namespace": namespace}}]);
            let mut case =
                fixture::case(json!({"ingresses": [ingress(json!({}), spec.clone())], "secrets": secrets}));
            if known {
                fixture::know_all(&mut case, &["Secret"]);
            }
            found(&case)
                .into_iter()
                .map(|found| found.cause)
                .collect::<Vec<_>>()
        };
        let causes = with("other", "shop", true);
        assert!(matches!(causes.as_slice(), [cause] if cause.contains("shop.example from Secret shop-tls")));
        assert_eq!(with("shop-tls", "elsewhere", true).len(), 1);
        assert!(with("shop-tls", "shop", true).is_empty());
        assert!(with("other", "shop", false).is_empty());
    }

    #[test]
    fn an_edit_counts_only_shortly_before_the_trouble() {
        let spec = json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}});
        let with = |time: &str| {
            let mut case = fixture::case(json!({"ingresses": [ingress(json!({}), spec.clone())]}));
            fixture::know_all(&mut case, &["Service"]);
            let entity = EntityRef::namespaced("Ingress", "shop", "web");
            case.changes.push(fixture::change(time, &entity, &[]));
            let found = found(&case);
            assert_eq!(found.len(), 1);
            found[0].change.is_some()
        };
        assert!(with("2026-05-01T09:50:00Z"));
        assert!(!with("2024-05-01T09:50:00Z"));
        assert!(!with("2026-05-01T10:20:00Z"));
    }
}
