//! A way in leads nowhere.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Ingress, IngressClass, IngressService, Object};

use super::ways_in::behind;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, names};
use crate::incident::logs::{Digest, Pattern};
use crate::incident::symptom::ingress::is_concerned;

/// What an Ingress weighs that seems to be taken up by nobody: some controllers take all of them.
const UNSERVED: f64 = 2.5;
/// What one weighs where there is no class at all: some controllers bring none, and do not always tell an address.
const NO_CONTROLLER: f64 = 2.0;

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
    found.extend(without_class(facts, ingress));
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
    if classes.is_empty() {
        return without_any(facts, ingress, &format!("has class {class}"));
    }
    let there: Vec<&str> = classes.iter().map(|known| known.metadata.name.as_str()).collect();
    let what = format!(
        "has class {class}, which does not exist (there are: {})",
        there.join(", ")
    );
    let title = "Name an ingress class that exists".to_owned();
    Some(candidate(facts, ingress, what, title))
}

/// No class, and none that such Ingresses get: no controller takes it up, unless one does so for all of them. Then it has an
/// address.
fn without_class(facts: &Facts<'_>, ingress: &Ingress) -> Option<Candidate> {
    let classes = &facts.case.objects.ingress_classes;
    let served = ingress.class().is_some() || !ingress.status.load_balancer.ingress.is_empty();
    let default = classes.iter().any(IngressClass::is_default);
    if served || default || !facts.case.knows_all("IngressClass", ingress.metadata.ns()) {
        return None;
    }
    if classes.is_empty() {
        return without_any(facts, ingress, "has no class");
    }
    let there: Vec<&str> = classes.iter().map(|known| known.metadata.name.as_str()).collect();
    let what = format!(
        "has no class and no address, and none of the classes is the default ({})",
        there.join(", ")
    );
    let mut found = candidate(facts, ingress, what, "Name an ingress class".to_owned());
    for clue in found.clues.iter_mut().take(1) {
        clue.log_odds = UNSERVED;
    }
    Some(found)
}

/// An Ingress where there is no class at all: no controller has been installed, or one that needs no class, which would have
/// given it an address. Recordings leave classes out that nobody missed, so that it has to be this Ingress that matters.
fn without_any(facts: &Facts<'_>, ingress: &Ingress, what: &str) -> Option<Candidate> {
    if !ingress.status.load_balancer.ingress.is_empty() || !is_concerned(facts, ingress) {
        return None;
    }
    let what = format!("{what} and no address, and there is no ingress class at all");
    let title = "Install an ingress controller with its class, or name the class of one".to_owned();
    let mut found = candidate(facts, ingress, what, title);
    for clue in found.clues.iter_mut().take(1) {
        clue.log_odds = NO_CONTROLLER;
    }
    Some(found)
}

/// A certificate that is not there. Requests still get through, with a certificate that clients do not trust.
fn missing_certificate(facts: &Facts<'_>, ingress: &Ingress) -> Option<Candidate> {
    let ns = ingress.metadata.ns();
    let secrets = names(&facts.case.objects.secrets, ns);
    let known = facts.case.knows_all("Secret", ns);
    let (tls, told) = ingress
        .spec
        .tls
        .iter()
        .filter(|tls| !tls.secret_name.is_empty() && !secrets.contains(&tls.secret_name))
        .map(|tls| (tls, not_found(facts, ns, &tls.secret_name)))
        .find(|(_, told)| known || told.is_some())?;
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
    let mut found = Candidate::new("ingress_backend", entity.clone(), format!("{entity} {what}"))
        .aspect(tls.secret_name.as_str());
    if known {
        found = found.clue("certificate does not exist", 3.0, seen);
    }
    if let Some((digest, pattern)) = told {
        let weight = if known { 1.0 } else { 3.5 };
        found = found
            .clue(
                "its controller does not find the certificate",
                weight,
                vec![facts.log_evidence(digest, pattern)],
            )
            .since(pattern.first);
    }
    let found = found
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

/// What a controller says of a certificate that it looks for in vain. Each names it by namespace and name:
/// `Error getting SSL certificate "shop/web-tls": local SSL certificate shop/web-tls was not found`,
/// `Error configuring TLS: secret shop/web-tls does not exist`.
fn not_found<'a>(facts: &Facts<'a>, ns: &str, secret: &str) -> Option<(&'a Digest, &'a Pattern)> {
    let path = format!("{ns}/{secret}");
    let whole = |text: &str| {
        text.match_indices(&path).any(|(at, _)| {
            let next = text.get(at + path.len()..).and_then(|rest| rest.chars().next());
            next.is_none_or(|next| !next.is_ascii_alphanumeric() && !matches!(next, '-' | '.'))
        })
    };
    facts
        .case
        .logs
        .iter()
        .flat_map(|digest| digest.patterns.iter().map(move |pattern| (digest, pattern)))
        .find(|(_, pattern)| {
            let said = ["not found", "does not exist", "no object matching key"];
            whole(&pattern.sample) && said.iter().any(|words| pattern.sample.contains(words))
        })
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
        .hurting(behind(facts, &entity))
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
        None => {
            let found = found.since(ingress.metadata.last_edit().and_then(|edit| edit.time));
            recent_change::doubt_old(facts, &ingress.metadata, found)
        }
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
    fn where_there_is_no_class_at_all_nobody_serves_what_has_no_address() {
        let with = |spec: Value, status: Value, known: bool| {
            let mut ingress = ingress(json!({}), spec);
            ingress["status"] = status;
            let mut case = fixture::case(json!({"ingresses": [ingress]}));
            if known {
                fixture::know_all(&mut case, &["IngressClass"]);
            }
            case.subject.push(EntityRef::namespaced("Ingress", "shop", "web"));
            let found = found(&case).into_iter();
            found
                .map(|found| fixture::clue(&found, "way in leads nowhere"))
                .collect::<Vec<_>>()
        };
        let named = || json!({"ingressClassName": "nginx"});
        let served = || json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
        for spec in [named(), json!({})] {
            assert_eq!(with(spec.clone(), json!({}), true), [Some(2.0)]);
            assert!(with(spec.clone(), served(), true).is_empty());
            assert!(with(spec, json!({}), false).is_empty());
        }
    }

    #[test]
    fn without_a_class_there_must_be_a_default_or_an_address() {
        let with = |default: &str, status: Value| {
            let annotations = json!({"ingressclass.kubernetes.io/is-default-class": default});
            let mut ingress = ingress(json!({}), json!({}));
            ingress["status"] = status;
            let mut case = fixture::case(json!({
                "ingresses": [ingress],
                "ingress_classes": [{"metadata": {"name": "nginx", "annotations": annotations}}],
            }));
            fixture::know_all(&mut case, &["IngressClass"]);
            found(&case).len()
        };
        assert_eq!(with("false", json!({})), 1);
        assert_eq!(with("true", json!({})), 0);
        assert_eq!(
            with(
                "false",
                json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}})
            ),
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
    fn what_was_so_for_months_is_doubted() {
        let weight = |edited: &str| {
            let backend = json!({"service": {"name": "gone", "port": {"number": 80}}});
            let mut web = ingress(json!({}), json!({"defaultBackend": backend}));
            web["metadata"]["generation"] = json!(1);
            web["metadata"]["creationTimestamp"] = json!(edited);
            let mut case = fixture::case(json!({"ingresses": [web]}));
            fixture::know_all(&mut case, &["Service"]);
            let found = found(&case);
            assert_eq!(found.len(), 1, "{found:?}");
            fixture::clue(&found[0], "was like this long before")
        };
        assert_eq!(weight("2026-05-01T09:30:00Z"), None);
        assert_eq!(weight("2025-12-01T09:30:00Z"), Some(-1.5));
    }

    #[test]
    fn a_controller_that_looks_for_a_certificate_in_vain_says_so() {
        let with = |text: &str| {
            let spec = json!({"tls": [{"hosts": ["shop.example"], "secretName": "shop-tls"}]});
            let mut case = fixture::case(json!({"ingresses": [ingress(json!({}), spec)]}));
            fixture::log(&mut case, "controller-1", text);
            found(&case).len()
        };
        let said = |path: &str| {
            format!(
                "Error getting SSL certificate \"{path}\": local SSL certificate {path} was not found. Using default certificate"
            )
        };
        assert_eq!(with(&said("shop/shop-tls")), 1);
        assert_eq!(
            with("Error configuring TLS error=\"secret shop/shop-tls does not exist\""),
            1
        );
        assert_eq!(with(&said("shop/shop-tls-old")), 0);
        assert_eq!(with(&said("other/shop-tls")), 0);
    }

    #[test]
    fn classes_that_were_not_read_may_exist() {
        let field = ingress(json!({}), json!({"ingressClassName": "nginx"}));
        let mut case = fixture::case(json!({"ingresses": [field]}));
        fixture::know_all(&mut case, &["IngressClass"]);
        assert!(found(&case).is_empty());
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
