//! What runs, and what suites have to know of it.

use crate::components::Component;
use crate::modules;
use crate::run::RunFolder;
use crate::suite::Part;

/// One component of a run.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub component: &'static str,
    /// Its process and the memory that it holds in MiB; `None` when it ended by itself.
    pub running: Option<(u32, u64)>,
    /// Where it listens.
    pub ports: Vec<u16>,
}

/// The components that were started and not taken down.
pub fn status(run: &RunFolder) -> Vec<Line> {
    let started = Component::ALL
        .into_iter()
        .filter(|one| run.state.processes.contains_key(one.name()));
    let line = |component: Component| Line {
        component: component.name(),
        running: run
            .running(component)
            .map(|process| (process.pid, process.memory_mib())),
        ports: component.ports().iter().map(|(name, _)| run.port(name)).collect(),
    };
    started.map(line).collect()
}

/// The variables of suites, for what runs.
pub fn variables(run: &RunFolder) -> Vec<(&'static str, String)> {
    let kubectl = run.programs(&modules::KUBERNETES).join("kubectl");
    let mut variables = vec![
        (crate::suite::KUBECONFIG, run.file("kubeconfig")),
        (crate::suite::KUBECTL, kubectl.to_string_lossy().into_owned()),
        (Part::Run.variable(), run.path().to_string_lossy().into_owned()),
        (Part::AuditLog.variable(), run.file("audit.log")),
    ];
    if run.running(Component::Kwok).is_some() {
        variables.push((
            Part::PodLogs.variable(),
            run.pod_logs().to_string_lossy().into_owned(),
        ));
    }
    let services = [
        (Component::Prometheus, Part::Prometheus, "prometheus"),
        (Component::Alertmanager, Part::Alertmanager, "alertmanager"),
        (Component::Loki, Part::Loki, "loki"),
    ];
    for (component, part, port) in services {
        if run.running(component).is_some() {
            variables.push((part.variable(), run.http(port)));
        }
    }
    variables
}

/// The variables as lines for a shell.
pub fn exports(run: &RunFolder) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let line = |(name, value): (&str, String)| format!("export {name}={}\n", quoted(&value));
    variables(run).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_is_exported_and_names_are_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's here");
        let run = RunFolder::create(&path).unwrap();
        let lines = exports(&run);
        assert!(lines.contains(r"it'\''s here/kubeconfig'"), "{lines}");
        assert!(!lines.contains("PROMETHEUS"), "{lines}");
        assert!(status(&run).is_empty());
    }
}
