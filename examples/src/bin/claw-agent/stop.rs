//! `claw-agent stop`: the emergency stop from another terminal, whether the agent runs or not.
//!
//! The folder of the agent's journal is where both meet. Its audit log belongs to the process that runs: where one does, it is
//! asked to release the stop, and records that; where none does, the command does both itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::AuditError;
use claw_core::clock::{Clock, SystemClock};
use claw_guardrails::audit::FileAuditLog;
use claw_guardrails::stop::{Mark, MarkFile, Order, Stop, Switch};

use crate::args::{Output, StopEngageArguments, StopPlace, StopReleaseArguments};
use crate::failure::{self, Failure};
use crate::print;

/// How long an agent that runs may take to answer: it looks every two seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often is looked for its answer.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn engage(given: StopEngageArguments) -> Result<u8, Failure> {
    let (folder, marks) = place(&given.place)?;
    if let Some(mark) = marks.read()? {
        print::out(&format!(
            "the emergency stop is engaged already: {}\n",
            told(&mark)
        ))?;
        return Ok(0);
    }
    // First of all: whatever else fails, the agent stops.
    let mark = Mark::new(SystemClock.now(), &given.by, &given.reason);
    marks.write(&mark)?;
    let recorded = match alone(folder).await {
        Ok((switch, audit)) => {
            let recorded = switch.take_up().await;
            audit.close().await?;
            recorded?;
            "the next agent that starts is stopped"
        }
        Err(_) => "an agent that runs feels it, and records it, within some seconds",
    };
    print::out(&format!("the emergency stop is engaged; {recorded}\n"))?;
    Ok(0)
}

pub(crate) async fn release(given: StopReleaseArguments) -> Result<u8, Failure> {
    let (folder, marks) = place(&given.place)?;
    let Some(mark) = marks.read()? else {
        print::out("the emergency stop is not engaged\n")?;
        return Ok(0);
    };
    match alone(folder).await {
        Ok((switch, audit)) => {
            let released = switch.release(&given.by, &given.reason).await;
            audit.close().await?;
            released?;
        }
        Err(in_use) => ordered(&marks, given, &mark, in_use).await?,
    }
    print::out(&format!(
        "the emergency stop is released; it was engaged: {}\n",
        told(&mark)
    ))?;
    Ok(0)
}

pub(crate) fn status(given: &StopPlace, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("stop status")?;
    let (_, marks) = place(given)?;
    let mark = marks.read()?;
    match &mark {
        _ if json => print::json(&serde_json::json!({"engaged": mark.is_some(), "mark": mark}))?,
        Some(mark) => print::out(&format!("the emergency stop is engaged: {}\n", told(mark)))?,
        None => print::out("the emergency stop is not engaged\n")?,
    }
    Ok(if mark.is_some() { failure::CHECK } else { 0 })
}

/// Asks the agent that runs to release the stop, and waits for its answer.
async fn ordered(
    marks: &MarkFile,
    given: StopReleaseArguments,
    mark: &Mark,
    in_use: AuditError,
) -> Result<(), Failure> {
    marks.give(&Order {
        by: given.by,
        reason: given.reason,
        mark: mark.clone(),
        refused: None,
    })?;
    let answered = tokio::time::timeout(PATIENCE, async {
        loop {
            tokio::time::sleep(LOOK).await;
            match marks.order()? {
                None => return Ok::<_, Failure>(None),
                Some(Order {
                    refused: Some(why), ..
                }) => return Ok(Some(why)),
                Some(_) => {}
            }
        }
    });
    let answer = answered.await;
    // Nobody is to find it later.
    marks.take_back()?;
    match answer {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(why))) => Err(Failure::new(
            format!("the agent does not release the emergency stop: {why}"),
            "",
        )),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Failure::new(
            format!("no agent answered within {PATIENCE:?}, and the audit log cannot be written here"),
            "end the process that holds the audit log, or right the log, and try again",
        )
        .because(in_use)),
    }
}

/// The switch of an agent that does not run, with its audit log.
async fn alone(folder: &Path) -> Result<(Switch, Arc<FileAuditLog>), AuditError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let audit = Arc::new(FileAuditLog::open(folder.join("audit.jsonl"), Arc::clone(&clock)).await?);
    let switch = Switch::new(Stop::new(), folder, Arc::<FileAuditLog>::clone(&audit), clock);
    Ok((switch, audit))
}

/// The folder, if it is one of an agent: a stop elsewhere would stop nobody.
fn place(given: &StopPlace) -> Result<(&Path, MarkFile), Failure> {
    let folder = given.data.as_path();
    if ["journal.sqlite", "audit.jsonl"]
        .iter()
        .any(|name| folder.join(name).exists())
    {
        return Ok((folder, MarkFile::new(folder)));
    }
    Err(Failure::new(
        format!(
            "{} is not the folder of an agent: it has neither journal nor audit log",
            folder.display()
        ),
        "give the one that `claw-agent serve --data` has",
    ))
}

fn told(mark: &Mark) -> String {
    format!("{}, by {} at {}", mark.reason, mark.by, mark.since)
}
