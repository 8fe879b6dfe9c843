//! `claw-testbed up`, `down`, `status`, `env`

use claw_testbed::builds::Cache;
use claw_testbed::components::Component;
use claw_testbed::down::{self, Leave};
use claw_testbed::error::Error;
use claw_testbed::ports::Choice;
use claw_testbed::run::RunFolder;
use claw_testbed::status;
use claw_testbed::up::{self, Plan, Report};

use super::arguments::{DownArguments, Ports, RunArguments, UpArguments};
use super::place;
use super::print;
use super::progress::Progress;

pub(crate) async fn up(cache: &Cache, given: &UpArguments) -> Result<(), Error> {
    let components = given
        .names
        .iter()
        .map(|name| Component::named(name))
        .collect::<Result<_, _>>()?;
    let plan = Plan {
        components,
        ports: match given.ports {
            Ports::Auto => Choice::Free,
            Ports::Default => Choice::Fixed,
        },
        nodes: given.nodes,
        webhook: given.alert_webhook.clone(),
    };
    let folder = place::folder(cache, &given.run);
    let report = {
        let progress = Progress::start();
        up::up(cache, &folder, &plan, &|said| progress.say(said)).await?
    };
    describe(&report);
    print(format!("run folder: {}", folder.display()));
    Ok(())
}

/// What is up, and what is not.
pub(crate) fn describe(report: &Report) {
    for (component, seconds) in &report.started {
        print(format!("{component:<20} ready after {seconds:.1} s"));
    }
    if report.nodes > 0 {
        print(format!("{:<20} {} made", "nodes", report.nodes));
    }
    for (component, why) in &report.skipped {
        print(format!("{component:<20} left out: {why}"));
    }
}

pub(crate) async fn down(cache: &Cache, given: &DownArguments) -> Result<(), Error> {
    let leave = if given.remove { Leave::Nothing } else { Leave::All };
    let (stopped, logs) = down::down(&place::folder(cache, &given.run), leave).await?;
    match stopped.as_slice() {
        [] => print("nothing ran"),
        names => print(format!("ended: {}", names.join(" "))),
    }
    if let Some(logs) = logs {
        print(format!(
            "logs are in {}; `down --remove` deletes them",
            logs.display()
        ));
    }
    Ok(())
}

pub(crate) fn status(cache: &Cache, given: &RunArguments) -> Result<(), Error> {
    let run = RunFolder::look(&place::folder(cache, given))?;
    let lines = status::status(&run);
    for line in &lines {
        let ports: Vec<_> = line.ports.iter().map(ToString::to_string).collect();
        let state = match line.running {
            Some((pid, mib)) => format!("process {pid:<8} {mib:>5} MiB  port {}", ports.join(", ")),
            None => format!("ended by itself; read {}", run.log(line.component).display()),
        };
        print(format!("{:<20} {state}", line.component));
    }
    let total: u64 = lines
        .iter()
        .filter_map(|line| line.running)
        .map(|(_, mib)| mib)
        .sum();
    print(format!("{:<20} {total:>22} MiB", "total"));
    Ok(())
}

pub(crate) fn env(cache: &Cache, given: &RunArguments) -> Result<(), Error> {
    print(status::exports(&place::running(cache, given)?).trim_end());
    Ok(())
}
