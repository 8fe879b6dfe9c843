//! Whether two answers say the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ask::{Answer, Compare, short};

/// Numbers differ when they differ by more than this part of the larger one: the order in which floating-point numbers are
/// added up is nowhere promised.
const TOLERANCE: f64 = 1e-9;

/// How the simulated answer differs from the real one.
pub(super) fn difference(real: &Answer, simulated: &Answer, compare: Compare) -> Option<String> {
    let essence = |answer: &Answer| {
        let body = &answer.body;
        let text = if compare.text {
            &body["error"]
        } else {
            &Value::Null
        };
        json!([
            answer.status,
            body["status"],
            body["errorType"],
            text,
            body["data"]["resultType"]
        ])
    };
    let (expected, got) = (essence(real), essence(simulated));
    if expected != got {
        return Some(format!(
            "really {expected}, simulated {got} ({} / {})",
            short(&real.body),
            short(&simulated.body)
        ));
    }
    for kind in ["warnings", "infos"] {
        let (expected, got) = (remarks(&real.body[kind]), remarks(&simulated.body[kind]));
        if expected != got {
            return Some(format!("{kind}: really {expected:?}, simulated {got:?}"));
        }
    }
    let (real, simulated) = (&real.body["data"], &simulated.body["data"]);
    match real["resultType"].as_str() {
        None => {
            let (expected, got) = (listed(real, compare), listed(simulated, compare));
            (expected != got).then(|| format!("really {}, simulated {}", short(&expected), short(&got)))
        }
        Some("scalar" | "string") => sample(&real["result"], &simulated["result"]),
        Some(kind) => {
            let compare = Compare {
                order: compare.order || kind == "matrix",
                ..compare
            };
            series(
                &listed(&real["result"], compare),
                &listed(&simulated["result"], compare),
            )
        }
    }
}

/// What the server remarks, without the place in the query that it is about: whoever reads it has the query.
fn remarks(value: &Value) -> BTreeSet<String> {
    let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts
        .map(|text| {
            // Which of the buckets had to be mended, and by how much, is told at length.
            let text = text.split(", from buckets ").next().unwrap_or(text);
            let place = text.rfind(" (").filter(|_| text.ends_with(')'));
            let place = place.filter(|at| text[at + 2..].starts_with(|c: char| c.is_ascii_digit()));
            text[..place.unwrap_or(text.len())].to_owned()
        })
        .collect()
}

/// The elements of a list, in an order of their own where the server's does not matter.
fn listed(value: &Value, compare: Compare) -> Value {
    match value.as_array() {
        Some(items) if !compare.order => {
            let mut items = items.clone();
            items.sort_by_cached_key(|item| {
                let key = if item["metric"].is_object() {
                    &item["metric"]
                } else {
                    item
                };
                key.to_string()
            });
            Value::Array(items)
        }
        _ => value.clone(),
    }
}

fn series(real: &Value, simulated: &Value) -> Option<String> {
    let labels = |value: &Value| -> Vec<Value> {
        let items = value.as_array().into_iter().flatten();
        items.map(|item| item["metric"].clone()).collect()
    };
    let (expected, got) = (labels(real), labels(simulated));
    if expected != got {
        return Some(format!("really {}, simulated {}", short(real), short(simulated)));
    }
    let pairs = real
        .as_array()
        .into_iter()
        .flatten()
        .zip(simulated.as_array().into_iter().flatten());
    for (real, simulated) in pairs {
        let found = match (real["values"].as_array(), simulated["values"].as_array()) {
            (Some(expected), Some(got)) if expected.len() == got.len() => expected
                .iter()
                .zip(got)
                .find_map(|(expected, got)| sample(expected, got)),
            (None, None) => sample(&real["value"], &simulated["value"]),
            _ => Some(format!("really {}, simulated {}", short(real), short(simulated))),
        };
        if let Some(found) = found {
            return Some(format!("{}: {found}", real["metric"]));
        }
    }
    None
}

/// `[time, "value"]`.
fn sample(real: &Value, simulated: &Value) -> Option<String> {
    let same_time = real[0].as_f64() == simulated[0].as_f64();
    let same_value = match (real[1].as_str(), simulated[1].as_str()) {
        (Some(expected), Some(got)) => match (expected.parse(), got.parse()) {
            (Ok(expected), Ok(got)) => is_close(expected, got),
            _ => expected == got,
        },
        _ => false,
    };
    (!(same_time && same_value)).then(|| format!("really {real}, simulated {simulated}"))
}

fn is_close(a: f64, b: f64) -> bool {
    let near = (a - b).abs() <= TOLERANCE * a.abs().max(b.abs());
    a == b || (a.is_nan() && b.is_nan()) || (near && a.is_finite() && b.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(results: Value) -> Answer {
        Answer {
            status: 200,
            body: json!({ "status": "success", "data": { "resultType": "vector", "result": results } }),
        }
    }

    fn differ(real: Value, simulated: Value) -> bool {
        difference(&vector(real), &vector(simulated), Compare::default()).is_some()
    }

    #[test]
    fn what_is_different_differs() {
        let one = |pod: &str, value: &str| json!({ "metric": { "pod": pod }, "value": [1, value] });
        assert!(!differ(
            json!([one("a", "1"), one("b", "2")]),
            json!([one("b", "2"), one("a", "1")])
        ));
        assert!(!differ(json!([one("a", "NaN")]), json!([one("a", "NaN")])));
        assert!(!differ(json!([one("a", "3")]), json!([one("a", "3.000000001")])));
        assert!(differ(json!([one("a", "3")]), json!([one("a", "3.00000001")])));
        assert!(differ(json!([one("a", "+Inf")]), json!([one("a", "1e308")])));
        assert!(differ(json!([one("a", "1")]), json!([one("b", "1")])));
        assert!(differ(json!([one("a", "1")]), json!([])));
        let ordered = Compare {
            order: true,
            ..Compare::default()
        };
        let (ab, ba) = (
            json!([one("a", "1"), one("b", "2")]),
            json!([one("b", "2"), one("a", "1")]),
        );
        assert!(difference(&vector(ab), &vector(ba), ordered).is_some());
    }

    #[test]
    fn the_place_of_a_remark_does_not_count() {
        let bare = json!(["PromQL info: odd name: \"m\""]);
        assert_eq!(
            remarks(&json!(["PromQL info: odd name: \"m\" (1:6)"])),
            remarks(&bare)
        );
        assert_eq!(remarks(&json!(["cut (limit)"])).first().unwrap(), "cut (limit)");
    }
}
