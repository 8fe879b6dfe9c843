//! Entities as people write them: objects, `Kind ns/name`, or a bare name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use claw_core::entity::EntityRef;
use serde_json::Value;

use super::identity::Identity;
use super::lines;
use crate::cluster::Resource;

/// Kinds that a bare name is looked for in when something was deployed, configured or scaled.
pub(super) const CHANGED: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Rollout",
    "CronJob",
    "Service",
    "Job",
    "ConfigMap",
    "Secret",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Pod",
    "Node",
    "Namespace",
];

/// Kinds that a bare name is looked for in when it calls or is called.
pub(super) const CALLING: &[&str] = &[
    "Service",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Ingress",
    "Pod",
    "Node",
];

/// Knows the objects of a bundle by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: BTreeMap<String, BTreeSet<(String, Option<String>)>>,
}

impl Names {
    pub(super) fn of<'a>(identities: impl Iterator<Item = &'a Identity>) -> Self {
        let mut names = Self::default();
        for identity in identities.filter(|identity| identity.kind != "Event") {
            let kinds = names.by_name.entry(identity.name.clone()).or_default();
            kinds.insert((identity.kind.clone(), identity.namespace.clone()));
        }
        names
    }

    /// The entity that `value` names: an object with `name` and perhaps `kind` and `namespace`, or text.
    pub(super) fn entity(&self, value: &Value, preferred: &[&str]) -> Option<EntityRef> {
        match value {
            Value::String(text) => self.text(text, preferred),
            Value::Object(map) => {
                let name = lines::text(map, &["name"])?;
                let namespace = lines::text(map, &["namespace", "ns"]);
                match lines::text(map, &["kind", "type"]) {
                    Some(kind) => {
                        let kind = known_kind(&kind).map_or(kind, str::to_owned);
                        Some(EntityRef {
                            kind,
                            namespace,
                            name,
                        })
                    }
                    None => Some(self.bare(namespace, &name, preferred)),
                }
            }
            _ => None,
        }
    }

    fn text(&self, text: &str, preferred: &[&str]) -> Option<EntityRef> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if let Some((kind, path)) = text.split_once(' ') {
            let path = path.trim();
            // `Deployment ns/name`; a name with spaces in it is left whole.
            if !path.is_empty() && !path.contains(' ') && kind.chars().all(char::is_alphanumeric) {
                let kind = known_kind(kind).unwrap_or(kind);
                return Some(match path.split_once('/') {
                    Some((namespace, name)) if !name.is_empty() && !namespace.is_empty() => {
                        EntityRef::namespaced(kind, namespace, name)
                    }
                    _ => self.of_kind(kind, path),
                });
            }
        }
        if let Some(entity) = host(text) {
            return Some(entity);
        }
        let parts: Vec<&str> = text.split('/').collect();
        Some(match parts.as_slice() {
            [kind, "", name] if known_kind(kind).is_some() => {
                EntityRef::cluster(known_kind(kind).unwrap_or(kind), *name)
            }
            [kind, namespace, name] if known_kind(kind).is_some() => {
                EntityRef::namespaced(known_kind(kind).unwrap_or(kind), *namespace, *name)
            }
            [kind, name] if known_kind(kind).is_some() && !name.is_empty() => {
                self.of_kind(known_kind(kind).unwrap_or(kind), name)
            }
            [namespace, name] if is_label(namespace) && is_name(name) => {
                self.bare(Some((*namespace).to_owned()), name, preferred)
            }
            _ => self.bare(None, text, preferred),
        })
    }

    /// An entity of a known kind whose namespace follows from the objects when only one has that name.
    fn of_kind(&self, kind: &str, name: &str) -> EntityRef {
        let mut places = self
            .by_name
            .get(name)
            .into_iter()
            .flatten()
            .filter(|(other, _)| other == kind);
        let namespace = match (places.next(), places.next()) {
            (Some((_, namespace)), None) => namespace.clone(),
            _ => None,
        };
        EntityRef {
            kind: kind.to_owned(),
            namespace,
            name: name.to_owned(),
        }
    }

    /// An entity of which only the name is known: the first preferred kind that has it, else a Service, which is what
    /// call graphs and dashboards mean by a name.
    fn bare(&self, namespace: Option<String>, name: &str, preferred: &[&str]) -> EntityRef {
        let places = self.by_name.get(name);
        let found = preferred.iter().find_map(|kind| {
            let mut matching = places
                .into_iter()
                .flatten()
                .filter(|(other, place)| other == kind && (namespace.is_none() || *place == namespace));
            let (_, place) = matching.next()?;
            let place = if matching.next().is_some() {
                None
            } else {
                place.clone()
            };
            Some(((*kind).to_owned(), place))
        });
        let (kind, place) = found.unwrap_or_else(|| ("Service".to_owned(), None));
        EntityRef {
            kind,
            namespace: namespace.or(place),
            name: name.to_owned(),
        }
    }
}

/// The kind as manifests spell it, from any spelling that `kubectl` understands.
///
/// Only kinds that every cluster has: `gateway/api` is more likely to be a namespace and a name.
pub(super) fn known_kind(text: &str) -> Option<&'static str> {
    if ["externalhost", "external"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(text))
    {
        return Some("ExternalHost");
    }
    Resource::find(text)
        .filter(|known| known.is_built_in() && *known != &Resource::EVENTS)
        .map(|known| &*known.kind)
}

/// A cluster-internal DNS name as a Service; an address, `host:port` or a long domain name as an external host.
fn host(text: &str) -> Option<EntityRef> {
    if text.contains('/') {
        return None;
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !name.ends_with(':') => (name, true),
        _ => (text, false),
    };
    if text.parse::<IpAddr>().is_ok() || name.parse::<IpAddr>().is_ok() {
        return Some(EntityRef::external(text));
    }
    let labels: Vec<&str> = name.split('.').collect();
    let dns = labels.iter().all(|label| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    });
    if !dns {
        return None;
    }
    match labels.as_slice() {
        [service, namespace, "svc", ..] => Some(EntityRef::namespaced("Service", *namespace, *service)),
        [service] if port => Some(EntityRef {
            kind: "Service".to_owned(),
            namespace: None,
            name: (*service).to_owned(),
        }),
        [_, _] if port => Some(EntityRef::external(text)),
        [_, _, .., last] if last.chars().all(|c| c.is_ascii_alphabetic()) => Some(EntityRef::external(text)),
        _ => None,
    }
}

/// Whether this may be the name of a namespace.
fn is_label(text: &str) -> bool {
    is_name(text) && !text.contains('.')
}

/// Whether this may be the name of an object. What has capitals or other signs in it names something else, to which a slash
/// may belong.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        let objects = [
            json!({"kind": "Service", "metadata": {"namespace": "shop", "name": "cart"}}),
            json!({"kind": "Deployment", "metadata": {"namespace": "shop", "name": "cart"}}),
            json!({"kind": "Service", "metadata": {"namespace": "a", "name": "twice"}}),
            json!({"kind": "Service", "metadata": {"namespace": "b", "name": "twice"}}),
            json!({"kind": "Node", "metadata": {"name": "n1"}}),
        ];
        let identities: Vec<_> = objects.iter().filter_map(Identity::of).collect();
        Names::of(identities.iter())
    }

    #[test]
    fn reads_every_way_to_write_an_entity() {
        let names = names();
        for (written, preferred, read) in [
            (
                json!({"kind": "deployment", "namespace": "shop", "name": "cart"}),
                CHANGED,
                "Deployment shop/cart",
            ),
            (json!({"name": "cart"}), CHANGED, "Deployment shop/cart"),
            (json!({"name": "cart"}), CALLING, "Service shop/cart"),
            (json!({"kind": "Kafka", "name": "k"}), CALLING, "Kafka k"),
            (json!("Deployment shop/cart"), CALLING, "Deployment shop/cart"),
            (json!("deploy/cart"), CALLING, "Deployment shop/cart"),
            (json!("Pod/shop/cart-1"), CALLING, "Pod shop/cart-1"),
            (json!("Node n1"), CALLING, "Node n1"),
            (json!("Node//n1"), CALLING, "Node n1"),
            (json!("n1"), CALLING, "Node n1"),
            (json!("shop/cart"), CALLING, "Service shop/cart"),
            (json!("shop/other"), CALLING, "Service shop/other"),
            (json!("cart"), CHANGED, "Deployment shop/cart"),
            (json!("twice"), CALLING, "Service twice"),
            (json!("unheard"), CALLING, "Service unheard"),
            (
                json!("cart.shop.svc.cluster.local:8080"),
                CALLING,
                "Service shop/cart",
            ),
            (
                json!("api.pay.example.com"),
                CALLING,
                "ExternalHost api.pay.example.com",
            ),
            (json!("10.0.0.1:5432"), CALLING, "ExternalHost 10.0.0.1:5432"),
            (
                json!("petInfo_AWS::DynamoDB::Table"),
                CALLING,
                "Service petInfo_AWS::DynamoDB::Table",
            ),
            (json!("order.service"), CALLING, "Service order.service"),
            (
                json!("cart/prod_AWS::ApiGateway::Stage"),
                CALLING,
                "Service cart/prod_AWS::ApiGateway::Stage",
            ),
            (
                json!("https://sqs.eu.amazonaws.com/scans"),
                CALLING,
                "Service https://sqs.eu.amazonaws.com/scans",
            ),
        ] {
            assert_eq!(
                names.entity(&written, preferred).unwrap().to_string(),
                read,
                "{written}"
            );
        }
        for nothing in [
            json!(""),
            json!(null),
            json!(3),
            json!({}),
            json!({"kind": "Pod"}),
        ] {
            assert_eq!(names.entity(&nothing, CALLING), None, "{nothing}");
        }
    }
}
