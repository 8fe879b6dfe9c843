//! Names in right answers: whom they mean, however a report writes them.

use std::fmt;

use claw_core::entity::EntityRef;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Letters and digits of which Kubernetes makes the random parts of names.
const RANDOM: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of the random part of a pod's name.
const POD: usize = 5;

/// Something by its name, with the namespace where that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Its kind, where that is told.
    pub kind: Option<String>,
    /// Its namespace, where that is told.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Named {
    /// Reads a name, or an object with one.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        Some(Self {
            kind: text("kind"),
            namespace: text("namespace"),
            name: value.as_str().map(str::to_owned).or_else(|| text("name"))?,
        })
    }

    /// Whether it means an entity: both are called alike, or it is a pod that the entity runs, by the custom of names. A
    /// namespace counts where both have one.
    pub fn is(&self, entity: &EntityRef) -> bool {
        let elsewhere = self
            .namespace
            .as_ref()
            .zip(entity.namespace.as_ref())
            .is_some_and(|(one, other)| one != other);
        !elsewhere && self.may_be_called(&entity.name)
    }

    /// Sources write names with hyphens or underscores, in capitals or not.
    fn may_be_called(&self, name: &str) -> bool {
        let spelled = |name: &str| name.to_lowercase().replace('_', "-");
        let (own, name) = (spelled(&self.name), spelled(name));
        own == name || self.owners(&own).contains(&name.as_str())
    }

    /// What may run a pod of this name: without the ordinal, or without the pod's random part and the hash of its template.
    fn owners<'n>(&self, name: &'n str) -> Vec<&'n str> {
        let kind = self.kind.as_deref();
        if !matches!(kind, None | Some("Pod" | "ReplicaSet")) {
            return Vec::new();
        }
        let Some((rest, last)) = name.rsplit_once('-') else {
            return Vec::new();
        };
        let template = |part: &str| (POD..=10).contains(&part.len()) && is_random(part);
        let workload = rest.rsplit_once('-').filter(|(_, hash)| template(hash));
        let workload = workload.map(|(workload, _)| workload);
        let pod = last.len() == POD && is_random(last);
        let ordinal = last.bytes().all(|c| c.is_ascii_digit());
        match kind {
            Some("ReplicaSet") => template(last).then_some(rest).into_iter().collect(),
            Some(_) if pod => std::iter::once(rest).chain(workload).collect(),
            Some(_) if ordinal => vec![rest],
            // Words can look like one random part; two in a row do not.
            None if pod => workload
                .into_iter()
                .flat_map(|workload| [rest, workload])
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether a part of a name is made of what Kubernetes draws.
fn is_random(part: &str) -> bool {
    part.bytes().all(|c| RANDOM.contains(&c))
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl From<&str> for Named {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_means_what_runs_it_and_a_version_is_another_thing() {
        let is = |expected: Value, kind: &str, name: &str| {
            let named = Named::parse(&expected).unwrap();
            named.is(&EntityRef::namespaced(kind, "shop", name))
        };
        let pod = |name: &str| json!({"kind": "Pod", "namespace": "shop", "name": name});
        assert!(is(pod("cart-6f7b9d8c5b-x2k4q"), "Deployment", "cart"));
        assert!(is(pod("cart-6f7b9d8c5b-x2k4q"), "ReplicaSet", "cart-6f7b9d8c5b"));
        assert!(is(pod("cart-6f7b9d8c5b-xkvtq"), "Deployment", "cart"));
        assert!(is(pod("agent-x2k4q"), "DaemonSet", "agent"));
        assert!(is(pod("db-0"), "StatefulSet", "db"));
        assert!(is(json!("order-api"), "Service", "order_api"));
        assert!(is(json!("cart-6f7b9d8c5b-x2k4q"), "Service", "cart"));
        // Other things with longer names.
        assert!(!is(json!("orders-v2"), "Deployment", "orders"));
        assert!(!is(json!("order-api"), "Deployment", "order"));
        assert!(!is(json!("gateway-http2"), "Deployment", "gateway"));
        let deployment = json!({"kind": "Deployment", "name": "kafka-2"});
        assert!(!is(deployment, "Deployment", "kafka"));
        assert!(!is(pod("cart-6f7b9d8c5b-x2k4q"), "Deployment", "cart-6f7b9"));
        assert!(!is(pod("gateway-http2-0"), "Deployment", "gateway"));
    }

    #[test]
    fn of_one_name_in_two_namespaces_one_is_meant() {
        let named = Named::parse(&json!({"namespace": "shop", "name": "api"})).unwrap();
        assert!(named.is(&EntityRef::namespaced("Deployment", "shop", "api")));
        assert!(!named.is(&EntityRef::namespaced("Deployment", "bank", "api")));
        // Metrics often name none.
        assert!(named.is(&EntityRef::cluster("Service", "api")));
        assert!(Named::from("api").is(&EntityRef::namespaced("Deployment", "bank", "api")));
    }
}
