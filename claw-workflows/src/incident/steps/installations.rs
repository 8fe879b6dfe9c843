//! Installations: most of a namespace made at about the same time.

use std::collections::BTreeMap;

use claw_core::change::Change;
use claw_k8s::model::Object as _;
use jiff::{SignedDuration, Timestamp};

use crate::incident::case::Case;

/// Of fewer workloads it cannot be told what most is.
const FEW: usize = 4;
/// How far apart objects of one installation are made.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// Namespaces of which most was made at about the same time, with that time. That something was made then is how things are,
/// and no change.
#[derive(Debug)]
pub(super) struct Installations(BTreeMap<String, Timestamp>);

impl Installations {
    /// Those that the workloads of a case tell.
    pub(super) fn of(case: &Case) -> Self {
        let mut made: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        let workloads = case.objects.workloads.iter();
        // A namespace in which Jobs are made all day was not installed with them.
        let lasting = |kind: &str| matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet");
        let lasting = workloads.filter(|workload| lasting(&workload.kind));
        for workload in lasting.filter(|workload| workload.metadata.controller().is_none()) {
            let entity = workload.entity();
            let times = made.entry(entity.namespace.unwrap_or_default()).or_default();
            times.extend(workload.metadata.creation_timestamp);
        }
        let installed = made.into_iter().filter(|(_, times)| times.len() >= FEW);
        let installed = installed.filter_map(|(namespace, mut times)| {
            times.sort_unstable();
            let middle = *times.get(times.len() / 2)?;
            let together = times.iter().filter(|time| at_once(**time, middle)).count();
            (together * 3 > times.len() * 2).then_some((namespace, middle))
        });
        Self(installed.collect())
    }

    /// Whether a change is of the time at which most of its namespace was made.
    pub(super) fn have(&self, change: &Change) -> bool {
        let namespace = change.entity.namespace.as_deref().unwrap_or_default();
        let installed = self.0.get(namespace);
        installed.is_some_and(|time| at_once(change.time, *time))
    }
}

fn at_once(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b).abs() <= APART
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::Installations;
    use crate::incident::testing::{at, case, deploy, object};

    #[test]
    fn what_was_made_with_most_of_its_namespace_was_installed() {
        let installed_as = |kind: &str, made: &[i64], change: i64| {
            let mut case = case();
            for (number, second) in made.iter().enumerate() {
                let metadata = json!({"creationTimestamp": at(*second).to_string()});
                let name = format!("w{number}");
                case.objects
                    .workloads
                    .push(object(&name, json!({"kind": kind, "metadata": metadata})));
            }
            let cart = EntityRef::namespaced("Deployment", "shop", "cart");
            Installations::of(&case).have(&deploy(&cart, "r", change))
        };
        let installed = |made: &[i64], change: i64| installed_as("Deployment", made, change);
        assert!(installed(&[-3600, -3590, -3580, -60, -3600], -3600));
        assert!(!installed_as("Job", &[-3600, -3590, -3580, -3600], -3600));
        // Later than most, of a namespace that grew over time, of few.
        assert!(!installed(&[-3600, -3590, -3580, -60, -3600], -60));
        assert!(!installed(&[-90_000, -50_000, -3600, -60], -3600));
        assert!(!installed(&[-3600, -3600], -3600));
    }
}
