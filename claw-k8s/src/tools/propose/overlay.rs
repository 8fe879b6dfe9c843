//! What a manifest makes of an object: the fields that it names are as it says, the others are left alone.
//!
//! In lists of the kinds of Kubernetes whose elements have names, an element is such a field: containers that a manifest does
//! not name stay, and so does what it does not say of those that it names. Other lists are one value, and so are all lists of
//! kinds that others have defined, as for the API server.

use serde_json::{Map, Value};

/// Lists by the key that tells their elements apart, as the types of Kubernetes declare it.
const KEYS: [(&str, &str); 10] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("env", "name"),
    ("volumes", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
    ("resourceClaims", "name"),
];

/// Lists whose elements are one thing of several: a variable has a value or a source, a volume has one source.
const CHOICES: [&str; 2] = ["env", "volumes"];

/// `before` with what `manifest` says. `by_name` tells whether lists of named elements are merged.
pub(super) fn overlay(before: &Value, manifest: &Value, by_name: bool) -> Value {
    match manifest {
        Value::Object(said) => {
            let nothing = Map::new();
            let mut fields = before.as_object().unwrap_or(&nothing).clone();
            for (key, item) in said {
                if item.is_null() {
                    fields.remove(key);
                    continue;
                }
                let was = fields.get(key).unwrap_or(&Value::Null);
                let is = match (by_name, was, item) {
                    (true, Value::Array(was), Value::Array(items)) => elements(key, was, items),
                    _ => None,
                };
                let is = is.unwrap_or_else(|| overlay(was, item, by_name));
                fields.insert(key.clone(), is);
            }
            Value::Object(fields)
        }
        // Elements that are new say all of themselves.
        Value::Array(items) => items
            .iter()
            .map(|item| overlay(&Value::Null, item, by_name))
            .collect(),
        _ => manifest.clone(),
    }
}

/// A list of named elements with what `said` says of some of them; `None` if it is no such list. Those that are there keep
/// their order.
fn elements(list: &str, before: &[Value], said: &[Value]) -> Option<Value> {
    let (_, key) = KEYS.iter().find(|(name, _)| *name == list)?;
    let name = |item: &Value| item.get(key)?.as_str().map(str::to_owned);
    let names = |items: &[Value]| {
        let names: Vec<String> = items.iter().map(name).collect::<Option<_>>()?;
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        (distinct.len() == names.len()).then_some(names)
    };
    let (old, new) = (names(before)?, names(said)?);
    let of = |wanted: &String| {
        new.iter()
            .position(|name| name == wanted)
            .and_then(|at| said.get(at))
    };
    let kept = before.iter().zip(&old).map(|(item, name)| match of(name) {
        None => item.clone(),
        Some(said) if CHOICES.contains(&list) => overlay(&chosen(item, said), said, true),
        Some(said) => overlay(item, said, true),
    });
    let added = said.iter().zip(&new).filter(|(_, name)| !old.contains(name));
    let added = added.map(|(item, _)| overlay(&Value::Null, item, true));
    Some(kept.chain(added).collect())
}

/// Of an element, what is also said of it: the rest would be another choice.
fn chosen(item: &Value, said: &Value) -> Value {
    let fields = item.as_object().into_iter().flatten();
    let kept = fields.filter(|(key, _)| said.get(key).is_some());
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_element_that_is_named_keeps_what_is_not_said_of_it() {
        let before = json!({"containers": [
            {"name": "app", "image": "cart:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"x": 1}}],
             "terminationMessagePath": "/dev/termination-log", "args": ["a", "b"]},
            {"name": "proxy", "image": "proxy:1"}]});
        let said = json!({"containers": [
            {"name": "app", "image": "cart:2", "env": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}], "args": ["c"]},
            {"name": "new", "image": "new:1", "tty": null}]});
        assert_eq!(
            overlay(&before, &said, true),
            json!({"containers": [
                {"name": "app", "image": "cart:2", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
                 "terminationMessagePath": "/dev/termination-log", "args": ["c"]},
                {"name": "proxy", "image": "proxy:1"}, {"name": "new", "image": "new:1"}]})
        );
        let whole = json!({"containers": [
            {"name": "app", "image": "cart:2", "env": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}], "args": ["c"]},
            {"name": "new", "image": "new:1"}]});
        assert_eq!(overlay(&before, &said, false), whole);
    }

    #[test]
    fn a_volume_has_one_source() {
        let before = json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "x", "defaultMode": 420}}]});
        let said = json!({"volumes": [{"name": "a", "configMap": {"name": "y"}}, {"name": "b", "configMap": {"name": "z"}}]});
        assert_eq!(
            overlay(&before, &said, true),
            json!({"volumes": [{"name": "a", "configMap": {"name": "y"}}, {"name": "b", "configMap": {"name": "z", "defaultMode": 420}}]})
        );
    }

    /// Objects of few names, some of which are those of lists of named elements.
    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0..3_i32).prop_map(Value::from)
        ];
        let value = leaf.prop_recursive(4, 24, 3, |inner| {
            let named = ("[a-c]", "[x-z]", inner.clone())
                .prop_map(|(name, key, value)| json!({"name": name, key: value}));
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
                prop::collection::vec(named, 0..3).prop_map(|items| json!({"containers": items})),
            ]
        });
        prop::collection::btree_map(
            prop_oneof![Just("spec".to_owned()), Just("env".to_owned())],
            value,
            0..3,
        )
        .prop_map(|map| map.into_iter().collect::<Value>())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn what_is_so_already_stays_as_it_is(before in object(), by_name in any::<bool>()) {
            prop_assert_eq!(overlay(&before, &before, by_name), before.clone());
            prop_assert_eq!(overlay(&before, &json!({}), by_name), before);
        }

        #[test]
        fn saying_it_twice_changes_nothing_more(before in object(), said in object(), by_name in any::<bool>()) {
            let once = overlay(&before, &said, by_name);
            prop_assert_eq!(overlay(&once, &said, by_name), once);
        }

        /// Where lists are values, it is what a merge patch does.
        #[test]
        fn without_names_it_is_a_merge_patch(before in object(), said in object()) {
            prop_assert_eq!(overlay(&before, &said, false), claw_core::patch::merged(&before, &said));
        }
    }
}
