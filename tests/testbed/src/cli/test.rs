//! `claw-testbed test`

use std::path::{Path, PathBuf};
use std::process::Stdio;

use claw_testbed::builds::Cache;
use claw_testbed::down::{self, Leave};
use claw_testbed::error::Error;
use claw_testbed::machine;
use claw_testbed::ports::Choice;
use claw_testbed::process;
use claw_testbed::run::RunFolder;
use claw_testbed::status;
use claw_testbed::suite::Part;
use claw_testbed::up::{self, Plan, interrupted};
use serde_json::Value;
use tokio::process::Command;

use super::arguments::TestArguments;
use super::progress::Progress;
use super::up::describe;

/// Nodes for the suites.
const NODES: u32 = 3;

/// The suites, each group after the one before: what the others build on first, what loads the cluster last. Within a group
/// cargo chooses.
const SUITES: [&[&str]; 3] = [
    &["components"],
    &["access", "differential", "live", "network", "tools"],
    &["speed"],
];

pub(crate) async fn run(cache: &Cache, given: &TestArguments) -> Result<(), Error> {
    let agent = unless_interrupted(build_agent(&given.cargo)).await?;
    let mut variables = vec![(Part::Agent.variable(), agent.to_string_lossy().into_owned())];
    if given.kubeconfig.is_some() {
        // The others are in the environment, which the tests see.
        return match run_tests(given, &variables).await? {
            true => Ok(()),
            false => Err(Error::Tests {
                logs: PathBuf::from("your cluster"),
            }),
        };
    }
    let folder = std::env::temp_dir().join(format!("claw-testbed-{}", machine::secret(4)?));
    let plan = Plan {
        components: Vec::new(),
        ports: Choice::Free,
        nodes: NODES,
        webhook: None,
    };
    let outcome = async {
        let report = {
            let progress = Progress::start();
            up::up(cache, &folder, &plan, &|said| progress.say(said)).await?
        };
        describe(&report);
        variables.extend(status::variables(&RunFolder::look(&folder)?));
        run_tests(given, &variables).await
    }
    .await;
    take_down(&folder, outcome).await
}

/// Whatever happened: nothing runs afterwards, and when something went wrong, the logs are there.
async fn take_down(folder: &Path, outcome: Result<bool, Error>) -> Result<(), Error> {
    let passed = matches!(outcome, Ok(true));
    let leave = if passed { Leave::Nothing } else { Leave::Logs };
    // Without a run there is nothing to take down, and the first error tells more.
    let down = down::down(folder, leave).await;
    if outcome? {
        return down.map(|_| ());
    }
    let (_, logs) = down?;
    Err(Error::Tests {
        logs: logs.unwrap_or_else(|| folder.to_owned()),
    })
}

async fn unless_interrupted<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        outcome = work => outcome,
        () = interrupted() => Err(Error::Interrupted),
    }
}

/// Builds `claw-agent` as users run it, so that figures mean something, and says where it is.
async fn build_agent(cargo: &Path) -> Result<PathBuf, Error> {
    let output = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--workspace",
            "--bin",
            "claw-agent",
            "--message-format=json-render-diagnostics",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| Error::Io {
            doing: "run",
            path: cargo.to_owned(),
            source,
        })?;
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .rev()
        .find_map(executable)
        .filter(|_| output.status.success())
        .ok_or_else(|| {
            let why = "the agent does not build; the lines above say why".to_owned();
            Error::Program {
                program: "cargo build --bin claw-agent".to_owned(),
                why,
            }
        })
}

/// The program in one of cargo's messages.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let named = message.pointer("/target/name").and_then(Value::as_str) == Some("claw-agent");
    let path = message.get("executable").and_then(Value::as_str);
    path.filter(|_| named).map(PathBuf::from)
}

/// Runs the suites. `false` when tests failed. An interrupt ends cargo and the tests that it has started.
async fn run_tests(given: &TestArguments, variables: &[(&'static str, String)]) -> Result<bool, Error> {
    let mut passed = true;
    for suites in SUITES {
        passed &= run_group(suites, given, variables).await?;
    }
    Ok(passed)
}

async fn run_group(
    suites: &[&str],
    given: &TestArguments,
    variables: &[(&'static str, String)],
) -> Result<bool, Error> {
    let failed = |source| Error::Io {
        doing: "run",
        path: given.cargo.clone(),
        source,
    };
    let mut command = Command::new(&given.cargo);
    // Of the whole workspace, so that nothing is built with other features than for the other tests.
    command.args(["test", "--workspace", "--no-fail-fast"]);
    for suite in suites {
        command.args(["--test", suite]);
    }
    command.args(["--", "--ignored"]);
    command.args(&given.arguments).envs(variables.iter().cloned());
    // A group of its own can be ended as a whole.
    let mut child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let finished = tokio::select! {
        status = child.wait() => Some(status.map_err(failed)?),
        () = interrupted() => None,
    };
    if let Some(status) = finished {
        return Ok(status.success());
    }
    if let Some(leader) = child.id() {
        process::end_group(leader);
    }
    child.wait().await.map_err(failed)?;
    Err(Error::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_found_among_the_messages_of_cargo() {
        let message = |name: &str| format!(r#"{{"target":{{"name":"{name}"}},"executable":"/t/{name}"}}"#);
        assert_eq!(executable(&message("claw-agent")), Some("/t/claw-agent".into()));
        assert_eq!(executable(&message("other")), None);
        assert_eq!(executable("not json"), None);
    }

    #[test]
    fn no_suite_is_forgotten() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut found: Vec<String> = entries
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        found.sort();
        let mut known = SUITES.concat();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
