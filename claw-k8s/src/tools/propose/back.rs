//! The patch that takes another back.

use claw_core::patch::between_members;
use serde_json::{Map, Value};

use super::structure::{Choice, Place};

/// What makes `before` of `after` again, and leaves alone what others have added meanwhile.
///
/// Where a choice is taken back, so is what the API server has put beside it by itself: a strategy of rolling updates has
/// bounds, although nobody said so, and with the bounds it would refuse to recreate.
pub(super) fn back(place: Place<'_>, before: &Value, after: &Value) -> Value {
    let is_shared = |path: &[&str]| place.is_shared(path);
    let patch = between_members(after, before, &is_shared);
    without_defaults(place, &patch, after, &mut Vec::new())
}

fn without_defaults<'a>(place: Place<'_>, patch: &'a Value, after: &Value, path: &mut Vec<&'a str>) -> Value {
    let Some(members) = patch.as_object() else {
        return patch.clone();
    };
    let mut whole = Map::new();
    for (key, item) in members {
        path.push(key);
        let of_after = after.get(key).unwrap_or(&Value::Null);
        whole.insert(key.clone(), without_defaults(place, item, of_after, path));
        path.pop();
    }
    for choice in place.choices(path) {
        let Choice::By(member, cases) = choice else {
            continue;
        };
        if !members.contains_key(*member) {
            continue;
        }
        let left = after.get(*member).and_then(Value::as_str);
        let defaults = cases.iter().filter(|(case, _)| left == Some(*case));
        for default in defaults.flat_map(|(_, defaults)| *defaults) {
            whole.entry(*default).or_insert(Value::Null);
        }
    }
    Value::Object(whole)
}
