//! Who else has set what an action changes, by the object's managed fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::{element, item, member};
use crate::cluster::FIELD_MANAGER;

/// Longest name of a manager that is shown, in characters.
const NAME_CHARS: usize = 128;

/// Fields that the patch changes and that somebody else has set, by who has.
///
/// `before` has its managed fields, of which the set of fields in the form `FieldsV1` is read: `f:` names a member, `k:` an
/// element of a list by some of its members, `v:` one by itself, and `i:` one by its place. Entries of the status subresource
/// own no field that a patch can change.
pub(super) fn taken_over(before: &Value, after: &Value, patch: &Value) -> BTreeMap<String, Vec<String>> {
    let entries = before
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries.into_iter().flatten() {
        let manager = entry.get("manager").and_then(Value::as_str).unwrap_or_default();
        let fields = entry.get("fieldsV1").and_then(Value::as_object);
        let Some(fields) = fields.filter(|_| manager != FIELD_MANAGER) else {
            continue;
        };
        let mut found = Vec::new();
        let both = Both {
            before: Some(before),
            after: Some(after),
        };
        walk(fields, both, Named::By(patch), "", &mut found);
        if !found.is_empty() {
            owners.entry(name(manager)).or_default().extend(found);
        }
    }
    for fields in owners.values_mut() {
        fields.sort();
        fields.dedup();
    }
    owners
}

fn name(manager: &str) -> String {
    let shown: String = manager
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS)
        .collect();
    if shown.is_empty() {
        "(nameless)".to_owned()
    } else {
        shown
    }
}

/// One place in both objects.
#[derive(Clone, Copy)]
struct Both<'a> {
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

impl<'a> Both<'a> {
    fn each(self, find: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        Self {
            before: self.before.and_then(&find),
            after: self.after.and_then(&find),
        }
    }

    fn differ(self) -> bool {
        self.before != self.after
    }
}

/// Whether the patch names a place: it may name all of it, or some of its members.
#[derive(Clone, Copy)]
enum Named<'a> {
    All,
    By(&'a Value),
}

impl<'a> Named<'a> {
    fn member(self, key: &str) -> Option<Self> {
        match self {
            Self::All => Some(Self::All),
            Self::By(patch) => match patch.get(key)? {
                inner @ Value::Object(_) => Some(Self::By(inner)),
                _ => Some(Self::All),
            },
        }
    }
}

fn walk(fields: &Map<String, Value>, both: Both<'_>, named: Named<'_>, path: &str, found: &mut Vec<String>) {
    for (key, inner) in fields {
        let Some((sort, text)) = key.split_once(':') else {
            continue; // `.`: that the place is there at all
        };
        let (place, named, path) = match (sort, named) {
            ("f", named) => {
                let Some(named) = named.member(text) else {
                    continue;
                };
                (both.each(|value| value.get(text)), named, member(path, text))
            }
            // A patch that names an element names its whole list.
            (_, Named::By(_)) => continue,
            (sort, Named::All) => match of_list(both, sort, text, path) {
                Some((place, path)) => (place, Named::All, path),
                None => continue,
            },
        };
        if !place.differ() {
            continue;
        }
        match inner.as_object() {
            Some(inner) if inner.keys().any(|key| key != ".") => walk(inner, place, named, &path, found),
            _ => found.push(path),
        }
    }
}

/// An element of a list, and its path.
fn of_list<'a>(both: Both<'a>, sort: &str, text: &str, path: &str) -> Option<(Both<'a>, String)> {
    let key: Value = serde_json::from_str(text).ok()?;
    match sort {
        "k" => {
            let keys = key.as_object()?;
            let fits = |item: &&Value| keys.iter().all(|(key, value)| item.get(key) == Some(value));
            let place = both.each(|list| list.as_array()?.iter().find(fits));
            Some((place, element(path, keys)))
        }
        "v" => {
            let place = both.each(|list| list.as_array()?.iter().find(|item| **item == key));
            Some((place, item(path, &key)))
        }
        "i" => {
            let index = usize::try_from(key.as_u64()?).ok()?;
            let place = both.each(|list| list.as_array()?.get(index));
            Some((place, item(path, &key)))
        }
        _ => None,
    }
}
