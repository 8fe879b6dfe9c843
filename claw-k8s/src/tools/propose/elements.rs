//! Lists whose elements are told apart: what a manifest says of some of them, and the others as they are.

use std::collections::BTreeSet;

use claw_core::tool::ToolError;
use serde_json::Value;

use super::overlay::Overlay;
use super::structure::Key;

/// The list with what `said` says of some of its elements. Those that are there keep their order; those that are new follow.
pub(super) fn with<'a>(
    overlay: &mut Overlay<'a>,
    keys: &[Key],
    before: &'a [Value],
    said: &'a [Value],
) -> Result<Value, ToolError> {
    let claims = match claims(keys, before, said) {
        Ok(claims) => claims,
        // Then nothing is left unsaid that could be lost.
        Err(Wrong::Several) if before.iter().all(|was| said.contains(was)) => {
            return Ok(Value::Array(said.to_vec()));
        }
        Err(wrong) => return Err(refused(overlay, keys, wrong)),
    };
    let mut after = Vec::with_capacity(said.len());
    for (was, claim) in before.iter().zip(claims.changed) {
        after.push(match claim {
            None => was.clone(),
            Some(item) => overlay.value(was, item)?,
        });
    }
    for item in claims.added {
        after.push(overlay.value(&Value::Null, item)?);
    }
    // The new name of one may be the old name of another.
    for key in keys.iter().filter(|key| key.is_unique) {
        if !shared(key, &after).is_subset(&shared(key, before)) {
            return Err(refused(overlay, keys, Wrong::Twice));
        }
    }
    Ok(Value::Array(after))
}

/// Why it cannot be told what a manifest means.
enum Wrong {
    /// An element says nothing by which it could be told apart.
    Nameless,
    /// An element may be one of several.
    Several,
    /// Two would be the same.
    Twice,
}

/// What is said of elements that are there, in their order, and elements that are new.
struct Claims<'a> {
    changed: Vec<Option<&'a Value>>,
    added: Vec<&'a Value>,
}

/// All that can be found by the first key is found by it, then the others by the next.
fn claims<'a>(keys: &[Key], before: &[Value], said: &'a [Value]) -> Result<Claims<'a>, Wrong> {
    if said
        .iter()
        .any(|item| keys.iter().all(|key| name(key, item).is_none()))
    {
        return Err(Wrong::Nameless);
    }
    let mut changed: Vec<Option<&Value>> = vec![None; before.len()];
    let mut open: Vec<&Value> = said.iter().collect();
    for key in keys {
        let names: Vec<_> = before.iter().map(|was| name(key, was)).collect();
        let mut left = Vec::new();
        for item in open {
            let wanted = name(key, item);
            let is_it = |place: &usize| {
                wanted.is_some() && names.get(*place) == Some(&wanted) && changed.get(*place) == Some(&None)
            };
            let found: Vec<usize> = (0..before.len()).filter(is_it).take(2).collect();
            match (found.first(), found.len()) {
                (None, _) => left.push(item),
                (Some(place), 1) => {
                    if let Some(claim) = changed.get_mut(*place) {
                        *claim = Some(item);
                    }
                }
                _ => return Err(Wrong::Several),
            }
        }
        open = left;
    }
    Ok(Claims { changed, added: open })
}

/// What the members of a key are in an element; `None` if one is not written and has no default.
fn name(key: &Key, item: &Value) -> Option<Vec<Value>> {
    let members = key.members.iter().map(|(member, default)| {
        let written = item.get(member).filter(|value| !value.is_null()).cloned();
        written.or_else(|| default.map(Value::from))
    });
    members.collect()
}

/// The names that several elements have.
fn shared(key: &Key, items: &[Value]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let names = items.iter().filter_map(|item| name(key, item));
    let names = names.map(|name| Value::Array(name).to_string());
    names.filter(|name| !seen.insert(name.clone())).collect()
}

fn refused(overlay: &Overlay<'_>, keys: &[Key], wrong: Wrong) -> ToolError {
    let list = overlay.path();
    let keys = keys.iter().map(|key| {
        let members: Vec<&str> = key.members.iter().map(|(member, _)| *member).collect();
        members.join(" and ")
    });
    let keys = keys.collect::<Vec<_>>().join(", or ");
    ToolError::invalid_input(match wrong {
        Wrong::Nameless => format!(
            "an element of {list} in the manifest has no {keys}, by which its elements are told apart; write it"
        ),
        Wrong::Several => format!(
            "several elements of {list} have the same {keys}, so that it cannot be told which the manifest means; write all \
             of the list as it is to be"
        ),
        Wrong::Twice => format!(
            "two elements of {list} would have the same {keys}; say of each that is to change what it is to be"
        ),
    })
}
