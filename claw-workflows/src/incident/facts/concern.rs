//! Which unit a change concerns, where people name it in their own way.
//!
//! Deploy histories name services as repositories, charts and flags do: `tax-svc`, `TaxService`, `acme/tax`, `tax.regions-2026`.
//! A name that a unit bears exactly always wins. Otherwise the one unit counts whose telling words are the same; if there is
//! none, the one whose words all occur in the name, or where the name is only that of what carries the change, in its summary;
//! or else the only one that has a word in common with such a name. What could mean several means none.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_metrics::classify::UNKNOWN_WORKLOAD;

use super::Facts;
use super::words::{core, is_distinct, same_stem, telling, words};

/// Kinds of what runs.
const RUNS: [&str; 9] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "Service",
    UNKNOWN_WORKLOAD,
];

/// Kinds of objects beside what runs: where workloads were read, these tell what uses them.
const BESIDE: [&str; 10] = [
    "ConfigMap",
    "Secret",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Ingress",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "PersistentVolumeClaim",
];

/// Kinds that concern no single unit.
const COMMON: [&str; 8] = [
    "Node",
    "PersistentVolume",
    "StorageClass",
    "ResourceQuota",
    "LimitRange",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
];

/// How surely a change concerns a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::incident) enum Closeness {
    /// Only one telling word is the same, and no other unit has it.
    Shared,
    /// Only the summary names it.
    Told,
    /// The name has the unit's words, and others.
    Within,
    /// The name has the same telling words.
    Alike,
    /// It is the unit's name.
    Exact,
}

/// The unit that a change concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::incident) struct Concern {
    /// The unit.
    pub(in crate::incident) unit: EntityRef,
    /// How sure that is.
    pub(in crate::incident) closeness: Closeness,
}

/// A unit with the words of its name.
#[derive(Debug)]
struct Named {
    unit: EntityRef,
    raw: Vec<String>,
    telling: Vec<String>,
    core: Vec<String>,
}

/// The units that changes may concern, and what is known of each change.
#[derive(Debug)]
pub(super) struct Roster {
    /// By what was changed, and by summary.
    concerns: BTreeMap<EntityRef, BTreeMap<String, Concern>>,
}

impl Facts<'_> {
    /// The unit that a change concerns, as far as names tell.
    pub(in crate::incident) fn concern_of(&self, change: &Change) -> Option<&Concern> {
        let roster = self.roster.get_or_init(|| Roster::of(self));
        roster.concerns.get(&change.entity)?.get(&change.summary)
    }
}

impl Roster {
    fn of(facts: &Facts<'_>) -> Self {
        let mut concerns: BTreeMap<EntityRef, BTreeMap<String, Concern>> = BTreeMap::new();
        let changes = &facts.case.changes;
        if changes.is_empty() {
            return Self { concerns };
        }
        let names = Names::of(units(facts));
        let told: BTreeSet<(&EntityRef, &str)> = changes
            .iter()
            .map(|change| (&change.entity, change.summary.as_str()))
            .collect();
        for (entity, summary) in told {
            if let Some(concern) = concern(facts, &names, entity, summary) {
                let of_entity = concerns.entry(entity.clone()).or_default();
                of_entity.insert(summary.to_owned(), concern);
            }
        }
        Self { concerns }
    }
}

/// What was seen to run, each as the unit that it counts for.
fn units(facts: &Facts<'_>) -> BTreeSet<EntityRef> {
    let case = facts.case;
    let signals = case
        .signals
        .iter()
        .flat_map(|signal| std::iter::once(&signal.entity).chain(&signal.peer));
    let calls = case.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
    let logs = case.logs.iter().map(|digest| &digest.pod);
    let told = signals.chain(calls).chain(logs).chain(&case.logs_asked);
    let measured = case.measured.iter().map(|(entity, _)| entity);
    let told = told.chain(measured).chain(&case.subject);
    let seen = told.map(|entity| facts.unit_of(entity));
    let objects = facts
        .top_workloads()
        .map(claw_k8s::model::Object::entity)
        .chain(case.objects.services.iter().map(claw_k8s::model::Object::entity))
        .map(|entity| facts.unit_of(&entity));
    seen.chain(objects)
        .filter(|unit| unit.kind != "Pod" && RUNS.contains(&unit.kind.as_str()))
        .collect()
}

/// The units, and which have a word.
struct Names {
    units: Vec<Named>,
    having: BTreeMap<String, Vec<usize>>,
    namespaces: BTreeSet<String>,
}

impl Names {
    fn of(units: BTreeSet<EntityRef>) -> Self {
        let namespaces = units.iter().filter_map(|unit| unit.namespace.clone()).collect();
        let units: Vec<Named> = units
            .into_iter()
            .map(|unit| {
                let raw = words(&unit.name);
                let place = unit.namespace.as_deref().map(words).unwrap_or_default();
                Named {
                    telling: telling(&raw),
                    core: core(&raw, &place, true),
                    raw,
                    unit,
                }
            })
            .collect();
        let mut having: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, named) in units.iter().enumerate() {
            for word in named.raw.iter().collect::<BTreeSet<_>>() {
                having.entry(word.clone()).or_default().push(index);
            }
        }
        Self {
            units,
            having,
            namespaces,
        }
    }

    /// Units that have one of these words, and that a change in `place` may concern.
    fn near<'n>(&'n self, words: &[String], place: Option<&'n str>) -> BTreeMap<&'n EntityRef, &'n Named> {
        words
            .iter()
            .filter_map(|word| self.having.get(word))
            .flatten()
            .filter_map(|index| self.units.get(*index))
            .filter(|named| {
                let both = place.zip(named.unit.namespace.as_deref());
                both.is_none_or(|(one, other)| one == other)
            })
            .map(|named| (&named.unit, named))
            .collect()
    }
}

/// What comparing names came to: nobody bears the name, or several may.
enum Found {
    Nobody,
    Several,
    One(EntityRef, Closeness),
}

impl Found {
    fn among<'n>(units: impl IntoIterator<Item = &'n EntityRef>, closeness: Closeness) -> Self {
        let mut units = units.into_iter();
        match (units.next(), units.next()) {
            (None, _) => Self::Nobody,
            (Some(unit), None) => Self::One(unit.clone(), closeness),
            _ => Self::Several,
        }
    }

    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Nobody => other(),
            found => found,
        }
    }
}

fn concern(facts: &Facts<'_>, names: &Names, entity: &EntityRef, summary: &str) -> Option<Concern> {
    let kind = entity.kind.as_str();
    if COMMON.contains(&kind) {
        return None;
    }
    // A Job carries what it was started for, such as a migration, to others.
    let runs = RUNS.contains(&kind) && kind != "Job";
    let beside = BESIDE.contains(&kind);
    if beside && !facts.case.objects.workloads.is_empty() {
        return None;
    }
    // What carries a change may lie in a namespace of its own.
    let place = entity
        .namespace
        .as_deref()
        .filter(|place| runs || beside || names.namespaces.contains(*place));
    // Units of the same name where kind or namespace is left open.
    let exact = || {
        let unit = facts.unit_of(entity);
        if names.units.iter().any(|named| named.unit == unit) {
            return Found::One(unit, Closeness::Exact);
        }
        let same = names.units.iter().map(|named| &named.unit).filter(|unit| {
            let both = place.zip(unit.namespace.as_deref());
            unit.name == entity.name && both.is_none_or(|(one, other)| one == other)
        });
        Found::among(same, Closeness::Exact)
    };
    let found = if kind == "Namespace" {
        told(names, summary, Some(&entity.name))
    } else {
        exact()
            .or_else(|| called(names, &entity.name, place))
            .or_else(|| match runs || beside {
                true => Found::Nobody,
                false => told(names, summary, place),
            })
            .or_else(|| match runs {
                true => Found::Nobody,
                false => shared(names, &entity.name, place),
            })
    };
    match found {
        Found::One(unit, closeness) => Some(Concern { unit, closeness }),
        Found::Nobody | Found::Several => None,
    }
}

/// The unit that a name means. Of `owner/name` the last part counts before the whole.
fn called(names: &Names, name: &str, place: Option<&str>) -> Found {
    let last = name.rsplit('/').next().unwrap_or(name);
    let part = match last.len() < name.len() {
        true => alike(names, last, place).or_else(|| within(names, last, place, Closeness::Within)),
        false => Found::Nobody,
    };
    part.or_else(|| alike(names, name, place))
        .or_else(|| within(names, name, place, Closeness::Within))
}

/// The unit whose name has the same words: all of them, else those that tell, else those without numbers and namespaces.
fn alike(names: &Names, name: &str, place: Option<&str>) -> Found {
    let raw = words(name);
    let of_place = place.map(words).unwrap_or_default();
    let same = |mine: Vec<String>, theirs: fn(&Named) -> &[String]| {
        let spelled = mine.concat();
        let near = names.near(&mine, place);
        let same = near.values().filter(|named| theirs(named).concat() == spelled);
        match spelled.is_empty() {
            true => Found::Nobody,
            false => Found::among(same.map(|named| &named.unit), Closeness::Alike),
        }
    };
    same(raw.clone(), |named| &named.raw)
        .or_else(|| same(telling(&raw), |named| &named.telling))
        .or_else(|| same(core(&raw, &of_place, false), |named| &named.core))
}

/// The unit of which all telling words occur in a text. The one with the most of them counts.
fn within(names: &Names, text: &str, place: Option<&str>, closeness: Closeness) -> Found {
    let said = words(text);
    let mut longest = 0;
    let mut found: Vec<&EntityRef> = Vec::new();
    for named in names.near(&said, place).values() {
        let place = named.unit.namespace.as_deref().map(words).unwrap_or_default();
        let wanted: Vec<&String> = named
            .telling
            .iter()
            .filter(|word| !place.contains(word))
            .collect();
        let wanted = match wanted.is_empty() {
            true => named.telling.iter().collect(),
            false => wanted,
        };
        let all = wanted.iter().all(|word| said.contains(word));
        if !all || !wanted.iter().any(|word| is_distinct(word)) {
            continue;
        }
        let length = named.telling.iter().filter(|word| said.contains(word)).count();
        if length > longest {
            longest = length;
            found.clear();
        }
        if length == longest {
            found.push(&named.unit);
        }
    }
    Found::among(found, closeness)
}

/// The only unit that has a telling word of a name, be it in the plural.
fn shared(names: &Names, name: &str, place: Option<&str>) -> Found {
    let of_place = place.map(words).unwrap_or_default();
    let said = core(&words(name), &of_place, false);
    let tells = |named: &&Named| {
        let common = named.core.iter().filter(|word| is_distinct(word));
        common
            .into_iter()
            .any(|mine| said.iter().any(|theirs| same_stem(mine, theirs)))
    };
    let near = names.units.iter().filter(|named| {
        let both = place.zip(named.unit.namespace.as_deref());
        both.is_none_or(|(one, other)| one == other)
    });
    Found::among(near.filter(tells).map(|named| &named.unit), Closeness::Shared)
}

/// The unit that a summary names: in the scope of a commit's type (`fix(tax): …`), before a colon, or anywhere.
fn told(names: &Names, summary: &str, place: Option<&str>) -> Found {
    let within = |text: &str| within(names, text, place, Closeness::Told);
    let Some((head, _)) = summary.split_once(": ").filter(|(head, _)| !head.contains(' ')) else {
        return within(summary);
    };
    match head.split_once('(') {
        Some((_, scope)) => within(scope),
        None => within(head).or_else(|| within(summary)),
    }
}

#[cfg(test)]
mod tests;
