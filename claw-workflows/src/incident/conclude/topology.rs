//! Who stands on whom, as a picture.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::report::{Role, Topology, TopologyEdge, TopologyNode};
use claw_metrics::classify::UNKNOWN_WORKLOAD;

use crate::incident::candidate::Symptom;
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::rank::Ranked;

/// Entities in the picture.
const MAX_NODES: usize = 80;

/// Services and workloads around the trouble, by calls and by what they stand on.
pub(super) fn topology(
    case: &Case,
    facts: &Facts<'_>,
    first: Option<&Ranked>,
    symptoms: &[Symptom],
) -> Topology {
    let troubled: BTreeSet<EntityRef> = symptoms
        .iter()
        .filter(|symptom| symptom.severity >= Severity::Warning)
        .map(|symptom| facts.unit_of(&symptom.entity))
        .collect();
    let cause = first.map(|ranked| &ranked.hypothesis.entity);
    // A service, its workload and its pods are one box, unless one of them is the cause.
    let place = |entity: &EntityRef| {
        if cause == Some(entity) {
            entity.clone()
        } else {
            facts.unit_of(entity)
        }
    };
    let mut edges: BTreeSet<TopologyEdge> = case
        .calls
        .iter()
        .map(|call| TopologyEdge {
            from: place(&call.caller),
            to: place(&call.callee),
            via: call.via.clone(),
        })
        .filter(|edge| edge.from != edge.to)
        .collect();
    if let Some(cause) = cause {
        let felt = facts.graph().felt_by(cause).into_iter().map(place);
        for felt in felt.filter(|felt| felt != cause && !is_part(felt)) {
            let calls = edges.iter().any(|edge| edge.from == felt && edge.to == *cause);
            if !calls {
                edges.insert(TopologyEdge {
                    from: felt,
                    to: cause.clone(),
                    via: "stands on".to_owned(),
                });
            }
        }
    }
    let mut entities: BTreeSet<EntityRef> = edges
        .iter()
        .flat_map(|edge| [edge.from.clone(), edge.to.clone()])
        .collect();
    entities.extend(cause.cloned());
    entities.extend(case.subject.iter().map(place));
    let alerting: BTreeSet<EntityRef> = case.subject.iter().map(place).collect();
    let role = |entity: &EntityRef| {
        if cause == Some(entity) {
            Role::Cause
        } else if alerting.contains(entity) {
            Role::Alerting
        } else if troubled.contains(entity) {
            Role::Affected
        } else if entity.kind == EntityRef::EXTERNAL_HOST || !facts.graph().contains(entity) {
            Role::Unseen
        } else {
            Role::Healthy
        }
    };
    let mut nodes: Vec<TopologyNode> = entities
        .into_iter()
        .map(|entity| TopologyNode {
            role: role(&entity),
            entity,
        })
        .collect();
    nodes.sort_by(|a, b| (a.role, &a.entity).cmp(&(b.role, &b.entity)));
    nodes.truncate(MAX_NODES);
    let kept: BTreeSet<&EntityRef> = nodes.iter().map(|node| &node.entity).collect();
    let edges = edges
        .into_iter()
        .filter(|edge| kept.contains(&edge.from) && kept.contains(&edge.to))
        .collect();
    Topology { nodes, edges }
}

/// Whether an entity is part of another one that is in the picture.
fn is_part(entity: &EntityRef) -> bool {
    matches!(entity.kind.as_str(), "Pod" | "ReplicaSet" | UNKNOWN_WORKLOAD)
}
