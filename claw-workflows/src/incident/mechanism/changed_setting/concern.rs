//! Whom a change concerns.

use std::collections::BTreeSet;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::Object as _;
use jiff::SignedDuration;

use super::effect::Where;
use crate::incident::complaint::{Target, resolve};
use crate::incident::facts::{Facts, needs};
use crate::incident::logs::Pattern;
use crate::incident::words::words;

/// A rollout so close to an edit of the Service brought what its callers complain of, rather than the edit.
const WITH_ROLLOUT: SignedDuration = SignedDuration::from_mins(10);

/// Whom a change concerns, and what was changed.
pub(super) struct Concern {
    /// What is at fault if the change is.
    pub(super) entity: EntityRef,
    /// The difference, `path: old → new`.
    pub(super) lines: Vec<String>,
    /// Whether `lines` are what was changed, rather than all that may have been.
    pub(super) certain: bool,
    /// Whether it is the way to the workload that was changed.
    pub(super) service: bool,
    /// Words of the names of those whom it concerns.
    pub(super) names: BTreeSet<String>,
    users: BTreeSet<EntityRef>,
    callers: BTreeSet<EntityRef>,
    callees: BTreeSet<EntityRef>,
}

impl Concern {
    /// `None` for changes that no log speaks of.
    pub(super) fn of(facts: &Facts<'_>, change: &Change) -> Option<Self> {
        let entity = &change.entity;
        let config = matches!(entity.kind.as_str(), "ConfigMap" | "Secret");
        let service = entity.kind == "Service" && change.kind == ChangeKind::Config;
        let workload = || {
            let unit = facts.unit_of(entity);
            let runs = facts.workload(&unit).is_some() || !facts.pods_of(&unit).is_empty();
            runs.then_some(unit)
        };
        let (at_fault, users) = if config {
            (entity.clone(), users(facts, entity))
        } else if service {
            let unit = facts.unit_of(entity);
            (edited_alone(facts, change, &unit)?, BTreeSet::from([unit]))
        } else {
            let unit = workload()?;
            (unit.clone(), BTreeSet::from([unit]))
        };
        let certain = !change.detail.is_empty();
        let lines = if certain {
            change.detail.clone()
        } else {
            keys(facts, entity)
        };
        let calls = || {
            let calls = facts.case.calls.iter();
            calls.map(|call| (facts.unit_of(&call.caller), facts.unit_of(&call.callee)))
        };
        let callees: BTreeSet<EntityRef> = calls()
            .filter(|(caller, _)| users.contains(caller))
            .map(|(_, callee)| callee)
            .collect();
        let complain = facts
            .complaints()
            .iter()
            .filter_map(|complaint| match &complaint.target {
                Target::Known(unit) if users.contains(unit) => Some(complaint.workload.clone()),
                _ => None,
            });
        let callers: BTreeSet<EntityRef> = calls()
            .filter(|(_, callee)| users.contains(callee))
            .map(|(caller, _)| caller)
            .chain(complain)
            .filter(|caller| !users.contains(caller))
            .collect();
        let known = users.iter().chain(&callees).chain(&callers).chain([&at_fault]);
        let names = known
            .flat_map(|unit| [Some(unit.name.as_str()), unit.namespace.as_deref()])
            .flatten()
            .flat_map(words)
            .collect();
        Some(Self {
            entity: at_fault,
            lines,
            certain,
            service,
            names,
            callees: callees.difference(&callers).cloned().collect(),
            callers,
            users,
        })
    }

    /// In which place a unit is that writes a log; `None` for those whom the change does not concern.
    pub(super) fn place(&self, writer: &EntityRef) -> Option<Where> {
        if self.users.contains(writer) {
            Some(Where::Own)
        } else if self.callers.contains(writer) {
            Some(Where::Callers)
        } else {
            self.callees.contains(writer).then_some(Where::Callees)
        }
    }

    /// Whether an entry of a caller is about the workload that was changed: it names it as host, or in the name of what was
    /// asked for.
    pub(super) fn is_meant(&self, facts: &Facts<'_>, writer: &EntityRef, pattern: &Pattern) -> bool {
        let namespace = writer.namespace.as_deref().unwrap_or_default();
        let hosts: Vec<Target> = pattern
            .indications
            .iter()
            .filter_map(|indication| indication.target.as_deref())
            .map(|host| resolve(facts, namespace, host))
            .collect();
        if !hosts.is_empty() {
            return hosts
                .iter()
                .any(|host| matches!(host, Target::Known(unit) if self.users.contains(unit)));
        }
        let said: BTreeSet<String> = words(&pattern.sample).collect();
        let named = |unit: &EntityRef| words(&unit.name).any(|word| word.len() >= 4 && said.contains(&word));
        self.users.iter().any(named)
    }
}

/// The workloads that read a ConfigMap or Secret.
fn users(facts: &Facts<'_>, entity: &EntityRef) -> BTreeSet<EntityRef> {
    let wanted = (entity.kind.clone(), entity.name.clone());
    facts
        .top_workloads()
        .filter(|workload| workload.metadata.namespace == entity.namespace)
        .filter(|workload| needs(&workload.template().spec).contains(&wanted))
        .map(|workload| workload.entity())
        .collect()
}

/// All keys of a ConfigMap: which of them was edited is not known.
fn keys(facts: &Facts<'_>, entity: &EntityRef) -> Vec<String> {
    let mut maps = facts.case.objects.config_maps.iter();
    let map = maps.find(|map| entity.kind == "ConfigMap" && map.entity() == *entity);
    let keys = map.into_iter().flat_map(|map| map.data.keys());
    keys.map(|key| format!("data[{key}]: (none) → {key}")).collect()
}

/// A Service that was edited while its workload was left as it is and is ready: that its callers fail is not the workload's.
fn edited_alone(facts: &Facts<'_>, change: &Change, unit: &EntityRef) -> Option<EntityRef> {
    let ready = facts.pods_of(unit).iter().any(|pod| pod.is_ready());
    let rolled_out = facts.changes_of(unit).iter().any(|other| {
        other.kind == ChangeKind::Deploy && other.time.duration_since(change.time).abs() <= WITH_ROLLOUT
    });
    (ready && !rolled_out).then(|| change.entity.clone())
}
