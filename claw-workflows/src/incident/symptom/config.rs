//! ConfigMaps that a pod in trouble reads and that hold nothing, or more than the API server takes.

use std::collections::BTreeSet;

use claw_core::evidence::Severity;
use claw_k8s::model::ConfigMap;

use super::finding::finding;
use crate::incident::candidate::Symptom;
use crate::incident::facts::{Facts, needs};

/// What the API server stores of one ConfigMap at most.
const LARGEST: usize = 1024 * 1024;

/// ConfigMaps that pods which are not ready read, and that are empty or too large. One that nobody reads hurts nobody.
pub(super) fn maps(facts: &Facts<'_>) -> Vec<Symptom> {
    let waiting: BTreeSet<(String, String)> = facts
        .pods()
        .filter(|pod| !pod.is_finished() && !pod.is_ready())
        .flat_map(|pod| {
            let ns = pod.metadata.ns().to_owned();
            let needed = needs(&pod.spec)
                .into_iter()
                .filter(|(kind, _)| kind == "ConfigMap");
            needed.map(move |(_, name)| (ns.clone(), name))
        })
        .collect();
    let read =
        |map: &&ConfigMap| waiting.contains(&(map.metadata.ns().to_owned(), map.metadata.name.clone()));
    let maps = facts.case.objects.config_maps.iter().filter(read);
    maps.filter_map(|map| {
        let size: usize = map
            .data
            .values()
            .chain(map.binary_data.values())
            .map(|value| value.size)
            .sum();
        let (id, statement) = if map.data.is_empty() && map.binary_data.is_empty() {
            (
                "config_map.empty",
                "holds nothing, and a pod that is not ready reads it".to_owned(),
            )
        } else if size > LARGEST {
            (
                "config_map.oversized",
                format!("holds {size} bytes, more than a ConfigMap may"),
            )
        } else {
            return None;
        };
        Some(finding(facts, map, id, Severity::Info, None, statement))
    })
    .collect()
}
