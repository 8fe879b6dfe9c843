//! What counts as one: a service with its workload and pods.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Workload};
use claw_metrics::classify::UNKNOWN_WORKLOAD;

use super::Facts;
use crate::incident::case::Case;

/// Kinds that a label which names a workload without its kind may mean.
const MEANT: [&str; 7] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
];

/// Which entity stands for which others.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// Services, each with the one workload behind it.
    services: BTreeMap<EntityRef, EntityRef>,
    /// Workloads that metrics name without their kind, each with the one of that name.
    unkinded: BTreeMap<EntityRef, EntityRef>,
    /// What only metrics, calls and logs know.
    unseen: BTreeMap<EntityRef, EntityRef>,
}

impl Units {
    pub(super) fn of(case: &Case, top: &[&Workload]) -> Self {
        let mut by_namespace: BTreeMap<&str, Vec<&Workload>> = BTreeMap::new();
        for workload in top {
            by_namespace
                .entry(workload.metadata.ns())
                .or_default()
                .push(workload);
        }
        let services = case
            .objects
            .services
            .iter()
            .filter_map(|service| {
                let mut behind = by_namespace
                    .get(service.metadata.ns())?
                    .iter()
                    .filter(|workload| service.selects(&workload.template().metadata.labels));
                let only = behind.next()?;
                behind.next().is_none().then(|| (service.entity(), only.entity()))
            })
            .collect();
        Self {
            services,
            unkinded: unkinded(top),
            unseen: unseen(case),
        }
    }
}

impl Facts<'_> {
    /// Entities that others stand for, with those others; see [`unit_of`](Self::unit_of).
    pub fn stand_ins(&self) -> impl Iterator<Item = (&EntityRef, &EntityRef)> {
        self.units.unseen.iter().chain(&self.units.unkinded)
    }

    /// The unit that an entity's metrics count for: its outermost owner where objects are known, otherwise the service
    /// that the entity's series or name tell, otherwise itself.
    pub fn unit_of(&self, entity: &EntityRef) -> EntityRef {
        let units = &self.units;
        let known = match entity.kind.as_str() {
            "Pod" => self
                .pod(entity)
                .map(|pod| self.workload_of(pod))
                .or_else(|| units.unseen.get(entity).cloned()),
            "Service" => units
                .services
                .get(entity)
                .cloned()
                .or_else(|| self.namesake(entity))
                .or_else(|| units.unseen.get(entity).cloned()),
            UNKNOWN_WORKLOAD => units.unkinded.get(entity).cloned(),
            _ => Some(self.top_of(entity)),
        };
        known.unwrap_or_else(|| entity.clone())
    }
}

impl Facts<'_> {
    /// The workload of a Service that was not read: by custom, one is called like the other.
    fn namesake(&self, service: &EntityRef) -> Option<EntityRef> {
        let ns = service.namespace.as_deref()?;
        if self.service(ns, &service.name).is_some() || self.case.knows_all("Service", ns) {
            return None;
        }
        let open = EntityRef {
            kind: UNKNOWN_WORKLOAD.to_owned(),
            ..service.clone()
        };
        self.units.unkinded.get(&open).cloned()
    }
}

/// The one workload of a name in a namespace, for labels that leave its kind open.
fn unkinded(top: &[&Workload]) -> BTreeMap<EntityRef, EntityRef> {
    let mut named: BTreeMap<EntityRef, Vec<EntityRef>> = BTreeMap::new();
    for workload in top
        .iter()
        .filter(|workload| MEANT.contains(&workload.kind.as_str()))
    {
        let entity = workload.entity();
        let open = EntityRef {
            kind: UNKNOWN_WORKLOAD.to_owned(),
            ..entity.clone()
        };
        named.entry(open).or_default().push(entity);
    }
    named
        .into_iter()
        .filter_map(|(open, entities)| match <[EntityRef; 1]>::try_from(entities) {
            Ok([only]) => Some((open, only)),
            Err(_) => None,
        })
        .collect()
}

/// Which entity stands for which others where only metrics are known: pods of a service, and services of the same name
/// with and without a namespace, count as one. The pod stands for its service where it is the only one, since that is
/// what can be told apart and acted on.
fn unseen(case: &Case) -> BTreeMap<EntityRef, EntityRef> {
    let mut services: BTreeSet<&EntityRef> = BTreeSet::new();
    let mut pods: BTreeSet<&EntityRef> = BTreeSet::new();
    let signals = case
        .signals
        .iter()
        .flat_map(|signal| std::iter::once(&signal.entity).chain(&signal.peer));
    let calls = case.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
    let logs = case.logs.iter().map(|digest| &digest.pod);
    for entity in signals.chain(calls).chain(logs).chain(&case.subject) {
        match entity.kind.as_str() {
            "Pod" => pods.insert(entity),
            "Service" => services.insert(entity),
            _ => false,
        };
    }
    let mut by_name: BTreeMap<&str, Vec<&EntityRef>> = BTreeMap::new();
    for service in &services {
        by_name.entry(service.name.as_str()).or_default().push(service);
    }
    let mut units = BTreeMap::new();
    for named in by_name.values() {
        let mut placed = named.iter().filter(|service| service.namespace.is_some());
        if let (Some(only), None) = (placed.next(), placed.next()) {
            for service in named.iter().filter(|service| service.namespace.is_none()) {
                units.insert((*service).clone(), (*only).clone());
            }
        }
    }
    for pod in &pods {
        let service = service_names(&pod.name)
            .into_iter()
            .filter_map(|name| by_name.get(name))
            .flatten()
            .filter(|service| service.namespace.is_none() || service.namespace == pod.namespace)
            .min();
        if let Some(service) = service {
            let unit = units.get(*service).cloned().unwrap_or_else(|| (*service).clone());
            units.insert((*pod).clone(), unit);
        }
    }
    units
}

/// Names that a pod's owner may have: the pod's name without its last one or two parts.
fn service_names(pod: &str) -> Vec<&str> {
    let one = pod.rsplit_once('-').map(|(rest, _)| rest);
    let two = one.and_then(|rest| rest.rsplit_once('-')).map(|(rest, _)| rest);
    two.into_iter().chain(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::incident::testing::{case, object};

    #[test]
    fn a_workload_of_unknown_kind_is_the_one_of_its_name() {
        let mut case = case();
        for (kind, name) in [
            ("Deployment", "cart"),
            ("StatefulSet", "db"),
            ("Deployment", "batch"),
            ("CronJob", "batch"),
        ] {
            case.objects.workloads.push(object(name, json!({"kind": kind})));
        }
        let facts = Facts::new(&case);
        let open = |name| EntityRef::namespaced(UNKNOWN_WORKLOAD, "shop", name);
        let unit = |name| facts.unit_of(&open(name));
        assert_eq!(unit("cart"), EntityRef::namespaced("Deployment", "shop", "cart"));
        assert_eq!(unit("db"), EntityRef::namespaced("StatefulSet", "shop", "db"));
        // Two bear the name, and nobody does.
        assert_eq!(unit("batch"), open("batch"));
        assert_eq!(unit("gone"), open("gone"));
        let reach = facts
            .graph()
            .reach([&EntityRef::namespaced("Deployment", "shop", "cart")]);
        assert!(reach.contains_key(&open("cart")));
    }

    #[test]
    fn a_service_that_was_not_read_is_the_workload_of_its_name() {
        let mut case = case();
        case.objects
            .workloads
            .push(object("cart", json!({"kind": "Deployment"})));
        let service = EntityRef::namespaced("Service", "shop", "cart");
        assert_eq!(
            Facts::new(&case).unit_of(&service),
            service,
            "all are known: it does not exist"
        );
        case.listed_everywhere.remove("Service");
        assert_eq!(
            Facts::new(&case).unit_of(&service),
            EntityRef::namespaced("Deployment", "shop", "cart")
        );
    }

    #[test]
    fn a_service_counts_for_the_only_workload_behind_it() {
        let mut case = case();
        for name in ["cart", "cart-canary"] {
            let labels = json!({"app": name, "part-of": "cart"});
            let template = json!({"template": {"metadata": {"labels": labels}}});
            case.objects
                .workloads
                .push(object(name, json!({"kind": "Deployment", "spec": template})));
        }
        for (name, selector) in [
            ("one", json!({"app": "cart"})),
            ("both", json!({"part-of": "cart"})),
        ] {
            case.objects
                .services
                .push(object(name, json!({"spec": {"selector": selector}})));
        }
        let facts = Facts::new(&case);
        let service = |name| EntityRef::namespaced("Service", "shop", name);
        assert_eq!(
            facts.unit_of(&service("one")),
            EntityRef::namespaced("Deployment", "shop", "cart")
        );
        assert_eq!(facts.unit_of(&service("both")), service("both"));
    }
}
