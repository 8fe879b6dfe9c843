//! What a write changes in an object, field by field, for whoever approves it.
//!
//! Nothing that changes is left out, and no line can be read in two ways: from the object as it was and the lines, the object
//! as it will be can be told. So the order of named things is a line of its own, an empty object is shown as one, texts that
//! could be taken for something else stand in quotes, and what is too long to be shown is named by its length and its digest.
//! Secrets alone are left out, wherever a [`Redactor`] finds them.

mod element;
mod long;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use claw_core::redact::Redactor;
use serde_json::{Map, Value};

use element::Elements;
use long::MAX_VALUE;
use text::{list, quoted};

pub(in crate::tools) use long::{Whole, sides};

/// In place of what is not there.
const NONE: &str = "(none)";

/// The fields that differ between two objects, `path: old → new`, one a line, sorted by path. Members that are null count as
/// absent.
pub(crate) fn changed_fields(old: &Value, new: &Value) -> Vec<String> {
    let redactor = Redactor::new();
    let shown = [old, new].map(|value| redactor.redact_json(value.clone()));
    let [shown_old, shown_new] = &shown;
    let mut lines = Vec::new();
    walk(
        "",
        Side::root(old, shown_old),
        Side::root(new, shown_new),
        &mut lines,
    );
    lines
        .into_iter()
        .map(|line| redactor.redact(&line).into_owned())
        .collect()
}

/// Whether a line leaves out the middle of what differs, because it is too long. No text in quotes looks like that.
pub(crate) fn is_cut(line: &str) -> bool {
    line.contains("\"…\"")
}

/// One of the two values at a place: as it is, and without its secrets.
#[derive(Clone, Copy, Debug, Default)]
struct Side<'a> {
    raw: Option<&'a Value>,
    shown: Option<&'a Value>,
}

impl<'a> Side<'a> {
    fn of(raw: Option<&'a Value>, shown: Option<&'a Value>) -> Self {
        Self { raw, shown }
    }

    /// An object without anything is none.
    fn root(raw: &'a Value, shown: &'a Value) -> Self {
        let side = Self::of(Some(raw), Some(shown));
        match side.form() {
            Form::Braces => Self::default(),
            _ => side,
        }
    }

    fn member(self, key: &str) -> Self {
        let of = |value: Option<&'a Value>| value?.get(key).filter(|item| !item.is_null());
        Self::of(of(self.raw), of(self.shown))
    }

    fn element(self, index: Option<usize>) -> Self {
        let of = |value: Option<&'a Value>| value?.get(index?);
        Self::of(of(self.raw), of(self.shown))
    }

    /// Members that are there.
    fn members(self) -> impl Iterator<Item = &'a String> {
        let members = self
            .raw
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::iter);
        members.filter(|(_, item)| !item.is_null()).map(|(key, _)| key)
    }

    fn items(self) -> Option<&'a [Value]> {
        self.raw.and_then(Value::as_array).map(Vec::as_slice)
    }

    /// What it is, without what is in it.
    fn form(self) -> Form {
        match self.raw {
            None => Form::Absent,
            Some(Value::Object(_)) if self.members().next().is_none() => Form::Braces,
            Some(Value::Object(_)) => Form::Object,
            Some(Value::Array(items)) if items.iter().any(holds) => Form::List,
            Some(_) => Form::Single,
        }
    }

    /// All of it, where it is one value, or a list of such.
    fn whole(self) -> Option<Whole> {
        match (self.form(), self.shown) {
            (Form::Single, Some(Value::String(text))) => Some(Whole::text(text)),
            (Form::Single, Some(Value::Array(items))) => Some(Whole::of(list(items))),
            (Form::Single, Some(value)) => Some(Whole::of(value.to_string())),
            (Form::Single, None) => Some(Whole::of("(redacted)".to_owned())),
            _ => None,
        }
    }

    /// What it is, where what is in it is said elsewhere.
    fn word(self) -> String {
        match self.form() {
            Form::Absent => NONE.to_owned(),
            Form::Braces => "{}".to_owned(),
            Form::Object => "{…}".to_owned(),
            Form::List => "[…]".to_owned(),
            Form::Single => sides(self.whole().as_ref(), None, MAX_VALUE).0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Absent,
    /// An object that is empty.
    Braces,
    Object,
    /// A list that holds objects or lists.
    List,
    /// One value, or a list of such.
    Single,
}

fn holds(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn walk(path: &str, old: Side<'_>, new: Side<'_>, out: &mut Vec<String>) {
    if old.raw == new.raw {
        return;
    }
    let (before, after) = (old.form(), new.form());
    let is_single = |form: Form| matches!(form, Form::Single | Form::Absent);
    if is_single(before) && is_single(after) {
        out.extend(single(shown_path(path), old, new));
        return;
    }
    let is_added = |a: Form, b: Form| a == Form::Absent && matches!(b, Form::Object | Form::List);
    // What is added or taken away as a whole is said line by line.
    if before != after && !is_added(before, after) && !is_added(after, before) {
        out.push(format!("{}: {} → {}", shown_path(path), old.word(), new.word()));
    }
    let keys: BTreeSet<&String> = old.members().chain(new.members()).collect();
    for key in keys {
        walk(&member(path, key), old.member(key), new.member(key), out);
    }
    let (was, is) = (old.items().unwrap_or_default(), new.items().unwrap_or_default());
    let elements = Elements::of(was, is);
    if let Some((was, is)) = elements.moved() {
        let (was, is) = sides(Some(&Whole::of(was)), Some(&Whole::of(is)), MAX_VALUE);
        out.push(format!("{} (order): {was} → {is}", shown_path(path)));
    }
    for (name, old_place, new_place) in elements.pairs() {
        let (old, new) = (old.element(old_place), new.element(new_place));
        walk(&format!("{path}[{name}]"), old, new, out);
    }
}

/// Lines for two values that are shown as a whole.
fn single(path: &str, old: Side<'_>, new: Side<'_>) -> Vec<String> {
    if let (Some(Value::String(was)), Some(Value::String(is))) = (old.shown, new.shown)
        && (was.contains('\n') || is.contains('\n'))
        && was != is
    {
        let hunks = long::hunks(was, is).into_iter();
        return hunks
            .map(|(line, was, is)| format!("{path} line {line}: {was} → {is}"))
            .collect();
    }
    let (was, is) = sides(old.whole().as_ref(), new.whole().as_ref(), MAX_VALUE);
    let note = if was == is { " (in what is redacted)" } else { "" };
    vec![format!("{path}: {was} → {is}{note}")]
}

fn shown_path(path: &str) -> &str {
    if path.is_empty() { "(all of it)" } else { path }
}

/// The path of a member. Keys that could be read as a path, or as anything else, are quoted.
fn member(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    if key.is_empty() || !key.chars().all(is_plain) {
        format!("{path}[{}]", quoted(key))
    } else if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
