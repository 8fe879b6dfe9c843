//! How much of the surroundings is known.

use std::collections::BTreeSet;

use claw_core::tool::Tool as _;
use claw_k8s::bundle::RecordedTopology;

use super::Surroundings;
use crate::incident::subject;
use crate::trigger::Alert;

/// Without a full list of these, what has nothing to do with each other cannot be told from what is not known: what runs, under
/// which names it is called, and whom it is told to call.
const NEEDED: [&str; 6] = [
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Service",
    "ConfigMap",
];

/// How much is known of what alerts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extent {
    /// What the alerts say themselves.
    Nothing,
    /// Some of it: what belongs together can be told, and not what does not.
    Part,
    /// Pods, workloads, Services and ConfigMaps of every namespace that the alerts name, or of all where one names none, and the
    /// recorded calls where there are any.
    All,
}

impl Surroundings {
    /// How much of what these alerts are about was read.
    pub fn extent(&self, alerts: &[Alert]) -> Extent {
        let case = &self.0;
        let named: Vec<BTreeSet<String>> = alerts
            .iter()
            .map(|alert| subject::hints(&alert.labels).namespaces)
            .collect();
        let knows = |kind: &str| {
            case.listed_everywhere.contains(kind)
                || named.iter().all(|namespaces| {
                    let known = |namespace: &String| case.knows_all(kind, namespace);
                    !namespaces.is_empty() && namespaces.iter().all(known)
                })
        };
        let calls_unread = case.gaps.iter().any(|gap| gap.source == RecordedTopology::NAME);
        if case.saw_objects() && !calls_unread && NEEDED.iter().all(|kind| knows(kind)) {
            Extent::All
        } else if case.saw_objects() || !case.calls.is_empty() {
            Extent::Part
        } else {
            Extent::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::grouping::testing::alert_about;

    /// What was read of the namespace `shop`, but for lists of these kinds.
    fn without(missing: &[&str], alerts: &[Alert]) -> Surroundings {
        let mut around = Surroundings::running(alerts, &["cart"], 1, &[]);
        for kind in NEEDED.iter().filter(|kind| !missing.contains(kind)) {
            let namespaces = around.0.listed.entry((*kind).to_owned()).or_default();
            namespaces.insert("shop".to_owned());
        }
        around
    }

    #[test]
    fn all_is_known_only_with_everything_that_runs_and_that_tells_whom_it_calls() {
        let alerts = [alert_about("shop", "cart")];
        assert_eq!(without(&[], &alerts).extent(&alerts), Extent::All);
        for kind in NEEDED {
            assert_eq!(without(&[kind], &alerts).extent(&alerts), Extent::Part, "{kind}");
        }
        let mut unread = without(&[], &alerts);
        unread
            .0
            .gap(RecordedTopology::NAME, "it does not answer", "see why");
        assert_eq!(unread.extent(&alerts), Extent::Part);
        let mut other = without(&[], &alerts);
        other.0.gap("secrets", "not allowed", "allow it");
        assert_eq!(
            other.extent(&alerts),
            Extent::All,
            "they do not tell who calls whom"
        );
    }

    #[test]
    fn of_each_namespace_all_has_to_be_known() {
        let alerts = [alert_about("shop", "cart"), alert_about("post", "mail")];
        assert_eq!(without(&[], &alerts).extent(&alerts), Extent::Part);
        let nowhere = [alert_about("", "cart")];
        let mut around = without(&[], &nowhere);
        assert_eq!(around.extent(&nowhere), Extent::Part, "it may be about any");
        around.0.listed_everywhere.extend(NEEDED.map(str::to_owned));
        assert_eq!(around.extent(&nowhere), Extent::All);
        assert_eq!(Surroundings::unknown(&alerts).extent(&alerts), Extent::Nothing);
    }
}
