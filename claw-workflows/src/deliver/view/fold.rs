//! Citations that differ in nothing but the name of a pod, as one.
//!
//! Six pods of a workload that fail alike are one thing to read, and six observations to look up.

use std::collections::{BTreeMap, BTreeSet};

use super::Entity;
use super::cause::{Citation, Reference};

/// Characters of the suffix that Kubernetes gives to names that it generates: no vowels, so that no words come of it, and
/// nothing that is mistaken for something else.
const SUFFIX: &str = "bcdfghjklmnpqrstvwxz2456789";
/// Characters of such a suffix.
const SUFFIX_LENGTH: usize = 5;

/// The citations, each kind once, in the order in which their first one came. One that stands for several says how many.
pub(super) fn folded(citations: Vec<Citation>) -> Vec<Citation> {
    let mut shown: Vec<Citation> = Vec::with_capacity(citations.len());
    let mut pods: Vec<BTreeSet<String>> = Vec::with_capacity(citations.len());
    let mut places: BTreeMap<(Entity, String), usize> = BTreeMap::new();
    for citation in citations {
        let key = key(&citation);
        let known = key.as_ref().and_then(|key| places.get(key)).copied();
        let place = known.unwrap_or(shown.len());
        if known.is_none() {
            places.extend(key.map(|key| (key, place)));
            pods.push(BTreeSet::new());
        }
        let pod = citation.entity.as_ref().filter(|entity| entity.kind == "Pod");
        if let Some(pods) = pods.get_mut(place) {
            pods.extend(pod.map(|pod| pod.path.clone()));
        }
        match shown.get_mut(place) {
            Some(first) => first.alike.push(Reference {
                id: citation.id,
                index: citation.index,
            }),
            None => shown.push(citation),
        }
    }
    for (citation, pods) in shown.iter_mut().zip(pods) {
        let times = citation.alike.len().saturating_add(1);
        citation.statement = told(&citation.statement, times, pods.len());
    }
    shown
}

/// A statement that was made so often, of so many pods. It stands beside the name of one of them: of which the others are as well
/// has to be said.
fn told(statement: &str, times: usize, pods: usize) -> String {
    match (times, pods) {
        (..=1, _) => statement.to_owned(),
        (_, ..=1) => format!("{times} × {statement}"),
        _ if times == pods => format!("{statement} (on {pods} pods)"),
        _ => format!("{times} × {statement} (on {pods} pods)"),
    }
}

/// What two citations have in common that say the same of two pods; `None` of one that the report does not hold.
fn key(citation: &Citation) -> Option<(Entity, String)> {
    let entity = citation.entity.as_ref()?;
    let mut statement = citation.statement.clone();
    let mut about = entity.clone();
    if let Some(family) = family(&entity.path).filter(|_| entity.kind == "Pod") {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        statement = statement.replace(&name(&entity.path), &name(&family));
        about.path = family;
    }
    Some((about, without_names(&statement)))
}

/// The name of a pod without what tells it from its siblings.
fn family(name: &str) -> Option<String> {
    let (family, last) = name.rsplit_once('-')?;
    let ordinal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    (!family.is_empty() && (ordinal || is_generated(last))).then(|| format!("{family}-*"))
}

/// Whether Kubernetes made up this part of a name. Numbers alone may be anything.
fn is_generated(part: &str) -> bool {
    part.len() == SUFFIX_LENGTH
        && part.chars().all(|c| SUFFIX.contains(c))
        && part.contains(|c: char| c.is_ascii_lowercase())
}

/// The text with the generated names in it cut to what they begin with.
fn without_names(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let (before, tail) = rest.split_at(start);
        let end = tail.find(|c| !is_name(c)).unwrap_or(tail.len());
        let (word, after) = tail.split_at(end);
        let name = word.trim_end_matches(['.', '-']);
        out.push_str(before);
        match name.rsplit_once('-') {
            Some((family, last)) if !family.is_empty() && is_generated(last) => {
                out.push_str(family);
                out.push_str("-*");
            }
            _ => out.push_str(name),
        }
        out.push_str(word.get(name.len()..).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(kind: &str, path: &str, statement: &str) -> Citation {
        Citation {
            id: format!("{path} {statement}"),
            index: Some(0),
            statement: statement.to_owned(),
            entity: Some(Entity {
                kind: kind.to_owned(),
                path: path.to_owned(),
            }),
            time: None,
            alike: Vec::new(),
        }
    }

    /// Statements of what is left.
    fn left(citations: &[(&str, &str, &str)]) -> Vec<String> {
        let all = citations
            .iter()
            .map(|(kind, path, statement)| cited(kind, path, statement))
            .collect();
        folded(all).into_iter().map(|one| one.statement).collect()
    }

    #[test]
    fn pods_of_one_making_that_fare_alike_are_told_once() {
        let killed = "container app was killed";
        let found = left(&[
            ("Pod", "shop/cart-7d9f8b6c5-x2v4z", killed),
            ("Pod", "shop/db-0", "db-0 waits"),
            ("Pod", "shop/cart-7d9f8b6c5-9bcdf", killed),
            ("Pod", "shop/db-1", "db-1 waits"),
            ("Pod", "shop/cart-7d9f8b6c5-kqw7m", killed),
        ]);
        assert_eq!(
            found,
            ["container app was killed (on 3 pods)", "db-0 waits (on 2 pods)"]
        );
    }

    #[test]
    fn how_often_it_was_seen_and_on_how_many_pods_are_two_numbers() {
        let killed = "container app was killed";
        let (one, other) = ("shop/cart-7d9f8b6c5-x2v4z", "shop/cart-7d9f8b6c5-9bcdf");
        assert_eq!(
            left(&[("Pod", one, killed), ("Pod", one, killed)]),
            [format!("2 × {killed}")]
        );
        let thrice = [("Pod", one, killed), ("Pod", other, killed), ("Pod", one, killed)];
        assert_eq!(left(&thrice), [format!("3 × {killed} (on 2 pods)")]);
    }

    #[test]
    fn names_within_a_statement_count_as_well() {
        let refused = |pod: &str| format!("Error creating: pods \"{pod}\" is forbidden: exceeded quota.");
        let (one, two) = (refused("cart-7d9f8b6c5-x2v4z"), refused("cart-7d9f8b6c5-9bcdf"));
        let found = left(&[
            ("ReplicaSet", "shop/cart-7d9f8b6c5", &one),
            ("ReplicaSet", "shop/cart-7d9f8b6c5", &two),
        ]);
        assert_eq!(found, [format!("2 × {one}")]);
    }

    #[test]
    fn what_differs_in_more_is_told_by_itself() {
        let all = [
            ("Pod", "shop/cart-7d9f8b6c5-x2v4z", "restarted 3 times"),
            ("Pod", "shop/cart-7d9f8b6c5-9bcdf", "restarted 4 times"),
            // Another revision, another namespace, another kind, a port, a name that somebody chose.
            ("Pod", "shop/cart-66bb7c5d9-9bcdf", "restarted 3 times"),
            ("Pod", "back/cart-7d9f8b6c5-9bcdf", "restarted 3 times"),
            ("Job", "shop/cart-7d9f8b6c5-9bcdf", "restarted 3 times"),
            ("Service", "shop/cart", "no answer of cart-54289"),
            ("Service", "shop/cart", "no answer of cart-54288"),
            ("Pod", "shop/cart-green", "waits"),
            ("Pod", "shop/cart-brown", "waits"),
        ];
        let statements: Vec<&str> = all.iter().map(|(_, _, statement)| *statement).collect();
        assert_eq!(left(&all), statements);
    }

    #[test]
    fn every_observation_is_still_referred_to() {
        let all = vec![
            cited("Pod", "shop/cart-7d9f8b6c5-x2v4z", "waits"),
            cited("Pod", "shop/cart-7d9f8b6c5-9bcdf", "waits"),
        ];
        let ids: Vec<String> = all.iter().map(|one| one.id.clone()).collect();
        let found = folded(all);
        assert_eq!(found[0].ids().collect::<Vec<_>>(), ids);
        let unknown = Citation {
            entity: None,
            ..cited("", "", "this evidence is not part of the report")
        };
        assert_eq!(folded(vec![unknown.clone(), unknown]).len(), 2);
    }
}
