//! Whether the agent has the rights that its tools need.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::access::{Access, KubernetesRule, Need};
use claw_core::report::Gap;
use claw_core::tool::ToolContext;
use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::{AccessQuestion, Cluster, Discovery, Resource};

/// Questions that are asked at the same time.
const CONCURRENT: usize = 8;

/// What the agent may not do, and which tool that takes what from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Preflight {
    /// How many rights were asked about.
    pub asked: usize,
    /// Rights that are missing, by tool.
    pub losses: Vec<Loss>,
    /// Rights that could not be asked about.
    pub gaps: Vec<Gap>,
}

/// A right that a tool lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Loss {
    /// The tool.
    pub tool: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Resource, with subresource as `pods/log`.
    pub resource: String,
    /// Verbs that are missing.
    pub verbs: Vec<String>,
    /// Whether the tool can do without.
    pub need: Need,
    /// What that means, in one sentence.
    pub meaning: String,
}

/// Asks for each right that the tools declare, each once, by SelfSubjectAccessReview.
///
/// With a namespace, rights on namespaced kinds are asked for in it, unless calls need them in all; without one, in all. Kinds that the cluster does not
/// serve are left out: nothing is lost with them.
pub async fn preflight<'a>(
    cluster: &Cluster,
    cx: &ToolContext,
    tools: impl IntoIterator<Item = (&'a str, &'a Access)>,
    namespace: Option<&str>,
) -> Preflight {
    let tools: Vec<_> = tools.into_iter().collect();
    let mut result = Preflight::default();
    let discovery = match cluster.discovery(cx).await {
        Ok(discovery) => Some(discovery),
        Err(error) => {
            result.gaps.push(error.gap("API groups"));
            None
        }
    };
    let questions: BTreeSet<AccessQuestion> = tools
        .iter()
        .flat_map(|(_, access)| &access.kubernetes)
        .filter(|rule| is_served(discovery.as_deref(), &rule.group))
        .flat_map(|rule| rule.verbs.iter().map(|verb| question(rule, verb, namespace)))
        .collect();
    result.asked = questions.len();
    let answers: Vec<_> = futures::stream::iter(questions)
        .map(|question| async {
            let answer = cluster.can_i(cx, &question).await;
            (question, answer)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut denied = BTreeSet::new();
    for (question, answer) in answers {
        match answer {
            Ok(true) => {}
            Ok(false) => {
                denied.insert(question);
            }
            Err(error) => {
                let gap = error.gap(format!("right to {} {}", question.verb, question.resource));
                result.gaps.push(gap);
            }
        }
    }
    for (tool, access) in tools {
        result.losses.extend(losses(tool, access, &denied, namespace));
    }
    result.losses.sort();
    result
}

fn is_served(discovery: Option<&Discovery>, group: &str) -> bool {
    group.is_empty() || discovery.is_none_or(|discovery| discovery.group(group).is_some())
}

fn question(rule: &KubernetesRule, verb: &str, namespace: Option<&str>) -> AccessQuestion {
    let (plural, subresource) = rule.resource.split_once('/').unwrap_or((&rule.resource, ""));
    let cluster_scoped = Resource::ALL
        .iter()
        .any(|known| !known.namespaced && known.group == rule.group && known.plural == plural);
    // To look at a namespace is granted by a role in it.
    let in_itself = rule.group.is_empty() && plural == "namespaces" && verb == "get";
    let inside = !rule.everywhere && (!cluster_scoped || in_itself);
    AccessQuestion {
        verb: verb.to_owned(),
        group: rule.group.clone(),
        resource: plural.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.filter(|_| inside).map(str::to_owned),
    }
}

fn losses(
    tool: &str,
    access: &Access,
    denied: &BTreeSet<AccessQuestion>,
    namespace: Option<&str>,
) -> Vec<Loss> {
    let mut missing: BTreeMap<(&str, &str, &str, Need), Vec<String>> = BTreeMap::new();
    for rule in &access.kubernetes {
        for verb in &rule.verbs {
            if denied.contains(&question(rule, verb, namespace)) {
                missing
                    .entry((&rule.group, &rule.resource, &rule.used, rule.need))
                    .or_default()
                    .push(verb.clone());
            }
        }
    }
    missing
        .into_iter()
        .map(|((group, resource, used, need), verbs)| {
            let full_name = if group.is_empty() {
                resource.to_owned()
            } else {
                format!("{resource}.{group}")
            };
            let lacks = |wanted: &str| verbs.iter().any(|verb| verb == wanted);
            let reads = lacks(used);
            let meaning = match need {
                Need::Required if reads => format!("{tool} does not work without {full_name}"),
                _ if reads => format!("{tool} works, and does not see {full_name}"),
                _ if lacks("get") => format!("{tool} works; it could not look at one of {full_name} alone"),
                _ => format!("{tool} works; it could not follow changes of {full_name}"),
            };
            Loss {
                tool: tool.to_owned(),
                group: group.to_owned(),
                resource: resource.to_owned(),
                verbs,
                need: if reads { need } else { Need::Optional },
                meaning,
            }
        })
        .collect()
}
