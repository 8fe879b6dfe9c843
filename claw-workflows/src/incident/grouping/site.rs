//! What an alert is about, as far as that can be told.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use claw_core::entity::EntityRef;

use crate::incident::case::Case;
use crate::incident::facts::{Facts, is_template_hash};
use crate::incident::steps::gather_context::alerting;
use crate::incident::subject::{self, Hints};
use crate::trigger::Alert;

/// What the labels of an alert name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// What it is about.
    pub(super) entities: BTreeSet<EntityRef>,
    /// Nodes that it names besides.
    pub(super) nodes: BTreeSet<EntityRef>,
    /// Namespaces.
    pub(super) namespaces: BTreeSet<String>,
}

/// Where an alert is on the map.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// What it is about: workloads rather than their pods and Services.
    pub(super) units: BTreeSet<EntityRef>,
    /// Nodes that it names besides.
    pub(super) nodes: BTreeSet<EntityRef>,
    /// Namespaces.
    pub(super) namespaces: BTreeSet<String>,
    /// Whether it is known what its units call, and what calls them.
    pub(super) is_mapped: bool,
}

impl Site {
    /// Whether anything is known of where it is.
    pub(super) fn is_known(&self) -> bool {
        !self.units.is_empty() || !self.nodes.is_empty() || !self.namespaces.is_empty()
    }
}

/// What each alert names. All of it becomes the subject of `case`, so that its facts know one thing by all its names.
pub(super) fn named(case: &mut Case, alerts: &[Alert]) -> Vec<Named> {
    let facts = Facts::new(case);
    let named: Vec<Named> = alerts.iter().map(|alert| of(&facts, alert)).collect();
    let all: BTreeSet<EntityRef> = named.iter().flat_map(|named| named.entities.clone()).collect();
    case.subject = all.into_iter().collect();
    named
}

fn of(facts: &Facts<'_>, alert: &Alert) -> Named {
    let hints: Hints = subject::hints(&alert.labels);
    let mut nodes = BTreeSet::new();
    for named in &hints.named {
        nodes.extend(
            named
                .entities
                .iter()
                .filter(|entity| entity.kind == "Node")
                .cloned(),
        );
    }
    let objects = &facts.case.objects;
    let known = !objects.pods.is_empty() || !objects.workloads.is_empty();
    let mut entities: BTreeSet<EntityRef> = alerting(facts, &hints)
        .into_iter()
        .map(|entity| if known { entity } else { owner(entity) })
        .collect();
    if entities.is_empty() {
        // An address that was scraped is all that it says.
        let scraped = hints.named.iter().filter_map(|named| named.scraped.as_deref());
        entities.extend(scraped.map(|address| EntityRef::cluster("Node", address)));
    }
    nodes.retain(|node| !entities.contains(node));
    Named {
        entities,
        nodes,
        namespaces: hints.namespaces,
    }
}

/// What runs a pod, by the pod's name alone: as a Service, which is called like it by custom.
fn owner(entity: EntityRef) -> EntityRef {
    if entity.kind != "Pod" {
        return entity;
    }
    let parts: Vec<&str> = entity.name.split('-').collect();
    let kept = match parts.as_slice() {
        [rest @ .., ordinal] if !rest.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        [rest @ .., hash, own] if !rest.is_empty() && is_random(hash, 6..=10) && is_random(own, 4..=6) => {
            rest
        }
        [rest @ .., own] if !rest.is_empty() && is_random(own, 5..=5) => rest,
        all => all,
    };
    EntityRef {
        kind: "Service".to_owned(),
        name: kept.join("-"),
        ..entity
    }
}

/// Whether a part of a pod's name looks as though nobody had chosen it.
fn is_random(part: &str, length: RangeInclusive<usize>) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mixed = part.bytes().all(letters) && part.bytes().any(|byte| byte.is_ascii_digit());
    length.contains(&part.len()) && (mixed || is_template_hash(part))
}
