//! The pinned Go modules: which programs each gives, and with which settings it is built.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Folder of this crate: pins, stages, faults and logs are data beside the code.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A folder below `modules/`: a `go.mod` and `go.sum` that pin versions, built as they are.
#[derive(Debug)]
pub struct Module {
    name: &'static str,
    /// Program, and the package that it is built from.
    programs: &'static [(&'static str, &'static str)],
    tags: &'static str,
    /// Variables that the linker sets.
    stamps: &'static [(&'static str, &'static str)],
    /// Files of a dependency that the program reads when it runs.
    files: Option<(&'static str, &'static [&'static str])>,
}

/// Storage of the API server.
pub static ETCD: Module = Module {
    name: "etcd",
    programs: &[("etcd", "go.etcd.io/etcd/server/v3")],
    tags: "",
    stamps: &[],
    files: None,
};

/// The control plane and kubectl.
pub static KUBERNETES: Module = Module {
    name: "kubernetes",
    programs: &[
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        (
            "kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
        ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ],
    tags: "",
    // What `kubectl version` and `/version` say. Without it they say 0.0.0, and clients switch features off.
    stamps: &[
        ("k8s.io/component-base/version.gitVersion", "v1.37.2"),
        ("k8s.io/component-base/version.gitMajor", "1"),
        ("k8s.io/component-base/version.gitMinor", "37"),
    ],
    files: None,
};

/// The simulated kubelets, with the stages that an ordinary pod and node go through.
pub static KWOK: Module = Module {
    name: "kwok",
    programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
    tags: "",
    stamps: &[],
    files: Some((
        "sigs.k8s.io/kwok",
        &[
            "kustomize/crd/bases/kwok.x-k8s.io_logs.yaml",
            "kustomize/stage/node/fast/node-initialize.yaml",
            "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
            "kustomize/stage/pod/fast/pod-ready.yaml",
            "kustomize/stage/pod/fast/pod-complete.yaml",
            "kustomize/stage/pod/fast/pod-delete.yaml",
            "kustomize/metrics/usage/usage-from-annotation.yaml",
            "kustomize/metrics/resource/metrics-resource.yaml",
        ],
    )),
};

/// Prometheus and promtool.
pub static PROMETHEUS: Module = Module {
    name: "prometheus",
    programs: &[
        ("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
        ("promtool", "github.com/prometheus/prometheus/cmd/promtool"),
    ],
    // Of the many discoveries only the one that is used; another one needs a module that cannot be had.
    tags: "remove_all_sd,enable_kubernetes_sd",
    stamps: &[],
    files: None,
};

/// The log store.
pub static LOKI: Module = Module {
    name: "loki",
    programs: &[("loki", "github.com/grafana/loki/v3/cmd/loki")],
    tags: "",
    stamps: &[],
    files: None,
};

/// `metrics.k8s.io`.
pub static METRICS_SERVER: Module = Module {
    name: "metrics-server",
    programs: &[("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server")],
    tags: "",
    stamps: &[],
    files: None,
};

/// Series from objects.
pub static KUBE_STATE_METRICS: Module = Module {
    name: "kube-state-metrics",
    programs: &[("kube-state-metrics", "k8s.io/kube-state-metrics/v2")],
    tags: "",
    stamps: &[],
    files: None,
};

/// All modules, in the order in which they are built.
pub static ALL: [&Module; 7] = [
    &ETCD,
    &KUBERNETES,
    &KWOK,
    &PROMETHEUS,
    &LOKI,
    &METRICS_SERVER,
    &KUBE_STATE_METRICS,
];

impl Module {
    /// Its name, which is that of its folder.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Folder of its pins.
    pub fn folder(&self) -> PathBuf {
        data("modules").join(self.name)
    }

    /// Its programs, and the package of each.
    pub fn programs(&self) -> &'static [(&'static str, &'static str)] {
        self.programs
    }

    /// Names of the files that it brings besides programs.
    pub(crate) fn files(&self) -> Vec<&'static str> {
        let (_, files) = self.files.unwrap_or_default();
        files
            .iter()
            .filter_map(|file| Path::new(file).file_name()?.to_str())
            .collect()
    }

    /// The dependency that those files come from, and where they lie in it.
    pub(crate) fn sources(&self) -> Option<(&'static str, &'static [&'static str])> {
        self.files
    }

    /// Flags of `go build` that decide what comes out.
    pub(crate) fn flags(&self) -> Vec<String> {
        let stamps: String = self
            .stamps
            .iter()
            .map(|(name, value)| format!(" -X {name}={value}"))
            .collect();
        let mut flags = ["-mod=readonly", "-trimpath", "-buildvcs=false"]
            .map(str::to_owned)
            .to_vec();
        flags.push(format!("-tags={}", self.tags));
        flags.push(format!("-ldflags=-s -w{stamps}"));
        flags
    }

    /// The module of that name, or the one that gives a program or a component of that name.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        let of_component = || crate::components::Component::named(name).ok()?.module();
        ALL.into_iter()
            .find(|module| module.name == name || module.programs.iter().any(|(program, _)| *program == name))
            .or_else(of_component)
            .ok_or_else(|| Error::Unknown {
                kind: "module",
                name: name.to_owned(),
                known: ALL.map(|module| module.name).join(" "),
            })
    }
}

/// A folder of data of this crate.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(HERE).join(name)
}

/// The stages that play faults, in the order of their names.
pub(crate) fn stage_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data("stages"));
    let mut files: Vec<_> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_its_pins_and_names_its_packages_there() {
        for module in ALL {
            let read = |name: &str| std::fs::read_to_string(module.folder().join(name)).unwrap();
            assert!(read("go.mod").starts_with(&format!("module testbed/{}\n", module.name)));
            assert!(!read("go.sum").is_empty());
            let tools = read("tools.go");
            for (_, package) in module.programs {
                assert!(
                    tools.contains(&format!("_ \"{package}\"\n")),
                    "{}: {package}",
                    module.name
                );
            }
        }
        assert_eq!(std::fs::read_dir(data("modules")).unwrap().count(), ALL.len());
    }

    #[test]
    fn a_module_is_found_by_program_and_by_component() {
        for name in [
            "kubernetes",
            "kubectl",
            "kube-apiserver",
            "apiserver",
            "kcm",
            "scheduler",
        ] {
            assert_eq!(Module::named(name).unwrap().name, "kubernetes", "{name}");
        }
        assert_eq!(Module::named("promtool").unwrap().name, "prometheus");
        assert_eq!(Module::named("nothing").unwrap_err().code(), 2);
        assert_eq!(Module::named("alertmanager").unwrap_err().code(), 2);
    }

    #[test]
    fn versions_are_stamped() {
        let flags = KUBERNETES.flags().join("\n");
        assert!(
            flags.contains("-X k8s.io/component-base/version.gitVersion=v1.37.2"),
            "{flags}"
        );
    }
}
