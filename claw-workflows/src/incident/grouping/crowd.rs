//! What is said of many things at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::realm::{CLUSTERS, ENVIRONMENTS, LOOSENING, REGIONS};
use super::site::Site;
use super::tie::Tie;
use crate::trigger::Alert;

/// So many make a crowd.
const MANY: usize = 3;
/// Labels that many alerts share which have nothing to do with each other: how urgent they are, whose, and who measured.
const GENERAL: [&str; 16] = [
    "alertname",
    "severity",
    "priority",
    "level",
    "team",
    "owner",
    "job",
    "endpoint",
    "provider",
    "source",
    "receiver",
    "channel",
    "category",
    "ref_id",
    "grafana_folder",
    "openshift_io_alert_source",
];

/// What a crowd has in common: a label and its value.
type Common = (String, String);

/// One of a crowd.
#[derive(Clone, Debug)]
struct One {
    began: Timestamp,
    /// What has to differ for two to count as two.
    who: String,
}

/// What the alerts of each name have in common, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    by_common: BTreeMap<Common, BTreeMap<String, Vec<One>>>,
    /// What each alert has in common with others.
    of: BTreeMap<usize, BTreeMap<Common, Option<String>>>,
}

impl Crowds {
    /// One more alert began.
    pub(super) fn add(&mut self, position: usize, alert: &Alert, site: &Site) {
        let of = in_common(alert, site);
        let began = alert.starts_at;
        for (common, who) in &of {
            let Some(who) = who.clone() else { continue };
            let names = self.by_common.entry(common.clone()).or_default();
            let ones = names.entry(alert.name().unwrap_or_default().to_owned());
            ones.or_default().push(One { began, who });
        }
        self.of.insert(position, of);
    }

    /// Whether two alerts are said of many: of several clusters of a region, or of things that share a label which tells what is
    /// wrong with all of them. The later one is the last that was added.
    pub(super) fn unite(&self, earlier: (usize, &Alert), later: (usize, &Alert)) -> bool {
        let (Some(here), Some(there)) = (self.of.get(&earlier.0), self.of.get(&later.0)) else {
            return false;
        };
        here.iter().any(|(common, who)| {
            let Some(other) = there.get(common) else {
                return false;
            };
            // What is said of a region itself belongs to a crowd of it.
            let whole = usize::from(who.is_none()).saturating_add(usize::from(other.is_none()));
            let many =
                |alert: &&Alert| self.is_many(common, alert.name().unwrap_or_default(), later.1.starts_at);
            let many = [earlier.1, later.1].iter().filter(|alert| many(alert)).count();
            many > 0 && many.saturating_add(whole) >= 2
        })
    }

    /// Whether enough alerts of a name with that in common began lately.
    fn is_many(&self, common: &Common, name: &str, now: Timestamp) -> bool {
        let ones = self.by_common.get(common).and_then(|names| names.get(name));
        let lately = |one: &&One| now.duration_since(one.began) <= Tie::Everywhere.lasts();
        let mut known = BTreeSet::new();
        ones.into_iter().flatten().rev().take_while(lately).any(|one| {
            known.insert(one.who.as_str());
            known.len() >= MANY
        })
    }
}

/// What an alert may have in common with a crowd, and who it is in it: `None` where it is about all of it.
fn in_common(alert: &Alert, site: &Site) -> BTreeMap<Common, Option<String>> {
    let value = |label: &&str| alert.labels.get(*label).filter(|value| !value.trim().is_empty());
    let first = |labels: &[&str]| labels.iter().find_map(value);
    if let Some(region) = first(&REGIONS) {
        let cluster = first(&CLUSTERS).cloned();
        let is_of_it = cluster.is_some() || !site.is_known();
        let common = ("region".to_owned(), region.clone());
        return is_of_it.then_some((common, cluster)).into_iter().collect();
    }
    if site.is_known() {
        return BTreeMap::new();
    }
    alert
        .labels
        .iter()
        .filter(|(label, value)| !is_general(label) && !value.trim().is_empty())
        .map(|(label, value)| ((label.clone(), value.clone()), Some(alert.fingerprint.clone())))
        .collect()
}

fn is_general(label: &str) -> bool {
    [&GENERAL[..], &CLUSTERS, &REGIONS, &ENVIRONMENTS, &LOOSENING]
        .concat()
        .contains(&label)
}
