//! The Gateway API: a route or a gateway that its controller does not take up, or that leads nowhere.

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{DynamicObject, Object};
use jiff::Timestamp;
use serde_json::Value;

use super::ways_in::{behind, list, text};
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};

/// A route that is not attached to its gateway, a reference of it that is not resolved, or a gateway that is not set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct RouteNotAccepted;

impl Mechanism for RouteNotAccepted {
    fn id(&self) -> &'static str {
        "route_not_accepted"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let objects = facts.case.objects.gateway.iter();
        objects
            .flat_map(|object| {
                let faults = match object.kind.as_str() {
                    "Gateway" | "GatewayClass" => of_gateway(facts, object),
                    _ => of_route(facts, object),
                };
                faults
                    .into_iter()
                    .map(|fault| candidate(facts, object, fault))
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// What is wrong with one object.
struct Fault {
    /// In words that follow the object's name.
    what: String,
    /// What to tell it from others by.
    aspect: String,
    since: Option<Timestamp>,
    weight: f64,
    /// The gateway that does not let the route in, if that is the matter.
    refused_by: Option<EntityRef>,
}

/// A condition of a status that is kept as it is.
struct Condition<'v> {
    kind: &'v str,
    status: &'v str,
    reason: &'v str,
    message: &'v str,
    since: Option<Timestamp>,
}

fn conditions(value: &Value) -> impl Iterator<Item = Condition<'_>> {
    list(value, "conditions").map(|condition| Condition {
        kind: text(condition, "type"),
        status: text(condition, "status"),
        reason: text(condition, "reason"),
        message: text(condition, "message"),
        since: text(condition, "lastTransitionTime").parse().ok(),
    })
}

impl Condition<'_> {
    /// Whether it says that something is wrong. `Conflicted` is the one of them that is good news when false.
    fn is_bad(&self) -> bool {
        match self.kind {
            "Accepted" | "ResolvedRefs" | "Programmed" | "Ready" | "Scheduled" => self.status == "False",
            "Conflicted" | "PartiallyInvalid" => self.status == "True",
            _ => false,
        }
    }

    fn fault(&self, of: &str) -> Fault {
        let said = if self.message.is_empty() {
            String::new()
        } else {
            format!(": {}", clip(self.message, 200))
        };
        Fault {
            what: format!(
                "is not {}{of} ({}){said}",
                match self.kind {
                    "Accepted" => "accepted",
                    "ResolvedRefs" => "complete: a reference cannot be resolved",
                    "Programmed" | "Ready" | "Scheduled" => "set up",
                    _ => "valid",
                },
                self.reason
            ),
            aspect: self.reason.to_owned(),
            since: self.since,
            weight: 4.0,
            refused_by: None,
        }
    }
}

fn of_route(facts: &Facts<'_>, route: &DynamicObject) -> Vec<Fault> {
    let ns = route.metadata.ns();
    let mut found = Vec::new();
    for parent in list(&route.status, "parents") {
        let reference = parent.get("parentRef").unwrap_or(&Value::Null);
        let gateway = gateway_of(ns, reference);
        let at = gateway
            .as_ref()
            .map(|gateway| format!(" by {gateway}"))
            .unwrap_or_default();
        for condition in conditions(parent).filter(Condition::is_bad) {
            let of = if condition.kind == "Accepted" {
                at.as_str()
            } else {
                ""
            };
            let mut fault = condition.fault(of);
            let kept_out = matches!(
                condition.reason,
                "NotAllowedByListeners" | "NoMatchingListenerHostname" | "NoMatchingParent"
            );
            fault.refused_by = gateway.clone().filter(|_| kept_out);
            found.push(fault);
        }
    }
    // What controllers say is nearer to the truth than what can be told from here.
    if !found.is_empty() {
        return found;
    }
    let gateways: Vec<EntityRef> = list(&route.spec, "parentRefs")
        .filter_map(|reference| gateway_of(ns, reference))
        .collect();
    for gateway in gateways {
        let ns = gateway.namespace.as_deref().unwrap_or_default();
        let there = facts
            .case
            .objects
            .gateway
            .iter()
            .any(|known| known.entity() == gateway);
        if !there && facts.case.knows_all("Gateway", ns) {
            found.push(missing(
                format!("hangs on {gateway}, which does not exist"),
                &gateway,
            ));
        }
    }
    for rule in list(&route.spec, "rules") {
        for backend in list(rule, "backendRefs") {
            found.extend(of_backend(facts, ns, backend));
        }
    }
    found
}

/// A gateway that a route hangs on. Meshes hang routes on Services.
fn gateway_of(ns: &str, reference: &Value) -> Option<EntityRef> {
    let name = text(reference, "name");
    let kind = text(reference, "kind");
    let namespace = Some(text(reference, "namespace"))
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or(ns);
    (!name.is_empty() && matches!(kind, "" | "Gateway"))
        .then(|| EntityRef::namespaced("Gateway", namespace, name))
}

fn missing(what: String, entity: &EntityRef) -> Fault {
    Fault {
        what,
        aspect: entity.to_string(),
        since: None,
        weight: 4.0,
        refused_by: None,
    }
}

fn of_backend(facts: &Facts<'_>, ns: &str, backend: &Value) -> Option<Fault> {
    let name = text(backend, "name");
    let ns = Some(text(backend, "namespace"))
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or(ns);
    let unused = backend.get("weight").and_then(Value::as_i64) == Some(0);
    if name.is_empty() || unused || !matches!(text(backend, "kind"), "" | "Service") {
        return None;
    }
    let entity = EntityRef::namespaced("Service", ns, name);
    let Some(service) = facts.service(ns, name) else {
        return facts
            .case
            .knows_all("Service", ns)
            .then(|| missing(format!("routes to {entity}, which does not exist"), &entity));
    };
    let port = backend.get("port").and_then(Value::as_i64)?;
    let known = service
        .spec
        .ports
        .iter()
        .any(|known| i64::from(known.port) == port);
    if known || service.is_external_name() {
        return None;
    }
    let ports: Vec<String> = service
        .spec
        .ports
        .iter()
        .map(|port| port.port.to_string())
        .collect();
    let what = format!(
        "routes to port {port} of {entity}, which has {}",
        ports.join(", ")
    );
    Some(missing(what, &entity))
}

fn of_gateway(facts: &Facts<'_>, gateway: &DynamicObject) -> Vec<Fault> {
    let mut found: Vec<Fault> = conditions(&gateway.status)
        .filter(Condition::is_bad)
        .map(|condition| condition.fault(""))
        .collect();
    for listener in list(&gateway.status, "listeners") {
        let of = format!(" in its listener {}", text(listener, "name"));
        found.extend(
            conditions(listener)
                .filter(Condition::is_bad)
                .map(|bad| bad.fault(&of)),
        );
    }
    let class = text(&gateway.spec, "gatewayClassName");
    if gateway.kind == "Gateway" && !class.is_empty() {
        let classes = || {
            let all = facts.case.objects.gateway.iter();
            all.filter(|one| one.kind == "GatewayClass")
        };
        let there = classes().any(|one| one.metadata.name == class);
        if !there
            && (facts.case.knows_all("GatewayClass", gateway.metadata.ns()) || classes().next().is_some())
        {
            let class = EntityRef::cluster("GatewayClass", class);
            found.push(missing(
                format!("has class {}, which does not exist", class.name),
                &class,
            ));
        }
        // The API server itself writes that a controller is awaited.
        let waits = conditions(&gateway.status).find(|one| one.kind == "Accepted" && one.status == "Unknown");
        if let Some(waits) = waits.filter(|_| found.is_empty()) {
            found.push(Fault {
                what: "waits for a controller: nobody takes it up".to_owned(),
                weight: 2.5,
                ..waits.fault("")
            });
        }
    }
    found
}

fn candidate(facts: &Facts<'_>, object: &DynamicObject, fault: Fault) -> Candidate {
    let this = object.entity();
    let of = |entity: &EntityRef| recent_change::before_trouble(facts, entity, None, |_| true);
    let own = of(&this);
    // Two sides have to fit: the one that was changed last is at fault.
    let theirs = fault
        .refused_by
        .as_ref()
        .and_then(|gateway| Some((gateway, of(gateway)?)))
        .filter(|(_, theirs)| own.is_none_or(|own| own.time < theirs.time));
    let (entity, cause, change) = match theirs {
        Some((gateway, change)) => {
            let cause = format!("{gateway} no longer lets {this} in: it {}", fault.what);
            (gateway.clone(), cause, Some(change))
        }
        None => (this.clone(), format!("{this} {}", fault.what), own),
    };
    let told: Vec<Evidence> = vec![facts.object(object, fault.since, fault.what.clone())];
    let mut found = Candidate::new("route_not_accepted", entity.clone(), cause)
        .aspect(fault.aspect)
        .clue("way in is not set up", fault.weight, told)
        .hurting(behind(facts, &this))
        .since(fault.since);
    if entity != this {
        found = found.hurting([this.clone()]);
    }
    if let Some(change) = change {
        found = found
            .clue("changed before", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    }
    let found = recent_change::doubt_old(facts, &object.metadata, found);
    let command = match &entity.namespace {
        Some(ns) => format!(
            "kubectl -n {ns} describe {} {}",
            entity.kind.to_lowercase(),
            entity.name
        ),
        None => format!("kubectl describe {} {}", entity.kind.to_lowercase(), entity.name),
    };
    let advice = Advice::new(
        format!(
            "Make {entity} fit what its controller asks for: it {}",
            clip(&fault.what, 160)
        ),
        "Requests are answered with an error, or by another route, until then",
    );
    found.advise(advice.command(command))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::RouteNotAccepted;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::of;

    const API: &str = "gateway.networking.k8s.io/v1";

    fn route(status: &Value) -> Value {
        json!({
            "apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "parentRefs": [{"name": "edge", "namespace": "infra"}],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
            "status": status,
        })
    }

    fn parents(kind: &str, status: &str, reason: &str) -> Value {
        json!({"parents": [{
            "parentRef": {"name": "edge", "namespace": "infra"},
            "conditions": [
                {"type": "Accepted", "status": "True", "reason": "Accepted"},
                {"type": kind, "status": status, "reason": reason, "message": "no", "lastTransitionTime": "2026-05-01T09:59:00Z"},
            ],
        }]})
    }

    fn found(objects: &[Value], edits: &[(&str, &str)]) -> Vec<Candidate> {
        let mut case = fixture::case(json!({
            "gateway": objects,
            "services": [fixture::service("shop", "web", json!({"port": 80}))],
        }));
        fixture::know_all(&mut case, &["Service", "Gateway", "GatewayClass"]);
        for (entity, time) in edits {
            let (kind, ns, name) = match *entity {
                "gateway" => ("Gateway", "infra", "edge"),
                _ => ("HTTPRoute", "shop", "web"),
            };
            let entity = claw_core::entity::EntityRef::namespaced(kind, ns, name);
            case.changes.push(fixture::change(time, &entity, &[]));
        }
        of(&RouteNotAccepted, &case)
    }

    #[test]
    fn what_the_controller_says_is_believed() {
        let gateway = json!({"apiVersion": API, "kind": "Gateway", "metadata": {"name": "edge", "namespace": "infra"}, "spec": {}});
        let with = |status: &Value| found(&[route(status), gateway.clone()], &[]);
        assert!(with(&parents("ResolvedRefs", "True", "ResolvedRefs")).is_empty());
        let bad = with(&parents("ResolvedRefs", "False", "RefNotPermitted"));
        assert_eq!(bad.len(), 1);
        assert_eq!(bad[0].entity.to_string(), "HTTPRoute shop/web");
        assert!(bad[0].cause.contains("RefNotPermitted"), "{}", bad[0].cause);
        assert!(bad[0].onset.is_some());
    }

    #[test]
    fn of_gateway_and_route_the_one_changed_last_is_at_fault() {
        let status = parents("Accepted", "False", "NotAllowedByListeners");
        let blamed = |edits: &[(&str, &str)]| found(&[route(&status)], edits)[0].entity.kind.clone();
        assert_eq!(blamed(&[("gateway", "2026-05-01T09:58:00Z")]), "Gateway");
        assert_eq!(blamed(&[]), "HTTPRoute");
        let both = [
            ("gateway", "2026-05-01T09:10:00Z"),
            ("route", "2026-05-01T09:58:00Z"),
        ];
        assert_eq!(blamed(&both), "HTTPRoute");
    }

    #[test]
    fn without_a_status_what_is_missing_tells() {
        let gone = found(&[route(&Value::Null)], &[]);
        assert!(
            matches!(gone.as_slice(), [one] if one.cause.contains("Gateway infra/edge, which does not exist"))
        );
        let gateway = json!({
            "apiVersion": API, "kind": "Gateway", "metadata": {"name": "edge", "namespace": "infra"},
            "spec": {"gatewayClassName": "fast"},
        });
        let class =
            |name: &str| json!({"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": name}});
        let causes = |class: Value| found(&[route(&Value::Null), gateway.clone(), class], &[]).len();
        assert_eq!(causes(class("fast")), 0);
        assert_eq!(causes(class("other")), 1);
    }

    #[test]
    fn odd_objects_are_taken() {
        for odd in [
            json!(3),
            json!([1]),
            json!({"parents": 1, "listeners": [2], "conditions": [null]}),
        ] {
            let object =
                |kind: &str| json!({"kind": kind, "metadata": {"name": "x"}, "spec": odd, "status": odd});
            assert!(found(&[object("HTTPRoute"), object("Gateway")], &[]).is_empty());
        }
    }
}
