//! The four ways to patch an object.

use serde_json::{Map, Value};

/// Merges as RFC 7386 says: null removes, objects merge, everything else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Lists that merge by a key of their items, as the types of Kubernetes declare it.
const MERGE_KEYS: &[(&str, &str)] = &[
    ("addresses", "type"),
    ("conditions", "type"),
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ownerReferences", "uid"),
    ("resourceClaims", "name"),
    ("secrets", "name"),
    ("taints", "key"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

/// Lists of plain values that merge as sets.
const MERGE_SETS: &[&str] = &["finalizers"];

/// Merges as `kubectl patch --type strategic` means it: some lists merge by a key of their items, and items with
/// `$patch: delete` go. Directives about the order of items are ignored.
pub(super) fn strategic(target: &mut Value, patch: &Value) -> Result<(), String> {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return Ok(());
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        let mut replacement = patch.clone();
        replacement.remove("$patch");
        *target = Value::Object(replacement);
        return Ok(());
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return Ok(());
    };
    if let Some(Value::Array(keys)) = patch.get("$retainKeys") {
        target.retain(|key, _| keys.iter().any(|kept| kept.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (target.get_mut(list), value) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Array(items) => match merge_key(key, items, target.get(key)) {
                Some(merge_key) => {
                    let list = target
                        .entry(key.clone())
                        .or_insert_with(|| Value::Array(Vec::new()));
                    merge_list(list, items, merge_key)?;
                }
                None if MERGE_SETS.contains(&key.as_str()) => {
                    let list = target
                        .entry(key.clone())
                        .or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(list) = list {
                        let added: Vec<_> = items
                            .iter()
                            .filter(|item| !list.contains(item))
                            .cloned()
                            .collect();
                        list.extend(added);
                    }
                }
                None => {
                    target.insert(key.clone(), value.clone());
                }
            },
            _ => strategic(target.entry(key.clone()).or_insert(Value::Null), value)?,
        }
    }
    Ok(())
}

fn merge_key(list: &str, items: &[Value], present: Option<&Value>) -> Option<&'static str> {
    if list == "ports" {
        // The ports of a container and of a service differ in their key.
        let has = |key: &str| {
            let present = present.and_then(Value::as_array);
            items
                .iter()
                .chain(present.into_iter().flatten())
                .any(|item| item.get(key).is_some())
        };
        return Some(if has("containerPort") {
            "containerPort"
        } else {
            "port"
        });
    }
    MERGE_KEYS
        .iter()
        .find(|(name, _)| *name == list)
        .map(|(_, key)| *key)
}

fn merge_list(list: &mut Value, items: &[Value], key: &str) -> Result<(), String> {
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    let Value::Array(list) = list else {
        return Ok(());
    };
    if items
        .iter()
        .any(|item| directive(item) == Some("replace") && item.get(key).is_none())
    {
        list.clear();
    }
    let before: Vec<Value> = list.iter().filter_map(|item| item.get(key).cloned()).collect();
    let mut patched = Vec::new();
    for item in items {
        let Some(id) = item.get(key) else {
            if directive(item) == Some("replace") {
                continue;
            }
            return Err(format!("map: {item} does not contain declared merge key: {key}"));
        };
        if directive(item) == Some("delete") {
            list.retain(|other| other.get(key) != Some(id));
            continue;
        }
        let place = list.iter().position(|other| other.get(key) == Some(id));
        let mut merged = match place {
            Some(place) => list.remove(place),
            None => Value::Object(Map::new()),
        };
        strategic(&mut merged, item)?;
        patched.push((before.iter().position(|known| known == id), merged));
    }
    *list = in_order(patched, std::mem::take(list), &before, key);
    Ok(())
}

/// The items of a patch in their own order, and between them those that the patch does not name, each where it stood before
/// an item of the patch that was there as well. New items come first, as the real server has them.
fn in_order(
    patched: Vec<(Option<usize>, Value)>,
    kept: Vec<Value>,
    before: &[Value],
    key: &str,
) -> Vec<Value> {
    let mut kept = kept
        .into_iter()
        .map(|item| {
            let place = before.iter().position(|id| item.get(key) == Some(id));
            (place, item)
        })
        .peekable();
    let mut ordered = Vec::new();
    for (place, item) in patched {
        while let Some((_, earlier)) = kept.next_if(|(other, _)| place.is_some() && *other < place) {
            ordered.push(earlier);
        }
        ordered.push(item);
    }
    ordered.extend(kept.map(|(_, item)| item));
    ordered
}

fn directive(item: &Value) -> Option<&str> {
    item.get("$patch")?.as_str()
}

/// Applies a list of operations as RFC 6902 says; all of them, or none.
pub(super) fn operations(target: &mut Value, patch: &Value) -> Result<(), String> {
    let Value::Array(operations) = patch else {
        return Err("a JSON patch must be a list of operations".to_owned());
    };
    let mut copy = target.clone();
    for operation in operations {
        operate(&mut copy, operation)?;
    }
    *target = copy;
    Ok(())
}

fn operate(target: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |key: &str| {
        operation
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("an operation lacks `{key}`"))
    };
    let (op, path) = (text("op")?, text("path")?);
    let value = || {
        operation
            .get("value")
            .cloned()
            .ok_or("an operation lacks `value`".to_owned())
    };
    match op {
        "add" => add(target, path, value()?),
        "remove" => remove(target, path).map(drop),
        "replace" => {
            remove(target, path)?;
            add(target, path, value()?)
        }
        "move" => {
            let from = text("from")?;
            if path.starts_with(&format!("{from}/")) {
                return Err(format!("cannot move {from} into itself"));
            }
            let moved = remove(target, from)?;
            add(target, path, moved)
        }
        "copy" => {
            let from = text("from")?;
            let copied = target.pointer(from).cloned().ok_or_else(|| missing(from))?;
            add(target, path, copied)
        }
        "test" => {
            if target.pointer(path) == operation.get("value") {
                Ok(())
            } else {
                Err(format!("testing value {path} failed"))
            }
        }
        other => Err(format!("unexpected kind: {other}")),
    }
}

fn missing(path: &str) -> String {
    format!("missing value: {path}")
}

/// The parent of a path, and the last part of it.
fn parent<'a>(target: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(|| missing(path))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    target
        .pointer_mut(parent)
        .map(|parent| (parent, last))
        .ok_or_else(|| missing(path))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    match parent(target, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
            Ok(())
        }
        (Value::Array(list), key) if key == "-" => {
            list.push(value);
            Ok(())
        }
        (Value::Array(list), key) => match key.parse::<usize>() {
            Ok(index) if index <= list.len() => {
                list.insert(index, value);
                Ok(())
            }
            _ => Err(format!("invalid index: {path}")),
        },
        _ => Err(missing(path)),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, String> {
    if path.is_empty() {
        return Ok(target.take());
    }
    match parent(target, path)? {
        (Value::Object(map), key) => map.remove(&key).ok_or_else(|| missing(path)),
        (Value::Array(list), key) => match key.parse::<usize>() {
            Ok(index) if index < list.len() => Ok(list.remove(index)),
            _ => Err(format!("invalid index: {path}")),
        },
        _ => Err(missing(path)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merges_as_rfc_7386_says() {
        // The examples of its appendix A.
        for (mut target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            merge(&mut target, &patch);
            assert_eq!(target, result);
        }
    }

    #[test]
    fn strategic_merge_knows_lists_by_their_keys() {
        let mut target = json!({"spec": {"containers": [
            {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "args": ["p"]},
            {"name": "b", "image": "b:1"},
        ]}, "metadata": {"finalizers": ["f"]}});
        let patch = json!({"spec": {"containers": [
            {"name": "a", "image": "a:2", "env": [{"name": "X", "$patch": "delete"}], "args": ["q"]},
            {"name": "c", "image": "c:1"},
        ], "$setElementOrder/containers": []}, "metadata": {"finalizers": ["g", "f"]}});
        strategic(&mut target, &patch).unwrap();
        assert_eq!(
            target,
            json!({"spec": {"containers": [
            {"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}], "args": ["q"]},
            {"name": "c", "image": "c:1"}, {"name": "b", "image": "b:1"},
        ]}, "metadata": {"finalizers": ["f", "g"]}})
        );
        let nameless = json!({"spec": {"containers": [{"image": "x"}]}});
        assert!(
            strategic(&mut target, &nameless)
                .unwrap_err()
                .contains("merge key: name")
        );
    }

    #[test]
    fn operations_are_applied_all_or_none() {
        let mut target = json!({"a": [1, 2], "b/c": {"d": 1}});
        let patch = json!([
            {"op": "test", "path": "/b~1c/d", "value": 1},
            {"op": "add", "path": "/a/-", "value": 3},
            {"op": "add", "path": "/a/0", "value": 0},
            {"op": "move", "from": "/b~1c/d", "path": "/e"},
            {"op": "copy", "from": "/e", "path": "/f"},
            {"op": "replace", "path": "/f", "value": 9},
            {"op": "remove", "path": "/b~1c"},
        ]);
        operations(&mut target, &patch).unwrap();
        assert_eq!(target, json!({"a": [0, 1, 2, 3], "e": 1, "f": 9}));
        let before = target.clone();
        for wrong in [
            json!([{"op": "remove", "path": "/a"}, {"op": "test", "path": "/e", "value": 2}]),
            json!([{"op": "replace", "path": "/zz", "value": 2}]),
            json!([{"op": "add", "path": "/a/9", "value": 2}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "move", "from": "/a", "path": "/a/0"}]),
            json!([{"op": "jump", "path": "/a"}]),
            json!({}),
        ] {
            assert!(operations(&mut target, &wrong).is_err(), "{wrong}");
            assert_eq!(target, before);
        }
    }
}
