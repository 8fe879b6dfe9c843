//! Which layer each box is in.

use std::collections::{BTreeMap, BTreeSet};

/// The edges that have to be turned around so that no cycle is left: those that lead back to a box that a walk from the
/// first boxes is still on its way from.
pub(super) fn turned(count: usize, edges: &[(usize, usize)]) -> BTreeSet<(usize, usize)> {
    let next = neighbours(edges.iter().copied());
    let entered: BTreeSet<_> = edges.iter().map(|(_, to)| *to).collect();
    let starts = (0..count).filter(|node| !entered.contains(node)).chain(0..count);
    let mut seen = BTreeSet::new();
    let mut open = BTreeSet::new();
    let mut turned = BTreeSet::new();
    for start in starts {
        if !seen.insert(start) {
            continue;
        }
        open.insert(start);
        let mut path = vec![(start, 0_usize)];
        while let Some((node, visited)) = path.last_mut() {
            let from = *node;
            let target = next.get(&from).and_then(|targets| targets.get(*visited)).copied();
            *visited = visited.saturating_add(1);
            match target {
                Some(to) if open.contains(&to) => {
                    turned.insert((from, to));
                }
                Some(to) if seen.insert(to) => {
                    open.insert(to);
                    path.push((to, 0));
                }
                Some(_) => {}
                None => {
                    open.remove(&from);
                    path.pop();
                }
            }
        }
    }
    turned
}

/// The layer of each box, from 0. Edges lead to higher layers and there is no cycle. No layer is left empty, and none
/// holds more than `most` boxes.
pub(super) fn assign(count: usize, edges: &[(usize, usize)], most: usize) -> Vec<usize> {
    let next = neighbours(edges.iter().copied());
    let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, to) in edges {
        *waiting.entry(*to).or_default() += 1;
    }
    let mut ready: Vec<_> = (0..count)
        .rev()
        .filter(|node| !waiting.contains_key(node))
        .collect();
    let mut layer = vec![0_usize; count];
    let mut sorted = Vec::with_capacity(count);
    while let Some(node) = ready.pop() {
        sorted.push(node);
        let own = layer.get(node).copied().unwrap_or_default();
        for to in next.get(&node).into_iter().flatten() {
            if let Some(layer) = layer.get_mut(*to) {
                *layer = (*layer).max(own.saturating_add(1));
            }
            if let Some(left) = waiting.get_mut(to) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push(*to);
                }
            }
        }
    }
    // A box that nothing leads to stands next to what it leads to, not at the far left.
    let entered: BTreeSet<_> = edges.iter().map(|(_, to)| *to).collect();
    for node in sorted.iter().rev().filter(|node| !entered.contains(node)) {
        let nearest = next
            .get(node)
            .into_iter()
            .flatten()
            .filter_map(|to| layer.get(*to))
            .min()
            .map(|layer| layer.saturating_sub(1));
        if let (Some(slot), Some(nearest)) = (layer.get_mut(*node), nearest) {
            *slot = (*slot).max(nearest);
        }
    }
    split(&layer, most.max(1))
}

/// Numbers the layers anew so that none is empty or overfull. Boxes of one layer are not connected, so they can be
/// spread over several.
fn split(layer: &[usize], most: usize) -> Vec<usize> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (node, layer) in layer.iter().enumerate() {
        members.entry(*layer).or_default().push(node);
    }
    let mut spread = vec![0; layer.len()];
    let mut number = 0_usize;
    for nodes in members.values() {
        let parts = nodes.len().div_ceil(most);
        for part in nodes.chunks(nodes.len().div_ceil(parts.max(1)).max(1)) {
            for node in part {
                if let Some(slot) = spread.get_mut(*node) {
                    *slot = number;
                }
            }
            number = number.saturating_add(1);
        }
    }
    spread
}

fn neighbours(edges: impl Iterator<Item = (usize, usize)>) -> BTreeMap<usize, Vec<usize>> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    next
}
