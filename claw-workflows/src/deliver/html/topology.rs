//! Picture of who depends on whom, and who fares how.

mod select;
mod shape;

use claw_core::report::{Role, Topology};
use serde::Serialize;

use super::layout::{self, Layout, Metrics};
use super::measure::{LEAST, px};
use crate::deliver::view::Entity;
use crate::deliver::words;
use shape::{Shape, Style};

/// For a picture of a few boxes.
const ROOMY: Metrics = Metrics {
    width: 166.0,
    gap: 53.0,
    space: 12.0,
    most: 14,
    pass: 12.0,
};
/// For a picture of many boxes, in which those that are well say only their name.
const DENSE: Metrics = Metrics {
    width: 152.0,
    gap: 42.0,
    space: 7.0,
    most: 22,
    pass: 5.0,
};
/// From this number of boxes on, the picture is dense.
const MANY: usize = 25;
const MARGIN: f64 = 8.0;
/// Boxes in a row of those that are connected to nothing.
const LOOSE: usize = 5;

/// The picture; all coordinates are in pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Picture {
    width: i32,
    /// Width below which text would be too small to read.
    least: i32,
    height: i32,
    boxes: Vec<Shape>,
    lines: Vec<Line>,
    /// Roles that occur, for the legend: key and word.
    roles: Vec<(&'static str, &'static str)>,
    /// What the picture leaves out.
    note: Option<String>,
    /// Where the boxes without connection begin.
    loose: Option<i32>,
    description: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    path: String,
    /// Between two that are in trouble.
    hot: bool,
    /// Whether the arrow is at the left end.
    back: bool,
    told: String,
}

impl Picture {
    /// `None` where there is nothing to show.
    pub(super) fn new(topology: &Topology) -> Option<Self> {
        let selection = select::select(topology);
        if selection.nodes.is_empty() {
            return None;
        }
        let connected = |node: usize| {
            selection
                .edges
                .iter()
                .any(|edge| edge.from == node || edge.to == node)
        };
        let (bound, loose): (Vec<_>, Vec<_>) = (0..selection.nodes.len()).partition(|node| connected(*node));
        let dense = selection.nodes.len() >= MANY;
        let metrics = if dense { DENSE } else { ROOMY };
        let style = Style::new(&selection.nodes, metrics.width, dense);
        let shape = |index: usize| selection.nodes.get(index).map(|node| Shape::new(node, style));
        let mut shapes: Vec<_> = bound.iter().filter_map(|node| shape(*node)).collect();
        let place = |node: usize| bound.binary_search(&node).unwrap_or(usize::MAX);
        let pairs: Vec<_> = selection
            .edges
            .iter()
            .map(|edge| (place(edge.from), place(edge.to)))
            .collect();
        let heights: Vec<_> = shapes.iter().map(|shape| f64::from(shape.height)).collect();
        let layout = layout::layout(&heights, &pairs, metrics);
        for (shape, (x, y)) in shapes.iter_mut().zip(&layout.nodes) {
            shape.move_to(MARGIN + x, MARGIN + y - f64::from(shape.height) / 2.0);
        }
        let lines = lines(&selection, &layout);
        let mut bottom = if bound.is_empty() {
            0.0
        } else {
            MARGIN + layout.height
        };
        let mut right = MARGIN + layout.width;
        let mut loose_at = None;
        if !loose.is_empty() {
            bottom += if bound.is_empty() { MARGIN } else { 34.0 };
            loose_at = (!bound.is_empty()).then(|| px(bottom - 8.0));
            for row in loose.chunks(LOOSE) {
                let mut x = MARGIN;
                let mut tallest = 0;
                for mut shape in row.iter().filter_map(|node| shape(*node)) {
                    shape.move_to(x, bottom);
                    x += metrics.width + metrics.space * 2.0;
                    right = right.max(x - metrics.space * 2.0);
                    tallest = tallest.max(shape.height);
                    shapes.push(shape);
                }
                bottom += f64::from(tallest) + metrics.space;
            }
        }
        let roles = [
            Role::Cause,
            Role::Alerting,
            Role::Affected,
            Role::Healthy,
            Role::Unseen,
        ];
        let present = |role: &Role| selection.nodes.iter().any(|node| node.role == *role);
        Some(Self {
            width: px(right + MARGIN),
            least: px((right + MARGIN) * LEAST),
            height: px(bottom + MARGIN),
            description: format!(
                "Who depends on whom: {}, {}. An arrow leads from the dependent to what it depends on.",
                words::count(selection.nodes.len(), "entity", "entities"),
                words::count(selection.edges.len(), "dependency", "dependencies"),
            ),
            boxes: shapes,
            lines,
            roles: roles
                .into_iter()
                .filter(present)
                .map(|role| (words::role_key(role), words::role(role)))
                .collect(),
            note: selection.note,
            loose: loose_at,
        })
    }
}

fn lines(selection: &select::Selection, layout: &Layout) -> Vec<Line> {
    let node = |index: usize| selection.nodes.get(index);
    let troubled =
        |index: usize| node(index).is_some_and(|node| !matches!(node.role, Role::Healthy | Role::Unseen));
    let name = |index: usize| {
        node(index)
            .map(|node| Entity::new(&node.entity).full())
            .unwrap_or_default()
    };
    let mut lines: Vec<_> = selection
        .edges
        .iter()
        .zip(&layout.edges)
        .filter(|(_, route)| !route.points.is_empty())
        .map(|(edge, route)| {
            let via = edge.via.join(", ");
            Line {
                path: path(&route.points, route.back),
                hot: troubled(edge.from) && troubled(edge.to),
                back: route.back,
                told: format!(
                    "{} depends on {} (known by {via})",
                    name(edge.from),
                    name(edge.to)
                ),
            }
        })
        .collect();
    // What matters is drawn last, on top.
    lines.sort_by_key(|line| line.hot);
    lines
}

/// Bends between layers, straight within them. The arrow's head gets a few straight pixels.
fn path(points: &[(f64, f64)], back: bool) -> String {
    const HEAD: f64 = 7.0;
    let mut path = String::new();
    let last = points.len().saturating_sub(1);
    let mut before: Option<(f64, f64)> = None;
    for (index, (x, y)) in points.iter().enumerate() {
        let (x, y) = (MARGIN + x, MARGIN + y);
        match before {
            None if back => {
                path.push_str(&format!("M{} {}H{}", px(x + 1.0), px(y), px(x + HEAD)));
                before = Some((x + HEAD, y));
                continue;
            }
            None => path.push_str(&format!("M{} {}", px(x), px(y))),
            Some((from_x, from_y)) if index % 2 == 1 => {
                let end = if index == last && !back { x - HEAD } else { x };
                let middle = (from_x + end) / 2.0;
                path.push_str(&format!(
                    "C{} {} {} {} {} {}",
                    px(middle),
                    px(from_y),
                    px(middle),
                    px(y),
                    px(end),
                    px(y)
                ));
                if index == last && !back {
                    path.push_str(&format!("H{}", px(x - 1.0)));
                }
            }
            Some(_) => path.push_str(&format!("H{}", px(x))),
        }
        before = Some((x, y));
    }
    path
}

#[cfg(test)]
mod tests;
