//! What an alert is about, as far as that can be told.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod, Workload};
use claw_metrics::classify::UNKNOWN_WORKLOAD;

use super::realm::Realm;
use super::{naming, things};
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::steps::gather_context::alerting;
use crate::incident::subject::{self, Hints};
use crate::trigger::Alert;
use crate::trigger::severity::Urgency;

/// What the labels of an alert name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// What it is about.
    pub(super) entities: BTreeSet<EntityRef>,
    /// Nodes that it names besides.
    pub(super) nodes: BTreeSet<EntityRef>,
    /// Namespaces.
    pub(super) namespaces: BTreeSet<String>,
    /// Of which cluster and environment it is.
    pub(super) realm: Realm,
    /// Whether it says that nobody has to do anything.
    pub(super) is_quiet: bool,
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
    /// Of which cluster and environment it is.
    pub(super) realm: Realm,
    /// Whether it says that nobody has to do anything.
    pub(super) is_quiet: bool,
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
    let mut entities: BTreeSet<EntityRef> = alerting(facts, &hints)
        .into_iter()
        .flat_map(|entity| meant(facts, entity))
        .collect();
    let scraped = || hints.named.iter().filter_map(|named| named.scraped.as_deref());
    let hosts: BTreeSet<EntityRef> = scraped().filter_map(things::host).collect();
    let namespaces = hints.namespaces;
    if entities.is_empty() {
        // An address that was scraped is all that it says.
        entities.extend(hosts.iter().cloned());
    }
    if let Some(job) = hints.named.iter().find_map(|named| named.job.as_deref()) {
        // The name of the scrape tells who measured, and in want of anything else what.
        let is_job = |entity: &EntityRef| entity.kind == "Service" && entity.name == job;
        let outside = namespaces.is_empty();
        let things = things::named(&alert.labels, &namespaces);
        let is_told = !things.is_empty() && (!outside || hosts.is_empty());
        if is_told || outside && !hosts.is_empty() && things::is_of_host(job) {
            entities.retain(|entity| !is_job(entity));
        }
        if outside {
            entities.extend(hosts.iter().cloned());
        }
        if is_told {
            entities.extend(things);
        }
    } else if entities.is_empty() {
        entities.extend(things::named(&alert.labels, &namespaces));
    }
    nodes.extend(hosts);
    for known in [&mut entities, &mut nodes] {
        let told: Vec<EntityRef> = known.iter().filter_map(same_node).collect();
        known.extend(told);
    }
    nodes.retain(|node| !entities.contains(node));
    Named {
        entities,
        nodes,
        namespaces,
        realm: Realm::of(alert),
        is_quiet: alert.urgency() == Urgency::Info,
    }
}

/// A node by its address, where its name tells that.
fn same_node(node: &EntityRef) -> Option<EntityRef> {
    let address = naming::address(&node.name).filter(|_| node.kind == "Node");
    address.map(|address| EntityRef::cluster("Node", address))
}

/// What an alert is about that names this object: what runs a pod, uses a claim or is scaled, as the objects tell, else by its name.
fn meant(facts: &Facts<'_>, entity: EntityRef) -> BTreeSet<EntityRef> {
    let objects = &facts.case.objects;
    let is_known = !objects.pods.is_empty() || !objects.workloads.is_empty();
    match entity.kind.as_str() {
        "Pod" if !is_known => BTreeSet::from([naming::owner(entity)]),
        "PersistentVolumeClaim" => {
            let mut users = if is_known {
                users(facts, &entity)
            } else {
                naming::users(&entity)
            };
            users.insert(entity);
            users
        }
        "HorizontalPodAutoscaler" => {
            let namespace = entity.namespace.as_deref().unwrap_or_default();
            let autoscaler = objects
                .autoscalers
                .iter()
                .find(|known| known.metadata.name == entity.name && known.metadata.ns() == namespace);
            let target = autoscaler.map(|known| &known.spec.scale_target_ref);
            let (kind, name) = match target {
                Some(target) => (target.kind.as_str(), target.name.as_str()),
                None if is_known => (UNKNOWN_WORKLOAD, naming::scaled(&entity.name)),
                None => ("Service", naming::scaled(&entity.name)),
            };
            BTreeSet::from([EntityRef::namespaced(kind, namespace, name)])
        }
        _ => BTreeSet::from([entity]),
    }
}

/// The pods that mount a claim, and the StatefulSets that made it.
fn users(facts: &Facts<'_>, claim: &EntityRef) -> BTreeSet<EntityRef> {
    let is_there = |namespace: &str| claim.namespace.as_deref() == Some(namespace);
    let mounts = |pod: &&Pod| {
        let claims = pod
            .spec
            .volumes
            .iter()
            .filter_map(|volume| volume.persistent_volume_claim.as_ref());
        is_there(pod.metadata.ns()) && claims.into_iter().any(|mounted| mounted.claim_name == claim.name)
    };
    let made = |workload: &&Workload| {
        let mut templates = workload.spec.volume_claim_templates.iter();
        is_there(workload.metadata.ns())
            && templates.any(|template| {
                let prefix = format!("{}-{}-", template.metadata.name, workload.metadata.name);
                claim.name.strip_prefix(&prefix).is_some_and(naming::is_ordinal)
            })
    };
    let pods = facts.pods().filter(mounts).map(Object::entity);
    let sets = facts.top_workloads().filter(made).map(Object::entity);
    pods.chain(sets).collect()
}
