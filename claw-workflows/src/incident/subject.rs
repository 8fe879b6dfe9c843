//! What an alert is about, read from its labels.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

/// Labels that name one object, with the object's kind; the most telling first.
const NAMING: &[(&str, &str)] = &[
    ("pod", "Pod"),
    ("pod_name", "Pod"),
    ("k8s_pod_name", "Pod"),
    ("deployment", "Deployment"),
    ("k8s_deployment_name", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("replicaset", "ReplicaSet"),
    ("job_name", "Job"),
    ("cronjob", "CronJob"),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("hpa", "HorizontalPodAutoscaler"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("persistentvolume", "PersistentVolume"),
    ("poddisruptionbudget", "PodDisruptionBudget"),
    ("resourcequota", "ResourceQuota"),
    ("ingress", "Ingress"),
    ("service", "Service"),
    ("service_name", "Service"),
    ("destination_service_name", "Service"),
    ("exported_service", "Service"),
    ("node", "Node"),
    ("nodename", "Node"),
    ("kubernetes_node", "Node"),
];

/// Labels that name an application in a way that teams choose: a workload, a service, or the value of an `app` label.
const APPLICATION: &[&str] = &[
    "app",
    "app_kubernetes_io_name",
    "app_kubernetes_io_instance",
    "application",
    "workload",
    "destination_workload",
    "exported_app",
    "component",
    "svc",
];

/// Kinds without a namespace.
const CLUSTER_SCOPED: &[&str] = &["Node", "PersistentVolume"];

/// Services that carry metrics of others: an alert's `service` label may name the exporter, not the subject.
const EXPORTERS: &[&str] = &[
    "kube-state-metrics",
    "node-exporter",
    "kubelet",
    "cadvisor",
    "pushgateway",
];

/// What one alert says of its subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Namespaces that it names.
    pub namespaces: BTreeSet<String>,
    /// Objects that it names by kind.
    pub entities: Vec<EntityRef>,
    /// Names of applications whose kind it leaves open.
    pub applications: BTreeSet<String>,
}

impl Hints {
    /// Whether the alert names nothing at all.
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.entities.is_empty() && self.applications.is_empty()
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
    }
}

/// Reads the subject from an alert's labels. Unknown labels are left alone; nothing is guessed from free text.
pub fn hints(labels: &BTreeMap<String, String>) -> Hints {
    let named = |label: &str| {
        labels
            .get(label)
            .map(String::as_str)
            .filter(|value| !value.trim().is_empty())
    };
    let namespace = [
        "namespace",
        "exported_namespace",
        "kubernetes_namespace",
        "k8s_namespace_name",
        "destination_service_namespace",
    ]
    .iter()
    .find_map(|label| named(label));
    let exported = named("exported_namespace").or(namespace);
    let mut hints = Hints::default();
    hints.namespaces.extend(exported.map(str::to_owned));
    for (label, kind) in NAMING {
        let Some(name) = named(label) else { continue };
        if *kind == "Service" && EXPORTERS.iter().any(|exporter| name.contains(exporter)) {
            continue;
        }
        let entity = match (CLUSTER_SCOPED.contains(kind), exported) {
            (true, _) => EntityRef::cluster(*kind, name),
            (false, Some(ns)) => EntityRef::namespaced(*kind, ns, name),
            // Without a namespace the name alone has to do: it is looked for in all that may be read.
            (false, None) => {
                hints.applications.insert(name.to_owned());
                continue;
            }
        };
        if !hints.entities.contains(&entity) {
            hints.entities.push(entity);
        }
    }
    hints.applications.extend(
        APPLICATION
            .iter()
            .filter_map(|label| named(label))
            .map(str::to_owned),
    );
    // `job` is the scrape job; it names the application only where nothing else does.
    if hints.entities.is_empty()
        && hints.applications.is_empty()
        && let Some(job) = named("job")
        && !EXPORTERS.iter().any(|exporter| job.contains(exporter))
    {
        hints
            .applications
            .insert(job.rsplit('/').next().unwrap_or(job).to_owned());
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn a_crash_loop_alert_is_about_its_pod_and_not_about_the_exporter() {
        let hints = hints(&labels(&[
            ("alertname", "KubePodCrashLooping"),
            ("namespace", "shop"),
            ("pod", "cart-6f7-x"),
            ("service", "kube-state-metrics"),
            ("job", "kube-state-metrics"),
        ]));
        assert_eq!(
            hints.entities,
            [EntityRef::namespaced("Pod", "shop", "cart-6f7-x")]
        );
        assert!(hints.applications.is_empty());
    }

    #[test]
    fn the_scrape_job_is_the_last_resort() {
        let found = hints(&labels(&[("job", "shop/cart"), ("severity", "critical")]));
        assert_eq!(found.applications, BTreeSet::from(["cart".to_owned()]));
        let found = hints(&labels(&[("job", "shop/cart"), ("app", "checkout")]));
        assert_eq!(found.applications, BTreeSet::from(["checkout".to_owned()]));
    }

    #[test]
    fn a_name_without_a_namespace_is_kept_as_an_application() {
        let found = hints(&labels(&[("deployment", "cart")]));
        assert_eq!(found.applications, BTreeSet::from(["cart".to_owned()]));
        assert!(found.entities.is_empty());
    }

    #[test]
    fn nodes_have_no_namespace() {
        let found = hints(&labels(&[("node", "n1"), ("namespace", "monitoring")]));
        assert_eq!(found.entities, [EntityRef::cluster("Node", "n1")]);
    }

    #[test]
    fn unknown_and_empty_labels_say_nothing() {
        assert!(hints(&labels(&[("foo", "bar"), ("pod", " "), ("severity", "page")])).is_empty());
    }
}
