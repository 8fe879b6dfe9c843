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
        let text: usize = map.data.values().map(|value| value.size).sum();
        // Written in base64, four characters for three bytes.
        let written: usize = map.binary_data.values().map(|value| value.size).sum();
        let size = text.saturating_add(written / 4 * 3);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::maps;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, object};

    #[test]
    fn binary_data_counts_as_what_it_stands_for() {
        let ids = |written: usize| -> Vec<&'static str> {
            let mut case = case();
            case.objects
                .config_maps
                .push(object("m", json!({"binaryData": {"k": {"size": written}}})));
            case.objects.pods.push(object(
                "p",
                json!({"spec": {"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "m"}}]}]}}),
            ));
            maps(&Facts::new(&case))
                .iter()
                .map(|symptom| symptom.id)
                .collect()
        };
        assert_eq!(ids(1_300_000), [""; 0]);
        assert_eq!(ids(1_500_000), ["config_map.oversized"]);
    }
}
