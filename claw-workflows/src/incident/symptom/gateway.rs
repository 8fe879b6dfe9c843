//! What is wrong with GatewayClasses, Gateways and routes. They say themselves whether they are accepted; what they name
//! and is not there may have been so for long.

use claw_core::evidence::Severity;
use claw_k8s::model::{DynamicObject, Object as _};
use serde_json::Value;

use super::finding::finding;
use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// Everything that is wrong with the objects of the Gateway API.
pub(super) fn symptoms(facts: &Facts<'_>) -> Vec<Symptom> {
    let objects = &facts.case.objects.gateway;
    objects
        .iter()
        .flat_map(|object| match object.kind.as_str() {
            "GatewayClass" => class(facts, object),
            "Gateway" => gateway(facts, object),
            kind if kind.ends_with("Route") => route(facts, object),
            _ => Vec::new(),
        })
        .collect()
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path)?.as_str()
}

fn list<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .pointer(path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The condition of that type, where it is `False`: its reason and its message.
fn refused<'a>(owner: &'a Value, kind: &str) -> Option<(&'a str, &'a str)> {
    let condition = list(owner, "/conditions").find(|condition| text(condition, "/type") == Some(kind))?;
    (text(condition, "/status") == Some("False")).then(|| {
        let word = |path| text(condition, path).unwrap_or_default();
        (word("/reason"), word("/message"))
    })
}

fn class(facts: &Facts<'_>, class: &DynamicObject) -> Vec<Symptom> {
    let accepted = refused(&class.status, "Accepted");
    accepted
        .map(|(reason, message)| {
            let statement = format!("is not accepted: {reason}{}", said(message));
            finding(
                facts,
                class,
                "gateway_class.not_accepted",
                Severity::Warning,
                None,
                statement,
            )
        })
        .into_iter()
        .collect()
}

fn gateway(facts: &Facts<'_>, gateway: &DynamicObject) -> Vec<Symptom> {
    let mut found = Vec::new();
    let mut classes = facts
        .case
        .objects
        .gateway
        .iter()
        .filter(|object| object.kind == "GatewayClass")
        .peekable();
    if let Some(name) = text(&gateway.spec, "/gatewayClassName")
        && classes.peek().is_some()
        && !classes.any(|class| class.metadata.name == name)
    {
        let statement = format!("names class {name}, which does not exist");
        found.push(finding(
            facts,
            gateway,
            "gateway.class_missing",
            Severity::Warning,
            None,
            statement,
        ));
    }
    for kind in ["Accepted", "Programmed"] {
        if let Some((reason, message)) = refused(&gateway.status, kind) {
            let statement = format!("is not {}: {reason}{}", kind.to_lowercase(), said(message));
            found.push(finding(
                facts,
                gateway,
                "gateway.not_accepted",
                Severity::Warning,
                None,
                statement,
            ));
            break;
        }
    }
    found
}

fn route(facts: &Facts<'_>, route: &DynamicObject) -> Vec<Symptom> {
    let ns = route.metadata.ns();
    let mut found = Vec::new();
    for parent in list(&route.status, "/parents") {
        if let Some((reason, message)) = refused(parent, "Accepted") {
            let id = if reason == "NotAllowedByListeners" {
                "route.not_allowed"
            } else {
                "route.not_accepted"
            };
            let statement = format!("is not accepted: {reason}{}", said(message));
            found.push(finding(facts, route, id, Severity::Warning, None, statement));
        }
    }
    for parent in list(&route.spec, "/parentRefs")
        .filter(|parent| text(parent, "/kind").unwrap_or("Gateway") == "Gateway")
    {
        let Some(name) = text(parent, "/name") else {
            continue;
        };
        let at = text(parent, "/namespace").unwrap_or(ns);
        let gateway = facts.case.objects.gateway.iter().find(|object| {
            object.kind == "Gateway" && object.metadata.ns() == at && object.metadata.name == name
        });
        match gateway {
            None if facts.case.knows_all("Gateway", at) => {
                let statement = format!("names Gateway {at}/{name}, which does not exist");
                found.push(finding(
                    facts,
                    route,
                    "route.gateway_missing",
                    Severity::Warning,
                    None,
                    statement,
                ));
            }
            Some(gateway) if !allows(facts, gateway, ns) => {
                let statement =
                    format!("lies in a namespace from which no listener of Gateway {at}/{name} takes routes");
                found.push(finding(
                    facts,
                    route,
                    "route.not_allowed",
                    Severity::Warning,
                    None,
                    statement,
                ));
            }
            _ => {}
        }
    }
    for rule in list(&route.spec, "/rules") {
        for backend in list(rule, "/backendRefs") {
            found.extend(self::backend(facts, route, backend));
        }
    }
    found
}

/// Whether a listener of a Gateway takes routes from a namespace.
fn allows(facts: &Facts<'_>, gateway: &DynamicObject, namespace: &str) -> bool {
    let labels = facts
        .case
        .objects
        .namespaces
        .iter()
        .find(|known| known.metadata.name == namespace)
        .map(|known| &known.metadata.labels);
    let mut listeners = list(&gateway.spec, "/listeners").peekable();
    listeners.peek().is_none()
        || listeners.any(|listener| {
            match text(listener, "/allowedRoutes/namespaces/from").unwrap_or("Same") {
                "All" => true,
                "Selector" => {
                    let wanted = listener
                        .pointer("/allowedRoutes/namespaces/selector/matchLabels")
                        .and_then(Value::as_object);
                    // What is selected by expressions, or a namespace that was not read, is left to the status.
                    match (wanted, labels) {
                        (Some(wanted), Some(labels)) => wanted
                            .iter()
                            .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str()),
                        _ => true,
                    }
                }
                _ => gateway.metadata.ns() == namespace,
            }
        })
}

fn backend(facts: &Facts<'_>, route: &DynamicObject, backend: &Value) -> Option<Symptom> {
    if text(backend, "/kind").unwrap_or("Service") != "Service" {
        return None;
    }
    let name = text(backend, "/name")?;
    let ns = text(backend, "/namespace").unwrap_or(route.metadata.ns());
    let Some(service) = facts.service(ns, name) else {
        return facts.case.knows_all("Service", ns).then(|| {
            let statement = format!("routes to Service {ns}/{name}, which does not exist");
            finding(
                facts,
                route,
                "route.backend_missing",
                Severity::Warning,
                None,
                statement,
            )
        });
    };
    let port = i32::try_from(backend.pointer("/port")?.as_i64()?).ok()?;
    service.port(port).is_none().then(|| {
        let statement = format!(
            "routes to port {port} of {}, which it does not have",
            service.entity()
        );
        finding(
            facts,
            route,
            "route.port_mismatch",
            Severity::Warning,
            None,
            statement,
        )
    })
}
