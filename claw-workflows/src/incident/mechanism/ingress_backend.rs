//! A way in leads nowhere.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Ingress, IngressService, Object};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, names};

/// An Ingress names a Service, a port or a class that does not exist.
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
    let classes = &facts.case.objects.ingress_classes;
    if let Some(class) = ingress.class()
        && !classes.is_empty()
        && !classes.iter().any(|known| known.metadata.name == class)
    {
        let what = format!("has class {class}, which does not exist");
        found.push(candidate(
            facts,
            ingress,
            what,
            "Name an ingress class that exists".to_owned(),
        ));
    }
    found
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
    let mut candidate = Candidate::new("ingress_backend", entity.clone(), format!("{entity} {what}"))
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
    candidate = match facts.change_before(&entity, None, |_| true) {
        Some(change) => candidate
            .clue("changed before", 0.5, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time)),
        None => candidate.since(since),
    };
    candidate
}
