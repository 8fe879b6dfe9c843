//! YAML text as a tree in which every key and value knows its place.
//!
//! serde-saphyr parses; the tree in between is what lets several problems be reported at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

use super::problem::{Located, Place, ProblemKind, Problems};

/// Deepest nesting; definitions need seven levels.
const MAX_DEPTH: usize = 32;
/// Most nodes of one file, after aliases are replaced by what they stand for.
const MAX_NODES: usize = 50_000;
/// Most documents of one file.
const MAX_DOCUMENTS: usize = 256;

/// One value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`, and nothing else.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a point or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Located<String>, Node)>),
}

/// One value and its place.
pub type Node = Located<Value>;

impl Value {
    /// What the value is, for a sentence.
    pub fn kind(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("the boolean {value}"),
            Self::Integer(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Text(text) => format!("the text {}", quoted(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The value as JSON.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => i64::try_from(*value)
                .map(serde_json::Value::from)
                .or_else(|_| u64::try_from(*value).map(serde_json::Value::from))
                .unwrap_or(serde_json::Value::Null),
            Self::Float(value) => serde_json::Value::from(*value),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(|item| item.json()).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.value.clone(), value.json()))
                .collect(),
        }
    }
}

/// Text from a file, made fit to stand in a message: one line, not long.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(located(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Value>>()? {
            map.push((located(key), located(value)));
        }
        Ok(Value::Map(map))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

fn located<T>(spanned: Spanned<T>) -> Located<T> {
    Located {
        place: place(spanned.referenced),
        value: spanned.value,
    }
}

fn place(location: Location) -> Place {
    Place {
        line: location.line().max(1),
        column: location.column().max(1),
    }
}

/// The documents of `text`; those without content are left out. A syntax error is added to `problems`.
pub(super) fn documents(text: &str, problems: &mut Problems) -> Option<Vec<Node>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES.saturating_mul(3),
            max_documents: MAX_DOCUMENTS,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_recorded_anchor_events: MAX_NODES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
            max_replay_stack_depth: MAX_DEPTH,
        },
        // YAML 1.2: `no` is a text and `0755` is not 493.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        emit_comments: false,
    };
    match serde_saphyr::from_multiple_with_options::<Spanned<Value>>(text, options) {
        Ok(documents) => Some(documents.into_iter().map(located).collect()),
        Err(error) => {
            explain(&error, text, problems);
            None
        }
    }
}

fn explain(error: &serde_saphyr::Error, text: &str, problems: &mut Problems) {
    use serde_saphyr::Error;

    let mut innermost = error;
    while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = innermost {
        innermost = error;
    }
    let at = error
        .location()
        .filter(|location| *location != Location::UNKNOWN)
        .map(place);
    let (message, remedy) = match innermost {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map(quoted).unwrap_or_default();
            (format!("the key {key} is here twice"), "keep one of the two")
        }
        Error::NullIntoString { .. } => ("a key is missing".to_owned(), "write the key as text"),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("an anchor contains itself".to_owned(), "write the value out")
        }
        Error::UnknownAnchor { .. } => (
            "there is no anchor of that name before this alias".to_owned(),
            "write the value out, or put text that begins with `*` in quotes",
        ),
        Error::UnsupportedTag { tag, .. } => (
            format!("definitions have no tag {}", quoted(tag)),
            "remove it, or put text that begins with `!` in quotes",
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "the document is too large, too deep, or repeats itself by too many aliases".to_owned(),
            "split it into several files and write repeated values out",
        ),
        other => {
            if let Some(tab) = tab_indent(text, at) {
                let message = "the line is indented with a tab, which YAML does not allow";
                problems.add(ProblemKind::Syntax, tab, "", message, "indent with spaces");
                return;
            }
            let remedy = if is_template(text, at) {
                "definitions have no `{{ }}`: render the template first, or put the text in quotes"
            } else {
                "check indentation, quotes and brackets, here and on the lines before"
            };
            (one_line(&UserMessageFormatter.format_message(other)), remedy)
        }
    };
    problems.add(ProblemKind::Syntax, at, "", message, remedy);
}

/// A message without line breaks and other control characters.
fn one_line(message: &str) -> String {
    message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Whether the line is one of a template that has not been rendered.
fn is_template(text: &str, at: Option<Place>) -> bool {
    lines_from(text, at)
        .next()
        .is_some_and(|(_, line)| line.contains("{{"))
}

/// The parser reports a tab where it stumbles, which is often the line before.
fn tab_indent(text: &str, at: Option<Place>) -> Option<Place> {
    lines_from(text, at).take(2).find_map(|(line, content)| {
        let mut indent = content.chars().take_while(|c| matches!(c, ' ' | '\t'));
        let before = indent.position(|c| c == '\t')?;
        // A line of nothing but white space is harmless.
        (!content.trim().is_empty()).then_some(Place {
            line,
            column: u64::try_from(before).ok()?.saturating_add(1),
        })
    })
}

/// The lines from a place on, each with its number; none when the place is not known.
fn lines_from(text: &str, at: Option<Place>) -> impl Iterator<Item = (u64, &str)> {
    let first = at.map_or(u64::MAX, |place| place.line);
    (1..).zip(text.lines()).skip_while(move |(line, _)| *line < first)
}
