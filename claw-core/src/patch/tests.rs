use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn merges_as_the_standard_shows() {
    // RFC 7396, appendix A.
    for (target, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ] {
        assert_eq!(merged(&target, &patch), result, "{target} {patch}");
    }
}

#[test]
fn what_is_null_counts_as_absent() {
    let made = json!({"template": {"metadata": {"creationTimestamp": null}, "spec": {}}});
    let bare = json!({"template": {"metadata": {}, "spec": {}}});
    assert_eq!(between(&made, &bare), json!({}));
    assert_eq!(between(&bare, &made), json!({}));
    assert_eq!(between(&json!({"a": null}), &json!({"a": {}})), json!({"a": {}}));
    assert_eq!(
        between(&json!({}), &json!({"a": {"b": null, "c": 1}})),
        json!({"a": {"c": 1}})
    );
}

fn value(with_null: bool) -> impl Strategy<Value = Value> {
    let rare = if with_null { 2 } else { 0 };
    let leaf = prop_oneof![
        rare => Just(Value::Null),
        3 => any::<bool>().prop_map(Value::from),
        3 => (0..3_i32).prop_map(Value::from),
        3 => "[a-c]{0,1}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// Few names and few values, so that two objects have much in common.
fn object(with_null: bool) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d]", value(with_null), 0..5)
        .prop_map(|members| members.into_iter().collect::<Value>())
}

/// The paths of what a patch names, down to the smallest.
fn leaves(patch: &Value, path: &str, out: &mut Vec<String>) {
    match patch.as_object() {
        Some(members) if !members.is_empty() => {
            for (key, item) in members {
                leaves(item, &format!("{path}/{key}"), out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

/// The patch without one of the things that it names.
fn without(patch: &Value, path: &str) -> Value {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let mut less = patch.clone();
    let members = less.pointer_mut(parent).and_then(Value::as_object_mut);
    members.unwrap().remove(key).unwrap();
    less
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn the_patch_between_two_objects_makes_the_second_of_the_first(before in object(false), after in object(false)) {
        let patch = between(&before, &after);
        prop_assert_eq!(merged(&before, &patch), after.clone());
        prop_assert_eq!(is_empty(&patch), before == after);
    }

    #[test]
    fn nothing_can_be_left_out_of_it(before in object(false), after in object(false)) {
        let patch = between(&before, &after);
        if !is_empty(&patch) {
            let mut paths = Vec::new();
            leaves(&patch, "", &mut paths);
            for path in paths {
                let less = without(&patch, &path);
                prop_assert_ne!(merged(&before, &less), after.clone(), "{} in {}", path, patch);
            }
        }
    }

    #[test]
    fn a_patch_and_its_reversal_give_the_object_back(before in object(false), patch in value(true)) {
        let after = merged(&before, &patch);
        prop_assert_eq!(merged(&after, &reversal(&before, &patch)), before);
    }

    #[test]
    fn a_patch_applied_twice_is_the_patch_applied_once(before in value(true), patch in value(true)) {
        let once = merged(&before, &patch);
        prop_assert_eq!(merged(&once, &patch), once);
    }

    #[test]
    fn nulls_make_no_difference(before in object(true), after in object(true)) {
        let patch = between(&before, &after);
        prop_assert!(is_empty(&between(&merged(&before, &patch), &after)), "{}", patch);
    }
}
