//! The gathered world, indexed for questions.

#[cfg(test)]
pub(crate) mod built;
mod changes;
mod concern;
mod evidence;
mod revisions;
mod units;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::{EndpointSlice, Event, Node, Object, Pod, Service, Workload};

use super::case::Case;
use super::complaint::{self, Complaint};
use super::graph::FailureGraph;
use super::logs::Digest;
use super::relay::Relays;
pub(super) use changes::SKEW;
pub(super) use concern::Closeness;
pub(super) use revisions::SAME;

/// An index over a [`Case`]. Built once a step; mechanisms and symptoms ask it. What is dear and not always asked for is made
/// when it is.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was gathered.
    pub case: &'a Case,
    workloads: BTreeMap<EntityRef, &'a Workload>,
    owners: BTreeMap<EntityRef, EntityRef>,
    top: Vec<&'a Workload>,
    pods: BTreeMap<Path<'a>, &'a Pod>,
    services: BTreeMap<Path<'a>, &'a Service>,
    slices: BTreeMap<Path<'a>, Vec<&'a EndpointSlice>>,
    secrets: BTreeSet<Path<'a>>,
    pods_of: BTreeMap<EntityRef, Vec<&'a Pod>>,
    pods_on: BTreeMap<&'a str, Vec<&'a Pod>>,
    pods_in: BTreeMap<&'a str, Vec<&'a Pod>>,
    nodes: BTreeMap<&'a str, &'a Node>,
    owned: BTreeMap<EntityRef, Vec<&'a Workload>>,
    events: BTreeMap<EntityRef, Vec<&'a Event>>,
    logs: BTreeMap<EntityRef, Vec<&'a Digest>>,
    changes: BTreeMap<EntityRef, Vec<&'a Change>>,
    units: units::Units,
    roster: OnceLock<concern::Roster>,
    graph: OnceLock<FailureGraph>,
    complaints: OnceLock<Vec<Complaint<'a>>>,
    relays: OnceLock<Relays<'a>>,
}

/// Namespace and name.
type Path<'a> = (&'a str, &'a str);

impl<'a> Facts<'a> {
    /// Indexes `case`.
    pub fn new(case: &'a Case) -> Self {
        #[cfg(test)]
        built::one_more();
        let objects = &case.objects;
        let workloads: BTreeMap<_, _> = objects.workloads.iter().map(|w| (w.entity(), w)).collect();
        let owners = owners(case, &workloads);
        let top: Vec<&Workload> = objects
            .workloads
            .iter()
            .filter(|workload| !owners.contains_key(&workload.entity()))
            .collect();
        let mut facts = Self {
            case,
            units: units::Units::of(case, &top),
            owners,
            workloads,
            top,
            pods: by_path(&objects.pods),
            services: by_path(&objects.services),
            slices: BTreeMap::new(),
            secrets: by_path(&objects.secrets).into_keys().collect(),
            pods_of: BTreeMap::new(),
            pods_on: BTreeMap::new(),
            pods_in: BTreeMap::new(),
            nodes: BTreeMap::new(),
            owned: BTreeMap::new(),
            events: BTreeMap::new(),
            logs: BTreeMap::new(),
            changes: BTreeMap::new(),
            roster: OnceLock::new(),
            graph: OnceLock::new(),
            complaints: OnceLock::new(),
            relays: OnceLock::new(),
        };
        for slice in &objects.endpoint_slices {
            if let Some(service) = slice.service() {
                let slices = facts.slices.entry((slice.metadata.ns(), service));
                slices.or_default().push(slice);
            }
        }
        for pod in &objects.pods {
            facts.pods_of.entry(facts.workload_of(pod)).or_default().push(pod);
            facts.pods_on.entry(&pod.spec.node_name).or_default().push(pod);
            facts.pods_in.entry(pod.metadata.ns()).or_default().push(pod);
        }
        for node in objects.nodes.iter().rev() {
            facts.nodes.insert(&node.metadata.name, node);
        }
        for (owned, owner) in &facts.owners {
            let owned = facts.workloads.get(owned).copied();
            facts.owned.entry(owner.clone()).or_default().extend(owned);
        }
        for event in &objects.events {
            facts.events.entry(event.about()).or_default().push(event);
        }
        for events in facts.events.values_mut() {
            events.sort_by_key(|event| (event.last_seen(), event.metadata.name.clone()));
        }
        for digest in &case.logs {
            facts.logs.entry(digest.pod.clone()).or_default().push(digest);
        }
        // That a Job was started says what may have come of it, not what is wrong with it.
        for change in case
            .changes
            .iter()
            .filter(|change| change.kind != ChangeKind::Job)
        {
            facts
                .changes
                .entry(change.entity.clone())
                .or_default()
                .push(change);
        }
        for changes in facts.changes.values_mut() {
            changes.sort_by_key(|change| (change.time, change.reference.clone()));
        }
        facts
    }

    /// What workloads say of others in their logs, in a fixed order.
    pub(super) fn complaints(&self) -> &[Complaint<'a>] {
        self.complaints.get_or_init(|| complaint::gather(self))
    }

    /// Whether a unit is one that the alert is about, or one whose errors such a one passes on.
    pub(super) fn is_concerned(&self, unit: &EntityRef) -> bool {
        let alerting = |unit: &EntityRef| {
            let subject = self.case.subject.iter();
            subject
                .map(|entity| self.unit_of(entity))
                .any(|known| known == *unit)
        };
        let mut relays = self.relays().pairs();
        alerting(unit) || relays.any(|(writer, origin)| origin == unit && alerting(writer))
    }

    /// Which errors in the logs are passed on from others.
    pub(super) fn relays(&self) -> &Relays<'a> {
        self.relays.get_or_init(|| Relays::of(self))
    }

    /// Along which ways trouble spreads here.
    pub fn graph(&self) -> &FailureGraph {
        self.graph.get_or_init(|| super::spread::graph(self))
    }

    /// All pods.
    pub fn pods(&self) -> impl Iterator<Item = &'a Pod> {
        self.case.objects.pods.iter()
    }

    /// All workloads that nothing else owns: a Deployment, not its ReplicaSets.
    pub fn top_workloads(&self) -> impl Iterator<Item = &'a Workload> {
        self.top.iter().copied()
    }

    /// The ReplicaSets, Jobs and the like that a workload owns.
    pub fn owned_by(&self, owner: &EntityRef) -> impl Iterator<Item = &'a Workload> {
        self.owned.get(owner).into_iter().flatten().copied()
    }

    /// The workload of that name, if it was seen.
    pub fn workload(&self, entity: &EntityRef) -> Option<&'a Workload> {
        self.workloads.get(entity).copied()
    }

    /// The outermost owner of a pod: its Deployment, StatefulSet, Job's CronJob …; the pod itself if nothing owns it.
    pub fn workload_of(&self, pod: &Pod) -> EntityRef {
        // A node owns the pods that its kubelet runs from files: they are workloads of their own.
        let Some(owner) = pod.metadata.controller().filter(|owner| owner.kind != "Node") else {
            return pod.entity();
        };
        let direct = EntityRef {
            kind: owner.kind.clone(),
            namespace: pod.metadata.namespace.clone(),
            name: owner.name.clone(),
        };
        self.top_of(&direct)
    }

    /// The outermost owner of a workload; itself if nothing owns it.
    pub fn top_of(&self, entity: &EntityRef) -> EntityRef {
        let mut top = entity.clone();
        // Owner chains are short; the bound guards against cycles in damaged data.
        for _ in 0..8 {
            match self.owners.get(&top) {
                Some(owner) => top = owner.clone(),
                None => break,
            }
        }
        if top.kind == "ReplicaSet"
            && !self.workloads.contains_key(&top)
            && let Some((name, hash)) = top.name.rsplit_once('-')
            && is_template_hash(hash)
        {
            // The ReplicaSet was not seen: its name is that of its Deployment and a hash.
            top = EntityRef {
                kind: "Deployment".to_owned(),
                namespace: top.namespace,
                name: name.to_owned(),
            };
        }
        top
    }

    /// The pods of a workload that is an outermost owner.
    pub fn pods_of(&self, workload: &EntityRef) -> &[&'a Pod] {
        self.pods_of.get(workload).map_or(&[], Vec::as_slice)
    }

    /// The pods that are on a node.
    pub fn pods_on(&self, node: &str) -> &[&'a Pod] {
        self.pods_on.get(node).map_or(&[], Vec::as_slice)
    }

    /// The pods of a namespace.
    pub fn pods_in(&self, namespace: &str) -> &[&'a Pod] {
        self.pods_in.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Workloads with their pods.
    pub fn pods_by_workload(&self) -> impl Iterator<Item = (&EntityRef, &[&'a Pod])> {
        self.pods_of
            .iter()
            .map(|(workload, pods)| (workload, pods.as_slice()))
    }

    /// The pod of that name.
    pub fn pod(&self, entity: &EntityRef) -> Option<&'a Pod> {
        let namespace = entity.namespace.as_deref().unwrap_or_default();
        self.pods.get(&(namespace, entity.name.as_str())).copied()
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    /// The service of that name.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        self.services.get(&(namespace, name)).copied()
    }

    /// The endpoint slices of a service.
    pub fn slices_of<'f>(&'f self, service: &'f Service) -> &'f [&'a EndpointSlice] {
        let path = (service.metadata.ns(), service.metadata.name.as_str());
        self.slices.get(&path).map_or(&[], Vec::as_slice)
    }

    /// Whether a Secret of that name was read.
    pub fn has_secret(&self, namespace: &str, name: &str) -> bool {
        self.secrets.contains(&(namespace, name))
    }

    /// Whether an object of the entity was read, or of the unit that it counts for.
    pub fn was_read(&self, entity: &EntityRef) -> bool {
        let objects = &self.case.objects;
        let one = |entity: &EntityRef| {
            let namespace = entity.namespace.as_deref().unwrap_or_default();
            match entity.kind.as_str() {
                "Pod" => self.pod(entity).is_some(),
                "Node" => self.node(&entity.name).is_some(),
                "Service" => self.service(namespace, &entity.name).is_some(),
                "Ingress" => objects
                    .ingresses
                    .iter()
                    .any(|ingress| ingress.entity() == *entity),
                _ => self.workload(entity).is_some(),
            }
        };
        one(entity) || one(&self.unit_of(entity))
    }

    /// Services that select a pod with `labels` in `namespace`.
    pub fn services_selecting<'b>(
        &self,
        namespace: &'b str,
        labels: &'b BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Service> + use<'a, 'b> {
        self.case
            .objects
            .services
            .iter()
            .filter(move |s| s.metadata.ns() == namespace && s.selects(labels))
    }

    /// Events about an entity, in order of time.
    pub fn events_of(&self, entity: &EntityRef) -> &[&'a Event] {
        self.events.get(entity).map_or(&[], Vec::as_slice)
    }

    /// The newest event about an entity for which `test` holds.
    pub fn event(&self, entity: &EntityRef, test: impl Fn(&Event) -> bool) -> Option<&'a Event> {
        self.events_of(entity)
            .iter()
            .rev()
            .copied()
            .find(|event| test(event))
    }

    /// Units of which logs were asked for, or which the log store knows.
    pub fn with_logs(&self) -> BTreeSet<EntityRef> {
        let known = self.case.logs.iter().map(|digest| &digest.pod);
        let asked = self.case.logs_asked.iter();
        asked.chain(known).map(|pod| self.unit_of(pod)).collect()
    }

    /// What a pod's containers logged.
    pub fn logs_of(&self, pod: &EntityRef) -> &[&'a Digest] {
        self.logs.get(pod).map_or(&[], Vec::as_slice)
    }
}

/// `text` cut after `max` characters, on one line.
pub fn clip(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max.saturating_add(4)));
    let mut length: usize = 0;
    for word in text.split_whitespace() {
        let space = usize::from(!line.is_empty());
        length = length.saturating_add(space).saturating_add(word.chars().count());
        if space > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if length > max {
            let cut: String = line.chars().take(max).collect();
            return format!("{cut}…");
        }
    }
    line
}

/// Whether a part of a name is the hash of a pod template (8 to 10 characters that spell no words).
pub fn is_template_hash(part: &str) -> bool {
    (5..=10).contains(&part.len()) && part.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
}

fn by_path<O: Object>(objects: &[O]) -> BTreeMap<Path<'_>, &O> {
    objects
        .iter()
        .map(|object| ((object.meta().ns(), object.meta().name.as_str()), object))
        .collect()
}

fn owners(case: &Case, workloads: &BTreeMap<EntityRef, &Workload>) -> BTreeMap<EntityRef, EntityRef> {
    case.objects
        .workloads
        .iter()
        .filter_map(|workload| {
            let owner = workload.metadata.controller()?;
            let entity = EntityRef {
                kind: owner.kind.clone(),
                namespace: workload.metadata.namespace.clone(),
                name: owner.name.clone(),
            };
            (workloads.contains_key(&entity) || owner.kind == "Deployment" || owner.kind == "CronJob")
                .then(|| (workload.entity(), entity))
        })
        .collect()
}

/// Names of a case's entities of one kind.
pub fn names<'b, O: Object + 'b>(
    objects: impl IntoIterator<Item = &'b O>,
    namespace: &str,
) -> BTreeSet<String> {
    objects
        .into_iter()
        .filter(|object| object.meta().ns() == namespace)
        .map(|object| object.meta().name.clone())
        .collect()
}

/// Kind and name of every object that a pod of this template needs to start.
pub fn needs(spec: &claw_k8s::model::PodSpec) -> BTreeSet<(String, String)> {
    claw_k8s::world::references(spec)
        .into_iter()
        .filter(|reference| !reference.optional)
        .map(|reference| (reference.kind, reference.name))
        .collect()
}
