//! What workloads say of others in their logs, with the host names resolved to what is known of the cluster.

mod began;
mod named;

use std::collections::BTreeMap;
use std::net::IpAddr;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Object, Service};
use claw_metrics::logs::indicators::Indicator;
use jiff::Timestamp;

use super::facts::Facts;
use super::logs::{Digest, Indication, Pattern, host_of};
pub(super) use named::called;
use named::name_callee;

/// What a host name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Target {
    /// A Service that exists, or a workload of that name.
    Known(EntityRef),
    /// A name in the cluster's domain, or a bare one, that no Service has.
    Absent(String),
    /// A host elsewhere.
    External(EntityRef),
    /// The log names nobody.
    Unnamed,
}

/// Several entries of one workload that say the same of the same target.
#[derive(Clone, Debug)]
pub struct Complaint<'a> {
    /// Who complains.
    pub workload: EntityRef,
    /// What about.
    pub kind: Indicator,
    /// Of whom.
    pub target: Target,
    /// The host as it was written.
    pub host: Option<String>,
    /// The entries.
    pub entries: Vec<(&'a Digest, &'a Pattern)>,
    /// Since when the container ends with them that wrote them, if it does.
    pub(super) ends: Option<Timestamp>,
}

impl Complaint<'_> {
    /// When it was first said. Of a container that ends with it again and again only the last words are kept: then it is when
    /// it began to end.
    pub fn since(&self) -> Option<Timestamp> {
        let said = self.entries.iter().filter_map(|(_, pattern)| pattern.first);
        said.chain(self.ends).min()
    }

    /// How often it was said.
    pub fn count(&self) -> u64 {
        self.entries.iter().map(|(_, pattern)| pattern.count).sum()
    }

    /// Whether it is about an address of a private network that nobody bears who was read: it may be that of a Service of a
    /// namespace that was not.
    pub fn is_of_unknown_address(&self) -> bool {
        let Target::External(entity) = &self.target else {
            return false;
        };
        match host_of(&entity.name).parse() {
            Ok(IpAddr::V4(address)) => {
                // 100.64.0.0/10 (RFC 6598) is what some providers give to pods and Services.
                let [first, second, ..] = address.octets();
                address.is_private() || (first == 100 && (64..128).contains(&second))
            }
            Ok(IpAddr::V6(address)) => address.is_unique_local(),
            Err(_) => false,
        }
    }

    /// Whether requests for objects of the API are what fails: its address is that of a Service of another namespace for all.
    pub fn is_of_api_server(&self) -> bool {
        let asks = |text: &str| text.contains("/apis/") || text.contains("/api/v1/");
        self.entries.iter().any(|(_, pattern)| asks(&pattern.sample))
    }

    /// The Service that it names, where there is one.
    pub(super) fn service<'f>(&self, facts: &Facts<'f>) -> Option<&'f Service> {
        let namespace = self.workload.namespace.as_deref()?;
        service_called(facts, namespace, host_of(self.host.as_deref()?))
    }

    /// The first entries as evidence.
    pub fn evidence(&self, facts: &Facts<'_>) -> Vec<Evidence> {
        self.entries
            .iter()
            .take(2)
            .map(|(digest, pattern)| facts.log_evidence(digest, pattern))
            .collect()
    }
}

/// All complaints, in a fixed order.
pub fn complaints<'f, 'a>(facts: &'f Facts<'a>) -> &'f [Complaint<'a>] {
    facts.complaints()
}

/// Gathers the complaints, which [`Facts`] keeps.
pub(super) fn gather<'a>(facts: &Facts<'a>) -> Vec<Complaint<'a>> {
    let mut found: BTreeMap<(EntityRef, Indicator, Target), Complaint<'a>> = BTreeMap::new();
    for digest in &facts.case.logs {
        let workload = facts.unit_of(&digest.pod);
        let namespace = digest.pod.namespace.as_deref().unwrap_or_default();
        for pattern in &digest.patterns {
            let mut named = targets(facts, namespace, pattern);
            name_callee(facts, namespace, &workload, pattern, &mut named);
            for Named { kind, host, target } in named {
                if target == Target::Known(workload.clone()) {
                    continue;
                }
                found
                    .entry((workload.clone(), kind, target.clone()))
                    .or_insert_with(|| Complaint {
                        workload: workload.clone(),
                        kind,
                        target,
                        host,
                        entries: Vec::new(),
                        ends: None,
                    })
                    .entries
                    .push((digest, pattern));
            }
        }
    }
    let mut all: Vec<Complaint<'a>> = found.into_values().collect();
    for complaint in &mut all {
        complaint.ends = began::ends(facts, &complaint.entries);
    }
    all
}

/// What an entry indicates, and of whom.
struct Named {
    kind: Indicator,
    host: Option<String>,
    target: Target,
}

/// What an entry indicates, each with whom it is about. Beside a name, an address that nobody in the cluster has is that
/// name's, or the resolver's: it is left out.
fn targets(facts: &Facts<'_>, namespace: &str, pattern: &Pattern) -> Vec<Named> {
    let resolved: Vec<(&Indication, Target)> = pattern
        .indications
        .iter()
        .map(|indication| {
            let host = indication.target.as_deref();
            (
                indication,
                host.map_or(Target::Unnamed, |host| resolve(facts, namespace, host)),
            )
        })
        .collect();
    let foreign = |target: &Target| match target {
        Target::External(entity) => host_of(&entity.name).parse::<IpAddr>().is_ok(),
        _ => false,
    };
    let named = |(_, target): &(&Indication, Target)| *target != Target::Unnamed && !foreign(target);
    let somebody = resolved.iter().any(named);
    resolved
        .into_iter()
        .filter(|(_, target)| !(somebody && foreign(target)))
        .map(|(indication, target)| Named {
            kind: indication.kind,
            host: indication.target.clone(),
            target,
        })
        .collect()
}

/// The Service that a host name or an address, without port, means to a pod in `namespace`, where it was read.
pub(super) fn service_called<'a>(facts: &Facts<'a>, namespace: &str, host: &str) -> Option<&'a Service> {
    if host.parse::<IpAddr>().is_ok() {
        let mut services = facts.case.objects.services.iter();
        return services.find(|service| service.spec.cluster_ip == host);
    }
    let (service, ns, _) = parts(namespace, host)?;
    facts.service(ns, service)
}

/// The name and namespace of the Service that a host name would mean in `namespace`, and whether it can mean nothing else.
pub(super) fn parts<'n>(namespace: &'n str, host: &'n str) -> Option<(&'n str, &'n str, bool)> {
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    match labels.as_slice() {
        [service] => Some((*service, namespace, true)),
        // A host elsewhere may be called like that, too.
        [service, ns] => Some((*service, *ns, false)),
        [service, ns, "svc", ..] => Some((*service, *ns, true)),
        // Pods of a headless service: pod.service.namespace.svc…
        [_, service, ns, "svc", ..] => Some((*service, *ns, true)),
        _ => None,
    }
}

/// What `host` (with or without port) means to a pod in `namespace`.
pub fn resolve(facts: &Facts<'_>, namespace: &str, host: &str) -> Target {
    let name = host_of(host);
    if name.parse::<IpAddr>().is_ok() {
        return by_address(facts, name)
            .map_or_else(|| Target::External(EntityRef::external(host)), Target::Known);
    }
    let elsewhere = || Target::External(EntityRef::external(host));
    let in_cluster = |(_, ns, certain): &(&str, &str, bool)| *certain || is_namespace(facts, ns);
    let Some((service, ns, certain)) = parts(namespace, name).filter(in_cluster) else {
        return elsewhere();
    };
    if let Some(found) = facts.service(ns, service) {
        if found.is_external_name() {
            return Target::External(EntityRef::external(&found.spec.external_name));
        }
        let unit = facts.unit_of(&found.entity());
        return Target::Known(unit);
    }
    let called = EntityRef::namespaced("Service", ns, service);
    // A recording of logs alone has no Services either, and says nothing of which there are.
    let none = facts.case.lacks_namespace(ns);
    let listed = (none || facts.case.knows_all("Service", ns)) && facts.case.saw_objects();
    // Configuration may name what does not exist; what was measured, or recorded by somebody, does.
    let callee = facts
        .case
        .calls
        .iter()
        .filter(|call| !listed || matches!(call.via.as_str(), "metrics" | "topology"))
        .map(|call| &call.callee)
        .find(|callee| callee.name == service);
    match callee {
        Some(callee) => Target::Known(facts.unit_of(callee)),
        // A namespace may be called like the end of a public name.
        None if listed && !certain => elsewhere(),
        None if listed => Target::Absent(name.to_owned()),
        None => Target::Known(facts.unit_of(&called)),
    }
}

/// Whether a word is the name of a namespace.
pub(super) fn is_namespace(facts: &Facts<'_>, word: &str) -> bool {
    let case = facts.case;
    let mut known = case.objects.namespaces.iter();
    case.namespaces.contains(word) || known.any(|namespace| namespace.metadata.name == word)
}

/// The Service or workload with that address.
fn by_address(facts: &Facts<'_>, address: &str) -> Option<EntityRef> {
    let service = facts
        .case
        .objects
        .services
        .iter()
        .find(|service| service.spec.cluster_ip == address);
    service
        .map(|service| facts.unit_of(&service.entity()))
        .or_else(|| {
            facts
                .pods()
                .find(|pod| pod.status.pod_ip == address)
                .map(|pod| facts.workload_of(pod))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::incident::facts::Facts;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::{case, object};

    #[test]
    fn a_public_name_is_not_taken_for_a_service_that_does_not_exist() {
        let mut case = case();
        case.namespaces.insert("dev".to_owned());
        case.objects.services.push(object(
            "orders",
            json!({"metadata": {"namespace": "dev"}, "spec": {"selector": {"app": "orders"}}}),
        ));
        let facts = Facts::new(&case);
        let of = |host: &str| resolve(&facts, "shop", host);
        assert!(matches!(of("payments.dev:443"), Target::External(_)));
        assert!(matches!(of("orders.dev:443"), Target::Known(_)));
        assert_eq!(
            of("payments.dev.svc"),
            Target::Absent("payments.dev.svc".to_owned())
        );
        assert_eq!(of("payments:80"), Target::Absent("payments".to_owned()));
        assert!(matches!(of("api.payments.example"), Target::External(_)));
    }

    #[test]
    fn pods_of_a_headless_service_are_its() {
        let mut case = case();
        case.objects.services.push(object(
            "db",
            json!({"spec": {"clusterIP": "None", "selector": {"app": "db"}}}),
        ));
        let facts = Facts::new(&case);
        let called =
            |host: &str| service_called(&facts, "shop", host).map(|service| service.metadata.name.as_str());
        assert_eq!(called("db-0.db.shop.svc.cluster.local"), Some("db"));
        assert_eq!(called("db.shop"), Some("db"));
        assert_eq!(called("db-0.db.bank.svc.cluster.local"), None);
    }

    #[test]
    fn an_address_of_a_private_network_may_be_one_of_the_cluster() {
        let about = |host: &str| Complaint {
            workload: EntityRef::namespaced("Deployment", "shop", "cart"),
            kind: Indicator::Timeout,
            target: Target::External(EntityRef::external(host)),
            host: Some(host.to_owned()),
            entries: Vec::new(),
            ends: None,
        };
        for host in [
            "172.20.3.29:5432",
            "10.0.0.1",
            "192.168.7.7:80",
            "100.96.1.1",
            "[fd00::1]:80",
        ] {
            assert!(about(host).is_of_unknown_address(), "{host}");
        }
        for host in [
            "203.0.113.77:443",
            "100.128.0.1",
            "172.32.0.1",
            "[2001:db8::1]:80",
            "api.example.com",
        ] {
            assert!(!about(host).is_of_unknown_address(), "{host}");
        }
        let mut known = about("10.0.0.1");
        known.target = Target::Known(EntityRef::namespaced("Service", "shop", "db"));
        assert!(!known.is_of_unknown_address());
    }

    /// The names of those of whom a line of `web` complains.
    fn blamed(line: &str) -> Vec<String> {
        let names = ["web", "stock-api", "stock", "is"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
            "services": names.map(|name| fixture::service("shop", name, json!({"port": 80}))),
        }));
        fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
        let facts = Facts::new(&case);
        let targets = complaints(&facts)
            .iter()
            .filter_map(|complaint| match &complaint.target {
                Target::Known(entity) => Some(entity.name.clone()),
                _ => None,
            });
        targets.collect()
    }

    #[test]
    fn a_service_is_named_without_an_address() {
        assert_eq!(blamed("stock-api returned 502 Bad Gateway"), ["stock-api"]);
        assert_eq!(blamed("Bad Gateway (stock-api)"), ["stock-api"]);
        assert_eq!(blamed("call to stock timed out"), ["stock"]);
        assert_eq!(blamed("timeout reading response from stock"), ["stock"]);
        assert_eq!(blamed("got 503 from stock"), ["stock"]);
        // A word that is no name there, its own name, two names, an address, a path.
        for line in [
            "could not refresh stock: timeout",
            "web returned 502 Bad Gateway",
            "stock-api returned 502, stock returned 502",
            "GET https://partner.example/stock-api returned 502 Bad Gateway",
            "GET /stock-api/1 502 Bad Gateway",
        ] {
            assert!(blamed(line).is_empty(), "{line}: {:?}", blamed(line));
        }
    }
}
