//! What an action reaches: the objects that it touches, and everything that feels it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityRef;

/// What an action, or several, reach. Whoever has looked at the cluster fills it in; what could not be seen is `None` or named in
/// [`unseen`](Self::unseen), and counts as without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlastRadius {
    /// Objects that change or end, the target first of all: what it owns, and what owns that.
    pub objects: BTreeSet<EntityRef>,
    /// Pods that end or are made anew.
    pub pods: Option<u32>,
    /// Ready endpoints that may go, of all that are ready, by Service. Written as a list of pairs.
    #[serde(with = "pairs")]
    #[schemars(with = "Vec<(EntityRef, Option<Endpoints>)>")]
    pub services: BTreeMap<EntityRef, Option<Endpoints>>,
    /// How many more pods may be missing, by disruption budget, before the action. Written as a list of pairs.
    #[serde(with = "pairs")]
    #[schemars(with = "Vec<(EntityRef, Option<u32>)>")]
    pub disruptions: BTreeMap<EntityRef, Option<u32>>,
    /// Nodes that lose pods at the same time, or take no more. A rollout passes over many, and takes from no more of them at a time
    /// than it lets pods be missing.
    pub nodes: Option<u32>,
    /// Zones that those lie in.
    pub zones: Option<u32>,
    /// Whether something that is lost cannot be had again: volumes, objects without a copy.
    pub persistent_data: Option<bool>,
    /// What could not be read, each with the reason.
    pub unseen: Vec<String>,
}

/// Endpoints of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Ready ones that may go.
    pub affected: u32,
    /// All that are ready.
    pub ready: u32,
}

impl BlastRadius {
    /// An action that reaches its target and nothing else.
    pub fn of(target: EntityRef) -> Self {
        Self {
            objects: [target].into(),
            pods: Some(0),
            nodes: Some(0),
            zones: Some(0),
            persistent_data: Some(false),
            ..Self::default()
        }
    }

    /// The namespaces that objects lie in.
    pub fn namespaces(&self) -> BTreeSet<&str> {
        let all = self.objects.iter().chain(self.services.keys());
        all.filter_map(|object| object.namespace.as_deref()).collect()
    }

    /// What two actions reach together. Counts add up, as though the two had nothing in common: that they have is not known.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        fn sum(a: Option<u32>, b: Option<u32>) -> Option<u32> {
            Some(a?.saturating_add(b?))
        }
        let mut services = self.services.clone();
        for (service, endpoints) in &other.services {
            services
                .entry(service.clone())
                .and_modify(|known| {
                    *known = known.zip(*endpoints).map(|(a, b)| Endpoints {
                        affected: a.affected.saturating_add(b.affected),
                        ready: a.ready.min(b.ready),
                    });
                })
                .or_insert(*endpoints);
        }
        let mut disruptions = self.disruptions.clone();
        for (budget, left) in &other.disruptions {
            disruptions
                .entry(budget.clone())
                .and_modify(|known| *known = known.zip(*left).map(|(a, b)| a.min(b)))
                .or_insert(*left);
        }
        Self {
            objects: self.objects.union(&other.objects).cloned().collect(),
            pods: sum(self.pods, other.pods),
            services,
            disruptions,
            nodes: sum(self.nodes, other.nodes),
            zones: sum(self.zones, other.zones),
            persistent_data: self
                .persistent_data
                .zip(other.persistent_data)
                .map(|(a, b)| a || b),
            unseen: self.unseen.iter().chain(&other.unseen).cloned().collect(),
        }
    }
}

/// Maps by entity as lists of pairs: JSON has no keys but strings.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::entity::EntityRef;

    pub(super) fn serialize<S, T>(map: &BTreeMap<EntityRef, T>, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        T: Serialize,
    {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<BTreeMap<EntityRef, T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        let pairs = Vec::<(EntityRef, T)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_radius_is_read_back_as_it_was_written() {
        let named = |kind: &str| EntityRef::namespaced(kind, "shop", "cart");
        let endpoints = Endpoints {
            affected: 1,
            ready: 3,
        };
        let radius = BlastRadius {
            services: [(named("Service"), Some(endpoints)), (named("Other"), None)].into(),
            disruptions: [(named("PodDisruptionBudget"), Some(1))].into(),
            unseen: vec!["nodes".to_owned()],
            ..BlastRadius::of(named("Deployment"))
        };
        let text = serde_json::to_string(&radius).unwrap();
        assert_eq!(serde_json::from_str::<BlastRadius>(&text).unwrap(), radius);
        let written = json!(radius);
        assert_eq!(written["services"][1], json!([named("Service"), endpoints]));
        assert_eq!(written["disruptions"], json!([[named("PodDisruptionBudget"), 1]]));
        let none = serde_json::from_value::<BlastRadius>(json!(BlastRadius::default()));
        assert_eq!(none.unwrap(), BlastRadius::default());
    }
}
