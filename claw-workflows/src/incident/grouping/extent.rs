//! How much of the surroundings is known.

use std::collections::BTreeSet;

use super::Surroundings;
use crate::incident::subject;
use crate::trigger::Alert;

/// Without a full list of these, what has nothing to do with each other cannot be told from what is not known.
const NEEDED: [&str; 3] = ["Pod", "Deployment", "Service"];

/// How much is known of what alerts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extent {
    /// What the alerts say themselves.
    Nothing,
    /// Some of it: what belongs together can be told, and not what does not.
    Part,
    /// Pods, workloads and Services of every namespace that the alerts name, or of all where one names none.
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
        if case.saw_objects() && NEEDED.iter().all(|kind| knows(kind)) {
            Extent::All
        } else if case.saw_objects() || !case.calls.is_empty() {
            Extent::Part
        } else {
            Extent::Nothing
        }
    }
}
