//! Who stands on whom, as a picture.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::report::{Role, Topology, TopologyEdge, TopologyNode};

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
        .flat_map(|symptom| [symptom.entity.clone(), facts.unit_of(&symptom.entity)])
        .collect();
    let cause = first.map(|ranked| &ranked.hypothesis.entity);
    let mut edges: BTreeSet<TopologyEdge> = case
        .calls
        .iter()
        .map(|call| TopologyEdge {
            from: facts.unit_of(&call.caller),
            to: facts.unit_of(&call.callee),
            via: call.via.clone(),
        })
        .filter(|edge| edge.from != edge.to)
        .collect();
    if let Some(cause) = cause {
        for felt in facts.graph().felt_by(cause) {
            if felt.kind != "Pod" && felt.kind != "ReplicaSet" && *felt != *cause {
                edges.insert(TopologyEdge {
                    from: felt.clone(),
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
    entities.extend(case.subject.iter().map(|entity| {
        if entity.kind == "Pod" {
            facts.unit_of(entity)
        } else {
            entity.clone()
        }
    }));
    let alerting: BTreeSet<EntityRef> = case
        .subject
        .iter()
        .flat_map(|entity| [entity.clone(), facts.unit_of(entity)])
        .collect();
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
