//! Around what traffic takes its way by. No pod ends, but endpoints may no longer be reached.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::action::Verb;
use claw_core::entity::EntityRef;

use super::Look;
use crate::cluster::{Query, Resource};
use crate::model::{DynamicObject, EndpointSlice, Ingress, NetworkPolicy, Object as _};
use crate::tools::survey_target::scene::Scene;
use crate::world::{Objects, Relation, World};

impl Look<'_> {
    /// A NetworkPolicy: Services of the pods that it is about, before or after.
    pub(super) async fn network_policy(&mut self) -> Scene {
        let mut scene = self.alone();
        let creates = self.action.verb == Verb::Create;
        if !(creates || self.ends() || self.changes("/spec")) {
            return scene;
        }
        let after = self.after();
        let both = [Some(self.before), (!self.ends()).then_some(&after)];
        let policies: Vec<NetworkPolicy> = both
            .into_iter()
            .flatten()
            .filter(|object| !object.is_null())
            .filter_map(|object| serde_json::from_value(object.clone()).ok())
            .collect();
        let selected = |labels: &BTreeMap<String, String>| {
            policies
                .iter()
                .any(|policy| policy.spec.pod_selector.matches(labels))
        };
        let pods = self.pods(None).await;
        let (known, mut pods) = (pods.is_some(), pods.unwrap_or_default());
        pods.retain(|pod| selected(&pod.metadata.labels));
        if pods.is_empty() && known {
            return scene;
        }
        let query = Query::new(Resource::ENDPOINT_SLICES, self.action.target.namespace.as_deref());
        scene.slices = self.listed::<EndpointSlice>(query).await.unwrap_or_default();
        scene.pods = Some(pods);
        scene.cut = scene.services_of_pods();
        scene
    }

    /// A Service: all of its endpoints.
    pub(super) async fn service(&mut self) -> Scene {
        let mut scene = self.alone();
        if !self.ends() && !self.changes("/spec") {
            return scene;
        }
        let target = self.action.target.clone();
        scene.cut = [target.clone()].into();
        scene.slices = self.slices_of(&scene.cut).await;
        if self.ends() {
            let its = scene
                .slices
                .iter()
                .filter(|slice| slice.service() == Some(target.name.as_str()));
            let its: Vec<EntityRef> = its.map(|slice| slice.entity()).collect();
            scene.objects.extend(its);
        }
        scene
    }

    /// An Ingress or a route: endpoints of the Services that it sends traffic to now.
    pub(super) async fn route(&mut self) -> Scene {
        let mut scene = self.alone();
        if !self.ends() && !self.changes("/spec") && !self.changes("/metadata/annotations") {
            return scene;
        }
        scene.cut = self.routed();
        scene.slices = self.slices_of(&scene.cut).await;
        scene
    }

    fn routed(&mut self) -> BTreeSet<EntityRef> {
        let mut objects = Objects::default();
        let before = self.before.clone();
        let read = if self.action.target.kind == "Ingress" {
            serde_json::from_value::<Ingress>(before).map(|ingress| objects.ingresses.push(ingress))
        } else {
            serde_json::from_value::<DynamicObject>(before).map(|route| objects.gateway.push(route))
        };
        if read.is_err() {
            self.notes
                .add(format!("{} is not what the API promises", self.action.target));
        }
        let world = World::build(&objects);
        let routes = world.from(&self.action.target);
        routes
            .filter(|edge| edge.relation == Relation::Routes && edge.to.kind == "Service")
            .map(|edge| edge.to.clone())
            .collect()
    }
}
