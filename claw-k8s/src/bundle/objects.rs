//! Kubernetes objects in JSON and YAML files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::content::decode;
use super::identity::{Identity, by_age};
use super::problem::Problems;
use super::scrub;
use crate::cluster::Resource;

/// The kinds of which there is anything, as `apiVersion` and kind, with the namespaces of which there was a list: `None`
/// among them is a list of what lives in no namespace. One object tells nothing of the others of its kind.
pub(super) type Lists = BTreeMap<(String, String), BTreeSet<Option<String>>>;

/// Objects, each once, by identity.
#[derive(Debug, Default)]
pub(super) struct Objects {
    found: BTreeMap<Identity, Value>,
    lists: Lists,
    /// The namespace whose objects the file holds that is being read, where its folder tells.
    folder: Option<String>,
    limit: usize,
    /// Kinds of the objects that were left out.
    left_out: BTreeSet<String>,
}

impl Objects {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Adds every object in the file. `namespace` is whose objects it holds, where its folder tells.
    pub(super) fn add_file(
        &mut self,
        name: &str,
        namespace: Option<&str>,
        bytes: &[u8],
        problems: &mut Problems,
    ) {
        self.folder = namespace.map(str::to_owned);
        let text = decode(bytes);
        let values = if is_json(name, &text) {
            json(name, &text, problems)
        } else {
            yaml(name, &text, problems)
        };
        for (line, value) in values {
            self.add(name, line, value, problems);
        }
    }

    /// Adds an object, or the objects of a list. Of two states of one object the newer one stays.
    pub(super) fn add(&mut self, name: &str, line: Option<u64>, value: Value, problems: &mut Problems) {
        let listed = kind_of(&value)
            .and_then(|(version, kind)| Some((version, kind.strip_suffix("List")?.to_owned())))
            .filter(|(_, kind)| !kind.is_empty());
        match split(value) {
            Ok(items) => {
                // One without items tells that there are none, where it is known of what.
                if let Some(kind) = listed {
                    let nowhere = Resource::is_cluster_scoped(&kind.1).then_some(None);
                    let namespace = self.folder.clone().map(Some).or(nowhere);
                    self.lists.entry(kind).or_default().extend(namespace);
                }
                for item in items {
                    if let Some(kind) = kind_of(&item) {
                        let own = || item.pointer("/metadata/namespace")?.as_str().map(str::to_owned);
                        let namespace = self.folder.clone().or_else(own);
                        self.lists.entry(kind).or_default().insert(namespace);
                    }
                    self.add_one(name, line, item, problems);
                }
            }
            Err(value) => self.add_one(name, line, value, problems),
        }
    }

    /// Adds objects that are not there yet: for sources that know less than others.
    pub(super) fn add_missing(&mut self, name: &str, value: Value, problems: &mut Problems) {
        let known = Identity::of(&value).is_some_and(|identity| self.holds(&identity));
        if !known {
            self.add_one(name, None, value, problems);
        }
    }

    /// Whether there is an object of that kind and name, of whatever group.
    fn holds(&self, identity: &Identity) -> bool {
        let start = Identity {
            group: String::new(),
            namespace: None,
            name: String::new(),
            kind: identity.kind.clone(),
        };
        self.found
            .range(start..)
            .take_while(|(other, _)| other.kind == identity.kind)
            .any(|(other, _)| other.namespace == identity.namespace && other.name == identity.name)
    }

    fn add_one(&mut self, name: &str, line: Option<u64>, mut object: Value, problems: &mut Problems) {
        let Some(identity) = Identity::of(&object) else {
            if !object.is_null() {
                let reason = "holds something without kind or metadata.name; left out";
                problems.add(name, line, reason);
            }
            return;
        };
        if self.found.len() >= self.limit && !self.found.contains_key(&identity) {
            if self.left_out.is_empty() {
                let reason = format!("more than {} objects; the rest is left out", self.limit);
                problems.add(name, line, reason);
            }
            self.left_out.insert(identity.kind);
            return;
        }
        if let Some(kind) = kind_of(&object) {
            self.lists.entry(kind).or_default();
        }
        scrub::drop_secret_data(&mut object);
        match self.found.entry(identity) {
            Entry::Vacant(place) => {
                place.insert(object);
            }
            Entry::Occupied(mut place) => {
                if by_age(place.get(), &object).is_lt() {
                    place.insert(object);
                }
            }
        }
    }

    /// The kinds of which there are objects, or lists without any.
    pub(super) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The kinds of objects that were left out because there are too many.
    pub(super) fn left_out(&self) -> &BTreeSet<String> {
        &self.left_out
    }

    /// The objects by kind, group, namespace and name.
    pub(super) fn finish(self) -> Vec<Value> {
        self.found.into_values().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Identity, &Value)> {
        self.found.iter()
    }
}

fn kind_of(value: &Value) -> Option<(String, String)> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    Some((
        text("apiVersion").unwrap_or("v1").to_owned(),
        text("kind")?.to_owned(),
    ))
}

fn is_json(name: &str, text: &str) -> bool {
    name.ends_with(".json") || text.trim_start().starts_with('{')
}

/// One or several JSON documents. What comes before an error is kept.
fn json(name: &str, text: &str, problems: &mut Problems) -> Vec<(Option<u64>, Value)> {
    let mut found = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match document {
            Ok(Value::Array(items)) => found.extend(items.into_iter().map(|item| (None, item))),
            Ok(value) => found.push((None, value)),
            Err(error) => {
                let line = u64::try_from(error.line()).ok();
                let reason = match error.classify() {
                    serde_json::error::Category::Eof => "ends in the middle of a JSON document",
                    _ => "is not JSON from here on",
                };
                problems.add(name, line, reason);
            }
        }
    }
    found
}

/// The documents of a YAML file. One that is broken does not prevent the others.
fn yaml(name: &str, text: &str, problems: &mut Problems) -> Vec<(Option<u64>, Value)> {
    let mut found = Vec::new();
    for (line, document) in documents(text) {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_events: usize::MAX,
                max_nodes: usize::MAX,
                max_total_scalar_bytes: usize::MAX,
                max_documents: 8,
                max_aliases: 10_000,
            },
            // As the API machinery reads YAML: 0644 is a file mode.
            legacy_octal_numbers: true,
            with_snippet: false,
        };
        match serde_saphyr::from_str_with_options::<Option<Value>>(document, options) {
            Ok(Some(Value::Array(items))) => found.extend(items.into_iter().map(|item| (Some(line), item))),
            Ok(Some(value)) => found.push((Some(line), value)),
            Ok(None) => {}
            Err(error) => {
                let place = error
                    .location()
                    .map_or(line, |at| line.saturating_add(at.line().saturating_sub(1)));
                problems.add(name, Some(place), "is not YAML; the document is left out");
            }
        }
    }
    found
}

/// The parts between lines that begin with `---`, each with the number of its first line, from 1.
fn documents(text: &str) -> Vec<(u64, &str)> {
    let mut found = Vec::new();
    let mut start = 0_usize;
    let mut start_line = 1_u64;
    let mut offset = 0_usize;
    for (line, number) in text.split_inclusive('\n').zip(1_u64..) {
        let bare = line.trim_end() == "---";
        if bare || line.starts_with("--- ") {
            found.push((start_line, text.get(start..offset).unwrap_or_default()));
            // A document may begin on the line of its separator.
            let separator = if bare { line.len() } else { "--- ".len() };
            start = offset.saturating_add(separator);
            start_line = number.saturating_add(u64::from(bare));
        }
        offset = offset.saturating_add(line.len());
    }
    found.push((start_line, text.get(start..).unwrap_or_default()));
    found.retain(|(_, document)| !document.trim().is_empty());
    found
}

/// The items of a list, with the kind that its name implies; the value itself when it is no list.
fn split(mut value: Value) -> Result<Vec<Value>, Value> {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(item_kind) = kind.strip_suffix("List").map(str::to_owned) else {
        return Err(value);
    };
    let version = value.get("apiVersion").and_then(Value::as_str).map(str::to_owned);
    let items = match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        _ => return Err(value),
    };
    Ok(items
        .into_iter()
        .map(|mut item| {
            if let Value::Object(map) = &mut item
                && !item_kind.is_empty()
            {
                map.entry("kind").or_insert_with(|| item_kind.clone().into());
                if let Some(version) = &version {
                    map.entry("apiVersion").or_insert_with(|| version.clone().into());
                }
            }
            item
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let mut problems = Problems::new(100);
        let mut objects = Objects::new(100);
        objects.add_file(name, None, text.as_bytes(), &mut problems);
        let names = objects
            .iter()
            .map(|(identity, _)| identity.entity().to_string())
            .collect();
        let problems = problems.finish().iter().map(ToString::to_string).collect();
        (names, problems)
    }

    #[test]
    fn reads_single_objects_lists_and_typed_lists() {
        let (names, problems) = read(
            "a.json",
            r#"{"kind":"Pod","metadata":{"namespace":"a","name":"x"}}
               {"kind":"List","items":[{"kind":"Node","metadata":{"name":"n"}}]}
               {"kind":"ServiceList","apiVersion":"v1","items":[{"metadata":{"namespace":"a","name":"s"}}]}
               {"kind":"EventList","items":null}"#,
        );
        assert_eq!(names, ["Node n", "Pod a/x", "Service a/s"]);
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn a_broken_yaml_document_does_not_prevent_the_others() {
        let (names, problems) = read(
            "a.yaml",
            "# head\n---\nkind: Pod\nmetadata: {name: a}\n---\nkind: [\n--- # more\nkind: Pod\nmetadata:\n  name: b\n---\n---\nkind: Pod\n",
        );
        assert_eq!(names, ["Pod a", "Pod b"]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|p| p.starts_with("a.yaml:6: is not YAML") || p.starts_with("a.yaml:7: is not YAML")),
            "{problems:?}"
        );
        assert!(
            problems
                .iter()
                .any(|p| p.contains("without kind or metadata.name")),
            "{problems:?}"
        );
    }

    #[test]
    fn what_comes_before_broken_json_is_kept() {
        let (names, problems) = read(
            "a.json",
            "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}\n{\"kind\":",
        );
        assert_eq!(names, ["Pod a"]);
        assert_eq!(problems, ["a.json:2: ends in the middle of a JSON document"]);
    }

    #[test]
    fn the_newer_state_of_an_object_stays() {
        let mut problems = Problems::new(10);
        let mut objects = Objects::new(10);
        for (version, phase) in [("9", "old"), ("10", "new"), ("8", "older")] {
            let pod = serde_json::json!({"kind": "Pod", "metadata": {"name": "a", "resourceVersion": version},
                "status": {"phase": phase}});
            objects.add("x", None, pod, &mut problems);
        }
        assert_eq!(objects.finish()[0]["status"]["phase"], "new");
    }

    #[test]
    fn yaml_numbers_and_strings_are_those_of_the_api_machinery() {
        let mut problems = Problems::new(10);
        let mut objects = Objects::new(10);
        let text = "kind: Pod\nmetadata:\n  name: a\n  creationTimestamp: 2026-01-01T00:00:00Z\n  labels: {v: \"1.10\"}\nspec:\n  mode: 0644\n  port: 80\n  on: true\n";
        objects.add_file("x.yaml", None, text.as_bytes(), &mut problems);
        let pod = &objects.finish()[0];
        assert_eq!(
            pod["spec"],
            serde_json::json!({"mode": 420, "port": 80, "on": true})
        );
        assert_eq!(pod["metadata"]["labels"]["v"], "1.10");
        assert_eq!(pod["metadata"]["creationTimestamp"], "2026-01-01T00:00:00Z");
    }
}
