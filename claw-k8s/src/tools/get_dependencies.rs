//! `get_dependencies`

use std::collections::BTreeSet;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::report::Gap;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::reading::{Reading, list, list_served, no_namespace, wanted};
use crate::cluster::{Cluster, ClusterError, Discovery, Listed, Query, Resource};
use crate::model::{DynamicObject, Metadata, Object, Workload};
use crate::world::{Edge, Objects, World, references};

/// Kinds of Gateway API, Istio and Linkerd that are read where they are served.
const GATEWAY: [Resource; 5] = [
    Resource::GATEWAYS,
    Resource::HTTP_ROUTES,
    Resource::GRPC_ROUTES,
    Resource::TLS_ROUTES,
    Resource::TCP_ROUTES,
];
const MESH: [Resource; 9] = [
    Resource::VIRTUAL_SERVICES,
    Resource::DESTINATION_RULES,
    Resource::SERVICE_ENTRIES,
    Resource::ISTIO_GATEWAYS,
    Resource::PEER_AUTHENTICATIONS,
    Resource::AUTHORIZATION_POLICIES,
    Resource::SERVICE_PROFILES,
    Resource::LINKERD_SERVERS,
    Resource::LINKERD_HTTP_ROUTES,
];

/// Whose dependencies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetDependenciesInput {
    /// Kubernetes namespace to query; all namespaces when left out.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Only what decides whether calls come through: services, endpoints, network policies, gateways and meshes.
    #[serde(default)]
    pub traffic_only: bool,
    /// Also the webhooks that may put containers into pods. Where pods are not made at all, webhooks are read in any case.
    #[serde(default)]
    pub injectors: bool,
}

/// What workloads depend on, and who depends on them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetDependenciesOutput {
    /// The objects, without pods, workloads and events: other tools give those.
    pub objects: Objects,
    /// Who calls or sends traffic to whom, as far as configuration, routes and selectors tell.
    pub edges: Vec<Edge>,
    /// Kinds of which every object in the namespace is known, so that one that is not there does not exist.
    pub complete: BTreeSet<String>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// Tells what depends on what.
#[derive(Clone, Debug)]
pub struct GetDependencies {
    cluster: Cluster,
    secrets: bool,
}

impl GetDependencies {
    /// The tool over a cluster. Secrets are not looked at.
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            secrets: false,
        }
    }

    /// Reads the names of Secrets, to tell which are missing.
    ///
    /// Only metadata is asked for, but Kubernetes has no right for that alone: whoever may list Secrets may read them.
    #[must_use]
    pub fn with_secret_names(mut self) -> Self {
        self.secrets = true;
        self
    }
}

#[async_trait]
impl Tool for GetDependencies {
    const NAME: &'static str = "get_dependencies";
    const EFFECT: Effect = Effect::Read;
    type Input = GetDependenciesInput;
    type Output = GetDependenciesOutput;

    fn description(&self) -> &str {
        "Show what the workloads of a namespace depend on and who depends on them: services, endpoints, network policies, \
         ingresses, gateways, meshes, certificates, autoscalers, budgets, volumes, quotas, configuration, and who calls whom"
    }

    fn access(&self) -> Access {
        let verbs = &["get", "list", "watch"];
        let mut access = Access::none().uses("", "services", verbs);
        for resource in needed() {
            access = access.uses(&resource.group, &resource.plural, verbs);
        }
        if self.secrets {
            access = access.uses("", "secrets", &["list"]);
        }
        access
    }

    async fn call(
        &self,
        cx: &ToolContext,
        input: GetDependenciesInput,
    ) -> Result<GetDependenciesOutput, ToolError> {
        let namespace = wanted(input.namespace.as_deref());
        let mut reading = Reading::default();
        let discovery = match self.cluster.discovery(cx).await {
            Ok(discovery) => discovery,
            Err(error) => {
                reading.gap(error.gap("API groups (gateways and meshes)"));
                Default::default()
            }
        };
        let mut objects = Objects::default();
        let gather = Gather {
            cluster: &self.cluster,
            cx,
            namespace,
        };
        let workloads = if input.traffic_only {
            gather.traffic(&mut objects, &discovery, &mut reading).await;
            Vec::new()
        } else {
            let workloads = gather.all(&mut objects, &discovery, &mut reading).await;
            gather
                .in_depth(
                    &mut objects,
                    &workloads,
                    input.injectors,
                    &discovery,
                    &mut reading,
                )
                .await;
            self.secret_names(cx, namespace, &workloads, &mut objects, &mut reading)
                .await;
            workloads
        };

        // Edges need the workloads, which are given by another tool.
        objects.workloads = workloads;
        let edges = World::traffic_edges(&objects);
        objects.workloads = Vec::new();
        let (mut complete, mut gaps) = reading.finish()?;
        if let Some(name) = namespace
            && complete.contains("Namespace")
            && !objects.namespaces.iter().any(|known| known.metadata.name == name)
        {
            gaps.push(no_namespace(name));
            gaps.sort();
        }
        for read_elsewhere in ["Deployment", "StatefulSet", "DaemonSet", "CronJob"] {
            complete.remove(read_elsewhere);
        }
        Ok(GetDependenciesOutput {
            objects,
            edges,
            complete,
            gaps,
        })
    }
}

/// Kinds that are not always there.
fn extensions() -> Vec<Resource> {
    GATEWAY.into_iter().chain(MESH).collect()
}

/// Kinds beside Services that the tool looks at.
fn needed() -> impl Iterator<Item = Resource> {
    [
        Resource::ENDPOINT_SLICES,
        Resource::CONFIG_MAPS,
        Resource::NAMESPACES,
        Resource::SERVICE_ACCOUNTS,
        Resource::CLAIMS,
        Resource::VOLUMES,
        Resource::QUOTAS,
        Resource::LIMIT_RANGES,
        Resource::DEPLOYMENTS,
        Resource::STATEFUL_SETS,
        Resource::DAEMON_SETS,
        Resource::CRON_JOBS,
        Resource::AUTOSCALERS,
        Resource::BUDGETS,
        Resource::INGRESSES,
        Resource::INGRESS_CLASSES,
        Resource::NETWORK_POLICIES,
        Resource::STORAGE_CLASSES,
        Resource::VALIDATING_WEBHOOKS,
        Resource::MUTATING_WEBHOOKS,
        Resource::GATEWAY_CLASSES,
    ]
    .into_iter()
    .chain(extensions())
    .chain([Resource::CERTIFICATES])
}

impl GetDependencies {
    async fn secret_names(
        &self,
        cx: &ToolContext,
        namespace: Option<&str>,
        workloads: &[Workload],
        objects: &mut Objects,
        reading: &mut Reading,
    ) {
        if self.secrets {
            let query = Query::new(Resource::SECRETS, namespace).metadata_only();
            let listed = self.cluster.list::<Metadata>(cx, &query).await;
            objects.secrets = reading.take(&Resource::SECRETS, listed);
            return;
        }
        let used = workloads
            .iter()
            .flat_map(|workload| references(&workload.template().spec))
            .any(|reference| reference.kind == "Secret");
        if used {
            reading.gap(Gap {
                source: "secrets".to_owned(),
                reason: "this agent does not look at Secrets, so a missing one shows only in events and pod states"
                    .to_owned(),
                remedy: "nothing, unless you want to allow it the names of Secrets".to_owned(),
            });
        }
    }
}

/// Whether something may use a certificate: an Ingress or Gateway with TLS, or a workload that reads a Secret from a file.
fn encrypts(objects: &Objects, workloads: &[Workload]) -> bool {
    let files = |workload: &Workload| {
        let volumes = &workload.template().spec.volumes;
        volumes
            .iter()
            .any(|volume| volume.secret.is_some() || volume.projected.is_some())
    };
    objects
        .ingresses
        .iter()
        .any(|ingress| !ingress.spec.tls.is_empty())
        || objects
            .gateway
            .iter()
            .chain(&objects.mesh)
            .any(|object| object.kind == "Gateway")
        || workloads.iter().any(files)
}

/// Several lists at a time, into one collection of objects.
struct Gather<'a> {
    cluster: &'a Cluster,
    cx: &'a ToolContext,
    namespace: Option<&'a str>,
}

impl Gather<'_> {
    /// What is always looked at. Returns the workloads.
    async fn all(
        &self,
        objects: &mut Objects,
        discovery: &Discovery,
        reading: &mut Reading,
    ) -> Vec<Workload> {
        let kinds = extensions();
        let extensions = kinds
            .iter()
            .map(|kind| list_served(self.cluster, self.cx, discovery, kind, self.namespace));
        let makers = [
            Resource::DEPLOYMENTS,
            Resource::STATEFUL_SETS,
            Resource::DAEMON_SETS,
            Resource::CRON_JOBS,
        ];
        let workloads = makers.iter().map(|kind| self.here(kind.clone()));
        let read = futures::join!(
            self.here(Resource::SERVICES),
            self.here(Resource::ENDPOINT_SLICES),
            self.here(Resource::CONFIG_MAPS),
            self.everywhere(Resource::NAMESPACES),
            self.here(Resource::CLAIMS),
            self.here(Resource::QUOTAS),
            self.here(Resource::LIMIT_RANGES),
            self.here(Resource::AUTOSCALERS),
            self.here(Resource::BUDGETS),
            self.here(Resource::INGRESSES),
            self.here(Resource::NETWORK_POLICIES),
            futures::future::join_all(extensions),
            futures::future::join_all(workloads),
        );
        objects.services = reading.take(&Resource::SERVICES, read.0);
        objects.endpoint_slices = reading.take(&Resource::ENDPOINT_SLICES, read.1);
        objects.config_maps = reading.take(&Resource::CONFIG_MAPS, read.2);
        objects.namespaces = reading.take(&Resource::NAMESPACES, read.3);
        objects.claims = reading.take(&Resource::CLAIMS, read.4);
        objects.quotas = reading.take(&Resource::QUOTAS, read.5);
        objects.limit_ranges = reading.take(&Resource::LIMIT_RANGES, read.6);
        objects.autoscalers = reading.take(&Resource::AUTOSCALERS, read.7);
        objects.disruption_budgets = reading.take(&Resource::BUDGETS, read.8);
        objects.ingresses = reading.take(&Resource::INGRESSES, read.9);
        objects.network_policies = reading.take(&Resource::NETWORK_POLICIES, read.10);
        self.extensions(objects, discovery, reading, read.11).await;
        makers
            .iter()
            .zip(read.12)
            .flat_map(|(kind, listed)| reading.take(kind, listed))
            .collect()
    }

    /// What decides whether calls come through.
    async fn traffic(&self, objects: &mut Objects, discovery: &Discovery, reading: &mut Reading) {
        let kinds = extensions();
        let extensions = kinds
            .iter()
            .map(|kind| list_served(self.cluster, self.cx, discovery, kind, self.namespace));
        let read = futures::join!(
            self.here(Resource::SERVICES),
            self.here(Resource::ENDPOINT_SLICES),
            self.here(Resource::NETWORK_POLICIES),
            futures::future::join_all(extensions),
        );
        objects.services = reading.take(&Resource::SERVICES, read.0);
        objects.endpoint_slices = reading.take(&Resource::ENDPOINT_SLICES, read.1);
        objects.network_policies = reading.take(&Resource::NETWORK_POLICIES, read.2);
        self.extensions(objects, discovery, reading, read.3).await;
    }

    /// Takes what was listed of gateways and meshes, in the order of [`extensions`].
    async fn extensions(
        &self,
        objects: &mut Objects,
        discovery: &Discovery,
        reading: &mut Reading,
        listed: Vec<Option<Result<Listed<DynamicObject>, ClusterError>>>,
    ) {
        for (index, (kind, listed)) in extensions().iter().zip(listed).enumerate() {
            let mut found: Vec<DynamicObject> = reading.take_served(kind, listed);
            // Kinds of one name are told apart by their group.
            for object in found.iter_mut().filter(|object| object.api_version.is_empty()) {
                object.api_version = format!("{}/{}", kind.group, kind.version);
            }
            if index < GATEWAY.len() {
                objects.gateway.extend(found);
            } else {
                objects.mesh.extend(found);
            }
        }
        if !objects.gateway.is_empty() {
            let classes = &Resource::GATEWAY_CLASSES;
            let listed = list_served(self.cluster, self.cx, discovery, classes, None).await;
            objects.gateway.extend(reading.take_served(classes, listed));
        }
    }

    /// What only matters when something else is not as it should be.
    async fn in_depth(
        &self,
        objects: &mut Objects,
        workloads: &[Workload],
        injectors: bool,
        discovery: &Discovery,
        reading: &mut Reading,
    ) {
        if !objects.ingresses.is_empty() {
            let classes = &Resource::INGRESS_CLASSES;
            objects.ingress_classes = reading.take(classes, self.everywhere(Resource::INGRESS_CLASSES).await);
        }
        if objects.claims.iter().any(|claim| claim.status.phase != "Bound") {
            let (volumes, classes) = futures::join!(
                self.everywhere(Resource::VOLUMES),
                self.everywhere(Resource::STORAGE_CLASSES),
            );
            objects.volumes = reading.take(&Resource::VOLUMES, volumes);
            objects.storage_classes = reading.take(&Resource::STORAGE_CLASSES, classes);
        }
        if encrypts(objects, workloads) {
            let certificates = &Resource::CERTIFICATES;
            let listed = list_served(self.cluster, self.cx, discovery, certificates, self.namespace).await;
            objects.certificates = reading.take_served(certificates, listed);
        }
        // Pods that are not even made are refused by admission, or act as an account that is not there.
        let refused = workloads.iter().any(|workload| {
            let made = workload
                .status
                .replicas
                .or(workload.status.current_number_scheduled)
                .unwrap_or(0);
            workload.desired().unwrap_or(0) > made
        });
        if refused {
            let (accounts, validating, mutating) = futures::join!(
                self.here(Resource::SERVICE_ACCOUNTS),
                self.everywhere(Resource::VALIDATING_WEBHOOKS),
                self.everywhere(Resource::MUTATING_WEBHOOKS),
            );
            objects.service_accounts = reading.take(&Resource::SERVICE_ACCOUNTS, accounts);
            objects.webhooks = reading.take(&Resource::VALIDATING_WEBHOOKS, validating);
            let mutating = reading.take(&Resource::MUTATING_WEBHOOKS, mutating);
            objects.webhooks.extend(mutating);
        } else if injectors {
            let mutating = self.everywhere(Resource::MUTATING_WEBHOOKS).await;
            objects.webhooks = reading.take(&Resource::MUTATING_WEBHOOKS, mutating);
        }
    }

    async fn here<T>(&self, resource: Resource) -> Result<Listed<T>, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        list(self.cluster, self.cx, resource, self.namespace).await
    }

    async fn everywhere<T>(&self, resource: Resource) -> Result<Listed<T>, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        list(self.cluster, self.cx, resource, None).await
    }
}
