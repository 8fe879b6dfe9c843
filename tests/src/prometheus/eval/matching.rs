//! Which series of the two sides of a binary operation belong together.

use std::collections::HashMap;

use promql_parser::parser::{BinModifier, LabelModifier, VectorMatchCardinality};

use super::super::labels::{Labels, METRIC_NAME};
use super::node::Row;

/// How the series of both sides are matched, read off the modifiers of an operation.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    /// `on` (true) or `ignoring`.
    pub(super) on: bool,
    pub(super) labels: Vec<String>,
    pub(super) grouping: Grouping,
    pub(super) return_bool: bool,
}

/// Which side may have several series for one of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    None,
    /// `group_left`: the left side. The labels are taken over from the right one.
    Left(Vec<String>),
    /// `group_right`: the right side. The labels are taken over from the left one.
    Right(Vec<String>),
}

impl Matching {
    pub(super) fn of(modifier: Option<&BinModifier>) -> Self {
        let (on, labels) = match modifier.and_then(|m| m.matching.as_ref()) {
            Some(LabelModifier::Include(names)) => (true, names.labels.clone()),
            Some(LabelModifier::Exclude(names)) => (false, names.labels.clone()),
            None => (false, Vec::new()),
        };
        let grouping = match modifier.map(|m| &m.card) {
            Some(VectorMatchCardinality::ManyToOne(include)) => Grouping::Left(include.labels.clone()),
            Some(VectorMatchCardinality::OneToMany(include)) => Grouping::Right(include.labels.clone()),
            _ => Grouping::None,
        };
        Self {
            on,
            labels,
            grouping,
            return_bool: modifier.is_some_and(|m| m.return_bool),
        }
    }

    /// The labels that have to be equal on both sides.
    pub(super) fn signature(&self, labels: &Labels) -> Labels {
        if self.on {
            labels.keep(&self.labels)
        } else {
            labels.without(&self.labels).with(METRIC_NAME, "")
        }
    }

    /// The labels of the result for a series of the "many" side and its partner.
    pub(super) fn result(&self, many: &Labels, one: &Labels, drop_metric: bool) -> Labels {
        let many = if drop_metric {
            many.without_metric()
        } else {
            many.clone()
        };
        match &self.grouping {
            Grouping::None if self.on => many.keep(&self.labels),
            Grouping::None => many.without(&self.labels),
            Grouping::Left(include) | Grouping::Right(include) => include
                .iter()
                .fold(many, |labels, name| labels.with(name, one.get(name))),
        }
    }
}

/// The rows of both sides that have one signature, by index.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    pub(super) signature: Option<Labels>,
    pub(super) left: Vec<usize>,
    pub(super) right: Vec<usize>,
}

/// Brings the rows of both sides together, in the order in which their signatures come up on the left, then the right.
pub(super) fn pair(matching: &Matching, left: &[Row], right: &[Row]) -> Vec<Pairing> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut pairings: Vec<Pairing> = Vec::new();
    let sides = left
        .iter()
        .enumerate()
        .map(|row| (true, row))
        .chain(right.iter().enumerate().map(|row| (false, row)));
    for (is_left, (index, row)) in sides {
        let place = *places
            .entry(matching.signature(&row.labels))
            .or_insert_with_key(|signature| {
                pairings.push(Pairing {
                    signature: Some(signature.clone()),
                    ..Pairing::default()
                });
                pairings.len().saturating_sub(1)
            });
        if let Some(pairing) = pairings.get_mut(place) {
            if is_left {
                pairing.left.push(index)
            } else {
                pairing.right.push(index)
            }
        }
    }
    pairings
}
