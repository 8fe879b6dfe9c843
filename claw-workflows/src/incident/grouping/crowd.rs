//! What is said of many things at once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::realm::{CLUSTERS, ENVIRONMENTS, LOOSENING, REGIONS, Realm};
use super::site::Site;
use super::tie::Tie;
use crate::trigger::Alert;

/// So many make a crowd.
const MANY: usize = 3;
/// Labels that many alerts share which have nothing to do with each other: how urgent they are, whose, and who measured.
const GENERAL: [&str; 24] = [
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
    "alertgroup",
    "rule_group",
    "type",
    "tier",
    "slo",
    "long",
    "short",
    "window",
];

/// What a crowd has in common: a label and its value, and where it is.
type Common = (String, String, Realm);
/// Those of a crowd, by what has to differ for two to count as two, each with when the last of its alerts began.
type Ones = BTreeMap<String, Timestamp>;

/// What the alerts of each name have in common, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    by_common: BTreeMap<Common, BTreeMap<String, Ones>>,
    /// What each alert has in common with others.
    of: BTreeMap<usize, BTreeMap<Common, Option<String>>>,
}

impl Crowds {
    /// One more alert began. Those of which nobody has to do anything make no crowd.
    pub(super) fn add(&mut self, position: usize, alert: &Alert, site: &Site) {
        if site.is_quiet {
            return;
        }
        let of = in_common(alert, site);
        let began = alert.starts_at;
        for (common, who) in &of {
            let Some(who) = who.clone() else { continue };
            let names = self.by_common.entry(common.clone()).or_default();
            let ones = names.entry(alert.name().unwrap_or_default().to_owned());
            let last = ones.or_default().entry(who).or_insert(began);
            *last = (*last).max(began);
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
            let many =
                |alert: &Alert| self.is_many(common, alert.name().unwrap_or_default(), later.1.starts_at);
            let [first, second] = [many(earlier.1), many(later.1)];
            // What is said of a region itself belongs to a crowd of it.
            (first || who.is_none()) && (second || other.is_none()) && (first || second)
        })
    }

    /// Whether enough alerts of a name with that in common began lately.
    fn is_many(&self, common: &Common, name: &str, now: Timestamp) -> bool {
        let ones = self.by_common.get(common).and_then(|names| names.get(name));
        let lately = |began: &&Timestamp| now.duration_since(**began) <= Tie::Everywhere.lasts();
        ones.into_iter().flat_map(BTreeMap::values).filter(lately).count() >= MANY
    }
}

/// What an alert may have in common with a crowd, and who it is in it: `None` where it is about all of it.
fn in_common(alert: &Alert, site: &Site) -> BTreeMap<Common, Option<String>> {
    let value = |label: &&str| alert.labels.get(*label).filter(|value| !value.trim().is_empty());
    let first = |labels: &[&str]| labels.iter().find_map(value);
    if let Some(region) = first(&REGIONS) {
        let cluster = first(&CLUSTERS).cloned();
        let is_of_it = cluster.is_some() || !site.is_known();
        let common = ("region".to_owned(), region.clone(), Realm::of_environment(alert));
        return is_of_it.then_some((common, cluster)).into_iter().collect();
    }
    if site.is_known() {
        return BTreeMap::new();
    }
    alert
        .labels
        .iter()
        .filter(|(label, value)| !is_general(label) && !value.trim().is_empty())
        .map(|(label, value)| {
            let common = (label.clone(), value.clone(), site.realm.clone());
            (common, Some(alert.fingerprint.clone()))
        })
        .collect()
}

fn is_general(label: &str) -> bool {
    [&GENERAL[..], &CLUSTERS, &REGIONS, &ENVIRONMENTS, &LOOSENING]
        .concat()
        .contains(&label)
}
