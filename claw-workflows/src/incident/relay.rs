//! Errors that somebody else answered with, and that are passed on.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::Object as _;

use super::facts::Facts;
use super::logs::Pattern;
use super::words::words;

/// Words with which clients of calls begin what the other side answered.
const ANSWERED: [&str; 12] = [
    "rpc error:",
    "statuscode.",
    "status code ",
    "status from ",
    "responded with ",
    "answered with ",
    "returned status ",
    "response from ",
    "response status ",
    " internal: ",
    " unknown: ",
    "upstream returned ",
];
/// A shorter text may stand in any other by chance.
const LONG: usize = 16;

/// Whom the error that `pattern` holds is an answer of: a unit that is called and logs the same itself, or that the text
/// names where it tells of an answer. `None` where the error is the writer's own, as far as is known.
pub(super) fn relayed_from(facts: &Facts<'_>, writer: &EntityRef, pattern: &Pattern) -> Option<EntityRef> {
    quoted(facts, writer, pattern).or_else(|| answered(facts, writer, pattern))
}

/// The unit whose own entry stands in this one, with something before it.
fn quoted(facts: &Facts<'_>, writer: &EntityRef, pattern: &Pattern) -> Option<EntityRef> {
    let text = pattern.sample.to_lowercase();
    facts
        .case
        .logs
        .iter()
        .map(|digest| (facts.unit_of(&digest.pod), digest))
        .filter(|(unit, _)| unit != writer && !calls(facts, unit, writer))
        .flat_map(|(unit, digest)| digest.patterns.iter().map(move |other| (unit.clone(), other)))
        .filter(|(_, other)| other.sample.chars().count() >= LONG)
        .filter(|(_, other)| {
            let said = other.sample.to_lowercase();
            text.len() > said.len() && text.contains(&said)
        })
        // The one that begins the chain says least around it.
        .min_by_key(|(unit, other)| (other.sample.len(), unit.clone()))
        .map(|(unit, _)| unit)
}

/// The only unit that the writer calls and of whose name a word stands in an answer.
fn answered(facts: &Facts<'_>, writer: &EntityRef, pattern: &Pattern) -> Option<EntityRef> {
    let lower = pattern.sample.to_lowercase();
    let answer = ANSWERED.iter().any(|phrase| lower.contains(phrase));
    let callees = callees(facts, writer);
    answer.then(|| only_named(callees, &pattern.sample)).flatten()
}

/// The one of whom an entry speaks by a word of its name: of those whom the writer is known to call, or where nobody knows
/// whom it calls, of the Services beside it.
pub(super) fn spoken_of(facts: &Facts<'_>, writer: &EntityRef, text: &str) -> Option<EntityRef> {
    let mut units = callees(facts, writer);
    if units.is_empty() {
        let services = facts.case.objects.services.iter();
        units = services
            .filter(|service| service.metadata.namespace == writer.namespace)
            .map(|service| facts.unit_of(&service.entity()))
            .filter(|unit| unit != writer)
            .collect();
    }
    only_named(units, text)
}

fn callees(facts: &Facts<'_>, writer: &EntityRef) -> BTreeSet<EntityRef> {
    facts
        .case
        .calls
        .iter()
        .filter(|call| facts.unit_of(&call.caller) == *writer)
        .map(|call| facts.unit_of(&call.callee))
        .filter(|callee| callee != writer)
        .collect()
}

/// The only one of which a word of its name stands in the text: a word of some length that the others do not have.
fn only_named(units: BTreeSet<EntityRef>, text: &str) -> Option<EntityRef> {
    let said: BTreeSet<String> = words(text).collect();
    let named = |unit: &EntityRef| words(&unit.name).any(|word| word.len() >= 4 && said.contains(&word));
    let mut named = units.into_iter().filter(named);
    match (named.next(), named.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// Whether `caller` is known to call `callee`.
fn calls(facts: &Facts<'_>, caller: &EntityRef, callee: &EntityRef) -> bool {
    facts
        .case
        .calls
        .iter()
        .any(|call| facts.unit_of(&call.caller) == *caller && facts.unit_of(&call.callee) == *callee)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::relayed_from;
    use crate::incident::facts::Facts;
    use crate::incident::mechanism::fixture;

    /// Whom an error of `checkout` is put down to, where `payment`, which it calls, logs `other`.
    fn blamed(text: &str, other: Option<&str>, backwards: bool) -> Option<String> {
        let names = ["checkout", "payment"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
            "services": names.map(|name| fixture::service("shop", name, json!({"port": 80}))),
        }));
        let (caller, callee) = if backwards {
            ("payment", "checkout")
        } else {
            ("checkout", "payment")
        };
        fixture::call(&mut case, caller, callee);
        fixture::log(&mut case, "checkout-7d9f8b6c5-x1", &format!("ERROR {text}"));
        if let Some(other) = other {
            fixture::log(&mut case, "payment-7d9f8b6c5-x1", &format!("ERROR {other}"));
        }
        for digest in &mut case.logs {
            for pattern in &mut digest.patterns {
                pattern.sample = pattern.sample.trim_start_matches("ERROR ").to_owned();
            }
        }
        let facts = Facts::new(&case);
        let found = relayed_from(
            &facts,
            &fixture::deployment("checkout"),
            &case.logs[0].patterns[0],
        );
        found.map(|unit| unit.name)
    }

    #[test]
    fn an_answer_is_the_error_of_who_gave_it() {
        let text = "could not charge: rpc error: code = Unknown desc = Request refused. Invalid token";
        let said = "Request refused. Invalid token";
        assert_eq!(blamed(text, Some(said), false).as_deref(), Some("payment"));
        let named = "rpc error: code = Unknown desc = payment refused. Invalid token";
        assert_eq!(blamed(named, None, false).as_deref(), Some("payment"));
        // Nobody says so, it is the writer's own, or the other one only passes it on.
        assert_eq!(blamed(text, None, false), None);
        assert_eq!(
            blamed("payment token is invalid: Invalid token", None, false),
            None
        );
        assert_eq!(blamed(text, Some(said), true), None);
    }
}
