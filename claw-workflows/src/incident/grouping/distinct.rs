//! Alerts that suffice to compare others with an incident.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use super::realm::Realm;
use super::{Alert, begin, incident_of, site};

/// What alerts may have in common: their name, what they are about, the nodes that they name besides, where, and in which
/// cluster.
type Kind<'a> = (
    Option<&'a str>,
    BTreeSet<EntityRef>,
    BTreeSet<EntityRef>,
    BTreeSet<String>,
    Realm,
);

/// Of alerts that say the same of the same thing, by their labels, those that began first and last and the one that is over last:
/// what belongs to any of them belongs to one of these, but for what begins in a gap between them. They keep their order.
pub(crate) fn distinct(alerts: &[Alert]) -> Vec<Alert> {
    let named = site::named(&mut begin(incident_of(&[])), alerts);
    let mut kinds: BTreeMap<Kind<'_>, Vec<usize>> = BTreeMap::new();
    for (position, (alert, named)) in alerts.iter().zip(named).enumerate() {
        kinds
            .entry((
                alert.name(),
                named.entities,
                named.nodes,
                named.namespaces,
                named.realm,
            ))
            .or_default()
            .push(position);
    }
    let mut kept = BTreeSet::new();
    for same in kinds.values() {
        let began = |&position: &usize| alerts.get(position).map(|alert| alert.starts_at);
        // One that fires is over after all that are over.
        let over = |&position: &usize| {
            alerts
                .get(position)
                .map(|alert| (alert.ends_at.is_none(), alert.ends_at, alert.starts_at))
        };
        let same = || same.iter().copied();
        kept.extend(same().min_by_key(began));
        kept.extend(same().max_by_key(began));
        kept.extend(same().max_by_key(over));
    }
    kept.into_iter()
        .filter_map(|position| alerts.get(position).cloned())
        .collect()
}
