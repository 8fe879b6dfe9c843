//! What a series is about, told from its labels.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;

use super::labels::{
    CONTAINERS, EDGES, KINDS_OF_UNKINDED, NAMESPACES, NODES, PODS, SERVICES, UNKINDED, WORKLOADS,
};
use super::spans::{Role, called, is_nobody};
use crate::series::{Labels, NAME_LABEL};

/// Kind of an entity whose label names a workload without saying of which kind: a Deployment, StatefulSet, DaemonSet, Job, or a
/// process outside Kubernetes. Callers that know the cluster look the name up.
pub const UNKNOWN_WORKLOAD: &str = "Workload";

/// What a series is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The entity; on a call edge the caller.
    pub entity: EntityRef,
    /// On a call edge the called.
    pub peer: Option<EntityRef>,
    /// Other entities that the labels name, in order, without the two above.
    pub related: Vec<EntityRef>,
}

/// The entity that a series is about; on a call edge the caller. `None` if no label names one.
pub fn entity_of(labels: &Labels) -> Option<EntityRef> {
    subject_of(labels).map(|subject| subject.entity)
}

/// What a series is about, with both ends of a call edge.
///
/// Labels of the measured thing count before labels of whoever measured it: kube-state-metrics' own pod and service are not what
/// its series are about, and of `pod` and `exported_pod` the exported one is.
pub fn subject_of(labels: &Labels) -> Option<Subject> {
    let view = View {
        labels,
        exporter: Exporter::of(labels.get(NAME_LABEL).map_or("", String::as_str)),
    };
    let (entity, peer) = match view.edge() {
        Some((source, destination)) => (source, Some(destination)),
        None => (view.single()?, None),
    };
    let related: BTreeSet<_> = view
        .all()
        .into_iter()
        .filter(|other| *other != entity && Some(other) != peer.as_ref())
        .collect();
    Some(Subject {
        entity,
        peer,
        related: related.into_iter().collect(),
    })
}

/// The service that labels name, and only without one the entity: of spans, pods of one service serve the same.
pub(super) fn service_of(labels: &Labels) -> Option<EntityRef> {
    let view = View {
        labels,
        exporter: Exporter::of(labels.get(NAME_LABEL).map_or("", String::as_str)),
    };
    view.service().or_else(|| view.single())
}

/// Who wrote a series, as far as it changes the meaning of labels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exporter {
    /// kube-state-metrics: `pod`, `node` and the like are the objects; `service`, `job` and `instance` are its own.
    KubeState,
    /// Node exporter: about the node that `instance`, `node` or `nodename` names; `pod` and `service` are its own.
    Node,
    /// Kubelet and cAdvisor: about `pod`, or else the node; `service` and `job` are the kubelet's.
    Kubelet,
    Other,
}

impl Exporter {
    fn of(name: &str) -> Self {
        let container = [
            "container_cpu",
            "container_memory",
            "container_network",
            "container_fs",
            "container_oom",
        ];
        if name.starts_with("kube_") {
            Self::KubeState
        } else if name.starts_with("kubelet_") || container.iter().any(|start| name.starts_with(start)) {
            Self::Kubelet
        } else if name.starts_with("node_") {
            Self::Node
        } else {
            Self::Other
        }
    }
}

/// Whether a URL names one thing of several at a host: a queue, a bucket. One with a port is an address that is called.
fn is_within_host(value: &str) -> bool {
    let path = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .filter(|(host, _)| !host.contains(':') && !host.contains(".svc"));
    path.is_some_and(|(_, path)| !path.is_empty())
}

struct View<'a> {
    labels: &'a Labels,
    exporter: Exporter,
}

impl View<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.labels.get(name).map(String::as_str);
        value.filter(|value| !is_nobody(value))
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    fn namespace(&self) -> Option<String> {
        self.first(NAMESPACES).map(str::to_owned)
    }

    fn entity(&self, kind: &str, name: &str, namespace: Option<String>) -> EntityRef {
        EntityRef {
            kind: kind.to_owned(),
            namespace,
            name: name.to_owned(),
        }
    }

    fn edge(&self) -> Option<(EntityRef, EntityRef)> {
        // A pair is there if both ends are known; an edge from nowhere is a series of the called.
        let pair = EDGES
            .iter()
            .find_map(|(from, to)| Some((*from, *to, self.get(from)?, self.get(to)?)));
        let Some((from, to, source, destination)) = pair else {
            return self.call();
        };
        let own = || {
            self.first(&[
                "exported_namespace",
                "namespace",
                "k8s_namespace_name",
                "kubernetes_namespace",
            ])
            .map(str::to_owned)
        };
        let side = |names: &[&str]| self.first(names).map(str::to_owned).or_else(own);
        let source_ns = side(&[
            "source_workload_namespace",
            "source_namespace",
            "client_namespace",
            "client_k8s_namespace_name",
        ]);
        let destination_ns = side(&[
            "destination_service_namespace",
            "destination_workload_namespace",
            "destination_namespace",
            "dst_namespace",
            "server_namespace",
            "server_k8s_namespace_name",
        ]);
        Some((
            self.end(from, source, source_ns),
            self.end(to, destination, destination_ns),
        ))
    }

    /// A call that names the called beside the service that makes it.
    fn call(&self) -> Option<(EntityRef, EntityRef)> {
        if Role::of(self.labels) != Role::Call {
            return None;
        }
        let called = called(self.labels)?;
        let caller = self.service().or_else(|| self.single())?;
        let callee = self.host("Service", called, caller.namespace.clone());
        (callee != caller).then_some((caller, callee))
    }

    fn end(&self, label: &str, value: &str, namespace: Option<String>) -> EntityRef {
        let kind = match label {
            "source_workload" | "destination_workload" => UNKNOWN_WORKLOAD,
            "deployment" | "dst_deployment" => "Deployment",
            _ => "Service",
        };
        self.host(kind, value, namespace)
    }

    /// `cart.shop.svc.cluster.local` names a Service; any other host name with dots is outside the cluster.
    fn host(&self, kind: &str, value: &str, namespace: Option<String>) -> EntityRef {
        if is_within_host(value) {
            return self.entity("Service", value, namespace);
        }
        let bare = value.split_once("://").map_or(value, |(_, rest)| rest);
        let host = bare.split(['/', ':']).next().unwrap_or(bare);
        let parts: Vec<&str> = host.split('.').collect();
        if let [name, ns, "svc", ..] = parts.as_slice() {
            return EntityRef::namespaced("Service", *ns, *name);
        }
        // A port, or a top-level domain after a dot: an address. Versions (`cart.v2`) are names.
        let domain = parts.len() >= 2
            && parts
                .last()
                .is_some_and(|last| last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic()));
        let address = host.parse::<std::net::IpAddr>().is_ok();
        if domain || address {
            return EntityRef::external(bare.split('/').next().unwrap_or(bare));
        }
        self.entity(kind, value, namespace)
    }

    fn pod(&self) -> Option<EntityRef> {
        let pods = match self.exporter {
            Exporter::Node => &[][..],
            _ => PODS,
        };
        self.first(pods)
            .map(|pod| self.entity("Pod", pod, self.namespace()))
    }

    fn node(&self) -> Option<EntityRef> {
        if let Some(node) = self.first(NODES) {
            return Some(EntityRef::cluster("Node", node));
        }
        // `instance` is the address of the exporter; it names the node only where the exporter is one of nodes.
        if !matches!(self.exporter, Exporter::Node | Exporter::Kubelet) {
            return None;
        }
        let instance = self.get("instance")?;
        let host = match instance.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => instance,
        };
        (!host.is_empty()).then(|| EntityRef::cluster("Node", host))
    }

    fn workload(&self) -> Option<EntityRef> {
        WORKLOADS
            .iter()
            .find_map(|(label, kind)| Some(self.entity(kind, self.get(label)?, self.namespace())))
            .map(|mut entity| {
                if entity.kind == "PersistentVolume" {
                    entity.namespace = None;
                }
                entity
            })
    }

    fn unkinded(&self) -> Option<EntityRef> {
        let name = self.first(UNKINDED)?;
        let kind = match self
            .first(KINDS_OF_UNKINDED)
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("deployment") => "Deployment",
            Some("statefulset") => "StatefulSet",
            Some("daemonset") => "DaemonSet",
            Some("replicaset") => "ReplicaSet",
            Some("job") => "Job",
            Some("cronjob") => "CronJob",
            Some("pod") => "Pod",
            Some("node") => "Node",
            _ => UNKNOWN_WORKLOAD,
        };
        Some(self.entity(kind, name, self.namespace()))
    }

    fn service(&self) -> Option<EntityRef> {
        if self.exporter != Exporter::Other {
            return None;
        }
        let name = self.first(SERVICES)?;
        Some(self.host("Service", name, self.namespace()))
    }

    fn single(&self) -> Option<EntityRef> {
        match self.exporter {
            Exporter::Node => return self.node(),
            Exporter::KubeState => {
                // The name says which label is the object: `kube_node_…` with a `node`, `kube_pod_info` with pod and node.
                let name = self.labels.get(NAME_LABEL).map_or("", String::as_str);
                if name.starts_with("kube_node_") {
                    return self.node();
                }
                if name.starts_with("kube_service_") {
                    return self
                        .get("service")
                        .map(|service| self.entity("Service", service, self.namespace()));
                }
                if name.starts_with("kube_endpoint") {
                    return self
                        .first(&["endpoint", "endpointslice"])
                        .map(|service| self.entity("Service", service, self.namespace()));
                }
                if name.starts_with("kube_ingress_") {
                    return self
                        .get("ingress")
                        .map(|ingress| self.entity("Ingress", ingress, self.namespace()));
                }
                if !name.starts_with("kube_pod_")
                    && let Some(workload) = self.workload()
                {
                    return Some(workload);
                }
            }
            Exporter::Kubelet | Exporter::Other => {}
        }
        let claim = || {
            self.get("persistentvolumeclaim")
                .map(|name| self.entity("PersistentVolumeClaim", name, self.namespace()))
        };
        claim()
            .or_else(|| self.pod())
            .or_else(|| self.workload())
            .or_else(|| self.service())
            .or_else(|| self.unkinded())
            .or_else(|| {
                self.get("ingress")
                    .map(|name| self.entity("Ingress", name, self.namespace()))
            })
            .or_else(|| self.node())
            .or_else(|| self.scraped())
            .or_else(|| self.container())
            .or_else(|| match self.exporter {
                Exporter::Other | Exporter::KubeState => {
                    self.namespace().map(|name| EntityRef::cluster("Namespace", name))
                }
                _ => None,
            })
    }

    /// The scrape job, or else the scraped address: the last resort, for series that say no more of themselves.
    fn scraped(&self) -> Option<EntityRef> {
        if self.exporter != Exporter::Other {
            return None;
        }
        if let Some(job) = self.get("job") {
            // OpenTelemetry writes `namespace/service`.
            let (namespace, name) = match job.split_once('/') {
                Some((namespace, name)) => (Some(namespace.to_owned()), name),
                None => (self.namespace(), job),
            };
            return Some(self.entity("Service", name, namespace));
        }
        self.get("instance").map(EntityRef::external)
    }

    /// The container, which is mostly called like what runs in it. Sidecars are not, so anything else that is told counts
    /// before it.
    fn container(&self) -> Option<EntityRef> {
        let name = self.first(CONTAINERS).filter(|name| *name != "POD")?;
        Some(self.entity(UNKNOWN_WORKLOAD, name, self.namespace()))
    }

    fn all(&self) -> Vec<EntityRef> {
        [
            self.pod(),
            self.workload(),
            self.service(),
            self.unkinded(),
            self.node(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
