//! `claw-agent serve` as a program, the way it runs outside.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::{Part, Service, Testbed, wait_until};
use crate::error::{Error, last_line};
use crate::machine;

/// How long the agent may take until it listens.
const START: Duration = Duration::from_secs(30);
/// What the agent would take from the environment of the user.
const SETTINGS: [&str; 9] = [
    "CLAW_AGENT_URL",
    "CLAW_OUTPUT",
    "ELASTICSEARCH_URL",
    "GRAFANA_URL",
    "JAEGER_URL",
    "KUBECONFIG",
    "LOKI_URL",
    "PROMETHEUS_URL",
    "USER",
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
    /// What it says beside is written into a log: among those of the run, or into `data` where the testbed is not ours.
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
        let log = log_of_its_own(testbed, data)?;
        let said = File::create(&log).map_err(Error::io("write", &log))?;
        let mut command = agent_command(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(said);
        for (part, flag) in [(Part::Prometheus, "--prometheus"), (Part::Loki, "--loki")] {
            if let Some(url) = testbed.part(part) {
                command.args([flag, url]);
            }
        }
        let mut child = command.spawn().map_err(Error::io("run", Path::new(program)))?;
        let read = || fs::read_to_string(&log).map_err(Error::io("read", &log));
        let listening = wait_until(START, "the agent listens", async || {
            // In this order, so that an agent that ends has been read to its end.
            let ended = child.try_wait().ok().flatten();
            let said = read()?;
            Ok(match (address(&said), ended) {
                (Some(url), _) => Ok(Ok(url)),
                (None, Some(status)) => Ok(Err(status)),
                (None, None) => Err(last_line(&said)),
            })
        });
        let url = listening.await?.map_err(|status| Error::Program {
            program: format!("{program} serve"),
            why: format!(
                "{status}; it said: {}; the whole is in {}",
                last_line(&read().unwrap_or_default()),
                log.display()
            ),
        })?;
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
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// All reports that were delivered so far.
    pub fn reports(&self) -> Vec<Value> {
        let entries = fs::read_dir(self.data.join("reports"));
        let mut files: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let read = |file: &PathBuf| serde_json::from_slice(&fs::read(file).ok()?).ok();
        files.iter().filter_map(read).collect()
    }

    /// Waits until the audit log holds `text`.
    pub async fn records(&self, text: &str, within: Duration) -> Result<(), Error> {
        let log = self.data.join("audit.jsonl");
        wait_until(within, &format!("{text} in the audit log"), async || {
            let log = fs::read_to_string(&log).map_err(Error::io("read", &log))?;
            Ok(if log.contains(text) {
                Ok(())
            } else {
                Err(format!("{} bytes", log.len()))
            })
        })
        .await
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
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

/// Where an agent writes what it says.
fn log_of_its_own(testbed: &Testbed, data: &Path) -> Result<PathBuf, Error> {
    let name = format!("claw-agent-{}.log", machine::secret(3)?);
    if let Some(run) = testbed.part(Part::Run) {
        return Ok(Path::new(run).join("log").join(name));
    }
    fs::create_dir_all(data).map_err(Error::io("make", data))?;
    Ok(data.join(name))
}

/// The address at which an agent says that it listens, once the line is whole.
fn address(said: &str) -> Option<String> {
    let (whole, _) = said.rsplit_once('\n')?;
    let url = whole
        .split_whitespace()
        .find(|word| word.starts_with("http://127.0.0.1:"))?;
    Some(url.trim_end_matches(['/', ',', ';', '.']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Sources of the options of the agent, which say what they take from the environment.
    const OPTIONS: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/src/bin/claw-agent/args"
    );

    #[test]
    fn nothing_that_the_options_take_from_the_environment_reaches_an_agent() {
        let sources = fs::read_dir(OPTIONS).unwrap();
        let options: String = sources
            .map(|source| fs::read_to_string(source.unwrap().path()).unwrap())
            .collect();
        let named = options.split("env = \"").skip(1);
        let named: Vec<_> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() >= 4, "{named:?}");
        let command = agent_command("claw-agent");
        let removed: Vec<_> = command.as_std().get_envs().collect();
        for name in named {
            assert!(removed.contains(&(name.as_ref(), None)), "{name}");
        }
    }

    #[test]
    fn the_address_is_read_from_whole_lines() {
        assert_eq!(address("listens on http://127.0.0.1:80"), None);
        let whole = "INFO starting\nlistens on http://127.0.0.1:8080/, and waits\n";
        assert_eq!(address(whole).as_deref(), Some("http://127.0.0.1:8080"));
    }

    /// A program that stands for the agent, in `folder`.
    fn program(folder: &Path, script: &str) -> String {
        let file = folder.join("agent");
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file.to_string_lossy().into_owned()
    }

    #[tokio::test]
    async fn an_agent_that_ends_is_quoted_and_what_it_said_stays() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::create_dir(&log).unwrap();
        let testbed = Testbed::nowhere(&[(Part::Run, &folder.path().to_string_lossy())]).await;
        let program = program(folder.path(), "echo starting >&2; echo no room >&2; exit 3");
        let error = Agent::start(&program, &testbed, &folder.path().join("data"))
            .await
            .unwrap_err()
            .line();
        assert!(error.contains("it said: no room"), "{error}");
        let logs: Vec<_> = fs::read_dir(&log).unwrap().flatten().collect();
        let [kept] = logs.as_slice() else {
            panic!("one log, not {logs:?}");
        };
        assert_eq!(fs::read_to_string(kept.path()).unwrap(), "starting\nno room\n");
        assert!(error.contains(&*kept.path().to_string_lossy()), "{error}");
    }

    #[tokio::test]
    async fn what_an_agent_says_once_it_listens_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let testbed = Testbed::nowhere(&[]).await;
        let script = "echo http://127.0.0.1:1 >&2; echo later >&2; exec sleep 60";
        let program = program(folder.path(), script);
        let data = folder.path().join("data");
        let agent = Agent::start(&program, &testbed, &data).await.unwrap();
        wait_until(Duration::from_secs(5), "the second line", async || {
            let entries = fs::read_dir(&data).map_err(Error::io("read", &data))?;
            let said = entries.flatten().map(|entry| fs::read_to_string(entry.path()));
            let said: String = said.map(Result::unwrap_or_default).collect();
            Ok(if said.ends_with("later\n") {
                Ok(())
            } else {
                Err(said)
            })
        })
        .await
        .unwrap();
        agent.kill().await.unwrap();
    }
}
