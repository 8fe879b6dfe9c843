//! `claw-testbed test`

mod agent;
mod cargo;
mod suites;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use claw_testbed::builds::Cache;
use claw_testbed::down::{self, Leave};
use claw_testbed::error::Error;
use claw_testbed::machine;
use claw_testbed::ports::Choice;
use claw_testbed::run::RunFolder;
use claw_testbed::status;
use claw_testbed::suite::{KUBECONFIG, LABEL, NOTES, Part, Testbed};
use claw_testbed::up::{self, Plan, interrupted};

pub(crate) use suites::names as suite_names;

use super::arguments::TestArguments;
use super::progress::Progress;
use super::up::describe;

/// Nodes for the suites.
const NODES: u32 = 3;

/// The label of everything that suites make in a cluster of somebody's own.
const OURS: &str = "claw.dev/suites";

pub(crate) async fn run(cache: &Cache, given: &TestArguments) -> Result<(), Error> {
    // Before minutes of building.
    let own = match &given.kubeconfig {
        Some(kubeconfig) => Some(OwnCluster::reach(kubeconfig).await?),
        None => None,
    };
    let agent = unless_interrupted(agent::build(&given.cargo)).await?;
    let notes = match &given.notes {
        Some(file) => file.clone(),
        None => std::env::temp_dir().join(format!("claw-testbed-notes-{}", machine::secret(4)?)),
    };
    let variables = vec![
        (Part::Agent.variable(), agent.to_string_lossy().into_owned()),
        (NOTES, notes.to_string_lossy().into_owned()),
    ];
    let outcome = match own {
        Some(own) => own.run(given, variables).await,
        None => on_testbed(cache, given, variables).await,
    };
    tell(&notes);
    if given.notes.is_none() {
        // Without any there is no file.
        let _ = std::fs::remove_file(&notes);
    }
    outcome
}

/// Runs the suites against a testbed of their own.
async fn on_testbed(
    cache: &Cache,
    given: &TestArguments,
    mut variables: Vec<(&'static str, String)>,
) -> Result<(), Error> {
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
        suites::run(given, &variables).await
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

/// A cluster of somebody's own, in which nothing is to be left.
struct OwnCluster {
    testbed: Testbed,
    variables: Vec<(&'static str, String)>,
    label: String,
}

impl OwnCluster {
    async fn reach(kubeconfig: &Path) -> Result<Self, Error> {
        // Tests run in another folder.
        let kubeconfig = std::fs::canonicalize(kubeconfig).map_err(|source| Error::Io {
            doing: "read",
            path: kubeconfig.to_owned(),
            source,
        })?;
        let label = format!("{OURS}={}", machine::secret(4)?);
        let variables = vec![
            (KUBECONFIG, kubeconfig.to_string_lossy().into_owned()),
            (LABEL, label.clone()),
        ];
        let testbed = Testbed::from_env_with(&variables).await?;
        if let Err(error) = testbed.api().get("/version").await {
            return Err(Error::Unreachable {
                kubeconfig,
                why: error.line(),
            });
        }
        Ok(Self {
            testbed,
            variables,
            label,
        })
    }

    /// Runs the suites, and deletes what is left of them.
    async fn run(
        self,
        given: &TestArguments,
        mut variables: Vec<(&'static str, String)>,
    ) -> Result<(), Error> {
        variables.extend(self.variables);
        let outcome = suites::run(given, &variables).await;
        // Tests that were interrupted have deleted nothing.
        let swept = self.testbed.sweep(&self.label).await;
        if let Err(error) = &swept {
            let remedy = format!("kubectl delete namespaces --selector={}", self.label);
            eprintln!(
                "namespaces may be left behind ({}); delete them: {remedy}",
                error.line()
            );
        }
        if outcome? {
            swept
        } else {
            Err(Error::TestsOnCluster)
        }
    }
}

async fn unless_interrupted<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        outcome = work => outcome,
        () = interrupted() => Err(Error::Interrupted),
    }
}

/// What the suites have noted: figures, and what was skipped by what it lacked.
fn tell(notes: &Path) {
    let text = std::fs::read_to_string(notes).unwrap_or_default();
    let (mut figures, mut skipped) = (Vec::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    for line in text.lines() {
        let skip = line
            .strip_prefix("skipped: ")
            .and_then(|line| line.split_once(": "));
        match skip {
            Some((test, why)) => {
                skipped.entry(why).or_default().insert(test);
            }
            None => figures.push(line),
        }
    }
    if !text.is_empty() {
        println!("\nnoted by the suites:");
    }
    for line in figures {
        println!("{line}");
    }
    for (why, tests) in skipped {
        let tests: Vec<&str> = tests.into_iter().collect();
        println!("skipped, as {why}: {}", tests.join(", "));
    }
}
