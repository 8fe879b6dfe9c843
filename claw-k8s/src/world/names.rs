//! Which Service a host name means.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use claw_core::entity::EntityRef;

use crate::address::Address;
use crate::model::{Namespace, Service};

/// A word with a smaller port is more likely an image with its tag than a Service that is not there.
const FIRST_LIKELY_PORT: u16 = 80;

/// The Services of a cluster by the names that clients use.
#[derive(Clone, Debug, Default)]
pub struct ServiceNames {
    services: BTreeSet<(String, String)>,
    namespaces: BTreeSet<String>,
    by_address: BTreeMap<String, (String, String)>,
}

impl ServiceNames {
    /// Knows these Services and namespaces. Namespaces of the Services are known in any case.
    pub fn new(services: &[Service], namespaces: &[Namespace]) -> Self {
        let mut names = Self::default();
        for service in services {
            let key = (service.metadata.ns().to_owned(), service.metadata.name.clone());
            names.namespaces.insert(key.0.clone());
            if service.spec.cluster_ip.parse::<IpAddr>().is_ok() {
                names
                    .by_address
                    .insert(service.spec.cluster_ip.clone(), key.clone());
            }
            names.services.insert(key);
        }
        names
            .namespaces
            .extend(namespaces.iter().map(|namespace| namespace.metadata.name.clone()));
        names
    }

    /// What an address means to a pod of `namespace`: a Service, which need not exist, or a host outside. `None` if it
    /// means nothing that can be told.
    pub fn resolve(&self, namespace: &str, address: &Address) -> Option<EntityRef> {
        if address.host.parse::<IpAddr>().is_ok() {
            return Some(match self.by_address.get(&address.host) {
                Some((namespace, name)) => service(namespace, name),
                None => EntityRef::external(address.to_string()),
            });
        }
        let labels: Vec<&str> = address.host.split('.').collect();
        // In the cluster's domain, whatever it is called: `name.namespace.svc…`, a pod's name before it or not.
        let before_svc = labels
            .iter()
            .position(|label| *label == "svc")
            .and_then(|at| labels.get(..at));
        if let Some([name, space] | [_, name, space]) = before_svc {
            return Some(service(space, name));
        }
        match labels.as_slice() {
            [name] => {
                let known = self.has(namespace, name);
                let likely = address.port.is_none_or(|port| port >= FIRST_LIKELY_PORT);
                // Upper and lower case, underscores: no Service can have such a name.
                (known || (likely && is_service_name(name))).then(|| service(namespace, name))
            }
            [name, space] if self.has(space, name) => Some(service(space, name)),
            // `kafka-0.kafka`: a pod of a headless Service.
            [_, name] if self.has(namespace, name) => Some(service(namespace, name)),
            [_, name, space] if self.has(space, name) => Some(service(space, name)),
            [name, space] if self.namespaces.contains(*space) => Some(service(space, name)),
            _ => Some(EntityRef::external(address.to_string())),
        }
    }

    fn has(&self, namespace: &str, name: &str) -> bool {
        self.services.contains(&(namespace.to_owned(), name.to_owned()))
    }
}

fn service(namespace: &str, name: &str) -> EntityRef {
    EntityRef::namespaced("Service", namespace, name)
}

fn is_service_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
