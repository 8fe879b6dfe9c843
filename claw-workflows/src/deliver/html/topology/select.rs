//! Which part of a large topology is shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use claw_core::entity::EntityRef;
use claw_core::report::{Role, Topology, TopologyNode};

use crate::deliver::untrusted;
use crate::deliver::words;

/// Most boxes in the picture.
pub(super) const NODES: usize = 60;
/// Most lines in the picture: more of them cannot be told apart.
pub(super) const EDGES: usize = 240;

/// The part that is shown. Edges are between positions in `nodes`.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) nodes: Vec<TopologyNode>,
    pub(super) edges: Vec<Edge>,
    pub(super) note: Option<String>,
}

/// `from` depends on `to`.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// How that is known.
    pub(super) via: Vec<String>,
}

/// The whole topology, or the neighbourhood of those in trouble.
pub(super) fn select(topology: &Topology) -> Selection {
    let mut nodes: Vec<TopologyNode> = Vec::new();
    let mut index: BTreeMap<&EntityRef, usize> = BTreeMap::new();
    let named = topology.nodes.iter().map(|node| (&node.entity, node.role));
    let ends = topology.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    for (entity, role) in named.chain(ends.map(|entity| (entity, Role::Unseen))) {
        index.entry(entity).or_insert_with(|| {
            nodes.push(TopologyNode {
                entity: entity.clone(),
                role,
            });
            nodes.len().saturating_sub(1)
        });
    }
    let mut edges: BTreeMap<(usize, usize), BTreeSet<&str>> = BTreeMap::new();
    for edge in &topology.edges {
        if let (Some(from), Some(to)) = (index.get(&edge.from), index.get(&edge.to))
            && from != to
        {
            edges.entry((*from, *to)).or_default().insert(&edge.via);
        }
    }
    let kept = nearest(&nodes, edges.keys().copied());
    let place: BTreeMap<usize, usize> = kept
        .iter()
        .enumerate()
        .map(|(place, node)| (*node, place))
        .collect();
    let mut chosen: Vec<_> = edges
        .iter()
        .filter_map(|((from, to), via)| {
            let (from, to) = (*place.get(from)?, *place.get(to)?);
            let via = via.iter().map(|via| untrusted::line(via, 40)).collect();
            Some(Edge { from, to, via })
        })
        .collect();
    let shown: Vec<_> = kept.iter().filter_map(|node| nodes.get(*node)).cloned().collect();
    let mut notes = Vec::new();
    if shown.len() < nodes.len() {
        let left_out = nodes.len().saturating_sub(shown.len());
        notes.push(format!(
            "Shown are the {} of {} that are nearest to the trouble; {left_out} more are in the JSON form.",
            shown.len(),
            words::count(nodes.len(), "entity", "entities"),
        ));
    }
    if chosen.len() > EDGES {
        let grave = |node: usize| shown.get(node).map_or(9, |node| gravity(node.role));
        chosen.sort_by_key(|edge| grave(edge.from).saturating_add(grave(edge.to)));
        notes.push(format!(
            "Of {} dependencies, the {EDGES} nearest to the trouble are drawn.",
            chosen.len()
        ));
        chosen.truncate(EDGES);
    }
    Selection {
        nodes: shown,
        edges: chosen,
        note: (!notes.is_empty()).then(|| notes.join(" ")),
    }
}

/// Positions of the nodes that are shown, in their order: those in trouble, and around them what is nearest.
fn nearest(nodes: &[TopologyNode], edges: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
    if nodes.len() <= NODES {
        return (0..nodes.len()).collect();
    }
    let mut near: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (from, to) in edges {
        near.entry(from).or_default().insert(to);
        near.entry(to).or_default().insert(from);
    }
    let mut seeds: Vec<_> = nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| !matches!(node.role, Role::Healthy | Role::Unseen))
        .map(|(index, node)| (gravity(node.role), index))
        .collect();
    seeds.sort_unstable();
    let mut queue: VecDeque<_> = seeds.into_iter().map(|(_, index)| index).collect();
    let mut found: BTreeSet<usize> = queue.iter().copied().take(NODES).collect();
    while let Some(node) = queue.pop_front() {
        for next in near.get(&node).into_iter().flatten() {
            if found.len() < NODES && found.insert(*next) {
                queue.push_back(*next);
            }
        }
    }
    for node in 0..nodes.len() {
        if found.len() >= NODES {
            break;
        }
        found.insert(node);
    }
    found.into_iter().collect()
}

/// The smaller, the more it matters.
fn gravity(role: Role) -> u8 {
    match role {
        Role::Cause => 0,
        Role::Alerting => 1,
        Role::Affected => 2,
        Role::Unseen => 4,
        _ => 5,
    }
}
