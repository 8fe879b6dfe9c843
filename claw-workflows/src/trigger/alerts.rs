//! Lists of alerts, as files hold them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Alert;
use super::alertmanager::{Node, ParseError, alert};

/// What to write.
const REMEDY: &str = "write one alert a line, as JSON with labels and startsAt";

/// An alert of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// What the list calls it: its `id`, else its fingerprint, else the line that it stands on, from 1. A second one of that name
    /// is called `NAME#2`, so that no name means two.
    pub name: String,
    /// The alert.
    pub alert: Alert,
}

/// Reads a list of alerts: one JSON object a line, or one JSON list. Each is an alert as Alertmanager's API or webhook has it, or a
/// whole notification of the webhook. Empty lines are passed over.
///
/// # Errors
/// With the line, and the place in it, of the first thing that makes no sense.
///
/// ```
/// let list = r#"{"labels":{"alertname":"Down"},"startsAt":"2026-03-01T10:00:00Z","fingerprint":"c0ffee"}"#;
/// let alerts = claw_workflows::trigger::alerts::parse_list(list)?;
/// assert_eq!(alerts[0].name, "c0ffee");
/// assert_eq!(alerts[0].alert.name(), Some("Down"));
/// # Ok::<(), claw_workflows::trigger::alertmanager::ParseError>(())
/// ```
pub fn parse_list(text: &str) -> Result<Vec<Listed>, ParseError> {
    if text.trim_start().starts_with('[') {
        let Value::Array(items) = json(text, "")? else {
            return Ok(Vec::new());
        };
        let items = (1..).zip(&items);
        let listed = items.map(|(number, item)| in_entry(&format!("alert {number}"), number, item));
        return Ok(told_apart(listed.collect::<Result<Vec<_>, _>>()?.concat()));
    }
    let lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    let listed = lines.map(|(number, line)| {
        let place = format!("line {number}");
        in_entry(&place, number, &json(line, &place)?)
    });
    Ok(told_apart(listed.collect::<Result<Vec<_>, _>>()?.concat()))
}

/// Gives those a name of their own that bear the name of one before.
fn told_apart(mut all: Vec<Listed>) -> Vec<Listed> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for listed in &mut all {
        let own = listed.name.clone();
        let others = (2..).map(|number: u64| format!("{own}#{number}"));
        let mut free = std::iter::once(own.clone()).chain(others);
        listed.name = free.find(|name| !names.contains(name)).unwrap_or(own);
        names.insert(listed.name.clone());
    }
    all
}

fn json(text: &str, place: &str) -> Result<Value, ParseError> {
    serde_json::from_str(text).map_err(|error| ParseError {
        place: match place {
            "" => format!("line {}, column {}", error.line(), error.column()),
            place => format!("{place}, column {}", error.column()),
        },
        reason: "this is not JSON".to_owned(),
        remedy: REMEDY.to_owned(),
    })
}

/// The alerts of one entry: itself, or those of a notification.
fn in_entry(place: &str, number: usize, entry: &Value) -> Result<Vec<Listed>, ParseError> {
    let placed = |error: ParseError| ParseError {
        place: format!("{place}: {}", error.place),
        ..error
    };
    let entry = Node::root(entry);
    entry.object().map_err(placed)?;
    let alerts = entry.get("alerts");
    let (nodes, status) = if alerts.is_there() {
        let status = entry.get("status").status().map_err(placed)?;
        (alerts.array().map_err(placed)?, status)
    } else {
        (vec![entry], None)
    };
    nodes
        .iter()
        .map(|node| {
            let name = match node.get("id").scalar()? {
                Some(id) => Some(id),
                None => node.get("fingerprint").text()?,
            };
            Ok(Listed {
                name: name
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| number.to_string()),
                alert: alert(node, status)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(placed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let listed = parse_list(text).unwrap();
        listed.into_iter().map(|listed| listed.name).collect()
    }

    #[test]
    fn alerts_come_as_lines_as_a_list_and_as_notifications() {
        let (one, two) = (
            r#"{"labels":{"alertname":"A"},"startsAt":"2026-03-01T10:00:00Z","fingerprint":"aa"}"#,
            r#"{"id":7,"labels":{"alertname":"B"},"startsAt":"2026-03-01T10:01:00Z","fingerprint":"bb"}"#,
        );
        let bare = r#"{"labels":{"alertname":"C"},"activeAt":"2026-03-01T10:01:00Z"}"#;
        assert_eq!(names(&format!("{one}\n\n{two}\n{bare}\n")), ["aa", "7", "4"]);
        assert_eq!(names(&format!("[{one},{two},{bare}]")), ["aa", "7", "3"]);
        assert_eq!(
            names(&format!(r#"{{"status":"firing","alerts":[{one},{two}]}}"#)),
            ["aa", "7"]
        );
        assert_eq!(names(" \n"), Vec::<String>::new());
    }

    #[test]
    fn no_name_means_two_alerts() {
        let one = |id: &str| format!(r#"{{"id":"{id}","labels":{{}},"startsAt":"2026-03-01T10:00:00Z"}}"#);
        let list = ["a", "b", "a", "a#2", "a"].map(one).join("\n");
        assert_eq!(names(&list), ["a", "b", "a#2", "a#2#2", "a#3"]);
    }

    #[test]
    fn the_states_of_the_api_are_understood() {
        let text = r#"{"labels":{"alertname":"A"},"startsAt":"2026-03-01T10:00:00Z","endsAt":"2026-03-01T10:09:00Z","status":{"state":"active"}}"#;
        let listed = parse_list(text).unwrap();
        assert!(listed[0].alert.is_firing());
        assert_eq!(listed[0].alert.ends_at, None);
    }

    #[test]
    fn what_makes_no_sense_is_named_by_line_and_place() {
        for (text, place) in [
            ("{\n", "line 1, column 1"),
            ("\n{\"labels\":{}}", "line 2: startsAt"),
            (
                r#"{"labels":[],"startsAt":"2026-03-01T10:00:00Z"}"#,
                "line 1: labels",
            ),
            (
                r#"{"alerts":[{"labels":{},"startsAt":"noon"}]}"#,
                "line 1: alerts[0].startsAt",
            ),
            ("[1]", "alert 1: body"),
            ("[{]", "line 1, column 3"),
            ("12", "line 1: body"),
        ] {
            assert_eq!(parse_list(text).unwrap_err().place, place, "{text}");
        }
    }
}
