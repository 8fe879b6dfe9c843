//! What the alerts that began before tell of one that begins.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use jiff::Timestamp;

use super::crowd::Crowds;
use super::map::Map;
use super::site::Site;
use super::tie::{Bond, Cause, Tie, bond, loose};
use super::{PAUSE, repeats};
use crate::trigger::Alert;

/// Alerts in the order in which they began, as far as that has been gone through. What is found of one depends on none that begins
/// later, so that it makes no difference which notifications bring them.
pub(super) struct History<'a> {
    alerts: &'a [Alert],
    sites: &'a [Site],
    map: &'a Map<'a>,
    past: Vec<usize>,
    crowds: Crowds,
    /// Of alerts that feel the trouble of another, when that trouble began. They need no other cause.
    explained: BTreeMap<usize, Timestamp>,
}

impl<'a> History<'a> {
    pub(super) fn new(alerts: &'a [Alert], sites: &'a [Site], map: &'a Map<'a>) -> Self {
        Self {
            alerts,
            sites,
            map,
            past: Vec::new(),
            crowds: Crowds::default(),
            explained: BTreeMap::new(),
        }
    }

    /// What the next alert has to do with those of `open`, which began before.
    pub(super) fn next(&mut self, position: usize, open: &[usize]) -> BTreeMap<usize, Tie> {
        let mut ties = BTreeMap::new();
        let Some(next @ (alert, site)) = self.at(position) else {
            return ties;
        };
        self.crowds.add(position, alert, site);
        let mut explained: Option<Timestamp> = None;
        let mut unrelated = Vec::new();
        let mut of_this = Vec::new();
        for &earlier in open {
            let Some(before @ (other, _)) = self.at(earlier).filter(|(other, _)| !is_over(other, alert))
            else {
                continue;
            };
            let Some(Bond { tie, cause }) = bond(before, next, self.map) else {
                unrelated.push((earlier, before));
                continue;
            };
            let known = self.explained.get(&earlier).copied();
            let (since, lasts) = match (cause, known) {
                // What already has a cause needs another one only where both come at once.
                (Cause::Later, Some(since)) => (since, tie.lasts().min(Tie::Shared.lasts())),
                _ => (other.starts_at, tie.lasts()),
            };
            if alert.starts_at.duration_since(since) > lasts {
                continue;
            }
            let since = match cause {
                Cause::Earlier => Some(known.unwrap_or(other.starts_at)),
                Cause::Neither => known,
                Cause::Later => {
                    of_this.push(earlier);
                    None
                }
            };
            explained = [explained, since].into_iter().flatten().min();
            ties.insert(earlier, tie);
        }
        self.past.push(position);
        let alarmed = self.alarmed(next);
        for (earlier, before) in unrelated {
            let is_explained = explained.is_some() || self.explained.contains_key(&earlier);
            let lasted = alert.starts_at.duration_since(before.0.starts_at);
            let in_time = |tie: &Tie| lasted <= tie.lasts();
            if !in_time(&Tie::Shared) {
                continue;
            }
            let tie = loose(before, next, self.map, &alarmed, is_explained);
            let united = || {
                let united =
                    in_time(&Tie::Everywhere) && self.crowds.unite((earlier, before.0), (position, alert));
                united.then_some(Tie::Everywhere)
            };
            if let Some(tie) = tie.filter(in_time).or_else(united) {
                ties.insert(earlier, tie);
            }
        }
        if let Some(since) = explained {
            self.explained.insert(position, since);
        }
        for earlier in of_this {
            self.explained.entry(earlier).or_insert(alert.starts_at);
        }
        ties
    }

    /// The latest alert before it that it repeats.
    pub(super) fn repeated(&self, position: usize) -> Option<usize> {
        let (alert, _) = self.at(position)?;
        let same = |earlier: &&usize| {
            let other = self.at(**earlier);
            **earlier != position && other.is_some_and(|(other, _)| repeats(other, alert))
        };
        self.past.iter().rev().find(same).copied()
    }

    fn at(&self, position: usize) -> Option<(&'a Alert, &'a Site)> {
        Some((self.alerts.get(position)?, self.sites.get(position)?))
    }

    /// What alerts were about that began shortly before this one, and it is about itself: those that somebody has to see to, and
    /// that are of the same cluster.
    fn alarmed(&self, (alert, site): (&Alert, &Site)) -> BTreeSet<&'a EntityRef> {
        let past = self.past.iter().rev().filter_map(|&position| self.at(position));
        past.take_while(|(other, _)| alert.starts_at.duration_since(other.starts_at) <= Tie::Shared.lasts())
            .filter(|(other, there)| {
                !there.is_quiet && !there.realm.contradicts(&site.realm) && !is_over(other, alert)
            })
            .flat_map(|(_, there)| &there.units)
            .collect()
    }
}

/// Whether the first was over when the second began.
fn is_over(earlier: &Alert, later: &Alert) -> bool {
    earlier
        .ends_at
        .is_some_and(|end| later.starts_at.duration_since(end) > PAUSE)
}
