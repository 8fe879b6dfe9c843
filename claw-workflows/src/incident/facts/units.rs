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
    // Where objects were seen, they tell what there is beside what moved.
    let steady = case.measured.iter().filter(|_| !case.saw_objects());
    let steady = steady.map(|(entity, _)| entity);
    let measured: BTreeSet<&EntityRef> = signals.chain(steady).collect();
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
    let logged = case.logs.iter().map(|digest| &digest.pod);
    let borne: BTreeSet<String> = all
        .iter()
        .filter_map(|entity| name_of_one(entity))
        .map(spelled)
        .collect();
    let homes = homes(measured.iter().copied().chain(logged), &borne);

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
        for same in told_apart(group, seen.contains(&name), homes.get(&name)) {
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
            let found = places.get(&spelled(name))?;
            let here = found.iter().find(|unit| unit.namespace == pod.namespace);
            here.or_else(|| found.iter().find(|unit| unit.namespace.is_none()))
                .copied()
        });
        if let Some(unit) = unit {
            units.insert((*pod).clone(), unit.clone());
        }
    }
    units
}

/// The namespaces in which what bears one of these names was measured or logged. Who only changed something there may have
/// changed it of another of that name. A pod is at home under the longest name that its owner may have.
fn homes<'e>(
    seen: impl Iterator<Item = &'e EntityRef>,
    borne: &BTreeSet<String>,
) -> BTreeMap<String, BTreeSet<&'e str>> {
    let mut homes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for entity in seen {
        let Some(place) = entity.namespace.as_deref() else {
            continue;
        };
        let name = match entity.kind.as_str() {
            "Pod" => owner_of(&entity.name, borne),
            _ => name_of_one(entity).map(spelled),
        };
        if let Some(name) = name {
            homes.entry(name).or_default().insert(place);
        }
    }
    homes
}

/// The longest of the names that are borne and that a pod's owner may have. What ends with a number is a pod of a StatefulSet,
/// and all before it is the owner's name.
fn owner_of(pod: &str, borne: &BTreeSet<String>) -> Option<String> {
    let numbered = |(_, last): &(&str, &str)| last.bytes().all(|byte| byte.is_ascii_digit());
    let names = match pod.rsplit_once('-').filter(numbered) {
        Some((owner, _)) => vec![owner],
        None => owner_names(pod),
    };
    names.into_iter().map(spelled).find(|name| borne.contains(name))
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
fn told_apart<'e>(
    group: Vec<&'e EntityRef>,
    seen: bool,
    homes: Option<&BTreeSet<&str>>,
) -> Vec<Vec<&'e EntityRef>> {
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
    let parts = parts.into_values();
    parts.flat_map(|part| by_namespace(part, homes)).collect()
}

/// One group for each namespace. What names none belongs to the one in which it is at home, as far as that is known, otherwise
/// to the only one that is named.
fn by_namespace<'e>(group: Vec<&'e EntityRef>, homes: Option<&BTreeSet<&str>>) -> Vec<Vec<&'e EntityRef>> {
    let named: BTreeSet<&str> = group
        .iter()
        .filter_map(|entity| entity.namespace.as_deref())
        .collect();
    let only = |places: &BTreeSet<&'e str>| match places.len() {
        1 => places.first().copied(),
        _ => None,
    };
    let home = match homes {
        Some(homes) => named
            .iter()
            .copied()
            .find(|place| homes.len() == 1 && homes.contains(place)),
        None => only(&named),
    };
    let mut placed: BTreeMap<Option<&str>, Vec<&EntityRef>> = BTreeMap::new();
    for entity in group {
        placed
            .entry(entity.namespace.as_deref().or(home))
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
mod tests;
