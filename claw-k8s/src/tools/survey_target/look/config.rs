//! Around what pods are configured with, and around whole namespaces.

use super::Look;
use super::workload::is_lost_with_data;
use crate::cluster::{Query, Resource};
use crate::model::{Object as _, PersistentVolumeClaim, Pod};
use crate::tools::survey_target::plan::Plan;
use crate::tools::survey_target::scene::Scene;
use crate::world::{Objects, World};

impl Look<'_> {
    /// A ConfigMap, Secret or ServiceAccount: pods that use it, as though they all ended.
    pub(super) async fn users(&mut self) -> Scene {
        let mut scene = self.alone();
        let places = [
            "/data",
            "/binaryData",
            "/stringData",
            "/secrets",
            "/imagePullSecrets",
        ];
        if !self.ends() && !places.iter().any(|place| self.changes(place)) {
            return scene;
        }
        scene.plan = Plan::everything();
        scene.pods = self.pods_with().await;
        self.neighbours(scene).await
    }

    /// Pods that mount the target or refer to it.
    pub(super) async fn pods_with(&mut self) -> Option<Vec<Pod>> {
        let objects = Objects {
            pods: self.pods(None).await?,
            ..Objects::default()
        };
        let users = World::build(&objects).users_of(&self.action.target);
        let mut pods = objects.pods;
        pods.retain(|pod| users.contains(&pod.entity()));
        Some(pods)
    }

    /// A namespace: with it goes everything in it.
    pub(super) async fn whole_namespace(&mut self) -> Scene {
        let mut scene = self.alone();
        if !self.ends() {
            if self.changes("/metadata/labels") || self.changes("/spec") {
                // Policies of all kinds go by labels of namespaces.
                return self.stranger();
            }
            return scene;
        }
        let place = self.action.target.name.clone();
        let here = |resource: Resource| Query::new(resource, Some(&place));
        let (pods, claims) = futures::join!(
            self.list::<Pod>(here(Resource::PODS)),
            self.list::<PersistentVolumeClaim>(here(Resource::CLAIMS)),
        );
        let pods = self.notes.list(&Resource::PODS, pods).map(super::live);
        let claims = self.notes.list(&Resource::CLAIMS, claims);
        let lost = pods.as_ref().map(|pods| pods.iter().any(is_lost_with_data));
        scene.data = match (&claims, lost) {
            (Some(claims), Some(lost)) => Some(lost || !claims.is_empty()),
            _ => None,
        };
        scene
            .objects
            .extend(claims.iter().flatten().map(|claim| claim.entity()));
        self.notes.add(format!(
            "all that is in namespace {place} ends with it, of which only pods and claims are counted"
        ));
        (scene.plan, scene.pods) = (Plan::everything(), pods);
        self.neighbours(scene).await
    }
}
