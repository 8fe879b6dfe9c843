//! Which kinds a recording holds: of others it does not tell that there were none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::layout::{Layout, namespace_of};
use super::{Bundle, Identity};
use crate::cluster::Resource;

/// Exists in every cluster and is of no interest, so that it lies only in dumps of all namespaces.
const IN_ALL: &str = "kube-public";
/// Dumps hold it whatever was asked for.
const ALWAYS: &str = "kube-system";

/// A kind of which all objects were recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedKind {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// Kind as in manifests.
    pub kind: String,
    /// Of which namespaces; `None` where it is of all, or lives in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<BTreeSet<String>>,
}

impl RecordedKind {
    /// A kind that was recorded of the whole cluster.
    pub fn everywhere(resource: &Resource) -> Self {
        Self {
            api_version: api_version(resource),
            kind: resource.kind.to_string(),
            namespaces: None,
        }
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is the kind of that group and name, in whatever version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && plain(self.group()) == plain(group)
    }
}

/// Some kinds are one in two groups.
fn plain(group: &str) -> &str {
    match group {
        "events.k8s.io" => "",
        "extensions" => "networking.k8s.io",
        group => group,
    }
}

fn api_version(resource: &Resource) -> String {
    match &*resource.group {
        "" => resource.version.to_string(),
        group => format!("{group}/{}", resource.version),
    }
}

impl Bundle {
    /// The kinds that were recorded, those without objects among them: `kinds` of the manifest.
    ///
    /// Where it does not tell: kinds that live in no namespace, and the others of which there is any object. A recording
    /// without a single ConfigMap is one that left them out rather than one of a cluster that has none. Without any
    /// objects there is nothing to tell from; then it is all kinds of Kubernetes.
    pub fn recorded_kinds(&self) -> Vec<RecordedKind> {
        if let Some(kinds) = &self.manifest.kinds {
            return kinds.clone();
        }
        let seen: BTreeSet<(String, String)> = self
            .objects
            .iter()
            .filter_map(Identity::of)
            .map(|identity| (plain(&identity.group).to_owned(), identity.kind))
            .collect();
        Resource::ALL
            .iter()
            .filter(|known| {
                let kind = (plain(&known.group).to_owned(), known.kind.to_string());
                known.is_built_in() && (!known.namespaced || seen.is_empty() || seen.contains(&kind))
            })
            .map(RecordedKind::everywhere)
            .collect()
    }
}

/// What the files of a folder that another program wrote tell about what it looked at.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) namespaces: BTreeSet<String>,
    pub(super) kinds: Vec<RecordedKind>,
}

/// `None` for folders of ours. `kinds` are those of objects and lists in the files.
pub(super) fn of_folder(
    layout: Layout,
    names: &[String],
    kinds: &BTreeSet<(String, String)>,
) -> Option<Seen> {
    if layout == Layout::Bundle {
        return None;
    }
    let mut namespaces: BTreeSet<String> = names
        .iter()
        .filter_map(|name| namespace_of(layout, name))
        .map(str::to_owned)
        .collect();
    let some = !namespaces.is_empty() && !namespaces.contains(IN_ALL);
    let kinds = kinds
        .iter()
        .map(|(api_version, kind)| RecordedKind {
            api_version: api_version.clone(),
            kind: kind.clone(),
            namespaces: (some && !Resource::is_cluster_scoped(kind)).then(|| namespaces.clone()),
        })
        .collect();
    if layout != Layout::Dump || !some {
        namespaces.clear();
    } else if namespaces.len() > 1 {
        namespaces.remove(ALWAYS);
    }
    Some(Seen { namespaces, kinds })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(layout: Layout, names: &[&str]) -> Seen {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let kinds =
            [("v1", "Pod"), ("v1", "Node")].map(|(version, kind)| (version.to_owned(), kind.to_owned()));
        of_folder(layout, &names, &kinds.into()).unwrap()
    }

    #[test]
    fn a_dump_of_some_namespaces_is_about_these() {
        let some = seen(
            Layout::Dump,
            &[
                "nodes.json",
                "kube-system/pods.json",
                "shop/pods.json",
                "shop/a/logs.txt",
            ],
        );
        assert_eq!(some.namespaces, ["shop".to_owned()].into());
        let of = |kind: &str| some.kinds.iter().find(|known| known.kind == kind).unwrap();
        assert_eq!(of("Node").namespaces, None);
        assert_eq!(of("Pod").namespaces.as_ref().unwrap().len(), 2);
        let all = seen(Layout::Dump, &["kube-public/pods.json", "shop/pods.json"]);
        assert!(all.namespaces.is_empty());
        assert!(all.kinds.iter().all(|kind| kind.namespaces.is_none()));
    }

    #[test]
    fn a_kind_without_any_object_is_not_taken_to_be_recorded() {
        let manifest = super::super::window::derive("x", &[], jiff::Timestamp::UNIX_EPOCH);
        let mut bundle = Bundle::new(manifest);
        let holds = |bundle: &Bundle, group: &str, kind: &str| {
            bundle.recorded_kinds().iter().any(|known| known.is(group, kind))
        };
        assert!(holds(&bundle, "", "ConfigMap"), "nothing to tell from");
        bundle.objects.push(
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "n"}}),
        );
        assert!(holds(&bundle, "", "Event") && holds(&bundle, "", "Node"));
        assert!(!holds(&bundle, "", "ConfigMap") && !holds(&bundle, "discovery.k8s.io", "EndpointSlice"));
        bundle.manifest.kinds = Some(vec![RecordedKind::everywhere(&Resource::CONFIG_MAPS)]);
        assert!(holds(&bundle, "", "ConfigMap") && !holds(&bundle, "", "Event"));
    }
}
