//! The rules of a role.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::access::{Access, KubernetesRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Verbs in the order in which people write them.
const ORDER: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

/// One rule of a role, as in RBAC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRule {
    /// API groups; an empty text is the core group.
    pub api_groups: Vec<String>,
    /// Resources in plural, with subresources as `pods/log`.
    pub resources: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
}

/// Verbs, each with its place in the order.
type Verbs<'a> = BTreeSet<(usize, &'a str)>;

/// The fewest rules that grant what all of these need: one for each API group and set of verbs.
pub fn rules<'a>(needs: impl IntoIterator<Item = &'a Access>) -> Vec<PolicyRule> {
    let mut verbs_of: BTreeMap<(&str, &str), Verbs<'_>> = BTreeMap::new();
    for rule in needs.into_iter().flat_map(|access| &access.kubernetes) {
        verbs_of
            .entry((&rule.group, &rule.resource))
            .or_default()
            .extend(rule.verbs.iter().map(|verb| (rank(verb), verb.as_str())));
    }
    let mut resources_of: BTreeMap<(&str, Verbs<'_>), Vec<String>> = BTreeMap::new();
    for ((group, resource), verbs) in verbs_of {
        resources_of
            .entry((group, verbs))
            .or_default()
            .push(resource.to_owned());
    }
    resources_of
        .into_iter()
        .map(|((group, verbs), resources)| PolicyRule {
            api_groups: vec![group.to_owned()],
            resources,
            verbs: verbs.into_iter().map(|(_, verb)| verb.to_owned()).collect(),
        })
        .collect()
}

/// The part of `access` that `granted` grants too, and the part that goes beyond it.
pub fn split<'a>(access: &Access, granted: impl IntoIterator<Item = &'a Access>) -> (Access, Access) {
    let rights = |rule: &'a KubernetesRule| {
        rule.verbs
            .iter()
            .map(|verb| (rule.group.as_str(), rule.resource.as_str(), verb.as_str()))
    };
    let granted: BTreeSet<(&str, &str, &str)> = granted
        .into_iter()
        .flat_map(|access| &access.kubernetes)
        .flat_map(rights)
        .collect();
    let (mut within, mut beyond) = (Access::none(), Access::none());
    for rule in &access.kubernetes {
        let is_granted =
            |verb: &&String| granted.contains(&(rule.group.as_str(), rule.resource.as_str(), verb.as_str()));
        let (inside, outside): (Vec<&String>, Vec<&String>) = rule.verbs.iter().partition(is_granted);
        for (part, verbs) in [(&mut within, inside), (&mut beyond, outside)] {
            if !verbs.is_empty() {
                part.kubernetes.push(KubernetesRule {
                    verbs: verbs.into_iter().cloned().collect(),
                    ..rule.clone()
                });
            }
        }
    }
    (within, beyond)
}

fn rank(verb: &str) -> usize {
    ORDER
        .iter()
        .position(|known| *known == verb)
        .unwrap_or(ORDER.len())
}
