//! What a question is about, as far as its words tell.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Ingress, Object};

use crate::incident::case::Case;
use crate::incident::words::distance;

const QUOTES: [char; 5] = ['"', '\'', '`', '“', '”'];
/// Words before which no name stands, unless the word for its kind follows.
const ARTICLES: [&str; 4] = ["a", "an", "our", "the"];
/// Letters by which a name is typed wrong at most.
const TYPED_WRONG: usize = 2;

/// The workloads, pods and nodes that a question names, where it leaves no doubt that it does: as `kind/name`, beside the word
/// for the kind, in quotes, or by a name that is no word of the language (`cart-api`).
pub fn asked(case: &Case) -> Vec<EntityRef> {
    let words = words_of(case);
    let objects = &case.objects;
    let workloads = objects.workloads.iter().map(Object::entity);
    let pods = objects.pods.iter().map(|pod| pod.entity());
    let nodes = objects.nodes.iter().map(Object::entity);
    let mut found: Vec<EntityRef> = workloads
        .chain(pods)
        .chain(nodes)
        .filter(|entity| is_named(&words, entity))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The words of the question.
fn words_of(case: &Case) -> Vec<&str> {
    let question = case.incident.question.as_deref().unwrap_or_default();
    question
        .split(|c: char| c.is_whitespace() || ",;:?!()".contains(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| !word.is_empty())
        .collect()
}

/// What is to be said where a question names something that nobody knows: `why is cart-apu failing?`. Whatever else is found may
/// be no answer then. With what to do about it.
///
/// Words of the language have hyphens, too: only what is quoted, stands behind the word for a kind, is close to a name that
/// there is, or has three parts counts as a name.
pub(in crate::incident) fn asked_in_vain(case: &Case) -> Option<(String, String)> {
    let words = words_of(case);
    let named = names(case);
    let (asked, close) = words.iter().enumerate().find_map(|(index, word)| {
        let bare = word.trim_matches(QUOTES);
        let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = bare.trim_matches('-').contains('-') && bare.chars().all(of_name);
        if !is_name || named.iter().any(|name| name.contains(bare)) {
            return None;
        }
        let close = named
            .iter()
            .map(|name| (distance(name, bare), *name))
            .filter(|(distance, _)| *distance <= TYPED_WRONG)
            .min();
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        let kind = before.is_some_and(|word| is_kind_word(word));
        let article =
            before.is_some_and(|word| ARTICLES.iter().any(|known| word.eq_ignore_ascii_case(known)));
        let parts = || bare.split('-');
        let long = parts().count() > 2 && parts().all(|part| part.len() > 2);
        let there = !article && is_name_there(&words, index);
        (bare.len() < word.len() || kind || there && (long || close.is_some())).then_some((bare, close))
    })?;
    let meant = close.map(|(_, name)| format!(" (is {name} meant?)"));
    Some((
        format!(
            "no workload, pod, node or Service that was read is called {asked}; the question may not be answered"
        ),
        format!(
            "look how it is spelt, or name its namespace{}",
            meant.unwrap_or_default()
        ),
    ))
}

/// The names of all that was read.
fn names(case: &Case) -> BTreeSet<&str> {
    fn of<'o, T: Object + 'o>(objects: &'o [T]) -> impl Iterator<Item = &'o str> {
        objects.iter().map(|object| object.meta().name.as_str())
    }
    let objects = &case.objects;
    of(&objects.pods)
        .chain(of(&objects.workloads))
        .chain(of(&objects.nodes))
        .chain(of(&objects.services))
        .chain(of(&objects.ingresses))
        .chain(of(&objects.network_policies))
        .chain(of(&objects.claims))
        .chain(of(&objects.volumes))
        .chain(of(&objects.storage_classes))
        .chain(of(&objects.autoscalers))
        .chain(of(&objects.disruption_budgets))
        .chain(of(&objects.quotas))
        .chain(of(&objects.limit_ranges))
        .chain(of(&objects.config_maps))
        .chain(of(&objects.secrets))
        .chain(of(&objects.service_accounts))
        .chain(of(&objects.namespaces))
        .chain(of(&objects.webhooks))
        .chain(of(&objects.gateway))
        .chain(of(&objects.mesh))
        .chain(of(&objects.certificates))
        .chain(of(&objects.applications))
        .chain(of(&objects.deliveries))
        .chain(case.namespaces.iter().map(String::as_str))
        .collect()
}

/// The Ingresses whose hosts a question names: `https://shop.example.com/cart answers 404`.
pub(in crate::incident) fn asked_hosts(case: &Case) -> Vec<EntityRef> {
    let Some(question) = &case.incident.question else {
        return Vec::new();
    };
    let lower = question.to_lowercase();
    let said: BTreeSet<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.contains('.'))
        .collect();
    let serves = |ingress: &&Ingress| {
        let rules = ingress.spec.rules.iter().map(|rule| &rule.host);
        let certificates = ingress.spec.tls.iter().flat_map(|tls| &tls.hosts);
        let mut hosts = rules.chain(certificates);
        hosts.any(|host| said.contains(host.to_lowercase().as_str()))
    };
    let ingresses = case.objects.ingresses.iter().filter(serves);
    let found = ingresses.map(Object::entity);
    found.filter(|entity| !case.subject.contains(entity)).collect()
}

/// Words that stand beside the name of what runs.
const KIND_WORDS: [&str; 14] = [
    "deployment",
    "deploy",
    "statefulset",
    "sts",
    "daemonset",
    "ds",
    "cronjob",
    "job",
    "pod",
    "node",
    "service",
    "svc",
    "workload",
    "app",
];

fn is_kind_word(word: &str) -> bool {
    KIND_WORDS.iter().any(|kind| word.eq_ignore_ascii_case(kind))
}

fn is_named(words: &[&str], entity: &EntityRef) -> bool {
    let name = entity.name.as_str();
    let is_kind = |word: Option<&&str>| word.is_some_and(|word| is_kind_word(word));
    words.iter().enumerate().any(|(index, word)| {
        let bare = word.trim_matches(QUOTES);
        let (before, last) = bare.rsplit_once('/').unwrap_or(("", bare));
        if last != name {
            return false;
        }
        // `deployment/cart`, `shop/cart`, `deployment/shop/cart`.
        let path = before.rsplit('/').next().unwrap_or_default();
        if !before.is_empty() {
            return is_kind(Some(&path)) || entity.namespace.as_deref() == Some(path);
        }
        bare.len() < word.len()
            || name.contains(['-', '.'])
            || is_kind(index.checked_sub(1).and_then(|before| words.get(before)))
            || is_kind(words.get(index + 1))
            || is_name_there(words, index)
    })
}

/// Whether a word stands where a sentence has a name and no word of the language: `what is wrong with redis?`, `is redis in
/// namespace shop healthy?`. Before other words there would be an article.
fn is_name_there(words: &[&str], index: usize) -> bool {
    const AFTER: [&str; 9] = [
        "fails", "is", "returns", "answers", "restarts", "crashes", "hangs", "responds", "throws",
    ];
    const BEFORE: [&str; 8] = ["with", "is", "does", "did", "has", "can", "of", "for"];
    let at = |index: Option<usize>| index.and_then(|index| words.get(index).copied());
    let before = at(index.checked_sub(1))
        .is_some_and(|word| BEFORE.iter().any(|known| word.eq_ignore_ascii_case(known)));
    let after = at(index.checked_add(1))
        .is_some_and(|word| AFTER.iter().any(|known| word.eq_ignore_ascii_case(known)));
    let in_namespace = at(index.checked_add(1)).is_some_and(|word| word.eq_ignore_ascii_case("in"))
        && at(index.checked_add(2)).is_some_and(|word| word.eq_ignore_ascii_case("namespace"));
    before || after || in_namespace
}
