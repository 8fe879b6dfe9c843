//! What counts as one: a service with its workload and pods.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Workload};
use claw_metrics::classify::UNKNOWN_WORKLOAD;

use super::Facts;
use crate::incident::case::Case;
use crate::incident::logs::host_of;

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

/// Kinds of workloads that serve others.
const DEFINITE: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Which entity stands for which others.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// Services, each with the one workload behind it.
    services: BTreeMap<EntityRef, EntityRef>,
    /// Workloads that metrics name without their kind, each with the one of that name.
    unkinded: BTreeMap<EntityRef, EntityRef>,
    /// Services and workloads that metrics and calls name without a namespace, each with the only one of that name.
    unplaced: BTreeMap<EntityRef, EntityRef>,
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
        let services: BTreeMap<EntityRef, EntityRef> = case
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
        let unkinded = unkinded(top);
        Self {
            unplaced: unplaced(case, &services, &unkinded),
            services,
            unkinded,
            unseen: unseen(case),
        }
    }
}

impl Facts<'_> {
    /// Entities that others stand for, with those others; see [`unit_of`](Self::unit_of).
    pub fn stand_ins(&self) -> impl Iterator<Item = (&EntityRef, &EntityRef)> {
        let units = &self.units;
        units.unseen.iter().chain(&units.unkinded).chain(&units.unplaced)
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
                .or_else(|| units.unplaced.get(entity))
                .cloned()
                .or_else(|| self.namesake(entity))
                .or_else(|| units.unseen.get(entity).cloned()),
            UNKNOWN_WORKLOAD => units
                .unkinded
                .get(entity)
                .or_else(|| units.unplaced.get(entity))
                .or_else(|| units.unseen.get(entity))
                .cloned(),
            _ => {
                let top = self.top_of(entity);
                units.unseen.get(&top).cloned().or(Some(top))
            }
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

/// What metrics and calls name without a namespace is the workload behind the only Service of that name, or where there is no
/// such Service, the only workload.
fn unplaced(
    case: &Case,
    services: &BTreeMap<EntityRef, EntityRef>,
    unkinded: &BTreeMap<EntityRef, EntityRef>,
) -> BTreeMap<EntityRef, EntityRef> {
    let served = case.objects.services.iter().map(|service| service.entity());
    let served = by_name(served.map(|service| {
        let behind = services.get(&service).cloned();
        (service.name, behind)
    }));
    let run = by_name(
        unkinded
            .iter()
            .map(|(open, one)| (open.name.clone(), Some(one.clone()))),
    );
    let signals = case.signals.iter();
    let measured = signals.flat_map(|signal| std::iter::once(&signal.entity).chain(&signal.peer));
    let called = case.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
    measured
        .chain(called)
        .filter(|entity| entity.namespace.is_none())
        .filter(|entity| matches!(entity.kind.as_str(), "Service" | UNKNOWN_WORKLOAD))
        .filter_map(|entity| {
            let found = served.get(&entity.name).or_else(|| run.get(&entity.name));
            Some((entity.clone(), found?.clone()?))
        })
        .collect()
}

/// What each name stands for; nothing where several bear it.
fn by_name(named: impl Iterator<Item = (String, Option<EntityRef>)>) -> BTreeMap<String, Option<EntityRef>> {
    let mut found: BTreeMap<String, Option<EntityRef>> = BTreeMap::new();
    for (name, entity) in named {
        found
            .entry(name)
            .and_modify(|known| *known = None)
            .or_insert(entity);
    }
    found
}

/// Which entity stands for which others where no objects were seen: sources name the same thing as a Service, as a workload,
/// or by its address, with and without a namespace; pods belong to what their names begin with. What metrics are labelled
/// with stands for the rest, so that answers name it as the label does.
fn unseen(case: &Case) -> BTreeMap<EntityRef, EntityRef> {
    let hosts = hosts(case);
    let signals = case
        .signals
        .iter()
        .flat_map(|signal| std::iter::once(&signal.entity).chain(&signal.peer));
    let measured: BTreeSet<&EntityRef> = signals.collect();
    let calls = case.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
    let logs = case.logs.iter().map(|digest| &digest.pod);
    let changed = case.changes.iter().map(|change| &change.entity);
    let placed = case.placed.iter().map(|(pod, _)| pod);
    let told = calls
        .chain(logs)
        .chain(&case.subject)
        .chain(changed)
        .chain(&hosts)
        .chain(placed);
    let all: BTreeSet<&EntityRef> = measured.iter().copied().chain(told).collect();

    let mut groups: BTreeMap<String, Vec<&EntityRef>> = BTreeMap::new();
    for entity in &all {
        if let Some(name) = name_of_one(entity) {
            groups.entry(spelled(name)).or_default().push(entity);
        }
    }
    let objects = &case.objects;
    let seen: BTreeSet<String> = objects
        .workloads
        .iter()
        .map(|workload| &workload.metadata.name)
        .chain(objects.services.iter().map(|service| &service.metadata.name))
        .map(|name| spelled(name))
        .collect();

    let mut units = BTreeMap::new();
    let mut places: BTreeMap<String, Vec<&EntityRef>> = BTreeMap::new();
    for (name, group) in groups {
        for same in told_apart(group, seen.contains(&name)) {
            let Some(unit) = same
                .iter()
                .copied()
                .min_by_key(|entity| (!measured.contains(entity), entity.namespace.is_none(), *entity))
            else {
                continue;
            };
            let others = same.into_iter().filter(|entity| *entity != unit);
            units.extend(others.map(|entity| (entity.clone(), unit.clone())));
            places.entry(name.clone()).or_default().push(unit);
        }
    }
    for pod in all.iter().filter(|entity| entity.kind == "Pod") {
        let unit = owner_names(&pod.name).into_iter().find_map(|name| {
            let fits = |unit: &&EntityRef| unit.namespace.is_none() || unit.namespace == pod.namespace;
            places.get(&spelled(name))?.iter().copied().find(fits)
        });
        if let Some(unit) = unit {
            units.insert((*pod).clone(), unit.clone());
        }
    }
    units
}

/// Services that logs name by their host, where nothing else tells which there are.
fn hosts(case: &Case) -> BTreeSet<EntityRef> {
    if case.saw_objects() {
        return BTreeSet::new();
    }
    let named = case.logs.iter().flat_map(|digest| {
        let indications = digest.patterns.iter().flat_map(|pattern| &pattern.indications);
        indications.filter_map(move |indication| {
            let host = host_of(indication.target.as_deref()?);
            let bare = !host.is_empty() && !host.contains(['.', ':', '/']);
            bare.then(|| EntityRef {
                kind: "Service".to_owned(),
                namespace: digest.pod.namespace.clone(),
                name: host.to_owned(),
            })
        })
    });
    named.collect()
}

/// The name of an entity that another source may name with another kind.
fn name_of_one(entity: &EntityRef) -> Option<&str> {
    match entity.kind.as_str() {
        "Service" | UNKNOWN_WORKLOAD => Some(entity.name.as_str()),
        kind if DEFINITE.contains(&kind) => Some(entity.name.as_str()),
        EntityRef::EXTERNAL_HOST => {
            // A host without a domain is a name in the cluster, or of a container beside the one that calls it.
            let host = host_of(&entity.name);
            (!host.is_empty() && !host.contains(['.', ':'])).then_some(host)
        }
        _ => None,
    }
}

/// Names of metrics have neither hyphens nor, by custom, capitals.
fn spelled(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// The entities of one name that mean the same thing. Of a name that objects bear only Services are taken together: what
/// stands behind them is known.
fn told_apart(group: Vec<&EntityRef>, seen: bool) -> Vec<Vec<&EntityRef>> {
    let kinds: BTreeSet<&str> = group
        .iter()
        .map(|entity| entity.kind.as_str())
        .filter(|kind| DEFINITE.contains(kind))
        .collect();
    let several = kinds.len() > 1;
    let group: Vec<&EntityRef> = group
        .into_iter()
        .filter(|entity| {
            let definite = DEFINITE.contains(&entity.kind.as_str());
            let told = seen || several && definite;
            entity.kind == "Service" || !told
        })
        .collect();
    // One source spells a name in one way: what it spells in two ways is two things.
    let mut spellings: BTreeMap<(&str, &Option<String>), BTreeSet<&str>> = BTreeMap::new();
    for entity in &group {
        let key = (entity.kind.as_str(), &entity.namespace);
        spellings.entry(key).or_default().insert(host_of(&entity.name));
    }
    let exact = spellings.values().any(|names| names.len() > 1);
    let mut parts: BTreeMap<&str, Vec<&EntityRef>> = BTreeMap::new();
    for entity in group {
        let name = if exact { host_of(&entity.name) } else { "" };
        parts.entry(name).or_default().push(entity);
    }
    parts.into_values().flat_map(by_namespace).collect()
}

/// One group where only one namespace is named; otherwise one for each, and one for what names none.
fn by_namespace(group: Vec<&EntityRef>) -> Vec<Vec<&EntityRef>> {
    let namespaces: BTreeSet<&str> = group
        .iter()
        .filter_map(|entity| entity.namespace.as_deref())
        .collect();
    if namespaces.len() < 2 {
        return vec![group];
    }
    let mut placed: BTreeMap<Option<&str>, Vec<&EntityRef>> = BTreeMap::new();
    for entity in group {
        placed
            .entry(entity.namespace.as_deref())
            .or_default()
            .push(entity);
    }
    placed.into_values().collect()
}

/// Names that what runs a pod may have, the longest first: the pod's own, and that without its last one or two parts.
fn owner_names(pod: &str) -> Vec<&str> {
    let one = pod.rsplit_once('-').map(|(rest, _)| rest);
    let two = one.and_then(|rest| rest.rsplit_once('-')).map(|(rest, _)| rest);
    std::iter::once(pod).chain(one).chain(two).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::incident::testing::{at, case, object};

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

    /// A case without objects in which one source names `left` and another one `right`.
    fn named_twice(left: &EntityRef, right: &EntityRef) -> Case {
        let mut case = case();
        let seconds: Vec<claw_metrics::series::Point> = (0..60)
            .map(|minute| {
                let value = if minute < 30 { 0.1 } else { 0.9 };
                (at(60 * (minute - 30)), value)
            })
            .collect();
        let labels = [("__name__", "latency_seconds"), ("service", "any")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let series = claw_metrics::series::Series::new(labels.into_iter().collect(), seconds);
        let incident = claw_core::report::Window {
            start: at(0),
            end: at(1800),
        };
        let signal = claw_metrics::signal::detect(&series, &incident, None, &Default::default()).unwrap();
        case.signals.push(claw_metrics::signal::Signal {
            entity: left.clone(),
            ..signal
        });
        case.calls.push(crate::incident::case::Call {
            caller: EntityRef::namespaced("Service", "shop", "front"),
            callee: right.clone(),
            via: "topology".to_owned(),
        });
        case
    }

    #[test]
    fn what_names_no_namespace_is_the_only_one_of_its_name() {
        let unit = |places: &[&str], with_service: bool| {
            let mut case = named_twice(&bare("Service", "cart"), &bare(UNKNOWN_WORKLOAD, "cart"));
            for place in places {
                let labels = json!({"app": "cart"});
                let meta = json!({"namespace": place});
                let spec = json!({"template": {"metadata": {"labels": labels}}});
                let workload = json!({"kind": "Deployment", "metadata": meta, "spec": spec});
                case.objects.workloads.push(object("cart", workload));
                if with_service {
                    let service = json!({"metadata": meta, "spec": {"selector": labels}});
                    case.objects.services.push(object("cart", service));
                }
            }
            let facts = Facts::new(&case);
            let named = ["Service", UNKNOWN_WORKLOAD].map(|kind| facts.unit_of(&bare(kind, "cart")));
            named.map(|unit| unit.to_string())
        };
        for with_service in [true, false] {
            assert_eq!(unit(&["shop"], with_service), ["Deployment shop/cart"; 2]);
            let two = unit(&["shop", "stage"], with_service);
            assert!(two.iter().all(|unit| !unit.contains("Deployment")), "{two:?}");
        }
    }

    fn bare(kind: &str, name: &str) -> EntityRef {
        EntityRef::cluster(kind, name)
    }

    #[test]
    fn sources_that_name_the_same_thing_in_other_ways_tell_of_one() {
        let metrics = [
            bare("Service", "cart-db"),
            bare(UNKNOWN_WORKLOAD, "CART_db"),
            bare("Deployment", "cart-db"),
            EntityRef::namespaced("Service", "shop", "cart-db"),
            EntityRef::namespaced("StatefulSet", "shop", "cart-db"),
            EntityRef::namespaced("DaemonSet", "shop", "cart-db"),
            EntityRef::external("cart-db"),
            EntityRef::external("cart-db:8080"),
        ];
        let topology = [
            bare("Service", "cart-db"),
            EntityRef::namespaced("Service", "shop", "cart-db"),
            EntityRef::external("cart-db:9090"),
            EntityRef::namespaced(UNKNOWN_WORKLOAD, "shop", "cart-db"),
            EntityRef::namespaced("Pod", "shop", "cart-db-7d9f8b6c5-x1abc"),
            EntityRef::namespaced("Pod", "shop", "cart-db-0"),
        ];
        for metric in &metrics {
            for callee in &topology {
                let case = named_twice(metric, callee);
                let facts = Facts::new(&case);
                assert_eq!(facts.unit_of(callee), *metric, "{metric} called as {callee}");
                assert_eq!(facts.unit_of(metric), *metric, "{metric}");
            }
        }
    }

    #[test]
    fn what_only_looks_alike_stays_apart() {
        let pairs = [
            (
                EntityRef::namespaced("Service", "shop", "cart"),
                EntityRef::namespaced("Service", "test", "cart"),
            ),
            (
                EntityRef::namespaced("Deployment", "shop", "cart"),
                EntityRef::namespaced("StatefulSet", "shop", "cart"),
            ),
            (bare("Service", "Cart"), bare("Service", "cart")),
            (bare("Service", "cart"), EntityRef::external("cart.example.com")),
            (bare("Service", "cart"), bare("Service", "cart-db")),
            (bare("Service", "node-1"), bare("Node", "node-1")),
            (
                EntityRef::namespaced("Service", "test", "cart"),
                EntityRef::namespaced("Pod", "shop", "cart-0"),
            ),
        ];
        for (one, other) in pairs {
            let case = named_twice(&one, &other);
            let facts = Facts::new(&case);
            assert_ne!(facts.unit_of(&one), facts.unit_of(&other), "{one} and {other}");
        }
    }
}
