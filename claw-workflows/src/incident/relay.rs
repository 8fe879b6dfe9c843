//! Errors that somebody else answered with, and that are passed on.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::Object as _;

use super::callees::Callees;
use super::facts::Facts;
use super::logs::Pattern;
use super::words::words;

/// Words with which clients of calls begin what the other side answered. Those in the second half are the codes of gRPC.
const ANSWERED: [&str; 24] = [
    "rpc error:",
    "rpcexception:",
    "statuscode.",
    "status code ",
    "status from ",
    "responded with ",
    "answered with ",
    "returned status ",
    "response from ",
    "response status ",
    "upstream returned ",
    " aborted: ",
    " already_exists: ",
    " data_loss: ",
    " deadline_exceeded: ",
    " failed_precondition: ",
    " internal: ",
    " invalid_argument: ",
    " not_found: ",
    " out_of_range: ",
    " resource_exhausted: ",
    " unauthenticated: ",
    " unavailable: ",
    " unknown: ",
];
/// Words of answers that names have as well, and that speak of nobody.
const ORDINARY: [&str; 10] = [
    "backend", "error", "gateway", "internal", "request", "response", "server", "service", "status",
    "upstream",
];
/// Letters of a text that stands in others not by chance.
const LONG: usize = 16;
/// Words of such a text.
const SEVERAL: usize = 3;

/// Of each writer, the errors in its logs that are passed on, with whose they are.
#[derive(Debug, Default)]
pub(super) struct Relays<'a>(BTreeMap<EntityRef, BTreeMap<&'a str, EntityRef>>);

impl<'a> Relays<'a> {
    /// Looks for them in the logs that were read.
    pub(super) fn of(facts: &Facts<'a>) -> Self {
        let said: Vec<Said<'a>> = facts
            .case
            .logs
            .iter()
            .flat_map(|digest| {
                let unit = facts.unit_of(&digest.pod);
                let patterns = digest.patterns.iter();
                patterns.map(move |pattern| Said::of(unit.clone(), pattern))
            })
            .collect();
        let callees = Callees::of(facts);
        let mut relays = Self::default();
        for entry in &said {
            let origin = quoted(&callees, entry, &said).or_else(|| answered(facts, &callees, entry));
            if let Some(origin) = origin {
                let of_writer = relays.0.entry(entry.unit.clone()).or_default();
                of_writer.insert(&entry.pattern.sample, origin);
            }
        }
        relays
    }

    /// Who passes errors on, and whose.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&EntityRef, &EntityRef)> {
        let writers = self.0.iter();
        writers.flat_map(|(writer, origins)| origins.values().map(move |origin| (writer, origin)))
    }
}

/// An entry, and its words.
struct Said<'a> {
    unit: EntityRef,
    pattern: &'a Pattern,
    words: Vec<String>,
}

impl<'a> Said<'a> {
    fn of(unit: EntityRef, pattern: &'a Pattern) -> Self {
        Self {
            unit,
            pattern,
            words: words(pattern.said()).collect(),
        }
    }

    /// Whether it says that somebody answered.
    fn tells_an_answer(&self) -> bool {
        let lower = self.pattern.sample.to_lowercase();
        ANSWERED.iter().any(|phrase| lower.contains(phrase))
    }

    /// Whether the whole name of a unit stands in it.
    fn names(&self, unit: &EntityRef) -> bool {
        words(&unit.name).all(|word| self.words.contains(&word))
    }

    /// Whether this stands in `other`, with something around it.
    fn stands_in(&self, other: &Said<'_>) -> bool {
        let letters: usize = self.words.iter().map(|word| word.chars().count()).sum();
        letters >= LONG
            && self.words.len() >= SEVERAL
            && other.words.len() > self.words.len()
            && other
                .words
                .windows(self.words.len())
                .any(|window| window == self.words.as_slice())
    }
}

/// Whom the error that `pattern` holds is an answer of: a unit that is called and logs the same itself, or that the text
/// names where it tells of an answer. `None` where the error is the writer's own, as far as is known.
pub(super) fn relayed_from(facts: &Facts<'_>, writer: &EntityRef, pattern: &Pattern) -> Option<EntityRef> {
    let of_writer = facts.relays().0.get(writer)?;
    of_writer.get(pattern.sample.as_str()).cloned()
}

/// The unit that the writer calls, directly or over others, whose own entry stands in this one, with something around it.
/// Numbers and signs do not count: they are of one request.
///
/// Two that call a third say the same of it as well. Where nobody knows whom the writer calls, the text has to tell of an
/// answer, or to name the other.
fn quoted(callees: &Callees, entry: &Said<'_>, all: &[Said<'_>]) -> Option<EntityRef> {
    let called = |other: &Said<'_>| {
        if callees.knows(&entry.unit) {
            return callees.reaches(&entry.unit, &other.unit);
        }
        let beside = other.unit.namespace == entry.unit.namespace;
        beside && (entry.tells_an_answer() || entry.names(&other.unit))
    };
    let others = all.iter().filter(|other| other.stands_in(entry));
    others
        .filter(|other| other.unit != entry.unit && !callees.calls(&other.unit, &entry.unit))
        .filter(|other| called(other))
        // The one that begins the chain says least around it.
        .min_by_key(|other| (other.words.len(), other.unit.clone()))
        .map(|other| other.unit.clone())
}

/// The only one of whom the entry speaks, where it tells of an answer.
fn answered(facts: &Facts<'_>, callees: &Callees, entry: &Said<'_>) -> Option<EntityRef> {
    entry
        .tells_an_answer()
        .then(|| spoken_of(facts, callees, &entry.unit, &entry.pattern.sample))
        .flatten()
}

/// The one of whom an entry speaks: by a word of its name of those whom the writer is known to call, or where nobody knows
/// whom it calls, by the whole name of the Services beside it.
pub(super) fn spoken_of(
    facts: &Facts<'_>,
    callees: &Callees,
    writer: &EntityRef,
    text: &str,
) -> Option<EntityRef> {
    let called = callees.called_by(writer).filter(|callee| *callee != writer);
    let called: BTreeSet<EntityRef> = called.cloned().collect();
    if !called.is_empty() {
        return only_named(called, text, false);
    }
    let services = facts.case.objects.services.iter();
    let beside = services
        .filter(|service| service.metadata.namespace == writer.namespace)
        .map(|service| facts.unit_of(&service.entity()))
        .filter(|unit| unit != writer)
        .collect();
    only_named(beside, text, true)
}

/// The only one whose whole name stands in the text, or else, unless that is asked for, of whose name a word of some length does
/// that the others do not have.
fn only_named(units: BTreeSet<EntityRef>, text: &str, whole: bool) -> Option<EntityRef> {
    let said: BTreeSet<String> = words(text).collect();
    let told = |word: &String| word.len() >= 4 && said.contains(word) && !ORDINARY.contains(&word.as_str());
    let mut named: Vec<(bool, EntityRef)> = units
        .into_iter()
        .filter(|unit| words(&unit.name).any(|word| told(&word)))
        .map(|unit| {
            let whole = words(&unit.name).all(|word| said.contains(&word));
            (whole, unit)
        })
        .collect();
    if whole || named.iter().any(|(whole, _)| *whole) {
        named.retain(|(whole, _)| *whole);
    }
    match named.as_slice() {
        [(_, only)] => Some(only.clone()),
        _ => None,
    }
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
    fn a_name_that_stands_there_whole_is_meant_rather_than_one_of_which_a_part_does() {
        let units = ["valkey-cart", "cart", "mail"].map(fixture::deployment);
        let named = |text: &str| super::only_named(units.clone().into(), text, false).map(|unit| unit.name);
        assert_eq!(named("cannot access cart storage").as_deref(), Some("cart"));
        assert_eq!(named("valkey is not there").as_deref(), Some("valkey-cart"));
        // Both are whole.
        assert_eq!(named("cart cannot reach valkey-cart"), None);
        assert_eq!(named("storage is full"), None);
        // Beside the writer a name counts only as a whole, and words of any answer never do.
        let beside = |text: &str| super::only_named(units.clone().into(), text, true).map(|unit| unit.name);
        assert_eq!(beside("valkey is not there"), None);
        assert_eq!(beside("cart is not there").as_deref(), Some("cart"));
        let units = ["api", "cart-service", "db"].map(fixture::deployment);
        let text = "upstream returned 503 Service Unavailable";
        assert_eq!(super::only_named(units.into(), text, false), None);
    }

    #[test]
    fn two_that_say_the_same_of_a_third_do_not_pass_on_each_others_errors() {
        let found = |text: &str, calls: &[(&str, &str)]| {
            let (names, served) = (["cart", "mail"], ["cart", "mail", "rates"]);
            let mut case = fixture::case(json!({
                "workloads": served.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
                "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
                "services": served.map(|name| fixture::service("shop", name, json!({"port": 80}))),
            }));
            for (caller, callee) in calls {
                fixture::call(&mut case, caller, callee);
            }
            fixture::log(&mut case, "cart-7d9f8b6c5-x1", &format!("ERROR {text}"));
            fixture::log(
                &mut case,
                "mail-7d9f8b6c5-x1",
                "ERROR failed to connect to database",
            );
            let facts = Facts::new(&case);
            let entry = &case.logs[0].patterns[0];
            relayed_from(&facts, &fixture::deployment("cart"), entry).map(|unit| unit.name)
        };
        let same = "CartStore: failed to connect to database, giving up";
        assert_eq!(found(same, &[]), None);
        assert_eq!(found(same, &[("cart", "rates")]), None);
        assert_eq!(
            found(same, &[("cart", "rates"), ("rates", "mail")]).as_deref(),
            Some("mail")
        );
        let answer = "order failed: rpc error: failed to connect to database";
        assert_eq!(found(answer, &[]).as_deref(), Some("mail"));
        let named = "order failed: mail said: failed to connect to database";
        assert_eq!(found(named, &[]).as_deref(), Some("mail"));
    }

    #[test]
    fn an_answer_is_the_error_of_who_gave_it() {
        let text = "could not charge: rpc error: code = Unknown desc = Request refused. Invalid token";
        let said = "Request refused. Invalid token";
        assert_eq!(blamed(text, Some(said), false).as_deref(), Some("payment"));
        let named = "rpc error: code = Unknown desc = payment refused. Invalid token";
        assert_eq!(blamed(named, None, false).as_deref(), Some("payment"));
        // Other numbers, and the exception behind what was said, are of one request.
        let numbered = "Request 7120 refused. Invalid token (attempt 1)";
        let other = "could not charge: rpc error: desc = \"Request 388 refused. Invalid token (attempt 2)\"";
        assert_eq!(blamed(other, Some(numbered), false).as_deref(), Some("payment"));
        // Nobody says so, it is the writer's own, or the other one only passes it on.
        assert_eq!(blamed(text, None, false), None);
        assert_eq!(
            blamed("payment token is invalid: Invalid token", None, false),
            None
        );
        assert_eq!(blamed(text, Some(said), true), None);
    }
}
