//! Elements of lists, by what tells them apart.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::text::quoted;

/// Members that may tell elements apart, in this order: the first that all elements of both lists have, each another one.
const KEYS: [&str; 9] = [
    "name",
    "mountPath",
    "devicePath",
    "containerPort",
    "port",
    "ip",
    "uid",
    "key",
    "topologyKey",
];

/// The elements of two lists.
#[derive(Debug)]
pub(super) struct Elements {
    old: Vec<String>,
    new: Vec<String>,
    named: bool,
}

impl Elements {
    /// Told apart by a member, or by their place where no member does.
    pub(super) fn of(old: &[Value], new: &[Value]) -> Self {
        for key in KEYS {
            let names = |items: &[Value]| -> Option<Vec<String>> {
                let names: Vec<String> = items.iter().map(|item| name(key, item)).collect::<Option<_>>()?;
                let distinct: BTreeSet<&String> = names.iter().collect();
                (distinct.len() == names.len()).then_some(names)
            };
            if let (Some(old), Some(new)) = (names(old), names(new)) {
                return Self {
                    old,
                    new,
                    named: true,
                };
            }
        }
        let places = |items: &[Value]| (0..items.len()).map(|place| place.to_string()).collect();
        Self {
            old: places(old),
            new: places(new),
            named: false,
        }
    }

    /// Each element with its place in both lists: those of the old one in their order, then those that are new in that of
    /// their names.
    pub(super) fn pairs(&self) -> Vec<(&str, Option<usize>, Option<usize>)> {
        let places = places(&self.new);
        let place = |name: &str| places.get(name).copied();
        let kept = self.old.iter().enumerate();
        let kept = kept.map(|(index, name)| (name.as_str(), Some(index), place(name)));
        let added = self.added().into_iter();
        kept.chain(added.map(|name| (name, None, place(name)))).collect()
    }

    fn added(&self) -> Vec<&str> {
        let known = places(&self.old);
        let added = self.new.iter().map(String::as_str);
        let mut added: Vec<&str> = added.filter(|name| !known.contains_key(name)).collect();
        if self.named {
            added.sort_unstable();
        }
        added
    }

    /// Both orders, where the new one does not follow from the elements alone: it would be those that are kept as they stood,
    /// and then the added ones by name.
    pub(super) fn moved(&self) -> Option<(String, String)> {
        let left = places(&self.new);
        let kept = self.old.iter().map(String::as_str);
        let kept = kept.filter(|name| left.contains_key(name));
        let expected = kept.chain(self.added());
        let moved = expected.ne(self.new.iter().map(String::as_str));
        moved.then(|| (self.old.join(", "), self.new.join(", ")))
    }
}

fn places(names: &[String]) -> BTreeMap<&str, usize> {
    let names = names.iter().enumerate();
    names.map(|(place, name)| (name.as_str(), place)).collect()
}

/// An element's name in paths. One that could be taken for a place, or for a piece of a path, is quoted.
fn name(key: &str, item: &Value) -> Option<String> {
    let value = match item.get(key)? {
        Value::String(text) => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
            let is_name = text.chars().all(is_plain) && text.chars().any(|c| !c.is_ascii_digit());
            if is_name { text.clone() } else { quoted(text) }
        }
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(if key == "name" && item.get(key)?.is_string() {
        value
    } else {
        format!("{key}={value}")
    })
}
