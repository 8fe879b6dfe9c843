//! In which cluster and environment the things are that alerts are about.

use std::collections::{BTreeMap, BTreeSet};

use crate::trigger::Alert;

/// Labels that name a cluster.
pub(super) const CLUSTERS: [&str; 6] = [
    "cluster",
    "cluster_name",
    "kube_cluster_name",
    "k8s_cluster",
    "k8s_cluster_name",
    "kubernetes_cluster",
];
/// Labels that name a region of a cloud.
pub(super) const REGIONS: [&str; 2] = ["region", "cloud_region"];
/// Labels that name an environment.
pub(super) const ENVIRONMENTS: [&str; 3] = ["env", "environment", "deployment_environment"];

/// Labels that tell of whom or by whom something was measured. One service has many tenants and may be watched by two servers,
/// so they part only what has no more in common than a namespace.
pub(super) const LOOSENING: [&str; 3] = ["tenant", "tenant_id", "prometheus"];

/// Labels that say which of several clusters, environments or regions is meant. What is called alike in two of them are two things.
fn parting() -> impl Iterator<Item = &'static str> {
    CLUSTERS.into_iter().chain(REGIONS).chain(ENVIRONMENTS)
}

/// The clusters, environments and regions that alerts name, by label.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Realm(BTreeMap<&'static str, BTreeSet<String>>);

impl Realm {
    /// What one alert names.
    pub(super) fn of(alert: &Alert) -> Self {
        Self::named(alert, parting())
    }

    /// The environment that one alert names.
    pub(super) fn of_environment(alert: &Alert) -> Self {
        Self::named(alert, ENVIRONMENTS.into_iter())
    }

    fn named(alert: &Alert, labels: impl Iterator<Item = &'static str>) -> Self {
        let named = labels.filter_map(|label| {
            let value = alert.labels.get(label).filter(|value| !value.is_empty())?;
            Some((label, BTreeSet::from([value.clone()])))
        });
        Self(named.collect())
    }

    /// Adds what others name.
    pub(super) fn extend(&mut self, other: Self) {
        for (label, values) in other.0 {
            self.0.entry(label).or_default().extend(values);
        }
    }

    /// Whether they name nothing in common by some label: what they are about is different, then, whatever it is called. An alert
    /// that does not name its cluster may belong to any, and does not make one incident of those of two.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        self.0.iter().any(|(label, values)| {
            let there = other.0.get(label);
            there.is_some_and(|there| values.is_disjoint(there))
        })
    }
}

/// Whether the namespace that two alerts name may well be two.
pub(super) fn is_loose(one: &Alert, other: &Alert) -> bool {
    LOOSENING
        .iter()
        .any(|label| match (one.labels.get(*label), other.labels.get(*label)) {
            (Some(one), Some(other)) => one != other && !one.is_empty() && !other.is_empty(),
            // What is left out contradicts nothing.
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::grouping::testing::alert_about;

    fn with(label: &str, value: &str) -> Alert {
        let mut alert = alert_about("shop", "cart");
        alert.labels.insert(label.to_owned(), value.to_owned());
        alert
    }

    #[test]
    fn only_two_values_of_one_label_contradict_each_other() {
        let is_apart = |one: &Alert, other: &Alert| Realm::of(one).contradicts(&Realm::of(other));
        for label in parting() {
            assert!(is_apart(&with(label, "a"), &with(label, "b")), "{label}");
            assert!(!is_apart(&with(label, "a"), &with(label, "a")), "{label}");
            assert!(!is_apart(&with(label, "a"), &with(label, "")), "{label}");
            assert!(!is_apart(&with(label, "a"), &with("team", "b")), "{label}");
        }
        for label in LOOSENING {
            assert!(!is_apart(&with(label, "a"), &with(label, "b")), "{label}");
            assert!(is_loose(&with(label, "a"), &with(label, "b")), "{label}");
        }
    }
}
