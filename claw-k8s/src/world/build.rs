//! From objects to edges.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use super::graph::{Edge, Relation, World};
use super::names::ServiceNames;
use super::objects::Objects;
use super::references::{call_targets, references};
use super::timeline::facts;
use crate::model::{ConfigMap, LabelSelector, Meta, Object, Pod, PodSpec};
use crate::{gitops, mesh};

impl World {
    /// Builds the world that objects show.
    pub fn build(objects: &Objects) -> Self {
        let mut world = Builder::of(objects, |_| true).connected(objects);
        world.record(facts(objects));
        world
    }

    /// The edges of [`build`](Self::build) along which requests go, in its order. The rest of the world, which takes much more
    /// memory where there are thousands of pods, is not built.
    pub fn traffic_edges(objects: &Objects) -> Vec<Edge> {
        // Who owns a pod decides who it is that calls.
        let kept = |relation: Relation| relation.is_traffic() || relation == Relation::Owns;
        let world = Builder::of(objects, kept).connected(objects);
        let edges = world.edges().filter(|edge| edge.relation.is_traffic());
        edges.cloned().collect()
    }
}

struct Builder<'a> {
    world: World,
    names: ServiceNames,
    pods: BTreeMap<&'a str, Vec<&'a Pod>>,
    configs: BTreeMap<&'a str, BTreeMap<&'a str, &'a ConfigMap>>,
    /// Relations whose edges are kept.
    kept: fn(Relation) -> bool,
}

impl<'a> Builder<'a> {
    fn of(objects: &'a Objects, kept: fn(Relation) -> bool) -> Self {
        Self {
            world: World::default(),
            names: ServiceNames::new(&objects.services, &objects.namespaces),
            pods: by_namespace(&objects.pods),
            configs: configs(&objects.config_maps),
            kept,
        }
    }

    fn connected(mut self, objects: &'a Objects) -> World {
        self.entities(objects);
        self.pods(objects);
        self.workloads(objects);
        self.services(objects);
        self.ways_in(objects);
        self.policies(objects);
        self.storage(objects);
        self.gitops(objects);
        self.world
    }
}

fn by_namespace(pods: &[Pod]) -> BTreeMap<&str, Vec<&Pod>> {
    let mut map: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        map.entry(pod.metadata.ns()).or_default().push(pod);
    }
    map
}

fn configs(configs: &[ConfigMap]) -> BTreeMap<&str, BTreeMap<&str, &ConfigMap>> {
    let mut map: BTreeMap<&str, BTreeMap<&str, &ConfigMap>> = BTreeMap::new();
    for config in configs {
        map.entry(config.metadata.ns())
            .or_default()
            .insert(&config.metadata.name, config);
    }
    map
}

fn in_namespace(meta: &Meta, kind: &str, name: &str) -> EntityRef {
    EntityRef {
        kind: kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: name.to_owned(),
    }
}

impl<'a> Builder<'a> {
    fn connect(&mut self, from: &EntityRef, relation: Relation, to: EntityRef, via: &str) {
        if !(self.kept)(relation) {
            return;
        }
        self.world.connect(Edge {
            from: from.clone(),
            relation,
            to,
            via: via.to_owned(),
        });
    }

    fn add<T: Object>(&mut self, objects: &[T]) {
        for object in objects {
            self.world.add(object.entity());
        }
    }

    fn entities(&mut self, objects: &Objects) {
        self.add(&objects.pods);
        self.add(&objects.workloads);
        self.add(&objects.nodes);
        self.add(&objects.services);
        self.add(&objects.ingresses);
        self.add(&objects.ingress_classes);
        self.add(&objects.network_policies);
        self.add(&objects.claims);
        self.add(&objects.volumes);
        self.add(&objects.storage_classes);
        self.add(&objects.autoscalers);
        self.add(&objects.disruption_budgets);
        self.add(&objects.quotas);
        self.add(&objects.limit_ranges);
        self.add(&objects.config_maps);
        self.add(&objects.secrets);
        self.add(&objects.service_accounts);
        self.add(&objects.namespaces);
        self.add(&objects.webhooks);
        self.add(&objects.gateway);
        self.add(&objects.mesh);
        self.add(&objects.certificates);
        self.add(&objects.applications);
        self.add(&objects.deliveries);
    }

    fn owner(&mut self, object: &impl Object) {
        let meta = object.meta();
        if let Some(owner) = meta.controller() {
            let owner = EntityRef {
                // Nodes own mirror pods.
                namespace: (owner.kind != "Node").then(|| meta.namespace.clone()).flatten(),
                kind: owner.kind.clone(),
                name: owner.name.clone(),
            };
            if owner.kind != "Node" {
                self.connect(&owner, Relation::Owns, object.entity(), "owner");
            }
        }
    }

    fn uses(&mut self, entity: &EntityRef, meta: &Meta, spec: &PodSpec) {
        for reference in references(spec) {
            let to = in_namespace(meta, &reference.kind, &reference.name);
            self.connect(entity, reference.relation(), to, &reference.via);
        }
    }

    fn pods(&mut self, objects: &Objects) {
        for pod in &objects.pods {
            let entity = pod.entity();
            self.owner(pod);
            self.uses(&entity, &pod.metadata, &pod.spec);
            if !pod.spec.node_name.is_empty() {
                let node = EntityRef::cluster("Node", &pod.spec.node_name);
                self.connect(&entity, Relation::RunsOn, node, "nodeName");
            }
        }
    }

    fn workloads(&mut self, objects: &'a Objects) {
        for workload in &objects.workloads {
            self.owner(workload);
            if workload.metadata.controller().is_some() {
                continue; // told of its owner already
            }
            let entity = workload.entity();
            let spec = &workload.template().spec;
            self.uses(&entity, &workload.metadata, spec);
            self.calls(&entity, &workload.metadata, spec);
        }
        // Pods without a workload, or whose workload was not read.
        for pod in &objects.pods {
            let top = self.world.workload_of(&pod.entity());
            if !self.world.contains(&top) || top.kind == "Pod" {
                self.calls(&top, &pod.metadata, &pod.spec);
            }
        }
    }

    fn calls(&mut self, entity: &EntityRef, meta: &Meta, spec: &PodSpec) {
        let none = BTreeMap::new();
        let configs = self.configs.get(meta.ns()).unwrap_or(&none);
        for (target, via) in call_targets(meta.ns(), spec, configs, &self.names) {
            self.connect(entity, Relation::Calls, target, via);
        }
    }

    /// Pods of a namespace that a selector selects.
    fn selected(&self, namespace: &str, selector: &LabelSelector) -> Vec<EntityRef> {
        self.pods
            .get(namespace)
            .into_iter()
            .flatten()
            .filter(|pod| selector.matches(&pod.metadata.labels))
            .map(|pod| pod.entity())
            .collect()
    }

    fn services(&mut self, objects: &Objects) {
        for service in &objects.services {
            let entity = service.entity();
            if service.is_external_name() {
                let host = EntityRef::external(service.spec.external_name.trim_end_matches('.'));
                self.connect(&entity, Relation::Routes, host, "externalName");
            } else if !service.spec.selector.is_empty() {
                let selector = LabelSelector {
                    match_labels: service.spec.selector.clone(),
                    ..LabelSelector::default()
                };
                for pod in self.selected(service.metadata.ns(), &selector) {
                    self.connect(&entity, Relation::Selects, pod, "selector");
                }
            }
        }
        for slice in &objects.endpoint_slices {
            let Some(service) = slice.service() else {
                continue;
            };
            let service = in_namespace(&slice.metadata, "Service", service);
            let selected: BTreeSet<_> = self.world.from(&service).map(|edge| edge.to.clone()).collect();
            for endpoint in &slice.endpoints {
                let to = match &endpoint.target_ref {
                    Some(target) if target.kind == "Pod" => {
                        in_namespace(&slice.metadata, "Pod", &target.name)
                    }
                    Some(_) => continue,
                    // Endpoints that somebody wrote by hand: hosts outside.
                    None => match endpoint.addresses.first() {
                        Some(address) => EntityRef::external(address.as_str()),
                        None => continue,
                    },
                };
                let relation = if to.kind == "Pod" {
                    Relation::Selects
                } else {
                    Relation::Routes
                };
                if !selected.contains(&to) {
                    self.connect(&service, relation, to, "endpoints");
                }
            }
        }
    }

    fn ways_in(&mut self, objects: &Objects) {
        for ingress in &objects.ingresses {
            for backend in ingress.backends() {
                let service = in_namespace(&ingress.metadata, "Service", &backend.name);
                self.connect(&ingress.entity(), Relation::Routes, service, "ingress");
            }
            for tls in &ingress.spec.tls {
                if !tls.secret_name.is_empty() {
                    let secret = in_namespace(&ingress.metadata, "Secret", &tls.secret_name);
                    self.connect(&ingress.entity(), Relation::References, secret, "tls");
                }
            }
            if let Some(class) = ingress.class() {
                let class = EntityRef::cluster("IngressClass", class);
                self.connect(&ingress.entity(), Relation::References, class, "class");
            }
        }
        for object in objects.gateway.iter().chain(&objects.mesh) {
            for edge in mesh::edges(object, &self.names) {
                if (self.kept)(edge.relation) {
                    self.world.connect(edge);
                }
            }
        }
        for configuration in &objects.webhooks {
            for webhook in &configuration.webhooks {
                if let Some(service) = &webhook.client_config.service {
                    let service = EntityRef::namespaced("Service", &service.namespace, &service.name);
                    self.connect(&configuration.entity(), Relation::Asks, service, "webhook");
                }
            }
        }
    }

    fn policies(&mut self, objects: &Objects) {
        for autoscaler in &objects.autoscalers {
            let target = &autoscaler.spec.scale_target_ref;
            let target = in_namespace(&autoscaler.metadata, &target.kind, &target.name);
            self.connect(&autoscaler.entity(), Relation::Scales, target, "scaleTargetRef");
        }
        for budget in &objects.disruption_budgets {
            // No selector selects nothing, an empty one everything.
            if let Some(selector) = &budget.spec.selector {
                for pod in self.selected(budget.metadata.ns(), selector) {
                    self.connect(&budget.entity(), Relation::Protects, pod, "selector");
                }
            }
        }
        for policy in &objects.network_policies {
            for pod in self.selected(policy.metadata.ns(), &policy.spec.pod_selector) {
                self.connect(&policy.entity(), Relation::Limits, pod, "selector");
            }
        }
        for quota in &objects.quotas {
            let namespace = EntityRef::cluster("Namespace", quota.metadata.ns());
            self.connect(&quota.entity(), Relation::Limits, namespace, "namespace");
        }
        for range in &objects.limit_ranges {
            let namespace = EntityRef::cluster("Namespace", range.metadata.ns());
            self.connect(&range.entity(), Relation::Limits, namespace, "namespace");
        }
    }

    fn storage(&mut self, objects: &Objects) {
        for claim in &objects.claims {
            let entity = claim.entity();
            if !claim.spec.volume_name.is_empty() {
                let volume = EntityRef::cluster("PersistentVolume", &claim.spec.volume_name);
                self.connect(&entity, Relation::Mounts, volume, "volumeName");
            }
            if let Some(class) = claim
                .spec
                .storage_class_name
                .as_deref()
                .filter(|class| !class.is_empty())
            {
                let class = EntityRef::cluster("StorageClass", class);
                self.connect(&entity, Relation::References, class, "storageClassName");
            }
        }
    }

    fn gitops(&mut self, objects: &Objects) {
        for application in &objects.applications {
            for kept in gitops::kept_by_application(application) {
                self.connect(&application.entity(), Relation::Delivers, kept, "argocd");
            }
        }
        for delivery in &objects.deliveries {
            for kept in gitops::kept_by_delivery(delivery) {
                self.connect(&delivery.entity(), Relation::Delivers, kept, "flux");
            }
        }
    }
}
