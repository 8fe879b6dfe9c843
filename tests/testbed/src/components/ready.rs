//! When a component is ready, and what to say when it does not get there.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::http::{Client, ClientConfig, Pem, Proxy};
use claw_core::tool::ToolContext;

use super::Component;
use crate::error::{Error, last_line};
use crate::process::Process;
use crate::run::RunFolder;

/// How long a component may take. Generous: the machine may be busy with other things.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(3);
/// Between two questions.
const STEP: Duration = Duration::from_millis(100);

impl Component {
    /// Where it says that it is ready, and the token for that.
    fn health(self, run: &RunFolder) -> (String, Option<&'static str>) {
        let plain = |port: &str, path: &str| (run.http(port) + path, None);
        let secure = |port: &str, path: &str| (run.https(port) + path, None);
        match self {
            Self::Etcd => plain("etcd", "/health"),
            Self::ApiServer => (run.https("apiserver") + "/readyz", Some("admin")),
            Self::ControllerManager => secure("kcm", "/healthz"),
            Self::Scheduler => secure("scheduler", "/healthz"),
            Self::Kwok => secure("kwok", "/healthz"),
            Self::MetricsServer => secure("metrics-server", "/livez"),
            Self::Prometheus => plain("prometheus", "/-/ready"),
            Self::Alertmanager => plain("alertmanager", "/-/ready"),
            Self::Loki => plain("loki", "/ready"),
            Self::KubeStateMetrics => plain("kube-state-metrics", "/healthz"),
        }
    }
}

/// Waits for components of one run.
#[derive(Debug)]
pub(crate) struct Readiness {
    client: Client,
}

impl Readiness {
    /// Trusts the authority of `run`.
    pub(crate) fn of(run: &RunFolder) -> Result<Self, Error> {
        let config = ClientConfig {
            ca: Some(Pem::File(run.file("pki/ca.crt").into())),
            proxy: Proxy::Direct,
            max_retries: 0,
            ..ClientConfig::default()
        };
        let client = Client::new(config).map_err(Error::service("prepare the health checks"))?;
        Ok(Self { client })
    }

    /// Returns when `component` is ready. Fails when it ends before, or takes too long.
    pub(crate) async fn wait(
        &self,
        run: &RunFolder,
        component: Component,
        process: Process,
    ) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let (url, user) = component.health(run);
        let token = user.map(|user| run.token(user)).transpose()?;
        loop {
            if self.answers(&url, token.as_deref()).await {
                return Ok(());
            }
            if !process.is_alive() {
                return Err(failed(run, component, "ended before it was ready".to_owned()));
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(failed(
                    run,
                    component,
                    format!("is not ready after {} s", DEADLINE.as_secs()),
                ));
            }
            tokio::time::sleep(STEP).await;
        }
    }

    async fn answers(&self, url: &str, token: Option<&str>) -> bool {
        let cx = ToolContext::new(Arc::new(SystemClock), QUESTION);
        let mut request = self.client.get(url).timeout(QUESTION);
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        request.send(&cx).await.is_ok()
    }
}

fn failed(run: &RunFolder, component: Component, what: String) -> Error {
    let log = run.log(component.name());
    let why = said_last(&log);
    Error::ComponentFailed {
        component: component.name(),
        what,
        why,
        log,
    }
}

/// The last line of a log: of a Go program that panicked, the line that says why.
fn said_last(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let tail = bytes
        .get(bytes.len().saturating_sub(64 << 10)..)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(tail);
    let panic = text
        .lines()
        .rev()
        .find(|line| line.starts_with("panic: ") || line.starts_with("Error: "));
    panic.map_or_else(|| last_line(&text), crate::error::one_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_quoted_by_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(
            &log,
            "starting\npanic: no such file\n\ngoroutine 1 [running]:\nmain.main()\n",
        )
        .unwrap();
        assert_eq!(said_last(&log), "panic: no such file");
        fs::write(&log, "starting\nlisten tcp: address already in use\n").unwrap();
        assert_eq!(said_last(&log), "listen tcp: address already in use");
        assert_eq!(said_last(Path::new("/no/log")), "it said nothing");
    }
}
