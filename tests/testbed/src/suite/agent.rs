//! `claw-agent serve` as a program, the way it runs outside.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Part, Service, Testbed, wait_until};
use crate::error::Error;

/// How long the agent may take until it listens.
const START: Duration = Duration::from_secs(30);

/// What the agent would take from the environment of the user.
const SETTINGS: [&str; 5] = [
    "CLAW_OUTPUT",
    "ELASTICSEARCH_URL",
    "KUBECONFIG",
    "LOKI_URL",
    "PROMETHEUS_URL",
];

/// A command of the agent, with none of the user's settings. It reads nothing from the terminal, and is killed when it is
/// dropped.
pub fn agent_command(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in SETTINGS {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Who asks a program to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stop {
    /// A person at the terminal: SIGINT.
    Interrupt,
    /// A service manager or kubelet: SIGTERM.
    Terminate,
}

impl Stop {
    /// Asks the program with the process id `pid`.
    pub fn ask(self, pid: u32) {
        let signal = match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
        };
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // One that has ended by itself needs no asking.
            let _ = kill_process(pid, signal);
        }
    }
}

/// An agent that serves webhooks. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    url: String,
    service: Service,
    data: PathBuf,
}

impl Agent {
    /// Starts the agent with its journal, audit log and reports in `data`, against everything that the testbed has.
    ///
    /// # Errors
    /// When it does not listen in time; the error quotes what it said last.
    pub async fn start(program: &str, testbed: &Testbed, data: &Path) -> Result<Self, Error> {
        Self::start_with(program, testbed, data, testbed.kubeconfig(), &[]).await
    }

    /// The same with another kubeconfig, and further arguments.
    pub async fn start_with(
        program: &str,
        testbed: &Testbed,
        data: &Path,
        kubeconfig: &Path,
        arguments: &[&str],
    ) -> Result<Self, Error> {
        let mut command = agent_command(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (part, flag) in [(Part::Prometheus, "--prometheus"), (Part::Loki, "--loki")] {
            if let Some(url) = testbed.part(part) {
                command.args([flag, url]);
            }
        }
        let failed = |source| Error::Io {
            doing: "run",
            path: PathBuf::from(program),
            source,
        };
        let mut child = command.spawn().map_err(failed)?;
        let said = child.stderr.take();
        let mut last = String::new();
        let listening = async {
            let mut lines = BufReader::new(said?).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let url = line
                    .split_whitespace()
                    .find(|word| word.starts_with("http://127.0.0.1:"));
                if let Some(url) = url {
                    return Some((url.trim_end_matches(['/', ',', ';', '.']).to_owned(), lines));
                }
                last = line;
            }
            None
        };
        let Ok(Some((url, mut lines))) = tokio::time::timeout(START, listening).await else {
            return Err(Error::Program {
                program: format!("{program} serve"),
                why: format!("it does not listen within {} s; it said: {last}", START.as_secs()),
            });
        };
        // Somebody has to read on, or the agent waits for room in the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let service = Service::at(&url)?;
        Ok(Self {
            child,
            url,
            service,
            data: data.to_owned(),
        })
    }

    /// Where Alertmanager sends its notifications.
    pub fn webhook(&self) -> String {
        format!("{}/webhook/alertmanager", self.url)
    }

    /// Sends a notification, and says which runs it led to.
    pub async fn notify(&self, body: &Value) -> Result<Vec<String>, Error> {
        let receipt = self.service.post("/webhook/alertmanager", body).await?;
        let runs = receipt.get("runs").and_then(Value::as_array);
        let names = runs.into_iter().flatten().filter_map(Value::as_str);
        Ok(names.map(str::to_owned).collect())
    }

    /// The runs that the agent knows, newest first.
    pub async fn runs(&self) -> Result<Vec<Value>, Error> {
        let answer = self.service.get("/runs", &[("limit", "500")]).await?;
        Ok(answer
            .get("runs")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    /// A run as the agent tells it, with its steps and deliveries.
    pub async fn run(&self, run: &str) -> Result<Value, Error> {
        self.service.get(&format!("/runs/{run}"), &[]).await
    }

    /// The report of a run as it was delivered into the folder, once it is there.
    pub fn report(&self, run: &str) -> Option<Value> {
        let file = self.data.join("reports").join(format!("{run}.json"));
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    /// All reports that were delivered so far.
    pub fn reports(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.data.join("reports"));
        let mut files: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let read = |file: &PathBuf| serde_json::from_slice(&std::fs::read(file).ok()?).ok();
        files.iter().filter_map(read).collect()
    }

    /// Waits for the report of a run.
    pub async fn wait_for(&self, run: &str, within: Duration) -> Result<Value, Error> {
        wait_until(within, &format!("the report of run {run}"), async || {
            Ok(self
                .report(run)
                .ok_or_else(|| format!("{} other reports", self.reports().len())))
        })
        .await
    }

    /// Resident memory in KiB: now, and the most that it has been.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Asks the agent to stop, and waits until it has. Returns its exit code, if it ended by itself.
    ///
    /// # Errors
    /// When it goes on for longer than `within`.
    pub async fn stop(mut self, by: Stop, within: Duration) -> Result<Option<i32>, Error> {
        if let Some(pid) = self.child.id() {
            by.ask(pid);
        }
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let ended = ended.map_err(|_| Error::TimedOut {
            what: "the end of the agent".to_owned(),
            within,
            last: None,
        })?;
        let ended = ended.map_err(|source| Error::Io {
            doing: "wait for",
            path: PathBuf::from("claw-agent"),
            source,
        })?;
        Ok(ended.code())
    }

    /// Ends the agent as a power failure would.
    pub async fn kill(mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(|source| Error::Io {
            doing: "end",
            path: PathBuf::from("claw-agent"),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options of the agent, which say what they take from the environment.
    const OPTIONS: &str = include_str!("../../../../examples/src/bin/claw-agent/args.rs");

    #[test]
    fn nothing_that_the_options_take_from_the_environment_reaches_an_agent() {
        let named = OPTIONS.split("env = \"").skip(1);
        let named: Vec<_> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() >= 4, "{named:?}");
        let command = agent_command("claw-agent");
        let removed: Vec<_> = command.as_std().get_envs().collect();
        for name in named {
            assert!(removed.contains(&(name.as_ref(), None)), "{name}");
        }
    }
}
