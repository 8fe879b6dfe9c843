//! The resources that the server knows: those of Kubernetes, and whatever else its objects are of.

use std::collections::BTreeMap;

use claw_k8s::bundle::RecordedKind;
use claw_k8s::cluster::Resource;
use serde_json::{Value, json};

use super::built_in::BUILT_IN;

/// A resource as discovery describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// API group; empty for the core group.
    pub(super) group: String,
    /// Versions under which it is served, the preferred one first.
    pub(super) versions: Vec<String>,
    /// Name in paths: `pods`.
    pub(super) plural: String,
    /// Kind in objects: `Pod`.
    pub(super) kind: String,
    pub(super) namespaced: bool,
    pub(super) short_names: Vec<String>,
    /// Whether status is written on a path of its own.
    pub(super) status: bool,
    /// Whether there is a `scale` subresource.
    pub(super) scale: bool,
    /// Whether `metadata.generation` counts changes of the specification.
    pub(super) generation: bool,
    /// Defined by a custom resource definition.
    pub(super) custom: bool,
}

impl Kind {
    /// `deployments.apps`, as errors name a resource.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `apps/v1`.
    pub(super) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", self.group)
        }
    }

    /// What tells the resource apart from others.
    pub(super) fn id(&self) -> KindId {
        KindId {
            group: self.group.clone(),
            plural: self.plural.clone(),
        }
    }

    /// Whether its objects have a subresource of that name.
    pub(super) fn has(&self, subresource: &str) -> bool {
        let name = format!("{}/{subresource}", self.plural);
        self.resources()
            .iter()
            .any(|resource| resource.get("name").and_then(Value::as_str) == Some(name.as_str()))
    }

    /// The entries of a discovery document.
    pub(super) fn resources(&self) -> Vec<Value> {
        let verbs: &[&str] = if CREATE_ONLY.contains(&self.group.as_str()) {
            &["create"]
        } else if self.group == METRICS {
            &["get", "list"]
        } else {
            &[
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch",
            ]
        };
        let mut found = vec![json!({
            "name": self.plural, "singularName": self.kind.to_lowercase(), "namespaced": self.namespaced,
            "kind": self.kind, "verbs": verbs, "shortNames": self.short_names,
        })];
        let mut sub = |name: &str, kind: &str, group: Option<&str>, verbs: &[&str]| {
            let mut entry = json!({
                "name": format!("{}/{name}", self.plural), "singularName": "",
                "namespaced": self.namespaced, "kind": kind, "verbs": verbs,
            });
            if let (Some(group), Value::Object(map)) = (group, &mut entry) {
                map.insert("group".to_owned(), group.into());
                map.insert("version".to_owned(), "v1".into());
            }
            found.push(entry);
        };
        if self.group.is_empty() && self.plural == "pods" {
            sub("eviction", "Eviction", Some("policy"), &["create"]);
            sub("log", "Pod", None, &["get"]);
        }
        if self.scale {
            sub("scale", "Scale", Some("autoscaling"), &["get", "patch", "update"]);
        }
        if self.status {
            sub("status", &self.kind, None, &["get", "patch", "update"]);
        }
        found
    }
}

/// Group and plural of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KindId {
    pub(super) group: String,
    pub(super) plural: String,
}

pub(super) const METRICS: &str = "metrics.k8s.io";
const CREATE_ONLY: &[&str] = &["authorization.k8s.io", "authentication.k8s.io"];

/// All resources of a server.
#[derive(Clone, Debug)]
pub(super) struct Kinds {
    by_id: BTreeMap<KindId, Kind>,
}

impl Kinds {
    /// The built-in resources and those of `objects`: custom ones are defined by the definitions among them, or guessed
    /// from the objects themselves.
    pub(super) fn of(objects: &[Value]) -> Self {
        let mut kinds = Self {
            by_id: BTreeMap::new(),
        };
        for (group, versions, plural, kind, special, short_names) in BUILT_IN {
            kinds.add(Kind {
                group: (*group).to_owned(),
                versions: versions.split(' ').map(str::to_owned).collect(),
                plural: (*plural).to_owned(),
                kind: (*kind).to_owned(),
                namespaced: !special.contains('c'),
                short_names: short_names.split_whitespace().map(str::to_owned).collect(),
                status: special.contains('s'),
                scale: special.contains('r'),
                generation: special.contains('g'),
                custom: false,
            });
        }
        for object in objects {
            if let Some(kind) = defined(object) {
                kinds.add(kind);
            }
        }
        for object in objects {
            kinds.learn(object);
        }
        kinds
    }

    fn add(&mut self, kind: Kind) {
        self.by_id.entry(kind.id()).or_insert(kind);
    }

    /// Adds the resource of an object unless it is known. Returns `false` for what is no object.
    pub(super) fn learn(&mut self, object: &Value) -> bool {
        if let Some(kind) = defined(object) {
            self.add(kind);
        }
        let Some((group, version, kind)) = type_of(object) else {
            return false;
        };
        if let Some(known) = self
            .by_id
            .values_mut()
            .find(|known| known.group == group && known.kind == kind)
        {
            // Old versions of built-in kinds are read as the present one.
            if known.custom && !known.versions.iter().any(|other| other == version) {
                known.versions.push(version.to_owned());
            }
            return true;
        }
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let plural = match (group, kind) {
            (METRICS, "PodMetrics") => "pods".to_owned(),
            (METRICS, "NodeMetrics") => "nodes".to_owned(),
            _ => plural(kind),
        };
        self.add(Kind {
            group: group.to_owned(),
            versions: vec![version.to_owned()],
            plural,
            kind: kind.to_owned(),
            namespaced: text("/metadata/namespace").is_some(),
            short_names: Vec::new(),
            status: object.get("status").is_some(),
            scale: false,
            generation: true,
            custom: true,
        });
        true
    }

    /// Serves a kind of which there need not be an object, where it is one that the agent reads.
    pub(super) fn serve(&mut self, recorded: &RecordedKind) {
        let known = Resource::ALL
            .iter()
            .find(|known| recorded.is(&known.group, &known.kind) && !known.is_built_in());
        let Some(known) = known else {
            return;
        };
        let version = recorded.api_version.rsplit('/').next().unwrap_or_default();
        let id = KindId {
            group: known.group.to_string(),
            plural: known.plural.to_string(),
        };
        let kind = self.by_id.entry(id).or_insert_with(|| Kind {
            group: known.group.to_string(),
            versions: Vec::new(),
            plural: known.plural.to_string(),
            kind: known.kind.to_string(),
            namespaced: known.namespaced,
            short_names: Vec::new(),
            status: true,
            scale: false,
            generation: true,
            custom: true,
        });
        if !kind.versions.iter().any(|served| served == version) {
            kind.versions.push(version.to_owned());
        }
    }

    /// The resource of an object.
    pub(super) fn of_object(&self, object: &Value) -> Option<&Kind> {
        let (group, _, kind) = type_of(object)?;
        self.by_id
            .values()
            .find(|known| known.group == group && known.kind == kind)
    }

    /// The resource of that group and plural, when it is served in that version.
    pub(super) fn served(&self, group: &str, version: &str, plural: &str) -> Option<&Kind> {
        let id = KindId {
            group: group.to_owned(),
            plural: plural.to_owned(),
        };
        self.by_id
            .get(&id)
            .filter(|kind| kind.versions.iter().any(|served| served == version))
    }

    /// The resource of that group and plural.
    pub(super) fn get(&self, group: &str, plural: &str) -> Option<&Kind> {
        self.by_id.get(&KindId {
            group: group.to_owned(),
            plural: plural.to_owned(),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.by_id.values()
    }

    /// Groups with their versions, the preferred one first.
    pub(super) fn groups(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for kind in self.by_id.values() {
            let versions = groups.entry(&kind.group).or_default();
            for version in &kind.versions {
                if !versions.contains(&version.as_str()) {
                    versions.push(version);
                }
            }
        }
        for versions in groups.values_mut() {
            versions.sort_by_key(|version| rank(version));
        }
        groups
    }
}

/// Stable versions before beta before alpha, higher ones first.
fn rank(version: &str) -> (u8, std::cmp::Reverse<u64>) {
    let stage = match () {
        () if version.contains("alpha") => 2,
        () if version.contains("beta") => 1,
        () => 0,
    };
    let digits: String = version.chars().skip(1).take_while(char::is_ascii_digit).collect();
    (stage, std::cmp::Reverse(digits.parse().unwrap_or(0)))
}

/// Group, version and kind of an object.
pub(super) fn type_of(object: &Value) -> Option<(&str, &str, &str)> {
    let kind = object.get("kind")?.as_str().filter(|kind| !kind.is_empty())?;
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or("v1");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Some((group, version, kind))
}

/// The resource that a custom resource definition defines.
fn defined(object: &Value) -> Option<Kind> {
    if type_of(object)?.2 != "CustomResourceDefinition" {
        return None;
    }
    let spec = object.get("spec")?;
    let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
    let versions: Vec<&Value> = spec
        .get("versions")?
        .as_array()?
        .iter()
        .filter(|version| version.get("served").and_then(Value::as_bool) != Some(false))
        .collect();
    let has = |subresource: &str| {
        versions
            .iter()
            .any(|v| v.pointer(&format!("/subresources/{subresource}")).is_some())
    };
    let mut names: Vec<String> = versions
        .iter()
        .filter_map(|version| version.get("name")?.as_str())
        .map(str::to_owned)
        .collect();
    names.sort_by_key(|version| rank(version));
    if names.is_empty() {
        return None;
    }
    let short_names = spec.pointer("/names/shortNames").and_then(Value::as_array);
    Some(Kind {
        group: text("/group")?.to_owned(),
        plural: text("/names/plural")?.to_owned(),
        kind: text("/names/kind")?.to_owned(),
        namespaced: text("/scope") != Some("Cluster"),
        short_names: short_names
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        status: has("status"),
        scale: has("scale"),
        generation: true,
        custom: true,
        versions: names,
    })
}

/// The plural that code generators give a kind.
fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    let stem_before = |ending: char| lower.strip_suffix(ending).and_then(|stem| stem.chars().last());
    if stem_before('y').is_some_and(|letter| !"aeiou".contains(letter)) {
        return format!("{}ies", lower.trim_end_matches('y'));
    }
    if ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|ending| lower.ends_with(ending))
    {
        return format!("{lower}es");
    }
    format!("{lower}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_plurals() {
        for (kind, expected) in [
            ("Gateway", "gateways"),
            ("VirtualService", "virtualservices"),
            ("Policy", "policies"),
            ("Mesh", "meshes"),
            ("Ingress", "ingresses"),
            ("Kafka", "kafkas"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }

    #[test]
    fn learns_from_definitions_and_objects() {
        let objects = [
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"},
                "spec": {"group": "a.io", "scope": "Cluster", "names": {"plural": "oxen", "kind": "Ox", "shortNames": ["o"]},
                    "versions": [{"name": "v1alpha1", "served": true}, {"name": "v1", "served": true, "subresources": {"status": {}}},
                        {"name": "v0", "served": false}]}}),
            json!({"apiVersion": "b.io/v1beta1", "kind": "Fox", "metadata": {"name": "f", "namespace": "n"}}),
            json!({"apiVersion": "apps/v1beta2", "kind": "Deployment", "metadata": {"name": "f", "namespace": "n"}}),
        ];
        let kinds = Kinds::of(&objects);
        let ox = kinds.served("a.io", "v1", "oxen").unwrap();
        assert_eq!(
            (ox.versions.join(" "), ox.namespaced, ox.status),
            ("v1 v1alpha1".to_owned(), false, true)
        );
        assert!(kinds.served("b.io", "v1beta1", "foxes").unwrap().namespaced);
        assert!(kinds.served("apps", "v1beta2", "deployments").is_none());
        assert_eq!(kinds.of_object(&objects[2]).unwrap().plural, "deployments");
        assert_eq!(kinds.groups()["autoscaling"], ["v2", "v1"]);
    }
}
