//! Where the boxes and lines of a layered graph go.
//!
//! The usual four steps: turn cycles around, put every box into a layer so that lines lead to the right, order the
//! layers so that few lines cross, and move boxes next to what they are connected to. The result depends on nothing but
//! the input.

mod layers;
mod order;
mod place;

use std::collections::BTreeSet;

/// Sizes in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metrics {
    /// Width of every box.
    pub(super) width: f64,
    /// Room between layers.
    pub(super) gap: f64,
    /// Room between boxes of a layer.
    pub(super) space: f64,
    /// Most boxes in a layer; what is more goes into a layer of its own.
    pub(super) most: usize,
    /// Height of the place where a line passes a layer.
    pub(super) pass: f64,
}

/// A graph that has its place. Boxes are given by their middle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Left edge and vertical middle of each node, in the order of the input.
    pub(super) nodes: Vec<(f64, f64)>,
    /// Points of each edge from left to right, in the order of the input, and whether the edge was turned around.
    pub(super) edges: Vec<Route>,
}

/// The way of a line. It enters each box or passes each layer horizontally.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Route {
    /// Pairs of points between which the line bends; between the pairs it is straight.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether it leads from right to left.
    pub(super) back: bool,
}

/// A box, or the place where a long line passes a layer.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    layer: usize,
    height: f64,
    /// Slots of the layer to the left that it is connected to.
    left: Vec<usize>,
    /// Slots of the layer to the right that it is connected to.
    right: Vec<usize>,
}

/// Lays out a graph of boxes with the given heights. Edges are pairs of indexes; pairs that name no box, or one twice,
/// get no line.
pub(super) fn layout(heights: &[f64], edges: &[(usize, usize)], metrics: Metrics) -> Layout {
    let count = heights.len();
    let usable: Vec<_> = edges
        .iter()
        .map(|(from, to)| (*from, *to))
        .filter(|(from, to)| from != to && *from < count && *to < count)
        .collect();
    let turned = layers::turned(count, &usable);
    let directed: BTreeSet<_> = usable
        .iter()
        .map(|edge| {
            if turned.contains(edge) {
                (edge.1, edge.0)
            } else {
                *edge
            }
        })
        .collect();
    let directed: Vec<_> = directed.into_iter().collect();
    let layer_of = layers::assign(count, &directed, metrics.most);

    let mut slots: Vec<_> = heights
        .iter()
        .zip(&layer_of)
        .map(|(height, layer)| Slot {
            layer: *layer,
            height: *height,
            left: Vec::new(),
            right: Vec::new(),
        })
        .collect();
    let chains: Vec<_> = directed
        .iter()
        .map(|(from, to)| ((*from, *to), chain(&mut slots, *from, *to, metrics.pass)))
        .collect();
    let rows = order::ordered(&slots);
    let middles = place::middles(&slots, &rows, metrics.space);

    let x = |slot: usize| {
        let layer = slots.get(slot).map_or(0, |slot| slot.layer) as f64;
        layer * (metrics.width + metrics.gap)
    };
    let y = |slot: usize| middles.get(slot).copied().unwrap_or_default();
    let routes = edges
        .iter()
        .map(|edge| {
            let back = turned.contains(edge);
            let key = if back { (edge.1, edge.0) } else { *edge };
            let Ok(found) = chains.binary_search_by_key(&key, |(key, _)| *key) else {
                return Route::default();
            };
            let chain = chains
                .get(found)
                .map(|(_, chain)| chain.as_slice())
                .unwrap_or_default();
            let mut points = Vec::with_capacity(chain.len().saturating_mul(2));
            for slot in chain {
                points.push((x(*slot), y(*slot)));
                points.push((x(*slot) + metrics.width, y(*slot)));
            }
            // The line begins at the right edge of its first box and ends at the left edge of its last.
            points.pop();
            Route {
                points: points.split_off(points.len().min(1)),
                back,
            }
        })
        .collect();
    let bottom = |index: usize, slot: &Slot| y(index) + slot.height / 2.0;
    Layout {
        width: (0..count).map(x).fold(0.0, f64::max) + metrics.width,
        height: slots
            .iter()
            .enumerate()
            .map(|(index, slot)| bottom(index, slot))
            .fold(0.0, f64::max),
        nodes: (0..count).map(|node| (x(node), y(node))).collect(),
        edges: routes,
    }
}

/// Connects two boxes through the layers between them. Returns the slots from left to right.
fn chain(slots: &mut Vec<Slot>, from: usize, to: usize, pass: f64) -> Vec<usize> {
    let layer = |slots: &[Slot], slot: usize| slots.get(slot).map_or(0, |slot| slot.layer);
    let mut chain = vec![from];
    for passed in layer(slots, from).saturating_add(1)..layer(slots, to) {
        chain.push(slots.len());
        slots.push(Slot {
            layer: passed,
            height: pass,
            left: Vec::new(),
            right: Vec::new(),
        });
    }
    chain.push(to);
    for (left, right) in chain.iter().zip(chain.iter().skip(1)) {
        if let Some(slot) = slots.get_mut(*left) {
            slot.right.push(*right);
        }
        if let Some(slot) = slots.get_mut(*right) {
            slot.left.push(*left);
        }
    }
    chain
}

#[cfg(test)]
mod tests;
