//! Reading what feels an action, by the kind of its target.

mod config;
mod network;
mod node;
mod storage;
mod workload;

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::entity::EntityRef;
use claw_core::patch::merged;
use claw_core::tool::ToolContext;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::notes::Notes;
use super::scene::Scene;
use crate::cluster::{Cluster, ClusterError, Listed, Query, Resource, list_all};
use crate::model::{EndpointSlice, Metadata, Object, Pod, PodDisruptionBudget};

/// Most namespaces whose Services and budgets are looked at for one action.
const MOST_NAMESPACES: usize = 4;

/// Kinds of which nothing else is felt: they bound or describe what is made later.
const ALONE: [Resource; 6] = [
    Resource::BUDGETS,
    Resource::QUOTAS,
    Resource::LIMIT_RANGES,
    Resource::EVENTS,
    Resource::CONTROLLER_REVISIONS,
    Resource::SERVICES, // where it is created
];

/// Looks around an action.
pub(super) struct Look<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) cx: &'a ToolContext,
    pub(super) action: &'a Action,
    pub(super) resource: &'a Resource,
    /// The target as it is; null where it is to be created.
    pub(super) before: &'a Value,
    /// What the target scales as it is, where it is an autoscaler and that was read.
    pub(super) scaled: Option<&'a Value>,
    pub(super) notes: &'a mut Notes,
}

impl Look<'_> {
    /// What feels the action.
    pub(super) async fn around(mut self) -> Scene {
        let group = self.resource.group.to_string();
        let kind = self.resource.kind.to_string();
        let creates = self.action.verb == Verb::Create;
        match (group.as_str(), kind.as_str()) {
            ("autoscaling", "HorizontalPodAutoscaler") => self.autoscaler().await,
            ("networking.k8s.io", "NetworkPolicy") => self.network_policy().await,
            // What is new takes nothing away from what is there.
            _ if creates && self.resource.is_built_in() && is_plain(&group) => self.alone(),
            ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
            | ("batch", "Job" | "CronJob")
            | ("", "ReplicationController") => self.workload().await,
            ("", "Pod") => self.pod().await,
            ("", "Node") => self.node().await,
            ("", "ConfigMap" | "Secret" | "ServiceAccount") => self.users().await,
            ("", "PersistentVolumeClaim") => self.claim().await,
            ("", "PersistentVolume") => self.volume(),
            ("", "Namespace") => self.whole_namespace().await,
            ("", "Service") => self.service().await,
            ("networking.k8s.io", "Ingress")
            | ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute") => {
                self.route().await
            }
            _ if ALONE
                .iter()
                .any(|known| known.group == group && known.kind == kind) =>
            {
                self.alone()
            }
            _ => self.stranger(),
        }
    }

    /// An action that is felt by its target alone.
    fn alone(&self) -> Scene {
        Scene::of(self.action.target.clone())
    }

    /// What hangs on the target is not known here.
    fn stranger(&mut self) -> Scene {
        let target = &self.action.target;
        self.notes
            .add(format!("what depends on a {} is not known", target.kind));
        Scene {
            pods: None,
            plan: super::plan::Plan::everything(),
            data: None,
            ..self.alone()
        }
    }

    /// The target as it would be; as it is, where it ends.
    fn after(&self) -> Value {
        match self.action.verb {
            Verb::Patch | Verb::Create => merged(self.before, &self.action.patch),
            _ => self.before.clone(),
        }
    }

    /// Whether the action is an end of its target, or may be: the garbage collector deletes what belongs to something that is
    /// not there, and finalizers hold back what is being deleted.
    fn ends(&self) -> bool {
        match self.action.verb {
            Verb::Create => false,
            Verb::Patch => self.changes("/metadata/ownerReferences") || self.changes("/metadata/finalizers"),
            _ => true,
        }
    }

    /// Whether the action changes something at a place.
    fn changes(&self, place: &str) -> bool {
        self.before.pointer(place) != self.after().pointer(place)
    }

    /// A list that is read anew: what another tool read a moment ago is not what a write is judged by.
    async fn list<T>(&self, query: Query) -> Result<Listed<T>, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        list_all(&**self.cluster.reader(), self.cx, &query).await
    }

    async fn listed<T>(&mut self, query: Query) -> Option<Vec<T>>
    where
        T: Object + DeserializeOwned,
    {
        let resource = query.resource.clone();
        let listed = self.list(query).await;
        self.notes.list(&resource, listed)
    }

    /// Services, budgets and zones around the pods of a scene, where a pod may end.
    async fn neighbours(&mut self, mut scene: Scene) -> Scene {
        let no_pods = scene.pods.as_ref().is_none_or(Vec::is_empty);
        if scene.plan.is_nothing() || no_pods {
            return scene;
        }
        let pods = scene.pods.iter().flatten();
        let places: BTreeSet<String> = pods.map(|pod| pod.metadata.ns().to_owned()).collect();
        if places.len() > MOST_NAMESPACES {
            let more = places.len().saturating_sub(MOST_NAMESPACES);
            self.notes.add(format!(
                "services and disruption budgets of {more} more namespaces with pods that end"
            ));
        }
        let around = places.iter().take(MOST_NAMESPACES).map(|place| async {
            futures::join!(
                self.list::<EndpointSlice>(Query::new(Resource::ENDPOINT_SLICES, Some(place))),
                self.list::<PodDisruptionBudget>(Query::new(Resource::BUDGETS, Some(place))),
            )
        });
        let around = futures::future::join_all(around).await;
        for (slices, budgets) in around {
            let slices = self.notes.list(&Resource::ENDPOINT_SLICES, slices);
            let budgets = self.notes.list(&Resource::BUDGETS, budgets);
            scene.slices.extend(slices.into_iter().flatten());
            scene.budgets.extend(budgets.into_iter().flatten());
        }
        if scene.without_zone().len() > 1 {
            let query = Query::new(Resource::NODES, None).metadata_only();
            scene.nodes = self.listed::<Metadata>(query).await;
        }
        scene
    }

    /// Endpoints of the namespaces that Services are in.
    async fn slices_of(&mut self, services: &BTreeSet<EntityRef>) -> Vec<EndpointSlice> {
        let places: BTreeSet<&str> = services
            .iter()
            .filter_map(|service| service.namespace.as_deref())
            .collect();
        if places.len() > MOST_NAMESPACES {
            self.notes.add("endpoints of all namespaces that are routed to");
        }
        let lists = places.into_iter().take(MOST_NAMESPACES).map(|place| {
            let query = Query::new(Resource::ENDPOINT_SLICES, Some(place));
            self.list::<EndpointSlice>(query)
        });
        let mut slices = Vec::new();
        for listed in futures::future::join_all(lists).await {
            let listed = self.notes.list(&Resource::ENDPOINT_SLICES, listed);
            slices.extend(listed.into_iter().flatten());
        }
        slices
    }

    /// Pods that run, in the target's namespace.
    async fn pods(&mut self, selector: Option<&str>) -> Option<Vec<Pod>> {
        let query = Query::new(Resource::PODS, self.action.target.namespace.as_deref()).labels(selector);
        Some(live(self.listed::<Pod>(query).await?))
    }
}

/// Pods that are not done and not on their way out: those end without this action.
fn live(pods: Vec<Pod>) -> Vec<Pod> {
    let lives = |pod: &Pod| !pod.is_finished() && pod.metadata.deletion_timestamp.is_none();
    pods.into_iter().filter(lives).collect()
}

/// Whether what is created in a group does nothing to what is there. Rights and admission reach everything.
fn is_plain(group: &str) -> bool {
    matches!(
        group,
        "" | "apps" | "batch" | "policy" | "networking.k8s.io" | "storage.k8s.io" | "discovery.k8s.io"
    )
}
