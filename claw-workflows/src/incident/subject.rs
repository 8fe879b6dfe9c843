//! What an alert is about, read from its labels.
//!
//! Labels are read as those of series are ([`claw_metrics::classify`]). An alert does not say which exporter wrote its
//! series, so a label may as well name the exporter that was scraped as the object that is measured: kube-state-metrics'
//! own pod beside the node that it tells of. What was read of the cluster decides ([`alerting`]).

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Node, Object, Workload};
use claw_metrics::classify::{UNKNOWN_WORKLOAD, subject_of};
use claw_metrics::series::Labels;

mod question;

pub use question::asked;
pub(in crate::incident) use question::{asked_hosts, asked_in_vain};

use super::case::Case;
use super::facts::Facts;
use super::logs::host_of;

/// Prefix of labels of the measured object where the scraped target bears the same label.
const EXPORTED: &str = "exported_";
/// Labels that a scrape adds of its target.
const OF_TARGET: [&str; 7] = [
    "namespace",
    "pod",
    "container",
    "service",
    "endpoint",
    "job",
    "instance",
];
/// Labels that name a Service and nothing else; others that the classifier reads as one name an application.
const OF_SERVICE: [&str; 5] = [
    "service",
    "service_name",
    "kubernetes_service",
    "kube_service",
    "destination_service_name",
];
/// Kinds of which it is known after the first step whether an object exists.
const READ: [&str; 7] = [
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Node",
];

/// What alerts say of their subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Namespaces that they name.
    pub namespaces: BTreeSet<String>,
    /// Objects that are in question in any case.
    pub entities: Vec<EntityRef>,
    /// Names of applications whose kind is open.
    pub applications: BTreeSet<String>,
    /// Objects that one alert names, of which one or more may be meant.
    pub named: Vec<Named>,
}

/// What the labels of one alert name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Objects, the likeliest first.
    pub entities: Vec<EntityRef>,
    /// Address that was scraped, without its port.
    pub scraped: Option<String>,
    /// What runs there, as the scrape is named: of use where nothing else is told.
    pub job: Option<String>,
}

impl Hints {
    /// Whether the alerts name nothing at all.
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
            && self.entities.is_empty()
            && self.applications.is_empty()
            && self.named.is_empty()
    }

    /// Adds another alert's hints.
    pub fn extend(&mut self, other: Hints) {
        self.namespaces.extend(other.namespaces);
        for entity in other.entities {
            if !self.entities.contains(&entity) {
                self.entities.push(entity);
            }
        }
        self.applications.extend(other.applications);
        for named in other.named {
            if !self.named.contains(&named) {
                self.named.push(named);
            }
        }
    }
}

/// Reads the subject from an alert's labels. Unknown labels are left alone; nothing is guessed from free text.
pub fn hints(labels: &BTreeMap<String, String>) -> Hints {
    let mut labels = of_measured(labels);
    let mut hints = Hints::default();
    let scraped = labels.remove("instance");
    let job = labels.remove("job");
    let told = subject_of(&labels);
    let mut all: Vec<EntityRef> = Vec::new();
    if let Some(told) = told {
        all.push(told.entity);
        all.extend(told.peer);
        let mut related = told.related;
        related.sort_by_key(|entity| (order(entity), entity.clone()));
        all.extend(related);
    }
    let mut named = Named::default();
    for mut entity in all {
        let open = entity.kind == UNKNOWN_WORKLOAD
            || entity.kind == "Service"
                && !OF_SERVICE
                    .iter()
                    .any(|label| labels.get(*label) == Some(&entity.name));
        if entity.kind == "Namespace" {
            hints.namespaces.insert(entity.name);
            continue;
        }
        if matches!(entity.kind.as_str(), "Node" | "PersistentVolume") {
            entity.namespace = None;
        } else if entity.kind != EntityRef::EXTERNAL_HOST {
            hints.namespaces.extend(entity.namespace.clone());
            // Without a namespace the name alone has to do: it is looked for in all that may be read.
            if open || entity.namespace.is_none() {
                hints.applications.insert(entity.name);
                continue;
            }
        }
        named.entities.push(entity);
    }
    hints.namespaces.extend(
        labels
            .get("namespace")
            .filter(|name| !name.trim().is_empty())
            .cloned(),
    );
    let word = |text: String| Some(text).filter(|text| !text.trim().is_empty());
    named.scraped = scraped.and_then(word).map(|address| host_of(&address).to_owned());
    if named.entities.is_empty() && hints.applications.is_empty() {
        // The name of the scrape is all that there is; OpenTelemetry writes `namespace/service`.
        named.job = job
            .and_then(word)
            .map(|job| job.rsplit('/').next().unwrap_or_default().to_owned());
    }
    if named != Named::default() {
        hints.named.push(named);
    }
    hints
}

/// The labels of the measured object. Where the scrape's own labels collide with those of the object, Prometheus renames the
/// object's to `exported_…`: what bears a plain name then is the exporter's.
fn of_measured(labels: &BTreeMap<String, String>) -> Labels {
    let renamed = labels.keys().any(|name| {
        name.strip_prefix(EXPORTED)
            .is_some_and(|rest| OF_TARGET.contains(&rest))
    });
    let mut own: Labels = labels
        .iter()
        .filter(|(name, value)| !(value.trim().is_empty() || renamed && OF_TARGET.contains(&name.as_str())))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if renamed {
        for name in OF_TARGET {
            if let Some(value) = own.remove(&format!("{EXPORTED}{name}")) {
                own.insert(name.to_owned(), value);
            }
        }
    }
    own.remove("alertname");
    own
}

/// Pods before what runs them, that before nodes, those before services.
fn order(entity: &EntityRef) -> u8 {
    match entity.kind.as_str() {
        "Pod" => 0,
        "Node" => 2,
        "Service" => 3,
        _ => 1,
    }
}

/// The objects that the alerts are about, as far as what was read tells, and names that are left open by that.
pub fn alerting(facts: &Facts<'_>, hints: &Hints) -> (Vec<EntityRef>, BTreeSet<String>) {
    let mut found = hints.entities.clone();
    let mut applications = hints.applications.clone();
    for named in &hints.named {
        let node = named
            .scraped
            .as_deref()
            .and_then(|address| node_at(facts.case, address))
            .map(Object::entity);
        let there = |entity: &&EntityRef| exists(facts, entity) && !is_exporter(facts, entity, named);
        let mut meant: Vec<EntityRef> = named.entities.iter().find(there).cloned().into_iter().collect();
        if meant.is_empty() {
            // What is not there was deleted, or made after the list was read; an exporter is there.
            let told = |entity: &&EntityRef| node.is_none() || !exists(facts, entity);
            meant.extend(named.entities.first().filter(told).cloned());
        }
        // What is scraped at the address of a node tells of the node, or runs on its network.
        let on_node = meant.first().is_none_or(|entity| {
            facts
                .pod(entity)
                .is_some_and(|pod| entity.kind == "Pod" && pod.spec.host_network)
        });
        if on_node {
            meant.extend(node);
        }
        if meant.is_empty() && applications.is_empty() {
            applications.extend(named.job.clone());
        }
        for entity in meant {
            if !found.contains(&entity) {
                found.push(entity);
            }
        }
    }
    (found, applications)
}

fn node_at<'a>(case: &'a Case, address: &str) -> Option<&'a Node> {
    case.objects.nodes.iter().find(|node| {
        node.metadata.name == address || node.status.addresses.iter().any(|known| known.address == address)
    })
}

/// Whether an object exists, or may do so: not all kinds were read, and not all that were read completely.
fn exists(facts: &Facts<'_>, entity: &EntityRef) -> bool {
    if !READ.contains(&entity.kind.as_str()) {
        return true;
    }
    let namespace = entity.namespace.as_deref().unwrap_or_default();
    match entity.kind.as_str() {
        "Pod" => facts.pod(entity).is_some() || !facts.case.knows_all("Pod", namespace),
        "Node" => facts.node(&entity.name).is_some() || facts.case.objects.nodes.is_empty(),
        _ => facts.workload(entity).is_some() || facts.case.objects.workloads.is_empty(),
    }
}

/// The alerting entities that do not exist, of kinds and namespaces that were listed in full.
pub fn absent(facts: &Facts<'_>) -> Vec<EntityRef> {
    let case = facts.case;
    if case.objects.pods.is_empty() && case.objects.workloads.is_empty() {
        // What is asked about is not known to be in this cluster.
        return Vec::new();
    }
    let gone = |entity: &&EntityRef| {
        let Some(namespace) = entity.namespace.as_deref() else {
            return false;
        };
        let there = match entity.kind.as_str() {
            "Pod" => facts.pod(entity).is_some(),
            // Who names a service may mean what runs, whether or not it has a Service.
            "Service" => {
                let named = |workload: &Workload| {
                    workload.metadata.name == entity.name && workload.metadata.ns() == namespace
                };
                facts.service(namespace, &entity.name).is_some() || facts.top_workloads().any(named)
            }
            "Deployment" | "StatefulSet" | "DaemonSet" => facts.workload(entity).is_some(),
            _ => return false,
        };
        !there && case.knows_all(&entity.kind, namespace)
    };
    case.subject.iter().filter(gone).cloned().collect()
}

/// Whether a pod is the exporter that was scraped and tells of a node that it does not run on.
fn is_exporter(facts: &Facts<'_>, entity: &EntityRef, named: &Named) -> bool {
    let node = named.entities.iter().find(|other| other.kind == "Node");
    let (Some(node), Some(pod)) = (node, facts.pod(entity).filter(|_| entity.kind == "Pod")) else {
        return false;
    };
    let scraped = named.scraped.as_deref() == Some(pod.status.pod_ip.as_str());
    scraped && pod.spec.node_name != node.name
}

#[cfg(test)]
mod tests;
