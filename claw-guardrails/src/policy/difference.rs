//! What a patch makes of an object, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Visits the fields that differ, down to the smallest. Lists of named things are compared name by name, as the API server
/// merges them; other lists are one value. Something is visited wherever the two differ at all.
pub(crate) fn differences<'a>(
    before: &'a Value,
    after: &'a Value,
    path: &mut Vec<&'a str>,
    visit: &mut dyn FnMut(&[&str], &Value, &Value),
) {
    if before == after {
        return;
    }
    let (Some(old), Some(new)) = (fields(before), fields(after)) else {
        visit(path, before, after);
        return;
    };
    let mut inside = false;
    if order(before, after) {
        visit(path, before, after);
    }
    let keys: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    for key in keys {
        let of = |side: &BTreeMap<&'a str, &'a Value>| side.get(key).copied().unwrap_or(&Value::Null);
        let (old, new) = (of(&old), of(&new));
        inside |= old != new;
        path.push(key);
        differences(old, new, path, visit);
        path.pop();
    }
    // What differs in form alone, such as an empty mapping where nothing was.
    if !inside {
        visit(path, before, after);
    }
}

/// Whether named things stand in another order, in which some are started.
fn order(before: &Value, after: &Value) -> bool {
    fn names(value: &Value) -> Vec<&str> {
        let items = value.as_array().into_iter().flatten();
        items.filter_map(|item| item.get("name")?.as_str()).collect()
    }
    let (before, after) = (names(before), names(after));
    let kept = before.iter().filter(|name| after.contains(name));
    kept.ne(after.iter().filter(|name| before.contains(name)))
}

/// The parts of an object, or of a list of named things. What is absent has none, so that what is added is looked at part
/// by part as well.
fn fields(value: &Value) -> Option<BTreeMap<&str, &Value>> {
    match value {
        Value::Null => Some(BTreeMap::new()),
        Value::Object(map) => Some(map.iter().map(|(key, value)| (key.as_str(), value)).collect()),
        Value::Array(items) => {
            let named = items.iter().map(|item| Some((item.get("name")?.as_str()?, item)));
            let parts: BTreeMap<_, _> = named.collect::<Option<_>>()?;
            (parts.len() == items.len()).then_some(parts)
        }
        _ => None,
    }
}

/// Visits everything that a patch names.
pub(super) fn leaves<'a>(
    patch: &'a Value,
    path: &mut Vec<&'a str>,
    visit: &mut dyn FnMut(&[&str], &Value, &Value),
) {
    match fields(patch) {
        Some(parts) if !parts.is_empty() => {
            for (key, value) in parts {
                path.push(key);
                leaves(value, path, visit);
                path.pop();
            }
        }
        _ => visit(path, &Value::Null, patch),
    }
}
