//! Objects from what `kubectl get` and `kubectl describe` print for people, as far as it tells them.
//!
//! The objects are slim: they hold the fields that the text shows, under the names that the API gives them.

mod age;
mod describe;
mod events;
mod node;
mod outline;
mod pod;
mod service;
mod table;
mod tables;
mod workload;

use jiff::Timestamp;
use serde_json::Value;

use super::entity::known_kind;
use super::problem::Problems;

/// The objects in the file `text/<verb>-<kind>[-<namespace>[-<name>]].txt`. Ages count back from `present`.
pub(super) fn objects(path: &str, text: &str, present: Timestamp, problems: &mut Problems) -> Vec<Value> {
    let Some(source) = Source::of_path(path) else {
        let reason = "is not named <get|describe>-<kind>[-<namespace>[-<name>]].txt; left out";
        problems.add(path, None, reason);
        return Vec::new();
    };
    let found = match source.verb {
        Verb::Get => tables::objects(&source, text, present),
        Verb::Describe => describe::objects(&source, text, present),
    };
    if found.is_empty() && !text.trim().is_empty() && !text.contains("No resources found") {
        let reason = format!("nothing in it could be read as {}", source.kind);
        problems.add(path, None, reason);
    }
    found
}

/// What a file's name tells about its text.
#[derive(Debug)]
struct Source {
    verb: Verb,
    /// Kind as in manifests, or as written where it is not known.
    kind: String,
    /// What follows: a namespace, perhaps with a name behind it.
    rest: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Get,
    Describe,
}

impl Source {
    fn of_path(path: &str) -> Option<Self> {
        let file = path.rsplit('/').next()?.strip_suffix(".txt")?;
        let (verb, rest) = file.split_once('-')?;
        let verb = match verb {
            "get" => Verb::Get,
            "describe" => Verb::Describe,
            _ => return None,
        };
        let (kind, rest) = match rest.split_once('-') {
            Some((kind, rest)) => (kind, Some(rest.to_owned())),
            None => (rest, None),
        };
        let kind = match kind {
            "events" | "event" | "ev" => "Event",
            other => known_kind(other).unwrap_or(other),
        };
        Some(Self {
            verb,
            kind: kind.to_owned(),
            rest: rest.filter(|rest| !matches!(rest.as_str(), "" | "all" | "A" | "all-namespaces")),
        })
    }

    /// The namespace, when the object's name is known.
    fn namespace_before(&self, name: &str) -> Option<&str> {
        let rest = self.rest.as_deref()?;
        match rest.strip_suffix(name).map(|rest| rest.strip_suffix('-')) {
            Some(Some(namespace)) if !namespace.is_empty() => Some(namespace),
            _ => Some(rest),
        }
    }
}

/// Text that means that there is none.
fn present(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && !matches!(text, "<none>" | "<unset>" | "<unknown>" | "<nil>")).then_some(text)
}

#[cfg(test)]
mod tests;
