//! Changes of replica counts. They leave no revision behind: they are told from what controllers said, and from who wrote
//! through the scale subresource.

use std::collections::BTreeMap;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::Timestamp;

use super::edits::{near, reference};
use super::rollout::CONTROLLER;
use crate::model::{Event, ManagedFields, Object, Workload};

/// Steps of a rollout follow each other at most this closely, in seconds. Later ones are scalings.
const STEP: i64 = 30;

/// What the controller of Deployments says when it changes the size of a ReplicaSet: of a scaling, and of each step of a
/// rollout.
const SAID: &str = "ScalingReplicaSet";

/// Whether [`scalings`] can use what was said.
pub(in crate::tools) fn tells_of_scaling(event: &Event) -> bool {
    event.reason == SAID
}

/// When the replica count of each workload was changed, as far as somebody said so.
///
/// `sets` are the ReplicaSets and `events` the events beside the workloads. Events are kept for an hour, and only those of
/// Deployments tell how many replicas there were.
pub(in crate::tools) fn scalings<'a>(
    workloads: impl IntoIterator<Item = &'a Workload>,
    sets: &[Workload],
    events: &[Event],
) -> Vec<Change> {
    let current = current(sets);
    let mut steps: BTreeMap<EntityRef, Vec<Step<'_>>> = BTreeMap::new();
    for event in events.iter().filter(|event| tells_of_scaling(event)) {
        if let Some(step) = Step::read(event) {
            steps.entry(event.about()).or_default().push(step);
        }
    }
    let mut found = Vec::new();
    for workload in workloads {
        let steps = steps.remove(&workload.entity()).unwrap_or_default();
        let mut changes = match current.get(&workload.key()) {
            Some(current) => said(workload, current, steps),
            None => Vec::new(),
        };
        // A server that keeps the time of writes to the scale tells the same once more.
        let mut written = written(workload);
        written.retain(|write| !changes.iter().any(|change| near(change.time, write.time)));
        changes.append(&mut written);
        found.append(&mut changes);
    }
    found
}

/// The ReplicaSet of the latest revision by the [key](Object::key) of its owner.
fn current(sets: &[Workload]) -> BTreeMap<(&str, Option<&str>, &str), &Workload> {
    let mut current = BTreeMap::new();
    for set in sets {
        let Some(owner) = set.metadata.controller() else {
            continue;
        };
        let owner = (
            owner.kind.as_str(),
            set.metadata.namespace.as_deref(),
            owner.name.as_str(),
        );
        let latest = current.entry(owner).or_insert(set);
        if set.revision() >= latest.revision() {
            *latest = set;
        }
    }
    current
}

/// One step of a ReplicaSet to another size.
struct Step<'a> {
    time: Timestamp,
    set: &'a str,
    from: Option<i32>,
    to: i32,
}

impl<'a> Step<'a> {
    /// `Scaled up replica set cart-7d4b9c from 2 to 10`; servers before 1.26 say `… cart-7d4b9c to 10`.
    fn read(event: &'a Event) -> Option<Self> {
        let (_, rest) = event.message.split_once(" replica set ")?;
        let mut words = rest.split_whitespace();
        let set = words.next()?;
        let (mut from, mut to) = (None, None);
        while let (Some(word), Some(number)) = (words.next(), words.next()) {
            match word {
                "from" => from = number.parse().ok(),
                "to" => to = number.parse().ok(),
                _ => {}
            }
        }
        Some(Self {
            time: event.last_seen()?,
            set,
            from,
            to: to?,
        })
    }
}

/// The scalings among the steps that were said of a Deployment: what happened to its current ReplicaSet after the rollout of
/// that one was over.
fn said(workload: &Workload, current: &Workload, mut steps: Vec<Step<'_>>) -> Vec<Change> {
    let entity = workload.entity();
    steps.sort_by_key(|step| step.time);
    let others = steps.iter().filter(|step| step.set != current.metadata.name);
    let mut rollout = others
        .map(|step| step.time)
        .chain(current.metadata.creation_timestamp)
        .max();
    let mut changes = Vec::new();
    for step in steps.iter().filter(|step| step.set == current.metadata.name) {
        let seconds = rollout.map(|end| step.time.as_second().saturating_sub(end.as_second()));
        if seconds.is_some_and(|seconds| seconds <= STEP) {
            rollout = rollout.max(Some(step.time));
        } else {
            changes.push(change(workload, &entity, step));
        }
    }
    changes
}

fn change(workload: &Workload, entity: &EntityRef, step: &Step<'_>) -> Change {
    let (time, to) = (step.time, step.to);
    let author = author(workload, step);
    let from = step.from.map(|from| format!(" from {from}")).unwrap_or_default();
    let by = author.as_deref().map(|author| format!(" by {}", name(author)));
    let by = by.unwrap_or_default();
    Change {
        reference: reference(entity, "scale-", time, author.as_deref().unwrap_or_default()),
        time,
        kind: ChangeKind::Scale,
        entity: entity.clone(),
        summary: format!("{entity} scaled{from} to {to}{by}"),
        detail: step
            .from
            .map(|from| format!("replicas: {from} → {to}"))
            .into_iter()
            .collect(),
        author,
    }
}

/// Who wrote through the scale last, where this is the count that was written; else whoever edited the workload just then.
fn author(workload: &Workload, step: &Step<'_>) -> Option<String> {
    let mut writers = scale_writes(workload);
    let edits = workload.metadata.managed_fields.iter();
    let mut edits = edits.filter(|fields| fields.subresource.is_empty() && fields.manager != CONTROLLER);
    let by_scale = writers
        .next()
        .filter(|_| writers.next().is_none() && workload.desired() == Some(step.to));
    by_scale
        .or_else(|| edits.find(|fields| fields.time.is_some_and(|time| near(time, step.time))))
        .map(|fields| fields.manager.clone())
}

/// The last time that the count was written through the scale subresource, by each writer. Since the API server keeps no time
/// of such writes, this tells something only where another one does.
fn written(workload: &Workload) -> Vec<Change> {
    let entity = workload.entity();
    let replicas = workload.spec.replicas.unwrap_or(1);
    scale_writes(workload)
        .filter_map(|fields| {
            let time = fields.time?;
            let by = name(&fields.manager);
            Some(Change {
                reference: reference(&entity, "scale-", time, &fields.manager),
                time,
                kind: ChangeKind::Scale,
                entity: entity.clone(),
                summary: format!("{entity} scaled by {by}; it now wants {replicas} replicas"),
                detail: Vec::new(),
                author: Some(fields.manager.clone()),
            })
        })
        .collect()
}

fn scale_writes(workload: &Workload) -> impl Iterator<Item = &ManagedFields> {
    let fields = workload.metadata.managed_fields.iter();
    fields.filter(|fields| fields.subresource == "scale")
}

/// A writer as people know it.
fn name(writer: &str) -> &str {
    if writer == CONTROLLER {
        "the autoscaler"
    } else {
        writer
    }
}
