//! What two alerts have to do with each other.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use jiff::SignedDuration;
use serde::Serialize;

use super::map::Map;
use super::realm::is_loose;
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
    /// The same is said of many nodes, of many clusters of a region, or of many things that share a label which tells what ails them.
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

/// Which of two alerts tells of the other's cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Earlier,
    Later,
    Neither,
}

/// What two alerts have to do with each other by what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bond {
    pub(super) tie: Tie,
    pub(super) cause: Cause,
}

/// What two alerts, the earlier one first, have to do with each other by what they are about, if that is anything.
pub(super) fn bond(earlier: (&Alert, &Site), later: (&Alert, &Site), map: &Map<'_>) -> Option<Bond> {
    let ((alert, here), (other, there)) = (earlier, later);
    if here.realm.contradicts(&there.realm) {
        return None;
    }
    let bond = |tie, cause| Some(Bond { tie, cause });
    if alert.fingerprint == other.fingerprint || !here.units.is_disjoint(&there.units) {
        return bond(Tie::Same, Cause::Neither);
    }
    if !here.units.is_disjoint(&there.nodes) {
        return bond(Tie::Feels(1), Cause::Earlier);
    }
    if !here.nodes.is_disjoint(&there.units) {
        return bond(Tie::Feels(1), Cause::Later);
    }
    // Those of which nobody has to do anything are always there: two have nothing to do with each other unless they are about the
    // same, and one with others only over a single call.
    if here.is_quiet && there.is_quiet {
        return None;
    }
    let felt = map.distance(&here.units, &there.units);
    let feels = map.distance(&there.units, &here.units);
    let felt = felt.map(|distance| (distance, Cause::Earlier));
    let feels = feels.map(|distance| (distance, Cause::Later));
    let (distance, cause) = felt
        .into_iter()
        .chain(feels)
        .min_by_key(|(distance, _)| *distance)?;
    if distance > 1 && (here.is_quiet || there.is_quiet) {
        return None;
    }
    bond(Tie::Feels(distance), cause)
}

/// What two alerts may have to do with each other that have none by what they are about. What already has a cause (`is_explained`)
/// is not looked for another: it has neighbours and common causes by chance only.
pub(super) fn loose(
    earlier: (&Alert, &Site),
    later: (&Alert, &Site),
    map: &Map<'_>,
    alarmed: &BTreeSet<&EntityRef>,
    is_explained: bool,
) -> Option<Tie> {
    let ((alert, here), (other, there)) = (earlier, later);
    if here.realm.contradicts(&there.realm) {
        return None;
    }
    if here.is_quiet || there.is_quiet {
        return None;
    }
    let about_nodes =
        |site: &Site| !site.units.is_empty() && site.units.iter().all(|unit| unit.kind == "Node");
    if about_nodes(here) && about_nodes(there) {
        return (alert.name() == other.name()).then_some(Tie::Everywhere);
    }
    if is_explained {
        return None;
    }
    if map.share_cause(&here.units, &there.units, alarmed) {
        return Some(Tie::Shared);
    }
    // Where it is known what calls what, having nothing to do with each other is known as well.
    let known = here.is_mapped && there.is_mapped;
    let near = !known && !is_loose(alert, other) && !here.namespaces.is_disjoint(&there.namespaces);
    near.then_some(Tie::Near)
}
