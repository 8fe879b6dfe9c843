//! The rules of a role.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::access::Access;
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

fn rank(verb: &str) -> usize {
    ORDER
        .iter()
        .position(|known| *known == verb)
        .unwrap_or(ORDER.len())
}
