//! Files of one JSON object a line.

use serde_json::Value;

use super::problem::Problems;

/// The JSON values of a `.jsonl` file with their line numbers, from 1. Lines that are not JSON become problems.
pub(super) fn values(
    name: &str,
    text: &str,
    limit: usize,
    problems: &mut Problems,
) -> Vec<(u64, serde_json::Map<String, Value>)> {
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1_u64..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if found.len() >= limit {
            problems.add(
                name,
                Some(number),
                format!("more than {limit} lines; the rest is left out"),
            );
            break;
        }
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(map)) => found.push((number, map)),
            Ok(_) => problems.add(name, Some(number), "is not a JSON object; left out"),
            Err(error) => problems.add(
                name,
                Some(number),
                format!("is not JSON ({:?}); left out", error.classify()),
            ),
        }
    }
    found
}

/// The first of `keys` that is there and not null.
pub(super) fn first<'a>(map: &'a serde_json::Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter()
        .filter_map(|key| map.get(*key))
        .find(|value| !value.is_null())
}

/// The first of `keys` that holds text, or a number as text.
pub(super) fn text(map: &serde_json::Map<String, Value>, keys: &[&str]) -> Option<String> {
    match first(map, keys)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
