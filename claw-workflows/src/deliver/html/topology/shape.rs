//! A box of the picture and what is written in it.

use claw_core::report::{Role, TopologyNode};
use serde::Serialize;

use crate::deliver::html::measure::{BOLD, characters, fitted, px};
use crate::deliver::untrusted;
use crate::deliver::view::Entity;
use crate::deliver::words;

/// Room left and right of a box's text.
const PADDING: f64 = 12.0;
const NAME: f64 = 12.0;
const LINE: f64 = 15.0;
/// Height of a box without caption and name, and of the caption.
const BASE: f64 = 13.0;
const CAPTION: f64 = 14.0;

/// What is the same for all boxes of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    width: f64,
    /// Boxes that are well say only their name.
    dense: bool,
    /// All entities with a namespace are in the same one, so that it need not be said.
    one_namespace: bool,
}

impl Style {
    pub(super) fn new(nodes: &[TopologyNode], width: f64, dense: bool) -> Self {
        let mut namespaces = nodes.iter().filter_map(|node| node.entity.namespace.as_deref());
        let first = namespaces.next();
        Self {
            width,
            dense,
            one_namespace: namespaces.all(|namespace| Some(namespace) == first),
        }
    }
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shape {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) role: &'static str,
    pub(super) caption: Option<String>,
    /// In one or two lines.
    pub(super) name: Vec<Name>,
    pub(super) told: String,
}

/// A line of a name, by the distance of its foot from the box's top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Name {
    pub(super) down: i32,
    pub(super) text: String,
}

impl Shape {
    pub(super) fn new(node: &TopologyNode, style: Style) -> Self {
        let entity = Entity::new(&node.entity);
        let bare = untrusted::line(&node.entity.name, 300);
        let shown = if style.one_namespace { &bare } else { &entity.path };
        let room = style.width - 2.0 * PADDING;
        let lines = two_lines(shown, characters(room, NAME * BOLD));
        let caption = match node.role {
            Role::Healthy if style.dense => None,
            Role::Healthy => Some(entity.kind.clone()),
            role => Some(format!("{} · {}", words::role(role).to_uppercase(), entity.kind)),
        };
        let top = if caption.is_some() { CAPTION } else { 0.0 };
        let feet = |index: usize| top + LINE * (index as f64 + 1.0);
        Self {
            x: 0,
            y: 0,
            width: px(style.width),
            height: px(feet(lines.len().saturating_sub(1)) + BASE),
            role: words::role_key(node.role),
            caption: caption.map(|caption| fitted(&caption, room, 9.5 * BOLD)),
            name: lines
                .into_iter()
                .enumerate()
                .map(|(index, text)| Name {
                    down: px(feet(index) + 3.0),
                    // Wide characters take more room than was counted on.
                    text: fitted(&text, room, NAME * BOLD),
                })
                .collect(),
            told: format!("{} ({})", entity.full(), words::role(node.role)),
        }
    }

    pub(super) fn move_to(&mut self, x: f64, y: f64) {
        self.x = px(x);
        self.y = px(y);
    }
}

/// `text` in at most two lines of `room` characters, broken after a dash, dot or slash where there is one; what does
/// not fit is left out in the middle, because names differ at both ends.
fn two_lines(text: &str, room: usize) -> Vec<String> {
    let characters: Vec<_> = text.chars().collect();
    if characters.len() <= room {
        return vec![text.to_owned()];
    }
    let cut = characters
        .iter()
        .take(room)
        .rposition(|c| matches!(c, '-' | '.' | '/' | '_' | ':'))
        .map(|at| at.saturating_add(1))
        .filter(|at| at.saturating_mul(2) > room)
        .unwrap_or(room);
    let first: String = characters.iter().take(cut).collect();
    let rest = characters.len().saturating_sub(cut);
    let second: String = if rest <= room {
        characters.iter().skip(cut).collect()
    } else {
        let tail = characters.len().saturating_sub(room.saturating_sub(1));
        std::iter::once(&'…')
            .chain(characters.iter().skip(tail))
            .collect()
    };
    vec![first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_broken_and_cut_in_the_middle() {
        assert_eq!(two_lines("payments", 20), ["payments"]);
        assert_eq!(
            two_lines("checkout-session-service", 20),
            ["checkout-session-", "service"]
        );
        assert_eq!(
            two_lines(&format!("{}-tail", "x".repeat(60)), 20)[1],
            format!("…{}-tail", "x".repeat(14))
        );
    }
}
