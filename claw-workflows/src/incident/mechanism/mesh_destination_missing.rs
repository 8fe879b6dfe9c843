//! A mesh sends requests to a destination that is not there.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::address::Address;
use claw_k8s::model::{DynamicObject, Object, Service};
use claw_k8s::world::ServiceNames;
use serde_json::Value;

use super::ways_in::{behind, list, text};
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;

/// A VirtualService routes to a host, port or subset that nobody defines, or to a subset without pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeshDestinationMissing;

impl Mechanism for MeshDestinationMissing {
    fn id(&self) -> &'static str {
        "mesh_destination_missing"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let objects = &facts.case.objects;
        let names = ServiceNames::new(&objects.services, &objects.namespaces);
        let mesh = Mesh { facts, names };
        objects
            .mesh
            .iter()
            .filter(|object| object.kind == "VirtualService")
            .flat_map(|route| mesh.of_route(route))
            .collect()
    }
}

/// What is wrong with a destination.
struct Fault<'a> {
    what: String,
    /// The rule that should define what is missing.
    rule: Option<&'a DynamicObject>,
    /// Whose labels do not fit the subset.
    workload: Option<EntityRef>,
}

struct Mesh<'f, 'a> {
    facts: &'f Facts<'a>,
    names: ServiceNames,
}

impl<'a> Mesh<'_, 'a> {
    fn of_route(&self, route: &DynamicObject) -> Vec<Candidate> {
        let rules = ["http", "tls", "tcp"]
            .into_iter()
            .flat_map(|protocol| list(&route.spec, protocol));
        let destinations = rules.flat_map(|rule| {
            // Nothing is sent to what has no share, unless it is the only one.
            let only = list(rule, "route").count() == 1;
            list(rule, "route")
                .filter(move |route| only || route.get("weight").and_then(Value::as_i64) != Some(0))
        });
        destinations
            .filter_map(|route| route.get("destination"))
            .filter_map(|destination| self.fault(route, destination))
            .map(|fault| self.candidate(route, fault))
            .collect()
    }

    fn host(&self, ns: &str, host: &str) -> Option<EntityRef> {
        if host.contains('*') {
            return None;
        }
        self.names.resolve(ns, &Address::parse(host)?)
    }

    fn fault(&self, route: &DynamicObject, destination: &Value) -> Option<Fault<'a>> {
        let facts = self.facts;
        let ns = route.metadata.ns();
        let host = text(destination, "host");
        let entity = self.host(ns, host)?;
        let at = entity.namespace.as_deref().unwrap_or_default();
        let simple = |what: String| Fault {
            what,
            rule: None,
            workload: None,
        };
        let Some(service) = facts
            .service(at, &entity.name)
            .filter(|_| entity.kind == "Service")
        else {
            let gone = entity.kind == "Service" && facts.case.knows_all("Service", at) && !self.entry(host);
            return gone.then(|| simple(format!("routes to {host}, which nobody bears")));
        };
        let port = destination
            .get("port")
            .and_then(|port| port.get("number"))
            .and_then(Value::as_i64);
        if let Some(port) = port
            && !service
                .spec
                .ports
                .iter()
                .any(|known| i64::from(known.port) == port)
        {
            return Some(simple(format!(
                "routes to port {port} of {entity}, which it does not have"
            )));
        }
        let subset = text(destination, "subset");
        if subset.is_empty() {
            return None;
        }
        let rules: Vec<&'a DynamicObject> = facts
            .case
            .objects
            .mesh
            .iter()
            .filter(|rule| rule.kind == "DestinationRule")
            .filter(|rule| self.host(rule.metadata.ns(), text(&rule.spec, "host")).as_ref() == Some(&entity))
            .collect();
        let defining = rules.iter().find_map(|rule| {
            Some((
                *rule,
                list(&rule.spec, "subsets").find(|one| text(one, "name") == subset)?,
            ))
        });
        let Some((rule, defined)) = defining else {
            // The rule may lie in another namespace than those that were read.
            let known = !rules.is_empty()
                || (facts.case.knows_all("DestinationRule", ns)
                    && facts.case.knows_all("DestinationRule", at));
            return known.then(|| Fault {
                what: format!("routes to subset {subset} of {entity}, which no DestinationRule defines"),
                rule: rules.first().copied(),
                workload: None,
            });
        };
        self.without_pods(service, rule, subset, defined)
    }

    /// Whether a ServiceEntry makes the host known to the mesh.
    fn entry(&self, host: &str) -> bool {
        let entries = self.facts.case.objects.mesh.iter();
        entries
            .filter(|object| object.kind == "ServiceEntry")
            .flat_map(|object| list(&object.spec, "hosts"))
            .filter_map(Value::as_str)
            .any(|known| known == host || known.strip_prefix('*').is_some_and(|rest| host.ends_with(rest)))
    }

    /// A subset whose labels no pod of the Service carries.
    fn without_pods(
        &self,
        service: &Service,
        rule: &'a DynamicObject,
        subset: &str,
        defined: &Value,
    ) -> Option<Fault<'a>> {
        let facts = self.facts;
        let labels: BTreeMap<&str, &str> = defined
            .get("labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect();
        let ns = service.metadata.ns();
        let pods: Vec<_> = facts
            .pods_in(ns)
            .iter()
            .filter(|pod| service.selects(&pod.metadata.labels) && !pod.is_finished())
            .collect();
        let fits = |pod: &claw_k8s::model::Pod| {
            labels
                .iter()
                .all(|(key, value)| pod.metadata.labels.get(*key).is_some_and(|known| known == value))
        };
        // Without any pod the trouble is another one.
        let first = pods.first()?;
        if labels.is_empty() || pods.iter().any(|pod| fits(pod)) {
            return None;
        }
        let written: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Some(Fault {
            what: format!(
                "routes to subset {subset} of {}, which is to have the labels {}, and no pod has them",
                service.entity(),
                written.join(",")
            ),
            rule: Some(rule),
            workload: Some(facts.workload_of(first)),
        })
    }

    fn candidate(&self, route: &DynamicObject, fault: Fault<'a>) -> Candidate {
        let facts = self.facts;
        let this = route.entity();
        let of = |entity: &EntityRef| recent_change::before_trouble(facts, entity, None, |_| true);
        // Route, rule and labels have to fit: the one that was changed last is at fault.
        let sides = std::iter::once(this.clone())
            .chain(fault.rule.map(Object::entity))
            .chain(fault.workload.clone());
        let last = sides
            .filter_map(|side| Some((of(&side)?, side)))
            .max_by_key(|(change, _)| change.time);
        let (entity, change) = match last {
            Some((change, side)) => (side, Some(change)),
            None => (this.clone(), None),
        };
        let cause = if entity == this {
            format!("{this} {}", fault.what)
        } else {
            format!("{entity} was changed, and {this} {}", fault.what)
        };
        let mut seen = vec![facts.object(route, None, fault.what.clone())];
        seen.extend(
            fault
                .rule
                .map(|rule| facts.object(rule, None, "is about the same host")),
        );
        let mut found = Candidate::new("mesh_destination_missing", entity.clone(), cause)
            .aspect(fault.what.as_str())
            .clue("mesh routes to what is not there", 4.0, seen)
            .hurting(behind(facts, &this))
            .hurting(std::iter::once(this.clone()).filter(|this| *this != entity))
            .hurting(facts.graph().felt_by(&this).into_iter().cloned());
        found = match change {
            Some(change) => found
                .clue("changed before", 1.0, vec![facts.change_evidence(change)])
                .brought_by(Some(&change.reference))
                .since(Some(change.time)),
            None => found.since(route.metadata.last_edit().and_then(|edit| edit.time)),
        };
        let advice = Advice::new(
            format!("Make {this} and what it routes to fit: it {}", fault.what),
            "The proxies answer such requests with 503 until then",
        );
        let ns = route.metadata.ns();
        recent_change::doubt_old(facts, &route.metadata, found).advise(advice.command(format!(
            "kubectl -n {ns} get virtualservice {} -o yaml; kubectl get destinationrules -A",
            route.metadata.name
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::MeshDestinationMissing;
    use crate::incident::testing::of;

    fn causes(destination: &Value, weight: i64, rules: &Value, version: &str) -> Vec<String> {
        let mut pod = fixture::pod("shop", "cart", json!([{"name": "app"}]));
        pod["metadata"]["labels"]["version"] = json!(version);
        let mut routes = vec![json!({"destination": destination, "weight": weight})];
        if (1..100).contains(&weight) || weight < 0 {
            // The rest goes to the Service as it is; a share below nothing stands for none beside it.
            routes[0]["weight"] = json!(weight.max(0));
            routes.push(json!({"destination": {"host": "cart"}, "weight": 100 - weight.max(0)}));
        }
        let route = json!({
            "kind": "VirtualService", "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"hosts": ["cart"], "http": [{"route": routes}]},
        });
        let mut mesh = vec![route];
        mesh.extend(rules.as_array().unwrap().iter().cloned());
        let mut case = fixture::case(json!({
            "mesh": mesh, "pods": [pod],
            "services": [fixture::service("shop", "cart", json!({"port": 80}))],
        }));
        fixture::know_all(&mut case, &["Service", "DestinationRule"]);
        of(&MeshDestinationMissing, &case)
            .into_iter()
            .map(|found| found.cause)
            .collect()
    }

    fn rule(subset: &str, version: &str) -> Value {
        json!([{
            "kind": "DestinationRule", "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"host": "cart.shop.svc.cluster.local", "subsets": [{"name": subset, "labels": {"version": version}}]},
        }])
    }

    #[test]
    fn a_subset_must_be_defined_and_have_pods() {
        let to = json!({"host": "cart", "subset": "v2"});
        assert!(causes(&to, 100, &rule("v2", "2"), "2").is_empty());
        let undefined = causes(&to, 100, &rule("v1", "2"), "2");
        assert!(
            undefined[0].contains("no DestinationRule defines"),
            "{undefined:?}"
        );
        assert_eq!(causes(&to, 100, &json!([]), "2").len(), 1);
        let empty = causes(&to, 100, &rule("v2", "2"), "1");
        assert!(empty[0].contains("no pod has them"), "{empty:?}");
        assert_eq!(causes(&to, 10, &rule("v1", "2"), "2").len(), 1);
        // Nothing is sent there where others have a share, and all where it is the only one.
        assert!(causes(&to, -1, &rule("v1", "2"), "2").is_empty());
        assert_eq!(causes(&to, 0, &rule("v1", "2"), "2").len(), 1);
    }

    #[test]
    fn a_host_must_be_known_to_the_mesh() {
        let to = json!({"host": "chart"});
        assert_eq!(causes(&to, 100, &json!([]), "1").len(), 1);
        let outside = json!([{"kind": "ServiceEntry", "metadata": {"name": "c", "namespace": "shop"}, "spec": {"hosts": ["chart"]}}]);
        assert!(causes(&to, 100, &outside, "1").is_empty());
        assert!(causes(&json!({"host": "api.example.com"}), 100, &json!([]), "1").is_empty());
        assert_eq!(
            causes(
                &json!({"host": "cart", "port": {"number": 81}}),
                100,
                &json!([]),
                "1"
            )
            .len(),
            1
        );
    }
}
