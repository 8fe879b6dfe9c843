//! Entities and the edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claw_core::entity::EntityRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::timeline::Fact;

/// How one entity relates to another. Read `from relation to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Relation {
    /// A Deployment owns its ReplicaSets, a ReplicaSet its pods.
    Owns,
    /// A Service selects pods.
    Selects,
    /// A pod runs on a node.
    RunsOn,
    /// A pod or workload mounts a claim, ConfigMap or Secret; a claim is bound to a volume.
    Mounts,
    /// A pod or workload takes environment, images or an identity from a ConfigMap, Secret or ServiceAccount.
    References,
    /// An Ingress, route or mesh object sends traffic to a Service; a Service to a host outside.
    Routes,
    /// A workload calls a Service or a host outside.
    Calls,
    /// An autoscaler scales a workload.
    Scales,
    /// A disruption budget protects pods.
    Protects,
    /// A NetworkPolicy, quota or limit range restricts pods or a namespace.
    Limits,
    /// A GitOps object keeps an object as a repository has it.
    Delivers,
    /// A webhook configuration asks a Service before objects are changed.
    Asks,
}

impl Relation {
    /// Whether requests go along it. Which pods a Service selects is another matter.
    pub fn is_traffic(self) -> bool {
        matches!(self, Self::Calls | Self::Routes | Self::Asks)
    }
}

/// One relation between two entities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// The one that does something.
    pub from: EntityRef,
    /// What it does.
    pub relation: Relation,
    /// To whom.
    pub to: EntityRef,
    /// How that is known: `owner`, `selector`, `endpoints`, `env`, `config`, `args`, `probe`, `mesh`, `ingress`, …
    pub via: String,
}

/// The entities of a cluster with the edges between them, and what happened to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct World {
    entities: BTreeSet<EntityRef>,
    out: BTreeMap<EntityRef, BTreeSet<Arc<Edge>>>,
    into: BTreeMap<EntityRef, BTreeSet<Arc<Edge>>>,
    timeline: Vec<Fact>,
}

/// How a world is written: each edge once.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    entities: BTreeSet<EntityRef>,
    edges: BTreeSet<Edge>,
    timeline: Vec<Fact>,
}

impl From<World> for Stored {
    fn from(world: World) -> Self {
        Self {
            edges: world.edges().cloned().collect(),
            entities: world.entities,
            timeline: world.timeline,
        }
    }
}

impl From<Stored> for World {
    fn from(stored: Stored) -> Self {
        let mut world = Self {
            entities: stored.entities,
            timeline: stored.timeline,
            ..Self::default()
        };
        stored.edges.into_iter().for_each(|edge| world.connect(edge));
        world
    }
}

impl World {
    /// Adds an entity that is known to exist.
    pub fn add(&mut self, entity: EntityRef) {
        self.entities.insert(entity);
    }

    /// Adds an edge. Its ends need not be known to exist: a workload may call a Service that is not there.
    pub fn connect(&mut self, edge: Edge) {
        let edge = Arc::new(edge);
        let into = self.into.entry(edge.to.clone()).or_default();
        into.insert(Arc::clone(&edge));
        self.out.entry(edge.from.clone()).or_default().insert(edge);
    }

    /// Adds facts to the timeline.
    pub fn record(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.timeline.extend(facts);
        self.timeline.sort();
        self.timeline.dedup();
    }

    /// Whether the entity was seen to exist.
    pub fn contains(&self, entity: &EntityRef) -> bool {
        self.entities.contains(entity)
    }

    /// Entities that were seen to exist.
    pub fn entities(&self) -> impl Iterator<Item = &EntityRef> {
        self.entities.iter()
    }

    /// All edges.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.out.values().flatten().map(Arc::as_ref)
    }

    /// Edges that begin at an entity.
    pub fn from(&self, entity: &EntityRef) -> impl Iterator<Item = &Edge> {
        self.out.get(entity).into_iter().flatten().map(Arc::as_ref)
    }

    /// Edges that end at an entity.
    pub fn to(&self, entity: &EntityRef) -> impl Iterator<Item = &Edge> {
        self.into.get(entity).into_iter().flatten().map(Arc::as_ref)
    }

    /// What happened, in order of time.
    pub fn timeline(&self) -> &[Fact] {
        &self.timeline
    }

    /// The outermost owner of a pod or workload: its Deployment, not its ReplicaSet; the entity itself if nothing owns
    /// it.
    pub fn workload_of(&self, entity: &EntityRef) -> EntityRef {
        let mut top = entity.clone();
        let mut seen = BTreeSet::new();
        // Damaged data may have owners in a circle.
        while seen.insert(top.clone()) {
            let owner = self
                .to(&top)
                .find(|edge| edge.relation == Relation::Owns)
                .map(|edge| edge.from.clone());
            match owner {
                Some(owner) => top = owner,
                None => break,
            }
        }
        top
    }

    /// The pods of a workload, Service, budget, policy or node.
    pub fn pods_of(&self, entity: &EntityRef) -> BTreeSet<EntityRef> {
        let mut pods = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut next = vec![entity.clone()];
        while let Some(entity) = next.pop() {
            if !seen.insert(entity.clone()) {
                continue;
            }
            if entity.kind == "Pod" {
                pods.insert(entity);
                continue;
            }
            if entity.kind == "Node" {
                pods.extend(
                    self.users_of(&entity)
                        .into_iter()
                        .filter(|user| user.kind == "Pod"),
                );
                continue;
            }
            next.extend(
                self.from(&entity)
                    .filter(|edge| {
                        matches!(
                            edge.relation,
                            Relation::Owns | Relation::Selects | Relation::Protects | Relation::Limits
                        )
                    })
                    .map(|edge| edge.to.clone()),
            );
        }
        pods
    }

    /// The Services in front of a pod, or of any pod of a workload.
    pub fn services_of(&self, entity: &EntityRef) -> BTreeSet<EntityRef> {
        self.pods_of(entity)
            .iter()
            .chain([entity])
            .flat_map(|one| self.to(one))
            .filter(|edge| edge.relation == Relation::Selects)
            .map(|edge| edge.from.clone())
            .collect()
    }

    /// The workloads behind a Service.
    pub fn workloads_behind(&self, service: &EntityRef) -> BTreeSet<EntityRef> {
        self.from(service)
            .filter(|edge| edge.relation == Relation::Selects)
            .map(|edge| self.workload_of(&edge.to))
            .collect()
    }

    /// Who calls a Service, workload or host, directly: workloads, and Ingresses and routes that send it traffic.
    pub fn callers(&self, entity: &EntityRef) -> BTreeSet<EntityRef> {
        let services = self.services_of(entity);
        services
            .iter()
            .chain([entity])
            .flat_map(|one| self.to(one))
            .filter(|edge| matches!(edge.relation, Relation::Calls | Relation::Routes))
            .map(|edge| edge.from.clone())
            .filter(|caller| caller != entity)
            .collect()
    }

    /// What a workload or Service calls, directly: Services and hosts outside.
    pub fn dependencies(&self, entity: &EntityRef) -> BTreeSet<EntityRef> {
        let behind = self.workloads_behind(entity);
        behind
            .iter()
            .chain([entity])
            .flat_map(|one| self.from(one))
            .filter(|edge| matches!(edge.relation, Relation::Calls | Relation::Routes))
            .map(|edge| edge.to.clone())
            .filter(|callee| callee != entity)
            .collect()
    }

    /// Who uses a ConfigMap, Secret, claim, ServiceAccount, volume or node: pods and workloads.
    pub fn users_of(&self, entity: &EntityRef) -> BTreeSet<EntityRef> {
        self.to(entity)
            .filter(|edge| {
                matches!(
                    edge.relation,
                    Relation::Mounts | Relation::References | Relation::RunsOn
                )
            })
            .map(|edge| edge.from.clone())
            .collect()
    }
}
