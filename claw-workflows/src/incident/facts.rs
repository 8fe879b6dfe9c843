//! The gathered world, indexed for questions.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Source, SourceKind};
use claw_k8s::model::{ContainerStatus, Event, Node, Object, Pod, Service, Workload};
use jiff::Timestamp;

use super::case::Case;
use super::graph::FailureGraph;
use super::logs::{Digest, Pattern};

/// An index over a [`Case`]. Built once a step; mechanisms and symptoms ask it.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was gathered.
    pub case: &'a Case,
    workloads: BTreeMap<EntityRef, &'a Workload>,
    owners: BTreeMap<EntityRef, EntityRef>,
    pods_of: BTreeMap<EntityRef, Vec<&'a Pod>>,
    events: BTreeMap<EntityRef, Vec<&'a Event>>,
    logs: BTreeMap<EntityRef, Vec<&'a Digest>>,
    changes: BTreeMap<EntityRef, Vec<&'a Change>>,
    units: BTreeMap<EntityRef, EntityRef>,
    graph: FailureGraph,
}

impl<'a> Facts<'a> {
    /// Indexes `case`.
    pub fn new(case: &'a Case) -> Self {
        let workloads: BTreeMap<_, _> = case.objects.workloads.iter().map(|w| (w.entity(), w)).collect();
        let mut facts = Self {
            case,
            owners: owners(case, &workloads),
            workloads,
            pods_of: BTreeMap::new(),
            events: BTreeMap::new(),
            logs: BTreeMap::new(),
            changes: BTreeMap::new(),
            units: units(case),
            graph: FailureGraph::default(),
        };
        for pod in &case.objects.pods {
            facts.pods_of.entry(facts.workload_of(pod)).or_default().push(pod);
        }
        for event in &case.objects.events {
            facts.events.entry(event.about()).or_default().push(event);
        }
        for events in facts.events.values_mut() {
            events.sort_by_key(|event| (event.last_seen(), event.metadata.name.clone()));
        }
        for digest in &case.logs {
            facts.logs.entry(digest.pod.clone()).or_default().push(digest);
        }
        for change in &case.changes {
            facts
                .changes
                .entry(change.entity.clone())
                .or_default()
                .push(change);
        }
        for changes in facts.changes.values_mut() {
            changes.sort_by_key(|change| (change.time, change.reference.clone()));
        }
        facts.graph = super::spread::graph(&facts);
        facts
    }

    /// Along which ways trouble spreads here.
    pub fn graph(&self) -> &FailureGraph {
        &self.graph
    }

    /// All pods.
    pub fn pods(&self) -> impl Iterator<Item = &'a Pod> {
        self.case.objects.pods.iter()
    }

    /// All workloads that nothing else owns: a Deployment, not its ReplicaSets.
    pub fn top_workloads(&self) -> impl Iterator<Item = &'a Workload> {
        self.case
            .objects
            .workloads
            .iter()
            .filter(|workload| !self.owners.contains_key(&workload.entity()))
    }

    /// The workload of that name, if it was seen.
    pub fn workload(&self, entity: &EntityRef) -> Option<&'a Workload> {
        self.workloads.get(entity).copied()
    }

    /// The outermost owner of a pod: its Deployment, StatefulSet, Job's CronJob …; the pod itself if nothing owns it.
    pub fn workload_of(&self, pod: &Pod) -> EntityRef {
        let Some(owner) = pod.metadata.controller() else {
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

    /// Workloads with their pods.
    pub fn pods_by_workload(&self) -> impl Iterator<Item = (&EntityRef, &[&'a Pod])> {
        self.pods_of
            .iter()
            .map(|(workload, pods)| (workload, pods.as_slice()))
    }

    /// The pod of that name.
    pub fn pod(&self, entity: &EntityRef) -> Option<&'a Pod> {
        self.pods()
            .find(|pod| pod.metadata.name == entity.name && pod.metadata.namespace == entity.namespace)
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.case
            .objects
            .nodes
            .iter()
            .find(|node| node.metadata.name == name)
    }

    /// The service of that name.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        self.case
            .objects
            .services
            .iter()
            .find(|s| s.metadata.ns() == namespace && s.metadata.name == name)
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

    /// What a pod's containers logged.
    pub fn logs_of(&self, pod: &EntityRef) -> &[&'a Digest] {
        self.logs.get(pod).map_or(&[], Vec::as_slice)
    }

    /// Changes of an entity, in order of time.
    pub fn changes_of(&self, entity: &EntityRef) -> &[&'a Change] {
        self.changes.get(entity).map_or(&[], Vec::as_slice)
    }

    /// The last change of an entity at or before `time` (the newest one if there is no time) that `test` accepts.
    pub fn change_before(
        &self,
        entity: &EntityRef,
        time: Option<Timestamp>,
        test: impl Fn(&Change) -> bool,
    ) -> Option<&'a Change> {
        // Clocks of API server and nodes differ by a little.
        let limit = time.and_then(|time| time.checked_add(jiff::SignedDuration::from_secs(90)).ok());
        self.changes_of(entity)
            .iter()
            .rev()
            .copied()
            .find(|change| limit.is_none_or(|limit| change.time <= limit) && test(change))
    }

    /// The last rollout of a workload at or before `time` whose difference mentions one of `paths`.
    pub fn rollout_before(
        &self,
        workload: &EntityRef,
        time: Option<Timestamp>,
        paths: &[&str],
    ) -> Option<&'a Change> {
        self.change_before(workload, time, |change| {
            change.kind == ChangeKind::Deploy
                && (paths.is_empty()
                    || change
                        .detail
                        .iter()
                        .any(|line| paths.iter().any(|path| line.contains(path))))
        })
    }

    /// Entities that others stand for, with those others; see [`unit_of`](Self::unit_of).
    pub fn stand_ins(&self) -> impl Iterator<Item = (&EntityRef, &EntityRef)> {
        self.units.iter()
    }

    /// The unit that an entity's metrics count for: its outermost owner where objects are known, otherwise the service
    /// that the entity's series or name tell, otherwise itself.
    pub fn unit_of(&self, entity: &EntityRef) -> EntityRef {
        match entity.kind.as_str() {
            "Pod" => match self.pod(entity) {
                Some(pod) => self.workload_of(pod),
                None => self.units.get(entity).cloned().unwrap_or_else(|| entity.clone()),
            },
            "Service" => self
                .case
                .objects
                .services
                .iter()
                .find(|service| service.entity() == *entity)
                .and_then(|service| {
                    let mut behind = self.top_workloads().filter(|workload| {
                        workload.metadata.namespace == service.metadata.namespace
                            && service.selects(&workload.template().metadata.labels)
                    });
                    let only = behind.next()?;
                    behind.next().is_none().then(|| only.entity())
                })
                .or_else(|| self.units.get(entity).cloned())
                .unwrap_or_else(|| entity.clone()),
            _ => self.top_of(entity),
        }
    }

    /// Evidence from the state of an object.
    pub fn object<O: Object + serde::Serialize>(
        &self,
        object: &O,
        time: Option<Timestamp>,
        statement: impl Into<String>,
    ) -> Evidence {
        let entity = object.entity();
        let raw = serde_json::to_vec(object).unwrap_or_default();
        let tool = tool_for(&entity.kind);
        let source = Source::object(&entity);
        Evidence::new(entity, time, statement, source, tool, &raw)
    }

    /// Evidence from an event.
    pub fn event_evidence(&self, event: &Event) -> Evidence {
        let raw = serde_json::to_vec(event).unwrap_or_default();
        let times = if event.count() > 1 {
            format!(" ({} times)", event.count())
        } else {
            String::new()
        };
        let statement = format!("{}{times}: {}", event.reason, clip(&event.message, 400));
        let source = Source::new(
            SourceKind::Event,
            format!("{}/{}", event.metadata.ns(), event.metadata.name),
        );
        Evidence::new(
            event.about(),
            event.first_seen(),
            statement,
            source,
            "describe_events",
            &raw,
        )
    }

    /// Evidence from log entries.
    pub fn log_evidence(&self, digest: &Digest, pattern: &Pattern) -> Evidence {
        let times = if pattern.count > 1 {
            format!(" ({} times)", pattern.count)
        } else {
            String::new()
        };
        let run = if digest.previous { ", previous run" } else { "" };
        let statement = format!(
            "{}{run} logged{times}: {}",
            digest.container,
            clip(&pattern.sample, 300)
        );
        Evidence::new(
            digest.pod.clone(),
            pattern.first,
            statement,
            Source::new(SourceKind::Log, digest.locator()),
            "get_pod_logs",
            pattern.sample.as_bytes(),
        )
    }

    /// Evidence from a change.
    pub fn change_evidence(&self, change: &Change) -> Evidence {
        let author = change
            .author
            .as_ref()
            .map(|who| format!(" by {who}"))
            .unwrap_or_default();
        let detail = if change.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", clip(&change.detail.join("; "), 400))
        };
        Evidence::new(
            change.entity.clone(),
            Some(change.time),
            format!("{}{author}{detail}", change.summary),
            Source::new(SourceKind::Change, change.reference.clone()),
            "get_deployment_history",
            serde_json::to_string(change).unwrap_or_default().as_bytes(),
        )
    }
}

/// When a container began to be in the trouble that it is in: the end of its last run, or the pod's start.
pub fn trouble_since(pod: &Pod, status: &ContainerStatus) -> Option<Timestamp> {
    let ended =
        |state: &claw_k8s::model::ContainerState| state.terminated.as_ref().and_then(|t| t.finished_at);
    ended(&status.state)
        .or_else(|| ended(&status.last_state))
        .or(pod.status.start_time)
        .or(pod.metadata.creation_timestamp)
}

/// `text` cut after `max` characters, on one line.
pub fn clip(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max + 4));
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        line.push_str(word);
        if line.chars().count() > max {
            let cut: String = line.chars().take(max).collect();
            return format!("{cut}…");
        }
        if words.peek().is_some() {
            line.push(' ');
        }
    }
    line
}

/// Whether a part of a name is the hash of a pod template (8 to 10 characters that spell no words).
pub fn is_template_hash(part: &str) -> bool {
    (5..=10).contains(&part.len()) && part.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
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

fn tool_for(kind: &str) -> &'static str {
    match kind {
        "Pod" => "get_pods",
        "Node" => "get_nodes",
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => "get_workloads",
        "Event" => "describe_events",
        _ => "get_dependencies",
    }
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

/// Which entity stands for which others where only metrics are known: pods of a service, and services of the same name
/// with and without a namespace, count as one. The pod stands for its service where it is the only one, since that is
/// what can be told apart and acted on.
fn units(case: &Case) -> BTreeMap<EntityRef, EntityRef> {
    let mut services: BTreeSet<&EntityRef> = BTreeSet::new();
    let mut pods: BTreeSet<&EntityRef> = BTreeSet::new();
    let signals = case
        .signals
        .iter()
        .flat_map(|signal| std::iter::once(&signal.entity).chain(&signal.peer));
    let calls = case.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
    let logs = case.logs.iter().map(|digest| &digest.pod);
    for entity in signals.chain(calls).chain(logs).chain(&case.subject) {
        match entity.kind.as_str() {
            "Pod" => pods.insert(entity),
            "Service" => services.insert(entity),
            _ => false,
        };
    }
    let mut units = BTreeMap::new();
    for service in &services {
        let with_namespace: Vec<_> = services
            .iter()
            .filter(|other| other.name == service.name && other.namespace.is_some())
            .collect();
        if let ([only], None) = (with_namespace.as_slice(), &service.namespace) {
            units.insert((*service).clone(), (**only).clone());
        }
    }
    for pod in &pods {
        let owner = service_of_pod_name(&pod.name);
        let service = services.iter().find(|service| {
            owner.contains(&service.name.as_str())
                && (service.namespace.is_none() || service.namespace == pod.namespace)
        });
        if let Some(service) = service {
            let unit = units.get(*service).cloned().unwrap_or_else(|| (*service).clone());
            units.insert((*pod).clone(), unit);
        }
    }
    units
}

/// Names that a pod's owner may have: the pod's name without its last one or two parts.
fn service_of_pod_name(pod: &str) -> Vec<&str> {
    let one = pod.rsplit_once('-').map(|(rest, _)| rest);
    let two = one.and_then(|rest| rest.rsplit_once('-')).map(|(rest, _)| rest);
    two.into_iter().chain(one).collect()
}

/// Kind and name of every object that a pod of this template needs to start.
pub fn needs(spec: &claw_k8s::model::PodSpec) -> BTreeSet<(String, String)> {
    claw_k8s::world::references(spec)
        .into_iter()
        .filter(|reference| !reference.optional)
        .map(|reference| (reference.kind, reference.name))
        .collect()
}
