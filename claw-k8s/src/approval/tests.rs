use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::wall::WallError;
use super::*;

fn shipped(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The wall that is shipped.
pub(super) fn wall() -> Wall {
    Wall::new(
        "claw",
        [("claw", "openclaw-agent"), ("claw", "openclaw-agent-writer")],
    )
    .unwrap()
}

pub(super) fn spec() -> ApprovalSpec {
    serde_json::from_value(json!({
        "digest": "0".repeat(64), "title": "patch Deployment shop/cart", "verb": "patch",
        "target": {"kind": "Deployment", "namespace": "shop", "name": "cart"}, "cluster": "c",
        "diff": ["spec.replicas: 3 → 6"], "reason": "load", "expected": "6 replicas", "warnings": [], "rules": [],
        "reach": [], "pullRequest": {"repository": "a/b", "number": 7, "head": "f".repeat(40)}, "needed": 1,
        "asked": [{"group": "on-call", "from": "2026-03-01T10:00:00Z"}],
        "created": "2026-03-01T10:00:00Z", "expires": "2026-03-02T10:00:00Z",
    }))
    .unwrap()
}

#[test]
fn what_is_shipped_is_what_is_made() {
    let remedy = "write it anew: cargo run --example approval_manifests -- deploy";
    assert_eq!(definition().unwrap(), shipped("crd-approval.yaml"), "{remedy}");
    assert_eq!(wall().policy().unwrap(), shipped("vap-approval.yaml"), "{remedy}");
    assert_eq!(wall().roles().unwrap(), shipped("rbac-approval.yaml"), "{remedy}");
}

/// Fields of a schema that are not those of a value, by path.
fn differences(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        let names: BTreeSet<&String> = known.keys().collect();
        let used: BTreeSet<&String> = fields.keys().collect();
        found.extend(
            names
                .symmetric_difference(&used)
                .map(|name| format!("{path}.{name}")),
        );
        for name in names.intersection(&used) {
            differences(&known[*name], &fields[*name], &format!("{path}.{name}"), found);
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        values
            .iter()
            .for_each(|value| differences(items, value, path, found));
    }
}

#[test]
fn the_definition_knows_every_field_that_is_asked_and_no_other() {
    let definition = crd::value();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = Vec::new();
    differences(schema, &json!(spec()), "spec", &mut found);
    assert!(found.is_empty(), "{found:?}");
    let required: Vec<&str> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let optional: Vec<&String> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !required.contains(&name.as_str()))
        .collect();
    assert_eq!(optional, ["pullRequest"]);
}

/// Policy and binding as the API server has them.
pub(super) fn standing() -> [Value; 2] {
    let policy = wall().policy().unwrap();
    let documents: Vec<Value> = policy
        .split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let [mut policy, mut binding] = <[Value; 2]>::try_from(documents).unwrap();
    for (object, uid) in [(&mut policy, "uid-p"), (&mut binding, "uid-b")] {
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["generation"] = json!(1);
        object["metadata"]["resourceVersion"] = json!("7");
        object["status"] = json!({"observedGeneration": 1});
    }
    [policy, binding]
}

#[test]
fn a_wall_that_is_open_is_seen() {
    let [policy, binding] = standing();
    let mark = wall().check(&policy, &binding).unwrap();
    assert_eq!(mark, ["uid-p/1", "uid-b/1"]);
    let mut attacks: Vec<(&str, bool)> = Vec::new();
    let mut attack = |name, change: &dyn Fn(&mut Value, &mut Value)| {
        let [mut policy, mut binding] = standing();
        change(&mut policy, &mut binding);
        let stands = wall().check(&policy, &binding);
        // What was changed and put back is told by the mark.
        attacks.push((name, stands.is_ok_and(|now| now == mark)));
    };
    attack("no policy", &|policy, _| *policy = Value::Null);
    attack("no binding", &|_, binding| *binding = Value::Null);
    attack("a policy on its way out", &|policy, _| {
        policy["metadata"]["deletionTimestamp"] = json!("2026-03-01T10:00:00Z")
    });
    attack("a binding on its way out", &|_, binding| {
        binding["metadata"]["deletionTimestamp"] = json!("2026-03-01T10:00:00Z")
    });
    attack("another policy of that name", &|policy, _| {
        policy["metadata"]["uid"] = json!("uid-q")
    });
    attack("a policy that was changed and put back", &|policy, _| {
        policy["metadata"]["generation"] = json!(3)
    });
    attack("a binding that was made anew", &|_, binding| {
        binding["metadata"]["uid"] = json!("uid-c")
    });
    attack("a policy that forgives failures", &|policy, _| {
        policy["spec"]["failurePolicy"] = json!("Ignore")
    });
    attack("a policy under a condition", &|policy, _| {
        policy["spec"]["matchConditions"] =
            json!([{"name": "not-eve", "expression": "request.userInfo.username != 'eve'"}]);
    });
    attack("a policy with a parameter", &|policy, _| {
        policy["spec"]["paramKind"] = json!({"kind": "ConfigMap", "apiVersion": "v1"})
    });
    attack("a policy for other kinds", &|policy, _| {
        policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"] = json!(["approvals2"]);
    });
    attack("a policy for creation alone", &|policy, _| {
        policy["spec"]["matchConstraints"]["resourceRules"][0]["operations"] = json!(["CREATE"]);
    });
    attack("a policy with an exception", &|policy, _| {
        policy["spec"]["matchConstraints"]["excludeResourceRules"] =
            policy["spec"]["matchConstraints"]["resourceRules"].clone();
    });
    attack("a policy for some namespaces", &|policy, _| {
        policy["spec"]["matchConstraints"]["namespaceSelector"] = json!({"matchLabels": {"a": "b"}});
    });
    attack("a policy for some objects", &|policy, _| {
        policy["spec"]["matchConstraints"]["objectSelector"] = json!({"matchLabels": {"a": "b"}});
    });
    attack("an agent more", &|policy, _| {
        policy["spec"]["variables"][0]["expression"] = json!("['eve']")
    });
    attack("another who", &|policy, _| {
        policy["spec"]["variables"][1]["expression"] = json!("'kim@example.com'")
    });
    for place in 0..8 {
        attack(
            [
                "rule 1 is gone",
                "rule 2 is gone",
                "rule 3 is gone",
                "rule 4 is gone",
                "rule 5 is gone",
                "rule 6 is gone",
                "rule 7 is gone",
                "rule 8 is gone",
            ][place],
            &|policy, _| {
                policy["spec"]["validations"]
                    .as_array_mut()
                    .unwrap()
                    .remove(place);
            },
        );
    }
    attack("a binding that warns", &|_, binding| {
        binding["spec"]["validationActions"] = json!(["Warn"])
    });
    attack("a binding that only writes down", &|_, binding| {
        binding["spec"]["validationActions"] = json!(["Audit"])
    });
    attack("a binding of another policy", &|_, binding| {
        binding["spec"]["policyName"] = json!("other")
    });
    attack("a binding for some namespaces", &|_, binding| {
        binding["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}});
    });
    attack("a binding with a parameter", &|_, binding| {
        binding["spec"]["paramRef"] = json!({"name": "a"})
    });
    attack("no spec", &|policy, _| policy["spec"] = Value::Null);
    let unseen: Vec<_> = attacks.iter().filter(|(_, stands)| *stands).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
    let names: BTreeSet<_> = attacks.iter().map(|(name, _)| name).collect();
    println!("{} ways to open the wall around approvals, all seen", names.len());
    assert_eq!(names.len(), attacks.len());
    let error = wall().check(&Value::Null, &binding).unwrap_err();
    assert!(matches!(error, WallError::Differs { .. }));
    assert!(error.to_string().contains("apply the manifests"), "{error}");
}

#[test]
fn names_that_could_say_more_are_refused() {
    for (namespace, account) in [
        ("claw'", "agent"),
        ("claw", "agent' , 'eve"),
        ("", "agent"),
        ("claw", "a\nb"),
    ] {
        assert!(matches!(
            Wall::new(namespace, [("claw", account)]),
            Err(WallError::Name { .. })
        ));
    }
    assert!(matches!(Wall::new::<&str>("claw", []), Err(WallError::Nobody)));
}

#[test]
fn decisions_are_read_strictly() {
    let object = |decisions: Value| json!({"metadata": {"name": "a", "uid": "u"}, "spec": spec(), "decisions": decisions});
    let read = |decisions: Value| decisions_of(&object(decisions));
    let digest = "0".repeat(64);
    assert_eq!(read(json!({})).unwrap(), []);
    let two = read(json!({
        "lee": {"verdict": "deny", "digest": digest, "comment": "no"}, "kim": {"verdict": "approve", "digest": digest},
    }));
    let said: Vec<_> = two
        .unwrap()
        .into_iter()
        .map(|one| (one.by, one.verdict))
        .collect();
    assert_eq!(
        said,
        [
            ("kim".to_owned(), Verdict::Approve),
            ("lee".to_owned(), Verdict::Deny)
        ]
    );
    for decisions in [
        json!([]),
        json!("kim"),
        json!({"kim": null}),
        json!({"kim": {"verdict": "approve"}}),
        json!({"kim": {"verdict": "maybe", "digest": digest}}),
        json!({"kim": {"verdict": "approve", "digest": digest, "by": "lee"}}),
        // One that is none makes all of them doubtful.
        json!({"kim": {"verdict": "approve", "digest": digest}, "eve": 1}),
    ] {
        assert!(read(decisions.clone()).is_err(), "{decisions}");
    }
}

fn decisions_of(object: &Value) -> Result<Vec<Decision>, Distrust> {
    decisions(object, "a", "u", &spec())
}

proptest! {
    #[test]
    fn whatever_stands_in_an_object_is_read_or_refused(text in "\\PC{0,40}", number in any::<i64>()) {
        for value in [json!(text), json!(number), json!({text.clone(): number}), json!([text])] {
            let object = json!({"metadata": {"name": "a", "uid": "u"}, "spec": spec(), "decisions": value});
            let _ = decisions_of(&object);
            let object = json!({"metadata": value, "spec": value, "decisions": value});
            prop_assert!(decisions_of(&object).is_err());
        }
    }
}
