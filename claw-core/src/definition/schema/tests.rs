//! Schemas of the shapes that inputs of tools take.

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::json;

use super::*;

/// The shapes that inputs of tools take.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Input {
    namespace: String,
    selector: Option<String>,
    #[serde(default)]
    tail_lines: Option<u32>,
    #[serde(default)]
    small: i8,
    ratio: Option<f64>,
    level: Option<Level>,
    kind: Level,
    names: Option<Vec<String>>,
    window: Option<Window>,
    anything: serde_json::Value,
}

/// How much.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Level {
    Low,
    /// Documented, so that schemars writes it as an alternative of its own.
    High,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Window {
    #[schemars(range(min = 1, max = 60))]
    minutes: u32,
    #[schemars(length(min = 1, max = 3))]
    label: Option<String>,
}

fn schema() -> Json {
    schema_for!(Input).to_value()
}

#[track_caller]
fn takes(name: &str, kind: ParameterType, expected: bool) {
    let schema = schema();
    assert_eq!(
        Arguments(&schema).get(name).unwrap().takes(kind),
        expected,
        "{name} {kind:?}"
    );
}

#[test]
fn types_are_found_through_options_references_and_alternatives() {
    use ParameterType::{Array, Boolean, Integer, Number, Object, String};
    for (name, kind) in [
        ("namespace", String),
        ("selector", String),
        ("tail_lines", Integer),
        ("small", Integer),
        ("ratio", Number),
        ("ratio", Integer),
        ("level", String),
        ("kind", String),
        ("names", Array),
        ("window", Object),
        ("anything", Boolean),
    ] {
        takes(name, kind, true);
    }
    for (name, kind) in [
        ("namespace", Integer),
        ("selector", Array),
        ("tail_lines", Number),
        ("tail_lines", String),
        ("level", Object),
        ("names", String),
        ("window", String),
    ] {
        takes(name, kind, false);
    }
}

#[test]
fn required_parameters_are_those_without_default() {
    let schema = schema();
    let mut required: Vec<_> = Arguments(&schema).required().collect();
    required.sort_unstable();
    assert_eq!(required, ["anything", "kind", "namespace"]);
}

#[test]
fn type_names_are_the_words_of_definitions() {
    let schema = schema();
    let names = |name| Arguments(&schema).get(name).unwrap().type_names();
    assert_eq!(names("tail_lines"), "integer");
    assert_eq!(names("ratio"), "number");
    assert_eq!(names("level"), "string");
}

#[test]
fn values_are_checked() {
    let schema = schema();
    let check = |name, value| Arguments(&schema).get(name).unwrap().check(&value);
    for (name, value) in [
        ("namespace", json!("shop")),
        ("selector", json!(null)),
        ("tail_lines", json!(200)),
        ("small", json!(-128)),
        ("ratio", json!(1)),
        ("ratio", json!(0.5)),
        ("level", json!("high")),
        ("level", json!(null)),
        ("kind", json!("low")),
        ("names", json!(["a", "b"])),
        ("window", json!({"minutes": 60, "label": "abc"})),
        ("anything", json!({"x": [1]})),
    ] {
        assert_eq!(check(name, value.clone()), Ok(()), "{name} {value}");
    }
    for (name, value, reason) in [
        ("namespace", json!(5), "it is not of type string"),
        ("tail_lines", json!(-1), "it is less than 0"),
        (
            "tail_lines",
            json!(5_000_000_000_u64),
            "it is more than 4294967295",
        ),
        ("tail_lines", json!("200"), "it is not of type integer or null"),
        ("tail_lines", json!(1.5), "it is not of type integer or null"),
        ("small", json!(128), "it is more than 127"),
        ("names", json!([1]), "it is not of type string"),
        ("window", json!({"minutes": 61}), "it is more than 60"),
        ("window", json!({}), "it lacks \"minutes\""),
        (
            "window",
            json!({"minutes": 1, "hours": 1}),
            "it has no place for `hours`",
        ),
        (
            "window",
            json!({"minutes": 1, "label": "abcd"}),
            "it has more than 3 characters",
        ),
    ] {
        assert_eq!(
            check(name, value.clone()),
            Err(reason.to_owned()),
            "{name} {value}"
        );
    }
    assert!(check("level", json!("medium")).is_err());
    assert!(check("kind", json!("medium")).is_err());
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let schema = json!({
        "properties": { "tree": { "$ref": "#/$defs/tree" } },
        "$defs": { "tree": { "anyOf": [{ "$ref": "#/$defs/tree" }, { "type": "string" }] } },
    });
    let tree = Arguments(&schema).get("tree").unwrap();
    assert!(tree.takes(ParameterType::String));
    assert_eq!(tree.check(&json!("leaf")), Ok(()));
}
