//! What happened, as far as objects tell.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::objects::Objects;
use crate::model::{Condition, ContainerState, Object};

/// What kind of fact it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactKind {
    /// Somebody changed something.
    Change,
    /// Something entered a state.
    State,
    /// A component said something.
    Event,
}

/// Something that happened to an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// When. For a repeated event, the first time.
    pub time: Timestamp,
    /// To whom.
    pub entity: EntityRef,
    /// What kind of fact it is.
    pub kind: FactKind,
    /// Machine-readable: an event's reason, `Ready=False`, `terminated:OOMKilled`, a change's reference.
    pub what: String,
    /// In words. May hold text from the cluster.
    pub statement: String,
    /// The last time, where it was repeated.
    pub until: Option<Timestamp>,
}

impl From<&Change> for Fact {
    fn from(change: &Change) -> Self {
        Self {
            time: change.time,
            entity: change.entity.clone(),
            kind: FactKind::Change,
            what: change.reference.clone(),
            statement: change.summary.clone(),
            until: None,
        }
    }
}

/// Events and state changes, in no order.
pub(super) fn facts(objects: &Objects) -> Vec<Fact> {
    let mut facts = Vec::new();
    for event in &objects.events {
        if let Some(time) = event.first_seen() {
            facts.push(Fact {
                time,
                entity: event.about(),
                kind: FactKind::Event,
                what: event.reason.clone(),
                statement: event.message.clone(),
                until: event.last_seen().filter(|last| *last > time),
            });
        }
    }
    for pod in &objects.pods {
        let entity = pod.entity();
        conditions(&entity, &pod.status.conditions, &mut facts);
        for status in pod.all_statuses() {
            for state in [&status.last_state, &status.state] {
                facts.extend(state_facts(&entity, &status.name, state));
            }
        }
        if let Some(time) = pod.metadata.deletion_timestamp {
            facts.push(state(&entity, time, "deleting", "its deletion was asked for"));
        }
    }
    for node in &objects.nodes {
        conditions(&node.entity(), &node.status.conditions, &mut facts);
    }
    for workload in &objects.workloads {
        conditions(&workload.entity(), &workload.status.conditions, &mut facts);
    }
    for autoscaler in &objects.autoscalers {
        conditions(&autoscaler.entity(), &autoscaler.status.conditions, &mut facts);
        if let Some(time) = autoscaler.status.last_scale_time {
            let text = format!("scaled to {}", autoscaler.status.desired_replicas);
            facts.push(state(&autoscaler.entity(), time, "scaled", &text));
        }
    }
    facts
}

fn conditions(entity: &EntityRef, conditions: &[Condition], facts: &mut Vec<Fact>) {
    for condition in conditions {
        if let Some(time) = condition.last_transition_time {
            let what = format!("{}={}", condition.kind, condition.status);
            let mut text = what.clone();
            for part in [&condition.reason, &condition.message] {
                if !part.is_empty() {
                    text.push_str(": ");
                    text.push_str(part);
                }
            }
            facts.push(state(entity, time, &what, &text));
        }
    }
}

fn state_facts(entity: &EntityRef, container: &str, container_state: &ContainerState) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(time) = container_state
        .running
        .as_ref()
        .and_then(|running| running.started_at)
    {
        facts.push(state(
            entity,
            time,
            "started",
            &format!("container {container} started"),
        ));
    }
    if let Some(ended) = &container_state.terminated {
        if let Some(time) = ended.started_at {
            facts.push(state(
                entity,
                time,
                "started",
                &format!("container {container} started"),
            ));
        }
        if let Some(time) = ended.finished_at {
            let text = format!(
                "container {container} ended: {} (exit code {})",
                ended.reason, ended.exit_code
            );
            facts.push(state(
                entity,
                time,
                &format!("terminated:{}", ended.reason),
                &text,
            ));
        }
    }
    facts
}

fn state(entity: &EntityRef, time: Timestamp, what: &str, statement: &str) -> Fact {
    Fact {
        time,
        entity: entity.clone(),
        kind: FactKind::State,
        what: what.to_owned(),
        statement: statement.to_owned(),
        until: None,
    }
}
