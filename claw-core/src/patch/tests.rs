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

#[test]
fn a_reversal_takes_back_what_was_added_and_nothing_else() {
    let bare = json!({"metadata": {"name": "cart"}});
    let labelled = json!({"metadata": {"labels": {"team": "shop"}}});
    assert_eq!(
        reversal(&bare, &labelled),
        json!({"metadata": {"labels": {"team": null}}})
    );
    let after = merged(
        &merged(&bare, &labelled),
        &json!({"metadata": {"labels": {"tier": "web"}}}),
    );
    assert_eq!(
        merged(&after, &reversal(&bare, &labelled)),
        json!({"metadata": {"name": "cart", "labels": {"tier": "web"}}})
    );
    // That it is there at all is what an empty one says.
    let empty = json!({"strategy": {"canary": {}}});
    assert_eq!(
        reversal(&json!({}), &empty),
        json!({"strategy": {"canary": null}})
    );
}

#[test]
fn an_object_that_others_add_to_is_taken_away_by_its_members() {
    let before =
        json!({"metadata": {"annotations": {"a": "1", "b": null}}, "spec": {"rolling": {"surge": 1}}});
    let after = json!({"metadata": {}, "spec": {}});
    let is_shared = |path: &[&str]| path == ["metadata", "annotations"];
    assert_eq!(
        between_members(&before, &after, &is_shared),
        json!({"metadata": {"annotations": {"a": null}}, "spec": {"rolling": null}})
    );
    assert_eq!(
        between(&before, &after),
        json!({"metadata": {"annotations": null}, "spec": {"rolling": null}})
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

/// Without the objects of which nothing is left but their braces.
fn pruned(value: &Value) -> Value {
    let Some(members) = value.as_object() else {
        return value.clone();
    };
    let kept = members.iter().map(|(key, item)| (key.clone(), pruned(item)));
    kept.filter(|(_, item)| !is_empty(item)).collect()
}

/// Adds a member to every object of `after` to which others may add one and keep it: not to those that the patch has put in the
/// place of something else, or made empty. Returns how many.
fn sprinkle(after: &mut Value, before: &Value) -> usize {
    let (Some(members), true) = (after.as_object_mut(), before.is_object() || before.is_null()) else {
        return 0;
    };
    let mut count = 0;
    for (key, item) in members.iter_mut() {
        count += sprinkle(item, before.get(key).unwrap_or(&Value::Null));
    }
    if !members.is_empty() || before.is_object() {
        members.insert("z".to_owned(), json!("of others"));
        count += 1;
    }
    count
}

fn of_others(value: &Value) -> usize {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(key, item)| usize::from(key == "z") + of_others(item))
        .sum()
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
        let back = merged(&after, &reversal(&before, &patch));
        prop_assert_eq!(pruned(&back), pruned(&before));
        // Where the patch makes no object, it is the very same.
        let exact = between(&after, &before);
        prop_assert_eq!(merged(&after, &exact), before);
    }

    #[test]
    fn what_others_added_in_between_survives_a_reversal(before in object(false), patch in object(true)) {
        let mut after = merged(&before, &patch);
        let added = sprinkle(&mut after, &before);
        let back = merged(&after, &reversal(&before, &patch));
        prop_assert_eq!(of_others(&back), added, "{} {}", reversal(&before, &patch), back);
    }

    #[test]
    fn members_are_named_wherever_they_are_shared(before in object(false), after in object(false), shared in prop::collection::btree_set("[a-d]", 0..3)) {
        let is_shared = |path: &[&str]| path.last().is_some_and(|key| shared.contains(*key));
        let patch = between_members(&before, &after, &is_shared);
        prop_assert_eq!(pruned(&merged(&before, &patch)), pruned(&after));
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
