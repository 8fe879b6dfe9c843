//! Fields of documents.

use serde_json::{Map, Value};

use super::analysis::wildcard;

/// All values of a field, whether it is nested or its name has dots. A field that is a list has several.
pub(super) fn values<'d>(document: &'d Value, field: &str) -> Vec<&'d Value> {
    let mut found = Vec::new();
    collect(document, field, &mut found);
    found
}

fn collect<'d>(value: &'d Value, field: &str, found: &mut Vec<&'d Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, field, found)),
        Value::Null => {}
        leaf if field.is_empty() => found.push(leaf),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == field {
                    collect(value, "", found);
                } else if let Some(rest) = field
                    .strip_prefix(name.as_str())
                    .and_then(|rest| rest.strip_prefix('.'))
                {
                    collect(value, rest, found);
                }
            }
        }
        _ => {}
    }
}

/// The parts of a document that the patterns include and do not exclude. No patterns to include mean everything.
pub(super) fn filtered(document: &Value, includes: &[String], excludes: &[String]) -> Value {
    filter("", document, includes, excludes).unwrap_or_else(|| Value::Object(Map::new()))
}

fn filter(path: &str, value: &Value, includes: &[String], excludes: &[String]) -> Option<Value> {
    let named = |patterns: &[String]| patterns.iter().any(|pattern| wildcard(pattern, path));
    if !path.is_empty() && named(excludes) {
        return None;
    }
    let inside = includes.is_empty() || (!path.is_empty() && named(includes));
    match value {
        Value::Object(fields) => {
            // What is inside of an included object is included.
            let includes = if inside { &[] } else { includes };
            let kept: Map<String, Value> = fields
                .iter()
                .filter_map(|(name, value)| {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    Some((name.clone(), filter(&path, value, includes, excludes)?))
                })
                .collect();
            (inside || !kept.is_empty()).then_some(Value::Object(kept))
        }
        leaf => inside.then(|| leaf.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_found_nested_dotted_and_in_lists() {
        let document = json!({ "a.b": 1, "a": { "b": [2, 3], "c.d": 4 }, "l": [{ "x": 5 }, { "x": null }] });
        assert_eq!(values(&document, "a.b"), [&json!(2), &json!(3), &json!(1)]);
        assert_eq!(values(&document, "a.c.d"), [&json!(4)]);
        assert_eq!(values(&document, "l.x"), [&json!(5)]);
        assert!(values(&document, "a.bb").is_empty());
    }

    #[test]
    fn the_source_is_filtered_by_paths() {
        let document =
            json!({ "message": "m", "kubernetes": { "pod": { "name": "p" }, "labels": { "app": "a" } } });
        let only = |includes: &[&str], excludes: &[&str]| {
            let own = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
            filtered(&document, &own(includes), &own(excludes))
        };
        assert_eq!(
            only(&["kubernetes.pod"], &[]),
            json!({ "kubernetes": { "pod": { "name": "p" } } })
        );
        assert_eq!(
            only(&["kubernetes.labels.*"], &[]),
            json!({ "kubernetes": { "labels": { "app": "a" } } })
        );
        assert_eq!(only(&[], &["kubernetes"]), json!({ "message": "m" }));
        assert_eq!(only(&["nothing"], &[]), json!({}));
        assert_eq!(only(&[], &[]), document);
    }
}
