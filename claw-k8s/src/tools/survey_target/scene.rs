//! What was read around an action, and how far it reaches by that.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::radius::{BlastRadius, Endpoints};

use super::plan::{Plan, Toll};
use crate::model::{Endpoint, EndpointSlice, Metadata, Object, Pod, PodDisruptionBudget};
use crate::world::{Objects, Relation, World};

/// What was read around an action. Pure data: what it comes to is computed by [`radius`](Self::radius).
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// Objects that change or end.
    pub(super) objects: BTreeSet<EntityRef>,
    /// What happens to the pods.
    pub(super) plan: Plan,
    /// The pods that it may happen to; `None` where they could not be read.
    pub(super) pods: Option<Vec<Pod>>,
    /// Endpoints of Services in the namespaces of the pods.
    pub(super) slices: Vec<EndpointSlice>,
    /// Disruption budgets in those namespaces.
    pub(super) budgets: Vec<PodDisruptionBudget>,
    /// Nodes, as far as their zones were looked up; `None` where they could not be read.
    pub(super) nodes: Option<Vec<Metadata>>,
    /// Services whose endpoints may all become unreachable.
    pub(super) cut: BTreeSet<EntityRef>,
    /// Nodes that take no more pods. Pods that end are on the same.
    pub(super) closed: u32,
    /// Whether data is lost for good; `None` where that could not be seen.
    pub(super) data: Option<bool>,
}

/// Labels that name a zone.
const ZONES: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
];

impl Scene {
    /// An action that reaches its target and nothing else.
    pub(super) fn of(target: EntityRef) -> Self {
        Self {
            objects: [target].into(),
            pods: Some(Vec::new()),
            nodes: Some(Vec::new()),
            data: Some(false),
            ..Self::default()
        }
    }

    /// How far the action reaches.
    pub(super) fn radius(&self) -> BlastRadius {
        let mut radius = BlastRadius {
            objects: self.objects.clone(),
            persistent_data: self.data,
            ..BlastRadius::default()
        };
        for (service, endpoints) in self.endpoints() {
            if self.cut.contains(&service) {
                let all = Endpoints {
                    affected: endpoints.ready,
                    ready: endpoints.ready,
                };
                radius.services.insert(service, Some(all));
            } else if endpoints.affected > 0 {
                radius.services.insert(service, Some(endpoints));
            }
        }
        for service in &self.cut {
            let none = Endpoints {
                affected: 0,
                ready: 0,
            };
            radius.services.entry(service.clone()).or_insert(Some(none));
        }
        let Some(toll) = self.toll() else {
            return radius;
        };
        radius.pods = Some(toll.pods);
        radius.disruptions = self.disruptions(toll);
        let nodes = self.node_names();
        // A rollout that replaces its pods a few at a time leaves the nodes in use: no more lose one at a time than pods may be
        // missing. All that ends a pod by itself ends it at once.
        let lost = small(nodes.len()).min(toll.at_once);
        radius.nodes = Some(lost.max(self.closed));
        // There are no more zones than nodes.
        let zones = if lost <= 1 {
            Some(lost)
        } else {
            self.zones(&nodes).map(|zones| zones.min(lost))
        };
        radius.zones = zones.map(|zones| zones.max(self.closed));
        radius
    }

    /// What it costs; `None` where the pods could not be read.
    fn toll(&self) -> Option<Toll> {
        match &self.pods {
            _ if self.plan.is_nothing() => Some(Toll::default()),
            Some(pods) => Some(self.plan.toll(small(pods.len()))),
            None => None,
        }
    }

    fn names(&self) -> BTreeSet<(&str, &str)> {
        let pods = self.pods.iter().flatten();
        pods.map(|pod| (pod.metadata.ns(), pod.metadata.name.as_str()))
            .collect()
    }

    /// Ready endpoints by Service, and how many of them may go at a time.
    fn endpoints(&self) -> BTreeMap<EntityRef, Endpoints> {
        let (pods, toll) = (self.names(), self.toll());
        let mut ready: BTreeMap<EntityRef, BTreeSet<(bool, &str)>> = BTreeMap::new();
        for slice in &self.slices {
            let Some(service) = slice.service() else {
                continue;
            };
            let place = slice.metadata.ns();
            let service = EntityRef::namespaced("Service", place, service);
            let known = ready.entry(service).or_default();
            for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.is_ready()) {
                // A pod may be in several slices: one for each family of addresses.
                let name = of_pod(endpoint).or(endpoint.addresses.first().map(String::as_str));
                let goes = of_pod(endpoint).is_some_and(|name| pods.contains(&(place, name)));
                known.extend(name.map(|name| (goes, name)));
            }
        }
        let counted = ready.into_iter().map(|(service, endpoints)| {
            let going = small(endpoints.iter().filter(|(goes, _)| *goes).count());
            let bound = toll.map_or(u32::MAX, |toll| toll.at_once);
            let endpoints = Endpoints {
                affected: going.min(bound),
                ready: small(endpoints.len()),
            };
            (service, endpoints)
        });
        counted.collect()
    }

    /// Budgets of pods that end, with how many more may be missing.
    fn disruptions(&self, toll: Toll) -> BTreeMap<EntityRef, Option<u32>> {
        if toll.pods == 0 {
            return BTreeMap::new();
        }
        let objects = Objects {
            pods: self.pods.clone().unwrap_or_default(),
            disruption_budgets: self.budgets.clone(),
            ..Objects::default()
        };
        let world = World::build(&objects);
        let protects = |budget: &&PodDisruptionBudget| {
            let entity = budget.entity();
            world
                .from(&entity)
                .any(|edge| edge.relation == Relation::Protects)
        };
        let left =
            |budget: &PodDisruptionBudget| u32::try_from(budget.status.disruptions_allowed).unwrap_or(0);
        let budgets = self.budgets.iter().filter(protects);
        budgets
            .map(|budget| (budget.entity(), Some(left(budget))))
            .collect()
    }

    fn node_names(&self) -> BTreeSet<&str> {
        let pods = self.pods.iter().flatten();
        let names = pods.map(|pod| pod.spec.node_name.as_str());
        names.filter(|name| !name.is_empty()).collect()
    }

    /// Nodes of the pods whose zone the endpoints do not tell.
    pub(super) fn without_zone(&self) -> BTreeSet<&str> {
        let mut nodes = self.node_names();
        for (node, _) in self.told() {
            nodes.remove(node);
        }
        nodes
    }

    /// Zones that endpoints tell, by node.
    fn told(&self) -> impl Iterator<Item = (&str, &str)> {
        let endpoints = self.slices.iter().flat_map(|slice| &slice.endpoints);
        let told = endpoints.filter(|endpoint| !endpoint.zone.is_empty());
        told.map(|endpoint| (endpoint.node_name.as_str(), endpoint.zone.as_str()))
    }

    /// Zones of nodes. Nodes without a label are one zone together: a cluster without zones fails as a whole.
    fn zones(&self, nodes: &BTreeSet<&str>) -> Option<u32> {
        let mut zones: BTreeMap<&str, &str> = self.told().collect();
        if nodes.iter().any(|node| !zones.contains_key(node)) {
            let listed = self.nodes.as_ref()?;
            zones.extend(listed.iter().map(|node| {
                let labels = &node.metadata.labels;
                let zone = ZONES.iter().find_map(|label| labels.get(*label));
                (
                    node.metadata.name.as_str(),
                    zone.map(String::as_str).unwrap_or_default(),
                )
            }));
        }
        let found: BTreeSet<&str> = nodes
            .iter()
            .map(|node| zones.get(node).copied().unwrap_or_default())
            .collect();
        Some(small(found.len()))
    }

    /// Services with endpoints among the pods.
    pub(super) fn services_of_pods(&self) -> BTreeSet<EntityRef> {
        let pods = self.names();
        let mut found = BTreeSet::new();
        for slice in &self.slices {
            let place = slice.metadata.ns();
            let mut names = slice.endpoints.iter().filter_map(of_pod);
            if let Some(service) = slice.service()
                && names.any(|name| pods.contains(&(place, name)))
            {
                found.insert(EntityRef::namespaced("Service", place, service));
            }
        }
        found
    }
}

/// The pod that an endpoint is.
fn of_pod(endpoint: &Endpoint) -> Option<&str> {
    let target = endpoint.target_ref.as_ref()?;
    (target.kind == "Pod").then_some(target.name.as_str())
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
