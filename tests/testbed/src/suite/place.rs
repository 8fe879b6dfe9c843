//! Where the components are: told by variables, so that a cluster of the user's own does as well.

use std::path::{Path, PathBuf};

use super::{Namespace, Service, notes};
use crate::api::Api;
use crate::error::Error;
use crate::fault::Fault;
use crate::kubectl::Kubectl;
use crate::machine;

/// A part that a testbed may lack. Without it, tests that need it are skipped by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// A store of metrics.
    Prometheus,
    /// A sender of alerts.
    Alertmanager,
    /// A store of logs.
    Loki,
    /// The audit log of the API server.
    AuditLog,
    /// A run folder: the components are ours, and may be reconfigured.
    Run,
    /// Simulated kubelets, whose log files can be written.
    PodLogs,
    /// The program `claw-agent`.
    Agent,
}

impl Part {
    /// The variable that says where it is.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Prometheus => "CLAW_E2E_PROMETHEUS_URL",
            Self::Alertmanager => "CLAW_E2E_ALERTMANAGER_URL",
            Self::Loki => "CLAW_E2E_LOKI_URL",
            Self::AuditLog => "CLAW_E2E_AUDIT_LOG",
            Self::Run => "CLAW_E2E_RUN",
            Self::PodLogs => "CLAW_E2E_LOG_DIR",
            Self::Agent => "CLAW_E2E_AGENT",
        }
    }

    /// What it is, and how a person comes by it.
    const fn words(self) -> (&'static str, &'static str) {
        const OURS: &str =
            "only a testbed of `claw-testbed` has one; run the suites without CLAW_E2E_KUBECONFIG";
        match self {
            Self::Prometheus => ("Prometheus", "name one in CLAW_E2E_PROMETHEUS_URL"),
            Self::Alertmanager => (
                "Alertmanager",
                "install prometheus-alertmanager, or name one in CLAW_E2E_ALERTMANAGER_URL",
            ),
            Self::Loki => ("Loki", "name one in CLAW_E2E_LOKI_URL"),
            Self::AuditLog => (
                "audit log of the API server",
                "name its file in CLAW_E2E_AUDIT_LOG",
            ),
            Self::Run => ("control plane that may be reconfigured", OURS),
            Self::PodLogs => ("simulated kubelet, whose logs can be written", OURS),
            Self::Agent => ("claw-agent", "name the program in CLAW_E2E_AGENT"),
        }
    }
}

/// The variable with the kubeconfig, the only one that must be set.
pub const KUBECONFIG: &str = "CLAW_E2E_KUBECONFIG";
/// The variable with a kubectl, where it is not the one on the path.
pub(crate) const KUBECTL: &str = "CLAW_E2E_KUBECTL";

/// The variable with a label, `name=value`, that all namespaces of the suites get, so that they can be found.
pub const LABEL: &str = "CLAW_E2E_LABEL";

/// A cluster with what is around it.
#[derive(Clone, Debug)]
pub struct Testbed {
    kubectl: Kubectl,
    api: Api,
    variables: Vec<(&'static str, String)>,
    notes: Option<PathBuf>,
    label: Option<String>,
}

impl Testbed {
    /// The testbed that the variables `CLAW_E2E_…` name.
    ///
    /// # Errors
    ///
    /// When `CLAW_E2E_KUBECONFIG` is not set or cannot be used, or there is no kubectl.
    pub async fn from_env() -> Result<Self, Error> {
        Self::from_env_with(&[]).await
    }

    /// The same, where these variables come before those of the environment.
    pub async fn from_env_with(variables: &[(&str, String)]) -> Result<Self, Error> {
        Self::from_variables(|name| {
            let given = variables.iter().find(|(given, _)| *given == name);
            // Suites are started by cargo, which passes nothing but the environment.
            #[allow(clippy::disallowed_methods)]
            let of_environment = || std::env::var(name).ok();
            let value = given.map(|(_, value)| value.clone()).or_else(of_environment);
            value.filter(|value| !value.is_empty())
        })
        .await
    }

    /// The same for a test.
    ///
    /// # Panics
    ///
    /// With the line that says what is missing, where [`Testbed::from_env`] fails.
    #[allow(clippy::panic)] // a failure of a test is a panic
    pub async fn for_test() -> Self {
        Self::from_env()
            .await
            .unwrap_or_else(|error| panic!("{}", error.line()))
    }

    /// The same, with the variables as a function.
    pub async fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let kubeconfig = PathBuf::from(variable(KUBECONFIG).ok_or(Error::Unset { name: KUBECONFIG })?);
        let on_path = || machine::program(&variable("PATH").unwrap_or_default(), "kubectl");
        let program = variable(KUBECTL).map(PathBuf::from).or_else(on_path);
        let program = program.ok_or_else(|| Error::ProgramMissing {
            program: "kubectl".to_owned(),
            wanted_for: "by which suites change the cluster".to_owned(),
            remedy: "install it, or name it in CLAW_E2E_KUBECTL",
        })?;
        let api = Api::connect(&kubeconfig).await?;
        let parts = [
            Part::Prometheus,
            Part::Alertmanager,
            Part::Loki,
            Part::AuditLog,
            Part::Run,
            Part::PodLogs,
            Part::Agent,
        ];
        let given = parts
            .map(Part::variable)
            .map(|name| Some((name, variable(name)?)));
        let mut kubectl = Kubectl::new(program, kubeconfig);
        if let Some(run) = variable(Part::Run.variable()) {
            kubectl = kubectl.with_cache(Path::new(&run).join("kubectl-cache"));
        }
        Ok(Self {
            kubectl,
            api,
            variables: given.into_iter().flatten().collect(),
            notes: variable(notes::NOTES).map(PathBuf::from),
            label: variable(LABEL),
        })
    }

    /// Where a part is, as its variable says it; `None` where it is absent.
    pub fn part(&self, part: Part) -> Option<&str> {
        let found = self.variables.iter().find(|(name, _)| *name == part.variable());
        found.map(|(_, value)| value.as_str())
    }

    /// Where a part is. Where it is absent, says so in a line with the name of the test that is skipped for it.
    pub fn need(&self, part: Part, test: &str) -> Option<&str> {
        let found = self.part(part);
        if found.is_none() {
            let (what, remedy) = part.words();
            self.note(&format!("skipped: {test}: there is no {what}; {remedy}"));
        }
        found
    }

    /// Says something that is of interest also when all tests pass: `claw-testbed test` prints it at its end.
    pub fn note(&self, text: &str) {
        println!("{text}");
        if let Some(file) = &self.notes {
            notes::add(file, text);
        }
    }

    /// A service that speaks HTTP; skips like [`Testbed::need`].
    pub fn service(&self, part: Part, test: &str) -> Result<Option<Service>, Error> {
        self.need(part, test).map(Service::at).transpose()
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> &Path {
        self.kubectl.kubeconfig()
    }

    /// The API server, as the administrator.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// kubectl, as the administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Applies manifests, YAML or JSON, on the server.
    pub async fn apply(&self, manifests: &str) -> Result<(), Error> {
        self.kubectl.apply(manifests).await.map(|_| ())
    }

    /// A namespace of its own for one test, deleted when the value is dropped.
    pub async fn namespace(&self, name: &str) -> Result<Namespace, Error> {
        Namespace::create(&self.kubectl, name, self.label.as_deref()).await
    }

    /// Deletes all namespaces with this label, and with them whatever belongs to them. Does not wait for it.
    pub async fn sweep(&self, label: &str) -> Result<(), Error> {
        let selector = format!("--selector={label}");
        self.kubectl
            .run(&[
                "delete",
                "namespaces",
                &selector,
                "--wait=false",
                "--ignore-not-found",
            ])
            .await
            .map(|_| ())
    }

    /// Brings a named fault about in `namespace`.
    pub async fn inject(&self, fault: &str, namespace: &str) -> Result<(), Error> {
        if let Some(folder) = self.part(Part::PodLogs) {
            // So that what the containers print is of now.
            crate::podlogs::render_all(Path::new(folder))?;
        }
        let fault = Fault::named(fault)?;
        if fault.simulated && self.part(Part::PodLogs).is_none() {
            return Err(Error::Simulated { fault: fault.name });
        }
        fault.inject(&self.kubectl, namespace).await
    }

    /// A token with the rights of a service account, valid for an hour.
    pub async fn token(&self, namespace: &str, account: &str) -> Result<String, Error> {
        super::account::token(&self.api, namespace, account).await
    }
}

#[cfg(test)]
impl Testbed {
    /// One with these parts, and a cluster that nobody has to reach.
    pub(super) async fn nowhere(parts: &[(Part, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "a",
            "clusters": [{ "name": "a", "cluster": { "server": "http://127.0.0.1:1" } }],
            "users": [{ "name": "a", "user": {} }],
            "contexts": [{ "name": "a", "context": { "cluster": "a", "user": "a" } }],
        });
        std::fs::write(&file, config.to_string()).unwrap();
        let testbed = Self::from_variables(|name| match name {
            KUBECONFIG => Some(file.display().to_string()),
            KUBECTL => Some("/bin/kubectl".to_owned()),
            _ => {
                let found = parts.iter().find(|(part, _)| part.variable() == name);
                found.map(|(_, value)| (*value).to_owned())
            }
        });
        testbed.await.unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_kubeconfig_the_remedy_is_said() {
        let error = Testbed::from_variables(|_| None).await.unwrap_err().to_string();
        assert!(error.contains("cargo run --bin claw-testbed -- test"), "{error}");
    }

    #[tokio::test]
    async fn absent_parts_are_none() {
        let testbed = Testbed::nowhere(&[(Part::Loki, "http://loki")]).await;
        assert_eq!(testbed.need(Part::Loki, "a"), Some("http://loki"));
        assert_eq!(testbed.need(Part::Prometheus, "b"), None);
    }

    #[tokio::test]
    async fn what_is_skipped_is_noted_with_what_is_missing_and_how_to_come_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let mut testbed = Testbed::nowhere(&[]).await;
        testbed.notes = Some(notes.clone());
        testbed.need(Part::Loki, "search of logs");
        testbed.note("figures\n");
        assert_eq!(
            std::fs::read_to_string(notes).unwrap(),
            "skipped: search of logs: there is no Loki; name one in CLAW_E2E_LOKI_URL\nfigures\n"
        );
    }
}
