//! What the policy forbids besides: overrides whose tier is `forbidden`.

use super::Demand;
use crate::policy::{Operation, Override, Policy, Tier};
use crate::walls::cel;
use crate::walls::operation::{Sight, sight};

pub(super) fn demands(policy: &Policy) -> Vec<Demand> {
    let forbidding = policy
        .overrides
        .iter()
        .filter(|over| over.tier == Tier::Forbidden);
    let demands = forbidding.filter_map(|over| {
        let condition = matches(over, None)?;
        let text = format!("the policy forbids it: {}; have a person do it", over.reason);
        Some(Demand::refusing(
            format!("override.{}", over.id),
            &condition,
            text,
        ))
    });
    demands.collect()
}

/// That an override is about a request; `None` where no request can be told to be. With an operation, only of requests that are
/// known to be that.
pub(in crate::walls) fn matches(over: &Override, known: Option<Operation>) -> Option<String> {
    let when = &over.when;
    let mut conditions = Vec::new();
    if !when.operations.is_empty() {
        match known {
            Some(known) if when.operations.contains(&known) => {}
            Some(_) => return None,
            None => {
                let told: Vec<String> = when.operations.iter().filter_map(|one| told(*one)).collect();
                if told.is_empty() {
                    return None;
                }
                conditions.push(cel::one_of(&told));
            }
        }
    }
    let mut among = |variable: &str, values: Vec<&str>| {
        if !values.is_empty() {
            conditions.push(format!("variables.{variable} in {}", cel::texts(values)));
        }
    };
    among("place", when.namespaces.iter().map(String::as_str).collect());
    among("kind", when.kinds.iter().map(String::as_str).collect());
    among(
        "environment",
        when.environments.iter().map(|one| one.name()).collect(),
    );
    among(
        "criticality",
        when.criticalities.iter().map(|one| one.name()).collect(),
    );
    among("nature", when.natures.iter().map(|one| one.name()).collect());
    if is_about_workloads(over) {
        // What the workload is is not said in its scale, nor in an eviction.
        conditions.push("variables.part == ''".to_owned());
        // What an autoscaler scales is another object.
        conditions.push("variables.kind != 'HorizontalPodAutoscaler'".to_owned());
    }
    if conditions.is_empty() {
        return Some("true".to_owned());
    }
    Some(cel::all_of(&conditions))
}

fn told(operation: Operation) -> Option<String> {
    match sight(operation) {
        Sight::Tells(condition) => Some(condition),
        Sight::Nothing | Sight::Blind => None,
    }
}

/// The operations of an override that no wall can tell.
pub(in crate::walls) fn blind(over: &Override) -> impl Iterator<Item = Operation> + '_ {
    let operations = over.when.operations.iter().copied();
    operations.filter(|operation| sight(*operation) == Sight::Blind)
}

/// Whether an override looks at what a workload is.
pub(in crate::walls) fn is_about_workloads(over: &Override) -> bool {
    !over.when.criticalities.is_empty() || !over.when.natures.is_empty()
}
