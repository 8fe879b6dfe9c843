use proptest::prelude::*;
use serde_json::json;

use super::*;

fn lines(old: Value, new: Value) -> Vec<String> {
    changed_fields(&old, &new)
}

#[test]
fn a_field_is_a_line() {
    let old = json!({"kind": "Deployment", "metadata": {"labels": {"app.kubernetes.io/name": "cart"}},
        "spec": {"replicas": 3, "args": ["--a", "b c"], "containers": [{"name": "app", "image": "cart:1"}, {"name": "0", "tty": true}]}});
    let new = json!({"kind": "Deployment", "metadata": {"labels": {"app.kubernetes.io/name": "shop"}},
        "spec": {"replicas": 5, "args": ["--a", "b", "c"], "containers": [{"name": "app", "image": "cart:2", "ports": [{"containerPort": 80}]}, {"name": "0"}]}});
    assert_eq!(
        lines(old, new),
        [
            "metadata.labels[\"app.kubernetes.io/name\"]: cart → shop",
            "spec.args: [--a, b c] → [--a, b, c]",
            "spec.containers[app].image: cart:1 → cart:2",
            "spec.containers[app].ports[containerPort=80].containerPort: (none) → 80",
            "spec.containers[\"0\"].tty: true → (none)",
            "spec.replicas: 3 → 5",
        ]
    );
    assert_eq!(
        lines(
            json!({"a": null, "b": {"c": 1}}),
            json!({"b": {"c": 1, "d": null}})
        ),
        [""; 0]
    );
}

#[test]
fn what_is_long_is_shown_where_it_differs() {
    let long = "x".repeat(5000);
    let of = |text: &str| json!({"data": {"app": format!("{long}{text}{long}")}});
    let shown = lines(of("quiet"), of("rm -rf"));
    let [line] = &shown[..] else {
        panic!("{shown:?}");
    };
    assert!(line.contains("quietxxx") && line.contains("rm -rfxxx"), "{line}");
    assert!(
        line.contains("(10005 characters, sha256 ") && line.len() < 500,
        "{line}"
    );
    // Where both the beginning and the end of what differs are the same, the digest tells.
    let of = |text: &str| json!({"data": {"app": format!("a{long}{text}{long}b")}});
    let from = json!({"data": {"app": "c"}});
    assert_ne!(lines(from.clone(), of("quiet")), lines(from, of("rm -rf")));
    let cut = lines(json!({"data": {"app": "c"}}), of("quiet"));
    assert!(is_cut(&cut[0]) && !is_cut(&shown[0]), "{cut:?}");
    assert!(!is_cut(&lines(json!({"a": 1}), json!({"a": "\"…\""}))[0]));
    // A list is no longer than a text.
    let list = |end: &str| json!({"args": std::iter::repeat_n("x", 500).chain([end]).collect::<Vec<_>>()});
    let shown = lines(list("quiet"), list("loud"));
    assert!(
        shown[0].contains("quiet]") && shown[0].contains("loud]") && shown[0].len() < 500,
        "{shown:?}"
    );
}

#[test]
fn texts_of_several_lines_are_compared_line_by_line() {
    let file = |first: &str, last: &str| {
        let middle: String = (0..400).map(|n| format!("key{n}: value\n")).collect();
        json!({"data": {"app.yaml": format!("{first}\n{middle}{last}")}})
    };
    assert_eq!(
        lines(file("a: 1", "z: 1\n"), file("a: 2", "y: 1\nz: 2\n")),
        [
            "data[\"app.yaml\"] line 1: a: 1 → a: 2",
            "data[\"app.yaml\"] line 402: z: 1 → \"y: 1\\nz: 2\"",
        ]
    );
    assert_eq!(
        lines(file("a", "z\n"), file("a", "z")),
        ["data[\"app.yaml\"] line 402: z → \"z\" (no line end)"]
    );
    assert_eq!(
        lines(file("a", ""), file("a", "\n")),
        ["data[\"app.yaml\"] line 402: (none) → \"\""]
    );
    // More lines than are compared are one change.
    let many = |n: usize| json!({"data": {"a": (0..n).map(|n| format!("{n}\n")).collect::<String>()}});
    let shown = lines(many(0), many(3000));
    assert_eq!(shown.len(), 1, "{shown:?}");
}

#[test]
fn no_value_forges_a_line_or_hides_in_one() {
    let with = |text: &str| lines(json!({"data": {"a": "b"}}), json!({"data": {"a": text}}));
    assert_eq!(
        with("x\nspec.replicas: 3 → 1"),
        ["data.a line 1: \"b\" (no line end) → \"x\\nspec.replicas: 3 → 1\" (no line end)"]
    );
    assert_eq!(with("safe\u{202e}live"), ["data.a: b → \"safe\\u{202e}live\""]);
    assert_eq!(with("(none)"), ["data.a: b → \"(none)\""]);
    assert_eq!(with(" b"), ["data.a: b → \" b\""]);
    assert_eq!(with("a\\n"), ["data.a: b → a\\n"]);
    assert_eq!(with("1"), ["data.a: b → \"1\""]);
    assert_eq!(
        lines(json!({"port": 80}), json!({"port": "80"})),
        ["port: 80 → \"80\""]
    );
    assert_eq!(
        lines(json!({}), json!({"a\n→ b": 1})),
        ["[\"a\\n→ b\"]: (none) → 1"]
    );
}

#[test]
fn the_order_of_named_things_is_a_line() {
    let init = |names: &[&str]| {
        let items: Vec<Value> = names
            .iter()
            .map(|name| json!({"name": name, "image": "a"}))
            .collect();
        json!({"initContainers": items})
    };
    assert_eq!(
        lines(init(&["migrate", "check"]), init(&["check", "migrate"])),
        ["initContainers (order): migrate, check → check, migrate"]
    );
    // Where they stand that are new.
    let end = lines(init(&["b"]), init(&["b", "a"]));
    let begin = lines(init(&["b"]), init(&["a", "b"]));
    assert_ne!(end, begin);
    assert_eq!(begin[0], "initContainers (order): b → a, b");
}

#[test]
fn that_something_is_empty_is_a_line() {
    let policy = json!({"spec": {"podSelector": {}, "ingress": [], "egress": [{}]}});
    assert_eq!(
        lines(json!({}), policy.clone()),
        [
            "spec.egress[0]: (none) → {}",
            "spec.ingress: (none) → []",
            "spec.podSelector: (none) → {}",
        ]
    );
    let narrow =
        json!({"spec": {"podSelector": {"matchLabels": {"app": "cart"}}, "ingress": [], "egress": [{}]}});
    assert_eq!(
        lines(narrow, policy),
        [
            "spec.podSelector: {…} → {}",
            "spec.podSelector.matchLabels.app: cart → (none)",
        ]
    );
}

#[test]
fn secrets_are_left_out_but_that_they_change_is_not() {
    let with = |text: &str| json!({"env": [{"name": "API_TOKEN", "value": text}], "data": {"url": format!("postgres://app:{text}@db/x")}});
    let shown = lines(with("hunter2hunter2"), with("hunter3hunter3"));
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(!shown.concat().contains("hunter"), "{shown:?}");
    assert!(
        shown.iter().all(|line| line.ends_with("(in what is redacted)")),
        "{shown:?}"
    );
}

/// Texts that could be taken for each other, or for something else.
const TEXTS: [&str; 18] = [
    "", "a", "b", "a → b", "1", "true", "null", "(none)", "a\n", "a\nb", "a\nb\n", "a\\n", "\"a\"", "{}",
    "[a]", "a, b", "…", "{…}",
];

const KEYS: [&str; 7] = ["a", "b", "a.b", "name", "0", "", "[0]"];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => (0..2_i32).prop_map(Value::from),
        6 => prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let named = (
            prop::sample::select(&["a", "b", "0"][..]),
            prop::sample::select(&KEYS[..]),
            inner.clone(),
        )
            .prop_map(|(name, key, value)| json!({key: value, "name": name}));
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(named, 0..3).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(&KEYS[..]), inner, 0..3).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[ab]", value(), 0..3).prop_map(|map| map.into_iter().collect::<Value>())
}

/// Without members that are null.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, item)| !item.is_null());
            kept.map(|(key, item)| (key.clone(), bare(item))).collect()
        }
        Value::Array(items) => items.iter().map(bare).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn two_different_objects_never_have_the_same_diff(before in object(), one in object(), other in object()) {
        let same = bare(&one) == bare(&other);
        prop_assert_eq!(changed_fields(&before, &one) == changed_fields(&before, &other), same);
        prop_assert_eq!(changed_fields(&before, &one).is_empty(), bare(&before) == bare(&one));
    }

    /// The same for two that have nearly all in common.
    #[test]
    fn nor_have_two_that_differ_in_one_place(before in value(), one in value(), other in value(), place in 0..4_usize) {
        let around = |value: &Value| match place {
            0 => json!({"a": value}),
            1 => json!({"a": [value, "a"]}),
            2 => json!({"a": [{"name": "a", "b": value}, {"name": "b"}]}),
            _ => json!({"a": {"b": [[value]]}}),
        };
        let of = |value: &Value| changed_fields(&around(&before), &around(value));
        prop_assert_eq!(of(&one) == of(&other), bare(&around(&one)) == bare(&around(&other)));
    }

    #[test]
    fn a_line_is_one_line_and_all_of_it_is_seen(text in "\\PC{0,4}(\n|\r|\u{2028}|\u{202e}|\u{200b}|\u{7})\\PC{0,4}") {
        let shown = changed_fields(&json!({"a": "b"}), &json!({"a": text, (text.as_str()): [text]}));
        for line in shown {
            prop_assert!(!line.contains(['\n', '\r', '\u{2028}', '\u{202e}', '\u{200b}', '\u{7}']), "{}", line);
        }
    }
}
