//! Which kinds a recording holds: of others it does not tell that there were none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::layout::{Layout, namespace_of};
use super::objects::Lists;
use super::{Bundle, Identity};
use crate::cluster::Resource;

/// Exists in every cluster and is of no interest, so that it lies only in dumps of all namespaces.
const IN_ALL: &str = "kube-public";
/// Dumps hold it whatever was asked for.
const ALWAYS: &str = "kube-system";

/// A kind of which objects were recorded: all of them, or all of some namespaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedKind {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// Kind as in manifests.
    pub kind: String,
    /// Of which namespaces all are there; `None` where it is of all, or lives in none. Empty where there are only some.
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
    /// objects there is nothing to tell from; then it is all kinds of Kubernetes but namespaces: no cluster is without any,
    /// so that they were not recorded, and none that is asked about may be said not to exist.
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
                let recorded = if seen.is_empty() {
                    known.kind != Resource::NAMESPACES.kind
                } else {
                    !known.namespaced || seen.contains(&kind)
                };
                known.is_built_in() && recorded
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

/// `None` for folders of ours. `lists` are those in the files: of a kind only what was read of a list is known in full.
pub(super) fn of_folder(layout: Layout, names: &[String], lists: &Lists) -> Option<Seen> {
    if layout == Layout::Bundle {
        return None;
    }
    let mut namespaces: BTreeSet<String> = names
        .iter()
        .filter_map(|name| namespace_of(layout, name))
        .map(str::to_owned)
        .collect();
    let some = !namespaces.is_empty() && !namespaces.contains(IN_ALL);
    let whole = namespaces.contains(IN_ALL).then_some(&namespaces);
    let kinds = lists
        .iter()
        .map(|((api_version, kind), listed)| RecordedKind {
            api_version: api_version.clone(),
            kind: kind.clone(),
            namespaces: known_of(kind, listed, whole),
        })
        .collect();
    if layout != Layout::Dump || !some {
        namespaces.clear();
    } else if namespaces.len() > 1 {
        namespaces.remove(ALWAYS);
    }
    Some(Seen { namespaces, kinds })
}

/// The namespaces of which a kind is known in full, from its lists. `whole` are all that there are, where that is known.
fn known_of(
    kind: &str,
    listed: &BTreeSet<Option<String>>,
    whole: Option<&BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    let namespaces: BTreeSet<String> = listed.iter().flatten().cloned().collect();
    // Kinds that others define live in none where none of their objects does.
    let in_none = match Resource::ALL.iter().find(|known| known.kind == kind) {
        Some(_) => Resource::is_cluster_scoped(kind),
        None => namespaces.is_empty(),
    };
    let all = match in_none {
        true => !listed.is_empty(),
        false => whole == Some(&namespaces),
    };
    (!all).then_some(namespaces)
}

/// Takes back that all objects are known of kinds of which some were left out.
pub(super) fn forget(bundle: &mut Bundle, left_out: &BTreeSet<String>) {
    if left_out.is_empty() {
        return;
    }
    let mut kinds = bundle.recorded_kinds();
    for kind in kinds.iter_mut().filter(|known| left_out.contains(&known.kind)) {
        kind.namespaces = Some(BTreeSet::new());
    }
    bundle.manifest.kinds = Some(kinds);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::objects::Objects;
    use super::super::problem::Problems;
    use super::super::{Limits, load};
    use super::*;

    /// What files tell that hold a list of a pod and a node each, by the layout of their folder.
    fn seen(layout: Layout, names: &[&str]) -> Seen {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut objects = Objects::new(100);
        let mut problems = Problems::new(10);
        for name in names.iter().filter(|name| name.ends_with(".json")) {
            let kind = if name.ends_with("nodes.json") {
                "NodeList"
            } else {
                "PodList"
            };
            let list = json!({"kind": kind, "apiVersion": "v1", "items": []}).to_string();
            objects.add_file(name, namespace_of(layout, name), list.as_bytes(), &mut problems);
        }
        of_folder(layout, &names, objects.lists()).unwrap()
    }

    /// Of which namespaces a folder with these files knows all objects, by kind.
    fn known(files: &[(&str, &str)], objects: usize) -> BTreeMap<String, Option<Vec<String>>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let limits = Limits {
            objects,
            ..Limits::default()
        };
        let bundle = load::load(folder.path(), &limits).unwrap();
        let kinds = bundle.recorded_kinds().into_iter();
        kinds
            .map(|known| {
                (
                    known.kind,
                    known.namespaces.map(|some| some.into_iter().collect()),
                )
            })
            .collect()
    }

    const LIST: &str = r#"{"kind": "List", "apiVersion": "v1", "items": [
        {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "shop"}},
        {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "b", "namespace": "shop"}},
        {"kind": "Widget", "apiVersion": "x.example/v1", "metadata": {"name": "w"}},
        {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"}}]}"#;

    #[test]
    fn an_object_tells_nothing_of_the_others_of_its_kind() {
        let pod = "kind: Pod\napiVersion: v1\nmetadata: {name: a, namespace: shop}\n";
        let node = "kind: Node\napiVersion: v1\nmetadata: {name: n1}\n";
        let known = known(&[("pod.yaml", pod), ("node.yaml", node)], 100);
        assert_eq!(known["Pod"], Some(vec![]));
        assert_eq!(known["Node"], Some(vec![]));
        assert!(!known.contains_key("Deployment"));
    }

    #[test]
    fn a_list_of_loose_files_is_of_the_namespaces_of_its_items() {
        let empty = r#"{"kind": "DeploymentList", "apiVersion": "apps/v1", "items": []}"#;
        let known = known(&[("all.json", LIST), ("empty.json", empty)], 100);
        assert_eq!(known["Pod"], Some(vec!["shop".to_owned()]));
        assert_eq!((&known["Node"], &known["Widget"]), (&None, &None));
        assert_eq!(
            known["Deployment"],
            Some(vec![]),
            "of which namespace is not told"
        );
    }

    #[test]
    fn a_kind_is_known_of_the_namespaces_whose_file_could_be_read() {
        let pods = r#"{"kind": "PodList", "apiVersion": "v1", "items": []}"#;
        let nodes = r#"{"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n"}}]}"#;
        let mut files = vec![
            ("nodes.json", nodes),
            ("kube-public/pods.json", pods),
            ("shop/pods.json", pods),
            (
                "shop/events.json",
                r#"{"kind": "EventList", "apiVersion": "v1", "items": []}"#,
            ),
        ];
        let all = known(&files, 100);
        assert_eq!(all["Pod"], None);
        assert_eq!(all["Event"], Some(vec!["shop".to_owned()]));
        files[2].1 = r#"{"kind": "PodList", "apiVersion": "v1", "items": ["#;
        assert_eq!(known(&files, 100)["Pod"], Some(vec!["kube-public".to_owned()]));
    }

    #[test]
    fn a_kind_of_which_objects_were_left_out_is_not_known_in_full() {
        let some = known(&[("all.json", LIST)], 1);
        assert_eq!(some["Pod"], Some(vec![]));
        assert_eq!(some["Node"], Some(vec![]));
        let manifest = r#"{"version": 1, "case": "x", "cluster": "x", "collected_at": "2026-03-01T10:00:00Z",
            "window": {"start": "2026-03-01T09:00:00Z", "end": "2026-03-01T10:00:00Z"},
            "kinds": [{"api_version": "v1", "kind": "Pod"}]}"#;
        let files = [("bundle.json", manifest), ("objects/a.json", LIST)];
        assert_eq!(known(&files, 100)["Pod"], None);
        assert_eq!(known(&files, 1)["Pod"], Some(vec![]));
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
        assert!(
            !holds(&bundle, "", "Namespace"),
            "every cluster has some: they were left out"
        );
        bundle.objects.push(
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "n"}}),
        );
        assert!(holds(&bundle, "", "Event") && holds(&bundle, "", "Node"));
        assert!(!holds(&bundle, "", "ConfigMap") && !holds(&bundle, "discovery.k8s.io", "EndpointSlice"));
        bundle.manifest.kinds = Some(vec![RecordedKind::everywhere(&Resource::CONFIG_MAPS)]);
        assert!(holds(&bundle, "", "ConfigMap") && !holds(&bundle, "", "Event"));
    }
}
