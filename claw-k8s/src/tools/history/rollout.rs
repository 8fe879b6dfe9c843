//! Revisions in order, with the times at which they were rolled out.

use std::collections::BTreeMap;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::differences;
use crate::model::{ControllerRevision, ManagedFields, Object, PodTemplate, Workload};

/// Annotation in which people say why they changed something.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Annotation of a ReplicaSet that was current more than once.
const EARLIER_REVISIONS: &str = "deployment.kubernetes.io/revision-history";

/// An edit this close to a revision made it, in seconds.
const SAME_EDIT: u64 = 10;

/// Writers that only carry out what others decided.
pub(super) const CONTROLLER: &str = "kube-controller-manager";

/// The revisions of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// The workload.
    pub workload: EntityRef,
    /// Its revisions that are still kept, oldest first.
    pub revisions: Vec<Revision>,
}

/// One revision of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// Number.
    pub number: i64,
    /// Name of the ReplicaSet or ControllerRevision that keeps it.
    pub name: String,
    /// When it was rolled out; `None` where that cannot be told.
    pub time: Option<Timestamp>,
    /// Images by container.
    pub images: BTreeMap<String, String>,
    /// Pods that still are of this revision; `None` where the cluster does not count them by revision.
    pub replicas: Option<i32>,
    /// Whether it is the newest.
    pub current: bool,
    /// What was said about the change by whoever made it. Untrusted text.
    pub cause: Option<String>,
    /// Whether an earlier revision was brought back.
    pub rollback: bool,
    /// The difference from the revision before it, one field a line (`path: old → new`); `None` where that one is no longer
    /// kept. Values that look secret are left out.
    pub diff: Option<Vec<String>>,
}

/// A revision as it is stored.
pub(in crate::tools) struct Stored<'a> {
    number: i64,
    created: Option<Timestamp>,
    reused: bool,
    name: &'a str,
    replicas: Option<i32>,
    cause: Option<&'a String>,
    template: &'a PodTemplate,
}

impl<'a> Stored<'a> {
    /// A ReplicaSet of a Deployment.
    pub(in crate::tools) fn replica_set(set: &'a Workload) -> Option<Self> {
        Some(Self {
            number: set.revision()?,
            created: set.metadata.creation_timestamp,
            reused: set.metadata.annotations.contains_key(EARLIER_REVISIONS),
            name: &set.metadata.name,
            replicas: set.status.replicas,
            cause: set.metadata.annotations.get(CHANGE_CAUSE),
            template: &set.spec.template,
        })
    }

    /// A revision of a StatefulSet or DaemonSet.
    pub(in crate::tools) fn controller_revision(revision: &'a ControllerRevision) -> Self {
        Self {
            number: revision.revision,
            created: revision.metadata.creation_timestamp,
            reused: false,
            name: &revision.metadata.name,
            replicas: None,
            cause: revision.metadata.annotations.get(CHANGE_CAUSE),
            template: &revision.data.spec.template,
        }
    }
}

/// The history of each workload, and its revisions as changes.
pub(in crate::tools) fn histories<'a>(
    workloads: impl IntoIterator<Item = &'a Workload>,
    mut stored: BTreeMap<EntityRef, Vec<Stored<'a>>>,
) -> (Vec<History>, Vec<Change>) {
    let mut histories = Vec::new();
    let mut changes = Vec::new();
    for workload in workloads {
        let entity = workload.entity();
        let mut stored = stored.remove(&entity).unwrap_or_default();
        stored.sort_by(|a, b| (a.number, a.name).cmp(&(b.number, b.name)));
        let revisions = revisions(workload, &stored);
        changes.extend(revisions.iter().filter_map(|revision| change(workload, revision)));
        histories.push(History {
            workload: entity,
            revisions,
        });
    }
    (histories, changes)
}

fn revisions(workload: &Workload, stored: &[Stored<'_>]) -> Vec<Revision> {
    let last = stored.len().saturating_sub(1);
    let mut newest_creation: Option<Timestamp> = None;
    let mut revisions = Vec::with_capacity(stored.len());
    let mut previous: Option<&Stored<'_>> = None;
    for (index, one) in stored.iter().enumerate() {
        let current = index == last;
        // A revision that is brought back keeps the object, and so the creation time, that it had before.
        let out_of_order = newest_creation
            .zip(one.created)
            .is_some_and(|(newest, created)| created < newest);
        let rollback = one.reused || out_of_order;
        let time = if !rollback {
            one.created
        } else if current {
            brought_back(workload, newest_creation)
        } else {
            None
        };
        newest_creation = newest_creation.max(one.created);
        revisions.push(Revision {
            number: one.number,
            name: one.name.to_owned(),
            time,
            images: one
                .template
                .spec
                .all_containers()
                .map(|container| (container.name.clone(), container.image.clone()))
                .collect(),
            replicas: one.replicas,
            current,
            cause: one.cause.cloned(),
            rollback,
            diff: previous.map(|previous| differences(previous.template, one.template)),
        });
        previous = Some(one);
    }
    revisions
}

/// When the newest revision was brought back: the last edit of the workload by somebody, or what its status says.
fn brought_back(workload: &Workload, after: Option<Timestamp>) -> Option<Timestamp> {
    let later = |time: &Timestamp| after.is_none_or(|after| *time >= after);
    last_edit(workload)
        .and_then(|edit| edit.time)
        .filter(later)
        .or_else(|| {
            workload
                .condition("Progressing")
                .and_then(|condition| condition.last_update_time.or(condition.last_transition_time))
                .filter(later)
        })
}

fn last_edit(workload: &Workload) -> Option<&ManagedFields> {
    workload
        .metadata
        .managed_fields
        .iter()
        .filter(|fields| fields.subresource.is_empty() && fields.manager != CONTROLLER)
        .filter(|fields| fields.time.is_some())
        .max_by_key(|fields| fields.time)
}

/// Whose edit made a revision at that time: of those who wrote the pod template, the one who wrote nearest to it. Where it
/// is not known what they wrote, all count.
fn author(workload: &Workload, time: Timestamp) -> Option<&ManagedFields> {
    let writers = || {
        let managed = workload.metadata.managed_fields.iter();
        managed.filter(|fields| fields.subresource.is_empty() && fields.manager != CONTROLLER)
    };
    let wrote_template = |fields: &&ManagedFields| fields.fields.spec.template.is_some();
    let known = writers().any(|fields| wrote_template(&fields));
    writers()
        .filter(|fields| !known || wrote_template(fields))
        .filter_map(|fields| {
            let edit = fields.time?.as_second();
            let distance = edit.abs_diff(time.as_second());
            // The edit comes first.
            (distance <= SAME_EDIT).then_some(((distance, edit > time.as_second()), fields))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, fields)| fields)
}

fn change(workload: &Workload, revision: &Revision) -> Option<Change> {
    let time = revision.time?;
    let entity = workload.entity();
    let author = author(workload, time).map(|fields| fields.manager.clone());
    Some(Change {
        reference: format!("{}/{}@{}", entity.kind, entity.path(), revision.number),
        time,
        kind: ChangeKind::Deploy,
        summary: summary(&entity, revision),
        detail: revision.diff.clone().unwrap_or_default(),
        entity,
        author,
    })
}

fn summary(entity: &EntityRef, revision: &Revision) -> String {
    let what = match (&revision.diff, revision.rollback) {
        (_, true) => "brought back as",
        (None, _) if revision.number <= 1 => "created as",
        _ => "rolled out as",
    };
    let mut summary = format!("{entity} {what} revision {}", revision.number);
    let diff = revision.diff.as_deref().unwrap_or_default();
    // The image says most; then whatever is first.
    let telling = diff
        .iter()
        .find(|line| {
            line.split_once(": ")
                .is_some_and(|(path, _)| path.ends_with(".image"))
        })
        .or_else(|| diff.first());
    if let Some(line) = telling {
        summary.push_str(": ");
        summary.push_str(line);
        let more = diff.len().saturating_sub(1);
        if more > 0 {
            summary.push_str(&format!(" and {more} more"));
        }
    }
    summary
}
