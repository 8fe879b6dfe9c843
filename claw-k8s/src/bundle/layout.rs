//! Which file of a folder holds what, for every kind of folder that is read.

use super::logs;
use super::metrics::{self, MetricsFormat};

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role<'a> {
    Manifest,
    Objects,
    Log {
        namespace: &'a str,
        pod: &'a str,
        container: &'a str,
        previous: bool,
    },
    /// The logs of all containers of a pod in one file.
    DumpedLogs {
        namespace: &'a str,
        pod: &'a str,
    },
    Metrics {
        name: &'a str,
        format: MetricsFormat,
    },
    LogLines,
    Changes,
    Topology,
    Alert,
    Expect,
    /// What `kubectl` printed for people.
    Text,
    /// Lies where a bundle keeps its files, and cannot be read.
    Unknown,
    /// Not part of what is recorded.
    Other,
}

/// The kind of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Ours, with or without `bundle.json`.
    Bundle,
    /// `kubectl cluster-info dump --output-directory`.
    Dump,
    /// `oc adm must-gather` and `oc adm inspect`.
    MustGather,
    /// Some files with objects.
    Loose,
}

impl Layout {
    /// The kind that the files' names tell.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let any = |test: fn(&str) -> bool| names.clone().any(test);
        if any(|name| name == "bundle.json") {
            Self::Bundle
        } else if any(|name| gathered(name).is_some()) {
            Self::MustGather
        } else if any(|name| {
            ["objects/", "metrics/", "text/"]
                .iter()
                .any(|part| name.starts_with(part))
        }) || any(|name| logs::of_path(name).is_some())
            || any(|name| ["changes.jsonl", "topology.jsonl", "logs.jsonl"].contains(&name))
        {
            Self::Bundle
        } else if any(|name| name.ends_with("/logs.txt")) || any(|name| name == "nodes.json") {
            Self::Dump
        } else {
            Self::Loose
        }
    }

    /// What the file `path` holds.
    pub(super) fn role<'a>(self, path: &'a str) -> Role<'a> {
        match self {
            Self::Bundle => bundle(path),
            Self::Dump => dump(path),
            Self::MustGather => must_gather(path),
            Self::Loose => objects_or(path, Role::Other),
        }
    }
}

fn objects_or<'a>(path: &str, otherwise: Role<'a>) -> Role<'a> {
    match path.rsplit_once('.') {
        Some((_, "json" | "yaml" | "yml")) => Role::Objects,
        _ => otherwise,
    }
}

fn bundle(path: &str) -> Role<'_> {
    match path {
        "bundle.json" => return Role::Manifest,
        "logs.jsonl" => return Role::LogLines,
        "changes.jsonl" => return Role::Changes,
        "topology.jsonl" => return Role::Topology,
        "alert.json" => return Role::Alert,
        "expect.json" => return Role::Expect,
        _ => {}
    }
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    match path.split_once('/') {
        _ if hidden => Role::Other,
        Some(("objects", _)) => objects_or(path, Role::Unknown),
        Some(("logs", _)) => match logs::of_path(path) {
            Some((namespace, pod, container, previous)) => Role::Log {
                namespace,
                pod,
                container,
                previous,
            },
            None => Role::Unknown,
        },
        Some(("metrics", name)) => match metrics::format(name) {
            Some(format) => Role::Metrics { name, format },
            None => Role::Unknown,
        },
        Some(("text", name)) if name.ends_with(".txt") => Role::Text,
        Some(("text", _)) => Role::Unknown,
        _ => Role::Other,
    }
}

/// `nodes.json`, `<namespace>/<kind>.json` and `<namespace>/<pod>/logs.txt`.
fn dump(path: &str) -> Role<'_> {
    if let Some(folder) = path.strip_suffix("/logs.txt")
        && let Some((rest, pod)) = folder.rsplit_once('/')
    {
        let namespace = rest.rsplit_once('/').map_or(rest, |(_, namespace)| namespace);
        return Role::DumpedLogs { namespace, pod };
    }
    objects_or(path, Role::Other)
}

/// The namespace whose objects the file holds, where its folder tells.
pub(super) fn namespace_of(layout: Layout, path: &str) -> Option<&str> {
    match layout {
        Layout::Dump => {
            let folder = path
                .strip_suffix(".json")
                .or_else(|| path.strip_suffix(".yaml"))?;
            let (folder, _) = folder.rsplit_once('/')?;
            Some(folder.rsplit_once('/').map_or(folder, |(_, name)| name))
        }
        Layout::MustGather => match gathered(path)? {
            ("namespaces", rest) => rest.split_once('/').map(|(name, _)| name),
            _ => None,
        },
        _ => None,
    }
}

/// The part of a must-gather path that follows `namespaces/` or `cluster-scoped-resources/`, wherever that lies.
fn gathered(path: &str) -> Option<(&str, &str)> {
    ["namespaces", "cluster-scoped-resources"]
        .iter()
        .find_map(|folder| {
            let rest = match path.strip_prefix(folder) {
                Some(rest) => rest.strip_prefix('/'),
                None => path.split_once(&format!("/{folder}/")).map(|(_, rest)| rest),
            };
            rest.map(|rest| (*folder, rest))
        })
}

fn must_gather(path: &str) -> Role<'_> {
    match gathered(path) {
        Some(("namespaces", rest)) if rest.ends_with(".log") => {
            let parts: Vec<&str> = rest.split('/').collect();
            match parts.as_slice() {
                [namespace, "pods", pod, container, _, "logs", file] => match *file {
                    "current.log" | "previous.log" => Role::Log {
                        namespace,
                        pod,
                        container,
                        previous: *file == "previous.log",
                    },
                    // Rotated files, and copies fetched without checking a certificate.
                    _ => Role::Other,
                },
                _ => Role::Other,
            }
        }
        Some(_) => objects_or(path, Role::Other),
        None => Role::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_kinds_of_folders_apart() {
        for (names, layout) in [
            (&["bundle.json", "nodes.json"][..], Layout::Bundle),
            (&["objects/a.json"], Layout::Bundle),
            (&["logs/a/b/c.log"], Layout::Bundle),
            (&["nodes.json", "default/pods.json"], Layout::Dump),
            (&["default/web-1/logs.txt"], Layout::Dump),
            (&["quay-io-x/namespaces/a/core/pods.yaml"], Layout::MustGather),
            (
                &["cluster-scoped-resources/core/nodes/n1.yaml"],
                Layout::MustGather,
            ),
            (&["a.yaml", "README.md"], Layout::Loose),
        ] {
            assert_eq!(Layout::of(names.iter().copied()), layout, "{names:?}");
        }
    }

    #[test]
    fn finds_the_files_of_each_kind() {
        let log = |namespace, pod, container, previous| Role::Log {
            namespace,
            pod,
            container,
            previous,
        };
        for (layout, path, role) in [
            (Layout::Bundle, "objects/deep/er/a.yml", Role::Objects),
            (Layout::Bundle, "objects/a.txt", Role::Unknown),
            (Layout::Bundle, "README.md", Role::Other),
            (Layout::Bundle, "objects/.DS_Store", Role::Other),
            (Layout::Bundle, "text/describe-pod-a-b.txt", Role::Text),
            (
                Layout::Dump,
                "default/web-1/logs.txt",
                Role::DumpedLogs {
                    namespace: "default",
                    pod: "web-1",
                },
            ),
            (Layout::Dump, "default/events.json", Role::Objects),
            (
                Layout::MustGather,
                "q/namespaces/a/pods/p/c/c/logs/current.log",
                log("a", "p", "c", false),
            ),
            (
                Layout::MustGather,
                "q/namespaces/a/pods/p/c/c/logs/previous.log",
                log("a", "p", "c", true),
            ),
            (
                Layout::MustGather,
                "q/namespaces/a/pods/p/c/c/logs/previous.insecure.log",
                Role::Other,
            ),
            (
                Layout::MustGather,
                "q/namespaces/a/apps/deployments.yaml",
                Role::Objects,
            ),
            (Layout::MustGather, "q/version", Role::Other),
            (Layout::MustGather, "q/host_service_logs/a.yaml", Role::Other),
        ] {
            assert_eq!(layout.role(path), role, "{path}");
        }
    }
}
