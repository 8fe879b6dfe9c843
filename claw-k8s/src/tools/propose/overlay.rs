//! What a manifest makes of an object: the fields that it names are as it says, the others are left alone.
//!
//! In lists of the kinds of Kubernetes whose elements are told apart, an element is such a field: containers and ports that a
//! manifest does not name stay, and so does what it does not say of those that it names. Of what is one thing of several, such as
//! the handler of a probe, what is said takes the place of the rest, which the API server would refuse beside it. Other lists
//! are one value, and so are all lists of kinds that others have defined.

use claw_core::patch::is_empty;
use claw_core::tool::ToolError;
use serde_json::{Map, Value};

use super::elements;
use super::structure::{Choice, List, Place};

/// `before` with what `manifest` says. A manifest that may mean several things is an error.
pub(super) fn overlay(place: Place<'_>, before: &Value, manifest: &Value) -> Result<Value, ToolError> {
    Overlay {
        place,
        path: Vec::new(),
    }
    .value(before, manifest)
}

/// What a manifest says of an object that is not there: all of it but what is null.
pub(super) fn whole(manifest: &Value) -> Value {
    match manifest {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, item)| !item.is_null());
            fields.map(|(key, item)| (key.clone(), whole(item))).collect()
        }
        Value::Array(items) => items.iter().map(whole).collect(),
        _ => manifest.clone(),
    }
}

/// A walk through a manifest.
#[derive(Debug)]
pub(super) struct Overlay<'a> {
    place: Place<'a>,
    path: Vec<&'a str>,
}

impl<'a> Overlay<'a> {
    /// Where it is.
    pub(super) fn path(&self) -> String {
        self.path.join(".")
    }

    /// `before` with what is said at this place.
    pub(super) fn value(&mut self, before: &'a Value, manifest: &'a Value) -> Result<Value, ToolError> {
        match (before, manifest) {
            (_, Value::Object(said)) => self.object(before, said),
            (Value::Array(was), Value::Array(items)) => match self.place.list(&self.path) {
                List::Whole => Ok(whole(manifest)),
                List::Set => Ok(union(was, items)),
                List::Keyed(keys) => elements::with(self, keys, was, items),
            },
            _ => Ok(whole(manifest)),
        }
    }

    fn object(&mut self, before: &'a Value, said: &'a Map<String, Value>) -> Result<Value, ToolError> {
        let mut fields = before.as_object().cloned().unwrap_or_default();
        for choice in self.place.choices(&self.path) {
            choose(&mut fields, said, choice);
        }
        for (key, item) in said {
            if item.is_null() {
                fields.remove(key);
                continue;
            }
            // What was chosen away is not built upon.
            let was = before.get(key).filter(|_| fields.contains_key(key));
            self.path.push(key);
            let is = self.value(was.unwrap_or(&Value::Null), item);
            // No labels are no labels, with braces or without.
            let is_nothing = was.is_none() && is_empty(item) && self.place.is_map(&self.path);
            self.path.pop();
            if !is_nothing {
                fields.insert(key.clone(), is?);
            }
        }
        Ok(Value::Object(fields))
    }
}

/// Takes out of `fields` what cannot be there beside what is said.
fn choose(fields: &mut Map<String, Value>, said: &Map<String, Value>, choice: &Choice) {
    let is_said = |key: &str| said.get(key).is_some_and(|item| !item.is_null());
    let mut leave =
        |goes: &dyn Fn(&str) -> bool| fields.retain(|key, _| !goes(key) || said.contains_key(key));
    match choice {
        Choice::One(members) if members.iter().any(|key| is_said(key)) => {
            leave(&|key| members.contains(&key))
        }
        Choice::OneBesides(common)
            if said
                .keys()
                .any(|key| is_said(key) && !common.contains(&key.as_str())) =>
        {
            leave(&|key| !common.contains(&key));
        }
        Choice::By(member, cases) => {
            let value = said.get(*member).and_then(Value::as_str);
            let others = cases
                .iter()
                .filter(|(case, _)| value.is_some_and(|value| value != *case));
            for (_, members) in others {
                leave(&|key| members.contains(&key));
            }
        }
        _ => {}
    }
}

/// What is in either.
fn union(was: &[Value], said: &[Value]) -> Value {
    let mut all = was.to_vec();
    for item in said {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    Value::Array(all)
}

#[cfg(test)]
mod tests;
