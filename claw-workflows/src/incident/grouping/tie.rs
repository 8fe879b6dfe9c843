//! What two alerts have to do with each other.

use jiff::SignedDuration;
use serde::Serialize;

use super::map::Map;
use super::realm::{is_apart, is_loose};
use super::site::Site;
use crate::trigger::Alert;

/// The closest relation of two alerts; closer ones are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tie {
    /// They are about the same thing.
    Same,
    /// One feels the other's trouble, over so many calls.
    Feels(u32),
    /// Both feel the trouble of a third.
    Shared,
    /// The same is said of many nodes.
    Everywhere,
    /// They are about the same namespace, and no more is known.
    Near,
}

impl Tie {
    /// How much later the second may begin. Alerts wait before they fire, five minutes and often fifteen, and effects come late
    /// where queues fill up or retries end; so even direct relations need some time, and loose ones may not have it: at any time
    /// something else goes wrong somewhere.
    pub(crate) fn lasts(self) -> SignedDuration {
        SignedDuration::from_mins(match self {
            Self::Same => 60,
            Self::Feels(0 | 1) => 30,
            Self::Feels(2) => 20,
            Self::Feels(_) | Self::Shared => 10,
            Self::Near => 5,
            Self::Everywhere => 3,
        })
    }
}

/// The closest relation of two alerts, if they have any.
pub(super) fn tie(one: (&Alert, &Site), other: (&Alert, &Site), map: &Map<'_>) -> Option<Tie> {
    let ((alert, here), (other, there)) = (one, other);
    if is_apart(alert, other) {
        return None;
    }
    if alert.fingerprint == other.fingerprint || !here.units.is_disjoint(&there.units) {
        return Some(Tie::Same);
    }
    if !here.units.is_disjoint(&there.nodes) || !here.nodes.is_disjoint(&there.units) {
        return Some(Tie::Feels(1));
    }
    let felt = map.distance(&here.units, &there.units);
    let feels = map.distance(&there.units, &here.units);
    if let Some(distance) = felt.into_iter().chain(feels).min() {
        return Some(Tie::Feels(distance));
    }
    if map.share_cause(&here.units, &there.units) {
        return Some(Tie::Shared);
    }
    let about_nodes =
        |site: &Site| !site.units.is_empty() && site.units.iter().all(|unit| unit.kind == "Node");
    if about_nodes(here) && about_nodes(there) {
        return (alert.name() == other.name()).then_some(Tie::Everywhere);
    }
    // Where it is known what calls what, having nothing to do with each other is known as well.
    let known = here.is_mapped && there.is_mapped;
    let near = !known && !is_loose(alert, other) && !here.namespaces.is_disjoint(&there.namespaces);
    near.then_some(Tie::Near)
}
