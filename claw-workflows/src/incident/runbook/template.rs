//! Placeholders: what of the incident is put into the input of a call.
//!
//! `{{namespace}}`, `{{alert.name}}`, `{{alert.labels.NAME}}`, `{{subject.kind}}`, `{{subject.name}}`, `{{start}}` and
//! `{{end}}` stand in texts. What alerts say was written by whoever writes labels: a value with other characters than names
//! have is not put in, so that none of them ends a quoted text in a query.

use claw_core::entity::EntityRef;
use serde_json::{Map, Value};

use crate::incident::case::Case;
use crate::trigger::Alert;

/// Placeholders without a name of a label in them.
const PLAIN: [&str; 6] = [
    "namespace",
    "alert.name",
    "subject.kind",
    "subject.name",
    "start",
    "end",
];
const LABEL: &str = "alert.labels.";

/// All that may be written, for remedies.
pub(super) const KNOWN: &str = "write one of {{namespace}}, {{alert.name}}, {{alert.labels.NAME}}, {{subject.kind}}, \
                                {{subject.name}}, {{start}} and {{end}}";

/// A part of a text.
enum Part<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

/// The parts of a text; `None` where braces are not closed.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        parts.push(Part::Text(before));
        parts.push(Part::Placeholder(name.trim()));
        rest = after;
    }
    parts.push(Part::Text(rest));
    Some(parts)
}

/// The first thing in a value that is no placeholder and looks like one.
pub(super) fn unknown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => match parts(text) {
            None => Some(text.clone()),
            Some(parts) => parts.into_iter().find_map(|part| match part {
                Part::Placeholder(name) if !is_known(name) => Some(format!("{{{{{name}}}}}")),
                _ => None,
            }),
        },
        Value::Array(items) => items.iter().find_map(unknown),
        Value::Object(fields) => fields.values().find_map(unknown),
        _ => None,
    }
}

fn is_known(name: &str) -> bool {
    PLAIN.contains(&name) || name.strip_prefix(LABEL).is_some_and(|label| !label.is_empty())
}

/// Whether something of the value is filled in later.
pub(super) fn is_open(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(is_open),
        Value::Object(fields) => fields.values().any(is_open),
        _ => false,
    }
}

/// What is put in for placeholders.
#[derive(Debug)]
pub(super) struct Values<'a> {
    pub(super) alert: &'a Alert,
    pub(super) case: &'a Case,
}

impl Values<'_> {
    /// The input with everything filled in.
    ///
    /// # Errors
    /// With a sentence about the first placeholder for which there is no value.
    pub(super) fn fill(&self, input: &Map<String, Value>) -> Result<Value, String> {
        self.filled(&Value::Object(input.clone()))
    }

    fn filled(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => items
                .iter()
                .map(|item| self.filled(item))
                .collect::<Result<_, _>>()?,
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.filled(value)?)))
                .collect::<Result<Map<_, _>, String>>()?
                .into(),
            other => other.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        for part in parts(text).unwrap_or_default() {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Placeholder(name) => out.push_str(&self.value(name)?),
            }
        }
        Ok(out)
    }

    fn value(&self, name: &str) -> Result<String, String> {
        let subject = || self.subject();
        let value = match name {
            "namespace" => self.namespace(),
            "alert.name" => self.alert.name().map(str::to_owned),
            "subject.kind" => subject().map(|entity| entity.kind.clone()),
            "subject.name" => subject().map(|entity| entity.name.clone()),
            "start" => Some(self.case.window.start.to_string()),
            "end" => Some(self.case.window.end.to_string()),
            _ => name
                .strip_prefix(LABEL)
                .and_then(|label| self.alert.label(label))
                .map(str::to_owned),
        };
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| format!("the alert says nothing for {{{{{name}}}}}"))?;
        if value.chars().all(is_harmless) {
            Ok(value)
        } else {
            Err(format!(
                "the value for {{{{{name}}}}} has characters that names do not have"
            ))
        }
    }

    fn subject(&self) -> Option<&EntityRef> {
        self.case.subject.first()
    }

    fn namespace(&self) -> Option<String> {
        let of_alert = || self.alert.label("namespace").map(str::to_owned);
        let of_subject = || self.subject().and_then(|entity| entity.namespace.clone());
        let only = || {
            let mut all = self.case.namespaces.iter();
            all.next().filter(|_| all.next().is_none()).cloned()
        };
        of_alert().or_else(of_subject).or_else(only)
    }
}

/// Whether a character ends nothing and begins nothing in any language of queries.
fn is_harmless(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/')
}
