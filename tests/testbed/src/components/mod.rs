//! The components: what each is, what it needs, how it is started, and when it is ready.

mod kubernetes;
mod monitoring;
mod ready;

use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;
use crate::modules::Module;
use crate::run::RunFolder;

pub(crate) use ready::Readiness;

/// A program that the testbed runs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Component {
    /// Storage of the API server.
    Etcd,
    /// The real API: access control, admission, server-side apply, audit.
    ApiServer,
    /// Deployments, disruption budgets, quotas, endpoints, garbage.
    ControllerManager,
    /// Placement, and events about pods that fit nowhere.
    Scheduler,
    /// Plays the kubelets: states of pods and nodes, logs, usage, faults.
    Kwok,
    /// Scrapes, evaluates rules, takes history.
    Prometheus,
    /// Groups alerts and sends them to webhooks.
    Alertmanager,
    /// Stores logs.
    Loki,
    /// Serves `metrics.k8s.io`.
    MetricsServer,
    /// Turns objects into series.
    KubeStateMetrics,
}

use Component::{
    Alertmanager, ApiServer, ControllerManager, Etcd, KubeStateMetrics, Kwok, Loki, MetricsServer,
    Prometheus, Scheduler,
};

/// What does not change about a component.
struct Facts {
    name: &'static str,
    /// The module that it is built from, and its program there. Without one, the program is the system's.
    built: Option<(&'static Module, &'static str)>,
    needs: &'static [Component],
    ports: &'static [(&'static str, u16)],
}

impl Component {
    /// All of them, each behind those that it needs.
    pub const ALL: [Self; 10] = [
        Etcd,
        Alertmanager,
        Loki,
        ApiServer,
        ControllerManager,
        Scheduler,
        Kwok,
        Prometheus,
        MetricsServer,
        KubeStateMetrics,
    ];

    fn facts(self) -> Facts {
        use crate::modules as from;
        let (name, built, needs, ports): (_, _, &'static [Self], &'static [(&str, u16)]) = match self {
            Etcd => (
                "etcd",
                Some((&from::ETCD, "etcd")),
                &[],
                &[("etcd", 22379), ("etcd-peer", 22380)],
            ),
            ApiServer => (
                "apiserver",
                Some((&from::KUBERNETES, "kube-apiserver")),
                &[Etcd],
                &[("apiserver", 26443)],
            ),
            ControllerManager => (
                "kcm",
                Some((&from::KUBERNETES, "kube-controller-manager")),
                &[ApiServer],
                &[("kcm", 20257)],
            ),
            Scheduler => (
                "scheduler",
                Some((&from::KUBERNETES, "kube-scheduler")),
                &[ApiServer],
                &[("scheduler", 20259)],
            ),
            Kwok => (
                "kwok",
                Some((&from::KWOK, "kwok")),
                &[ApiServer],
                &[("kwok", 20250)],
            ),
            Prometheus => (
                "prometheus",
                Some((&from::PROMETHEUS, "prometheus")),
                &[ApiServer],
                &[("prometheus", 29090)],
            ),
            Alertmanager => ("alertmanager", None, &[], &[("alertmanager", 29093)]),
            Loki => (
                "loki",
                Some((&from::LOKI, "loki")),
                &[],
                &[("loki", 23100), ("loki-grpc", 23195)],
            ),
            MetricsServer => (
                "metrics-server",
                Some((&from::METRICS_SERVER, "metrics-server")),
                &[ApiServer, Kwok],
                &[("metrics-server", 20443)],
            ),
            KubeStateMetrics => (
                "kube-state-metrics",
                Some((&from::KUBE_STATE_METRICS, "kube-state-metrics")),
                &[ApiServer],
                &[("kube-state-metrics", 28080), ("kube-state-metrics-self", 28081)],
            ),
        };
        Facts {
            name,
            built,
            needs,
            ports,
        }
    }

    /// Its name on the command line and in the run folder.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The module that it is built from; `None` for a program of the system.
    pub fn module(self) -> Option<&'static Module> {
        self.facts().built.map(|(module, _)| module)
    }

    /// The components that have to run before it.
    pub fn needs(self) -> &'static [Self] {
        self.facts().needs
    }

    /// Its ports: their names, and those of `--ports default`.
    pub fn ports(self) -> &'static [(&'static str, u16)] {
        self.facts().ports
    }

    /// The component of that name.
    pub fn named(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|component| component.name() == name)
            .ok_or_else(|| Error::Unknown {
                kind: "component",
                name: name.to_owned(),
                known: Self::ALL.map(Self::name).join(" "),
            })
    }

    /// Its program: in the folder of its module, or on the system.
    fn program(self, run: &RunFolder) -> PathBuf {
        match self.facts().built {
            Some((module, program)) => run.programs(module).join(program),
            None => run.system_program(self.name()),
        }
    }

    /// How it is started in `run`.
    pub(crate) fn command(self, run: &RunFolder) -> Command {
        let mut command = Command::new(self.program(run));
        command.current_dir(run.path());
        let arguments = match self {
            Etcd => kubernetes::etcd(run),
            ApiServer => kubernetes::apiserver(run),
            ControllerManager => kubernetes::controller_manager(run),
            Scheduler => kubernetes::scheduler(run),
            Kwok => kubernetes::kwok(run),
            MetricsServer => kubernetes::metrics_server(run),
            Prometheus => monitoring::prometheus(run),
            Alertmanager => monitoring::alertmanager(run),
            Loki => monitoring::loki(run),
            KubeStateMetrics => monitoring::kube_state_metrics(run),
        };
        command.args(arguments);
        if self == Kwok {
            // The stage that gives pods their logs reads it.
            command.env("TESTBED_LOG_DIR", run.pod_logs());
        }
        command
    }
}

/// Flags as arguments, `--name=value`.
fn flags<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs
        .into_iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_comes_behind_those_that_it_needs() {
        for (place, component) in Component::ALL.iter().enumerate() {
            for needed in component.needs() {
                assert!(
                    Component::ALL[..place].contains(needed),
                    "{component:?} before {needed:?}"
                );
            }
        }
    }

    #[test]
    fn names_and_fixed_ports_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        let mut ports = std::collections::BTreeSet::new();
        for component in Component::ALL {
            assert!(names.insert(component.name()));
            assert_eq!(Component::named(component.name()).unwrap(), component);
            for (name, port) in component.ports() {
                assert!(ports.insert(*port), "{name}");
            }
        }
    }

    #[test]
    fn an_unknown_component_is_answered_with_those_there_are() {
        let error = Component::named("etdc").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no component etdc; known: etcd alertmanager"),
            "{error}"
        );
    }
}
