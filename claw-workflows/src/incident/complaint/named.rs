//! Services that an entry names without an address.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object as _, Service};
use claw_metrics::logs::indicators::Indicator;

use super::{Named, Target};
use crate::incident::facts::Facts;
use crate::incident::logs::{Digest, Pattern};

/// Kinds of complaints that are about somebody who is called.
const OF_CALLS: [Indicator; 6] = [
    Indicator::ConnectionRefused,
    Indicator::ConnectionReset,
    Indicator::Timeout,
    Indicator::Unreachable,
    Indicator::UpstreamError,
    Indicator::RateLimited,
];
/// Words before a name that say that its bearer is called.
const BEFORE: [&str; 13] = [
    "call",
    "called",
    "calling",
    "calls",
    "contact",
    "contacting",
    "dependency",
    "reach",
    "reaching",
    "service",
    "to",
    "upstream",
    "via",
];
/// Words before `from` that say that its bearer answered, or was to. What else comes from somebody is a call of theirs.
const ANSWERS: [&str; 13] = [
    "answer", "body", "data", "error", "errors", "failure", "got", "read", "reading", "received", "reply",
    "response", "status",
];
/// Words after a name that say that it was its bearer who answered, or did not.
const AFTER: [&str; 10] = [
    "answered",
    "failed",
    "is",
    "rejected",
    "replied",
    "responded",
    "returned",
    "timed",
    "unavailable",
    "unreachable",
];

/// Says of whom an entry complains that names a Service of its namespace without an address: `stock-api returned 502`.
pub(super) fn name_callee(
    facts: &Facts<'_>,
    namespace: &str,
    workload: &EntityRef,
    pattern: &Pattern,
    named: &mut [Named],
) {
    let open = |named: &Named| named.target == Target::Unnamed && OF_CALLS.contains(&named.kind);
    if !named.iter().any(open) || named.iter().any(|named| named.host.is_some()) {
        return;
    }
    let mut known: Vec<(&str, EntityRef)> = spoken_of(facts, namespace, &pattern.sample)
        .map(|service| (service.metadata.name.as_str(), facts.unit_of(&service.entity())))
        .filter(|(_, unit)| unit != workload)
        .collect();
    known.sort();
    known.dedup_by(|a, b| a.1 == b.1);
    if let [(name, unit)] = known.as_slice() {
        for named in named.iter_mut().filter(|named| open(named)) {
            named.host = Some((*name).to_owned());
            named.target = Target::Known(unit.clone());
        }
    }
}

/// The Services of its namespace that entries of a log say are called, whatever became of it.
pub(in crate::incident) fn called<'a>(facts: &Facts<'a>, digest: &Digest) -> Vec<&'a Service> {
    let namespace = digest.pod.namespace.as_deref().unwrap_or_default();
    let texts = digest.patterns.iter().map(|pattern| pattern.said());
    texts
        .flat_map(|text| services(facts, namespace, text))
        .filter(|(_, a_call)| *a_call)
        .map(|(service, _)| service)
        .collect()
}

/// The Services of a namespace that a text names. A name that is a word of the language as well counts only where the words
/// around it speak of a call.
fn spoken_of<'a>(facts: &Facts<'a>, namespace: &str, text: &str) -> impl Iterator<Item = &'a Service> {
    let all = services(facts, namespace, text).into_iter();
    all.filter(|(service, a_call)| *a_call || service.metadata.name.contains('-'))
        .map(|(service, _)| service)
}

/// The Services of a namespace whose names are words of a text, each with whether the words around it speak of a call.
fn services<'a>(facts: &Facts<'a>, namespace: &str, text: &str) -> Vec<(&'a Service, bool)> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_' || c == '/' || c == '.'))
        .filter(|word| !word.is_empty())
        .collect();
    let near = |offset: Option<usize>, known: &[&str]| {
        let word = offset.and_then(|offset| words.get(offset));
        word.is_some_and(|word| known.contains(word))
    };
    words
        .iter()
        .enumerate()
        .filter_map(|(index, word)| {
            let before = index.checked_sub(2).and_then(|before| words.get(before));
            let coded = before.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
            let from = near(index.checked_sub(1), &["from"]);
            let answered = from && (coded || near(index.checked_sub(2), &ANSWERS));
            let spoken_of = near(index.checked_sub(1), &BEFORE) || near(index.checked_add(1), &AFTER);
            let a_call = answered || spoken_of && !from;
            Some((facts.service(namespace, word)?, a_call))
        })
        .collect()
}
