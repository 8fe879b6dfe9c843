//! How far an action may reach.
//!
//! [`Limits`] bound every axis of a [`BlastRadius`]; what is not known is beyond every limit.

use std::fmt;

use claw_core::entity::EntityRef;
use claw_core::radius::BlastRadius;
use serde::{Deserialize, Serialize};

use crate::policy::Reach;

/// How far one action may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// Objects that change or end. 10 unless set.
    pub objects: u32,
    /// Namespaces that they lie in. 1 unless set.
    pub namespaces: u32,
    /// Pods that end or are made anew. 50 unless set.
    pub pods: u32,
    /// Ready endpoints of a Service that may go, in percent of those that are ready. 50 unless set.
    pub endpoints_percent: u8,
    /// Nodes that lose pods at the same time, or take no more. 1 unless set.
    pub nodes: u32,
    /// Zones that those lie in. 1 unless set.
    pub zones: u32,
    /// Whether data may be lost for good. Not unless set.
    pub persistent_data: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects: 10,
            namespaces: 1,
            pods: 50,
            endpoints_percent: 50,
            nodes: 1,
            zones: 1,
            persistent_data: false,
        }
    }
}

/// An axis on which an action reaches too far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Excess {
    /// More than the limit of something that is counted.
    Count {
        /// What.
        of: String,
        /// How many.
        found: usize,
        /// How many may be.
        limit: u32,
    },
    /// More of a Service's ready endpoints than may go at a time.
    Endpoints {
        /// The Service.
        service: EntityRef,
        /// Ready endpoints that may go.
        affected: u32,
        /// All that are ready.
        ready: u32,
        /// The limit in percent.
        limit: u8,
    },
    /// More pods than a disruption budget lets go.
    Disruption {
        /// The budget.
        budget: EntityRef,
        /// Pods that end.
        pods: u32,
        /// How many may be missing.
        left: u32,
    },
    /// Data would be lost for good.
    PersistentData,
    /// It could not be seen how far it reaches.
    Unknown {
        /// Where.
        what: String,
    },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { of, found, limit } => write!(f, "{found} {of}, at most {limit}"),
            Self::Endpoints {
                service,
                affected,
                ready,
                limit,
            } => write!(
                f,
                "{affected} of {ready} ready endpoints of {service}, at most {limit} %"
            ),
            Self::Disruption { budget, pods, left } => {
                write!(f, "{pods} pods end, and {budget} lets {left} go")
            }
            Self::PersistentData => f.write_str("data would be lost for good"),
            Self::Unknown { what } => write!(f, "{what}: not known"),
        }
    }
}

impl Limits {
    /// Where an action reaches too far; nowhere if it may be.
    pub fn excesses(&self, radius: &BlastRadius) -> Vec<Excess> {
        let mut found = Vec::new();
        let mut count = |of: &str, number: Option<usize>, limit: u32| match number {
            None => found.push(Excess::Unknown { what: of.to_owned() }),
            Some(number) if number > usize::try_from(limit).unwrap_or(usize::MAX) => {
                found.push(Excess::Count {
                    of: of.to_owned(),
                    found: number,
                    limit,
                });
            }
            Some(_) => {}
        };
        let number = |count: Option<u32>| count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        count("objects", Some(radius.objects.len()), self.objects);
        count("namespaces", Some(radius.namespaces().len()), self.namespaces);
        count("pods", number(radius.pods), self.pods);
        count("nodes", number(radius.nodes), self.nodes);
        count("zones", number(radius.zones), self.zones);
        for (service, endpoints) in &radius.services {
            match endpoints {
                None => found.push(Excess::Unknown {
                    what: format!("endpoints of {service}"),
                }),
                Some(endpoints) => {
                    let (affected, ready) = (u64::from(endpoints.affected), u64::from(endpoints.ready));
                    if affected * 100 > ready * u64::from(self.endpoints_percent) {
                        found.push(Excess::Endpoints {
                            service: service.clone(),
                            affected: endpoints.affected,
                            ready: endpoints.ready,
                            limit: self.endpoints_percent,
                        });
                    }
                }
            }
        }
        for (budget, left) in &radius.disruptions {
            match (left, radius.pods) {
                (Some(left), Some(pods)) if pods > *left => found.push(Excess::Disruption {
                    budget: budget.clone(),
                    pods,
                    left: *left,
                }),
                (Some(_), Some(_)) => {}
                _ => found.push(Excess::Unknown {
                    what: budget.to_string(),
                }),
            }
        }
        match radius.persistent_data {
            Some(true) if !self.persistent_data => found.push(Excess::PersistentData),
            None => found.push(Excess::Unknown {
                what: "persistent data".to_owned(),
            }),
            Some(_) => {}
        }
        found.extend(
            radius
                .unseen
                .iter()
                .map(|what| Excess::Unknown { what: what.clone() }),
        );
        found
    }

    /// In the terms of the policy.
    pub fn reach(&self, radius: &BlastRadius) -> Reach {
        match self.excesses(radius).is_empty() {
            true => Reach::Within,
            false => Reach::Beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use claw_core::radius::Endpoints;
    use proptest::prelude::*;

    use super::*;

    fn deployment(number: usize) -> EntityRef {
        EntityRef::namespaced("Deployment", format!("ns-{}", number / 8), format!("d-{number}"))
    }

    fn said(radius: &BlastRadius) -> Vec<String> {
        let limits = Limits::default();
        limits.excesses(radius).iter().map(Excess::to_string).collect()
    }

    #[test]
    fn each_axis_has_its_limit() {
        let within = BlastRadius::of(deployment(0));
        assert_eq!(Limits::default().reach(&within), Reach::Within);
        let with = |change: &dyn Fn(&mut BlastRadius)| {
            let mut changed = within.clone();
            change(&mut changed);
            said(&changed)
        };
        let cart = EntityRef::namespaced("Service", "ns-0", "cart");
        let endpoints = |affected, ready| Some(Endpoints { affected, ready });
        for (found, expected) in [
            (
                with(&|radius| radius.objects = (0..8).chain(100..103).map(deployment).collect()),
                vec!["11 objects, at most 10", "2 namespaces, at most 1"],
            ),
            (
                with(&|radius| radius.pods = Some(51)),
                vec!["51 pods, at most 50"],
            ),
            (with(&|radius| radius.nodes = None), vec!["nodes: not known"]),
            (
                with(&|radius| radius.services = [(cart.clone(), endpoints(2, 3))].into()),
                vec!["2 of 3 ready endpoints of Service ns-0/cart, at most 50 %"],
            ),
            (
                with(&|radius| radius.services = [(cart.clone(), endpoints(2, 4))].into()),
                vec![],
            ),
            // The last one may not go, however few there are.
            (
                with(&|radius| radius.services = [(cart.clone(), endpoints(1, 1))].into()),
                vec!["1 of 1 ready endpoints of Service ns-0/cart, at most 50 %"],
            ),
            (
                with(&|radius| {
                    radius.pods = Some(2);
                    let budget = EntityRef::namespaced("PodDisruptionBudget", "ns-0", "cart");
                    radius.disruptions = [(budget, Some(1))].into();
                }),
                vec!["2 pods end, and PodDisruptionBudget ns-0/cart lets 1 go"],
            ),
            (
                with(&|radius| radius.persistent_data = Some(true)),
                vec!["data would be lost for good"],
            ),
            (
                with(&|radius| radius.unseen = vec!["list services: not allowed".to_owned()]),
                vec!["list services: not allowed: not known"],
            ),
        ] {
            assert_eq!(found, expected);
        }
        assert_eq!(Limits::default().reach(&BlastRadius::default()), Reach::Beyond);
        assert!(serde_json::from_str::<Limits>(r#"{"object": 3}"#).is_err());
    }

    fn radius() -> impl Strategy<Value = BlastRadius> {
        let count = || proptest::option::weighted(0.9, 0_u32..60);
        let service = |number: usize| {
            EntityRef::namespaced("Service", format!("ns-{}", number % 2), format!("s-{number}"))
        };
        let endpoints = proptest::option::weighted(0.9, (0_u32..5, 0_u32..9))
            .prop_map(|found| found.map(|(affected, ready)| Endpoints { affected, ready }));
        (
            proptest::collection::btree_set((0_usize..24).prop_map(deployment), 0..12),
            count(),
            proptest::collection::btree_map((0_usize..4).prop_map(service), endpoints, 0..3),
            (
                proptest::option::weighted(0.9, 0_u32..3),
                proptest::option::weighted(0.9, 0_u32..3),
            ),
            proptest::option::weighted(0.9, any::<bool>()),
            proptest::collection::btree_map((0_usize..3).prop_map(deployment), count(), 0..2),
        )
            .prop_map(
                |(objects, pods, services, (nodes, zones), persistent_data, disruptions)| BlastRadius {
                    objects,
                    pods,
                    services,
                    disruptions,
                    nodes,
                    zones,
                    persistent_data,
                    unseen: Vec::new(),
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn what_reaches_further_is_not_judged_more_mildly(a in radius(), b in radius()) {
            let limits = Limits::default();
            let both = a.and(&b);
            if limits.reach(&a) == Reach::Beyond || limits.reach(&b) == Reach::Beyond {
                prop_assert_eq!(limits.reach(&both), Reach::Beyond, "{:?}", both);
            }
            let swapped = b.and(&a);
            prop_assert_eq!(limits.reach(&swapped), limits.reach(&both));
        }
    }
}
