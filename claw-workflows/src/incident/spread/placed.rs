//! Trouble of nodes that only metrics tell of.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use crate::incident::facts::Facts;
use crate::incident::units::{Strain, strain_of};

/// Pods that are late or fail on nodes where pods of several units do, and most of those that were measured. Trouble that is
/// known of services as a whole, or of one of them, does not tell where it is.
pub(super) fn felt_there<'f>(facts: &'f Facts<'_>) -> Vec<(&'f EntityRef, &'f EntityRef)> {
    let case = facts.case;
    let feels = |measure| matches!(strain_of(measure), Strain::Latency | Strain::Errors);
    let compared = case.measured.iter().filter(|(_, measure)| feels(*measure));
    let measured: BTreeSet<&EntityRef> = compared.map(|(entity, _)| entity).collect();
    let bad = case.signals.iter().filter(|signal| {
        let felt = feels(signal.measure);
        felt && signal.harmful && signal.entity.kind == "Pod"
    });
    let bad: BTreeSet<&EntityRef> = bad.map(|signal| &signal.entity).collect();
    let mut on_node: BTreeMap<&EntityRef, Vec<&EntityRef>> = BTreeMap::new();
    for (pod, node) in &case.placed {
        on_node.entry(node).or_default().push(pod);
    }
    let mut felt = Vec::new();
    for (node, pods) in on_node {
        let measured = pods.iter().filter(|pod| measured.contains(*pod)).count();
        let here: Vec<&EntityRef> = pods.into_iter().filter(|pod| bad.contains(pod)).collect();
        let units: BTreeSet<EntityRef> = here.iter().map(|pod| facts.unit_of(pod)).collect();
        if units.len() > 1 && here.len().saturating_mul(2) > measured {
            felt.extend(here.into_iter().map(|pod| (pod, node)));
        }
    }
    felt
}

#[cfg(test)]
mod tests {
    use claw_metrics::classify::Measure;
    use claw_metrics::series::Series;
    use claw_metrics::signal;

    use super::*;
    use crate::incident::case::{Call, Case};
    use crate::incident::testing::{at, case};

    fn pod(unit: &str) -> EntityRef {
        EntityRef::namespaced("Pod", "shop", format!("{unit}-7d9f8b6c5-x1abc"))
    }

    fn node() -> EntityRef {
        EntityRef::cluster("Node", "worker-7")
    }

    /// `front` calls three services with one measured pod each on one node, of which these are late.
    fn late(units: &[&str]) -> Case {
        let mut case = case();
        for unit in ["cart", "mail", "stock"] {
            case.calls.push(Call {
                caller: EntityRef::namespaced("Service", "shop", "front"),
                callee: EntityRef::namespaced("Service", "shop", unit),
                via: "topology".to_owned(),
            });
            case.placed.insert((pod(unit), node()));
            case.measured.insert((pod(unit), Measure::Latency));
        }
        for unit in units {
            let labels = [
                ("__name__", "latency_seconds"),
                ("namespace", "shop"),
                ("pod", &pod(unit).name),
            ];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let points = (-60..30).map(|minute| (at(60 * minute), if minute < 0 { 0.1 } else { 0.9 }));
            let series = Series::new(labels.into_iter().collect(), points.collect());
            let incident = claw_core::report::Window {
                start: at(0),
                end: at(1800),
            };
            let found = signal::detect(&series, &incident, None, &Default::default());
            case.signals.push(found.unwrap());
        }
        case
    }

    #[test]
    fn a_node_is_felt_by_pods_that_are_late_there_together() {
        let case = late(&["cart", "stock"]);
        let facts = Facts::new(&case);
        let felt = facts.graph().reach([&node()]);
        for feels in [
            pod("cart"),
            EntityRef::namespaced("Service", "shop", "cart"),
            EntityRef::namespaced("Service", "shop", "front"),
        ] {
            assert!(felt.contains_key(&feels), "{feels}");
        }
        assert!(!felt.contains_key(&pod("mail")));
    }

    #[test]
    fn one_late_pod_does_not_tell_of_its_node() {
        let case = late(&["cart"]);
        let facts = Facts::new(&case);
        assert!(!facts.graph().reach([&node()]).contains_key(&pod("cart")));
    }
}
