//! Label and field selectors.

use serde_json::Value;

use super::kinds::Kind;
use super::status::Failure;

/// Which objects of a list are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

impl Selector {
    /// Reads the two query parameters.
    pub(super) fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Failure> {
        Ok(Self {
            labels: parse_labels(labels)?,
            fields: parse_fields(kind, fields)?,
        })
    }

    /// A `LabelSelector` object with `matchLabels` and `matchExpressions`. `None` selects nothing.
    pub(super) fn of_object(selector: Option<&Value>) -> Option<Self> {
        let selector = selector?;
        let mut labels = Vec::new();
        for (key, value) in selector
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            labels.push(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()]));
        }
        for expression in selector
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let key = expression.get("key")?.as_str()?.to_owned();
            let values = expression.get("values").and_then(Value::as_array);
            let values: Vec<String> = values
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            labels.push(match expression.get("operator")?.as_str()? {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                "DoesNotExist" => Requirement::Absent(key),
                _ => return None,
            });
        }
        Some(Self {
            labels,
            fields: Vec::new(),
        })
    }

    /// Whether nothing is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|value| values.iter().all(|v| v != value))
            }
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
            Requirement::Greater(key, than) => number(label(key)).is_some_and(|value| value > *than),
            Requirement::Less(key, than) => number(label(key)).is_some_and(|value| value < *than),
        }) && self
            .fields
            .iter()
            .all(|(path, wanted, equal)| (field(object, path) == *wanted) == *equal)
    }
}

fn number(text: Option<&str>) -> Option<i64> {
    text?.parse().ok()
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Failure> {
    let wrong = |why: &str| Failure::bad_request(format!("unable to parse requirement: {why}"));
    split_outside_parentheses(text)
        .into_iter()
        .map(|part| {
            let part = part.trim();
            if let Some(key) = part.strip_prefix('!') {
                return Ok(Requirement::Absent(label_key(key.trim())?));
            }
            if let Some((head, list)) = part.split_once('(') {
                let list = list
                    .strip_suffix(')')
                    .ok_or_else(|| wrong("found '', expected: ',' or ')'"))?;
                let values = list.split(',').map(|value| value.trim().to_owned()).collect();
                let mut words = head.split_whitespace();
                let key = label_key(words.next().unwrap_or_default())?;
                return match (words.next(), words.next()) {
                    (Some("in"), None) => Ok(Requirement::In(key, values)),
                    (Some("notin"), None) => Ok(Requirement::NotIn(key, values)),
                    (other, _) => Err(wrong(&format!(
                        "found '{}', expected: in, notin",
                        other.unwrap_or_default()
                    ))),
                };
            }
            for operator in ["!=", "==", "="] {
                if let Some((key, value)) = part.split_once(operator) {
                    let (key, values) = (label_key(key.trim())?, vec![label_value(value.trim())?]);
                    return Ok(if operator == "!=" {
                        Requirement::NotIn(key, values)
                    } else {
                        Requirement::In(key, values)
                    });
                }
            }
            for (operator, greater) in [('>', true), ('<', false)] {
                if let Some((key, value)) = part.split_once(operator) {
                    let value = value.trim().parse().map_err(|_| {
                        wrong(&format!(
                            "for 'Gt', 'Lt' operators, the value must be an integer: \"{value}\""
                        ))
                    })?;
                    let key = label_key(key.trim())?;
                    return Ok(if greater {
                        Requirement::Greater(key, value)
                    } else {
                        Requirement::Less(key, value)
                    });
                }
            }
            Ok(Requirement::Exists(label_key(part)?))
        })
        .collect()
}

fn label_key(key: &str) -> Result<String, Failure> {
    let name = key.rsplit('/').next().unwrap_or_default();
    let fits = is_bounded(name)
        && name.len() <= 63
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
    if fits {
        Ok(key.to_owned())
    } else {
        Err(Failure::bad_request(format!(
            "unable to parse requirement: invalid label key \"{key}\""
        )))
    }
}

/// Whether a text begins and ends with a letter or digit.
fn is_bounded(text: &str) -> bool {
    let bound = |letter: char| letter.is_ascii_alphanumeric();
    text.starts_with(bound) && text.ends_with(bound)
}

fn label_value(value: &str) -> Result<String, Failure> {
    let fits = (value.is_empty() || is_bounded(value))
        && value.len() <= 63
        && value
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if fits {
        Ok(value.to_owned())
    } else {
        Err(Failure::bad_request(format!(
            "unable to parse requirement: invalid label value: \"{value}\""
        )))
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Fields that the real server can select by, besides name and namespace.
fn selectable(kind: &Kind) -> &'static [&'static str] {
    match (kind.group.as_str(), kind.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", _) => &["spec.signerName"],
        _ => &[],
    }
}

fn parse_fields(kind: &Kind, text: &str) -> Result<Vec<(String, String, bool)>, Failure> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
                (path, value, false)
            } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (path, value, true)
            } else {
                let message = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(Failure::bad_request(message));
            };
            let path = path.trim();
            let named = path == "metadata.name" || (path == "metadata.namespace" && kind.namespaced);
            if named || selectable(kind).contains(&path) {
                Ok((path.to_owned(), value.trim().to_owned(), equal))
            } else {
                Err(Failure::bad_request(format!("field label not supported: {path}")))
            }
        })
        .collect()
}

fn field(object: &Value, path: &str) -> String {
    let pointer = match path {
        // The selector's `source` is the component that the event came from, by whichever of the two names it goes.
        "source" => {
            let named = object.pointer("/source/component").and_then(Value::as_str);
            match named.filter(|name| !name.is_empty()) {
                Some(_) => "/source/component".to_owned(),
                None => "/reportingComponent".to_owned(),
            }
        }
        "status.successful" => "/status/succeeded".to_owned(),
        _ => format!("/{}", path.replace('.', "/")),
    };
    match object.pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if path == "spec.unschedulable" || path == "spec.hostNetwork" => {
            "false".to_owned()
        }
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::Kinds;
    use super::*;

    fn selects(labels: &str, fields: &str) -> bool {
        let kinds = Kinds::of(&[]);
        let pods = kinds.get("", "pods").unwrap();
        let pod = json!({"metadata": {"name": "a", "labels": {"app": "web", "tier": "front", "n": "5"}},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        Selector::parse(pods, labels, fields).unwrap().matches(&pod)
    }

    #[test]
    fn labels_are_selected_by_equality_and_by_sets() {
        for labels in [
            "",
            "app=web",
            "app==web,tier=front",
            "app!=db",
            "other!=x",
            "app in (db, web)",
            "app notin (db)",
            "other notin (x)",
            "app",
            "!other",
            "n>4",
            "n<6",
            "app in (web),tier",
        ] {
            assert!(selects(labels, ""), "{labels}");
        }
        for labels in [
            "app=db",
            "app!=web",
            "app in (db)",
            "app notin (web)",
            "other",
            "!app",
            "n>5",
            "other in (x)",
            "app=",
        ] {
            assert!(!selects(labels, ""), "{labels}");
        }
    }

    #[test]
    fn fields_are_selected_by_equality() {
        assert!(selects(
            "",
            "metadata.name=a,spec.nodeName=n1,status.phase!=Failed"
        ));
        assert!(!selects("", "status.phase=Pending"));
    }

    #[test]
    fn refuses_what_the_real_server_refuses() {
        let kinds = Kinds::of(&[]);
        let pods = kinds.get("", "pods").unwrap();
        for (labels, fields) in [
            ("app in web", ""),
            ("app in (web", ""),
            ("a b", ""),
            ("", "spec.foo=1"),
            ("", "x"),
            ("n>x", ""),
        ] {
            assert!(
                Selector::parse(pods, labels, fields).is_err(),
                "{labels} {fields}"
            );
        }
    }
}
