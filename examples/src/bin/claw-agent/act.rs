//! `claw-agent act`: sends an action to an agent that runs, and says what becomes of it.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use claw_core::clock::{Clock as _, SystemClock};
use claw_core::digest::sha256;
use serde_json::Value;

use crate::args::{ActArguments, Output};
use crate::failure::{self, Failure};
use crate::print;
use crate::talk::Agent;

/// How often is looked how it stands.
const LOOK: Duration = Duration::from_millis(300);
/// Largest action, in bytes.
const MOST_BYTES: u64 = 256 << 10;

pub(crate) async fn run(given: ActArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("act")?;
    let mut body = read(&given.file)?;
    let agent = Agent::of(&given.agent)?;
    let id = given
        .id
        .unwrap_or_else(|| sha256(format!("{}\n{}", SystemClock.now(), std::process::id())));
    let Some(fields) = body.as_object_mut() else {
        return Err(Failure::check(
            "the action is no JSON object; write {\"tool\": …, \"input\": …}, as `claw-agent act --help` shows",
        ));
    };
    fields.insert("id".to_owned(), id.into());
    let taken: Value = agent.post("v1/actions", &body).await?;
    let run = text(&taken, "/run").unwrap_or_default();
    if given.no_wait {
        match json {
            true => print::json(&taken)?,
            false => print::out(&format!("{run}: taken in\n"))?,
        }
        return Ok(0);
    }
    let seen = stands(&agent, &run, Duration::from_secs(given.timeout)).await?;
    if json {
        print::json(&seen)?;
    } else {
        print::out(&story(&run, &seen))?;
    }
    Ok(match seen.get("ok").and_then(Value::as_bool) {
        Some(false) => failure::CHECK,
        _ => 0,
    })
}

/// How it stands, when it is over or people are asked.
async fn stands(agent: &Agent, run: &str, patience: Duration) -> Result<Value, Failure> {
    let mut last = None;
    let waited = tokio::time::timeout(patience, async {
        loop {
            let seen: Value = agent.get(&format!("v1/actions/{run}")).await?;
            let over = text(&seen, "/outcome").is_some()
                || matches!(
                    text(&seen, "/status").as_deref(),
                    Some("waiting" | "failed" | "cancelled")
                );
            if over {
                return Ok::<_, Failure>(seen);
            }
            last = Some(seen);
            tokio::time::sleep(LOOK).await;
        }
    });
    match (waited.await, last) {
        (Ok(seen), _) => seen,
        (Err(_), Some(seen)) => Ok(seen),
        (Err(_), None) => Err(Failure::new(
            format!("how {run} stands was not said in time"),
            "ask again later: GET /v1/actions/RUN",
        )),
    }
}

fn story(run: &str, seen: &Value) -> String {
    let mut said = match text(seen, "/outcome") {
        Some(outcome) => format!("{run}: {outcome}\n"),
        None => {
            let status = text(seen, "/status").unwrap_or_default();
            match text(seen, "/reason") {
                Some(reason) => format!("{run}: {status}: {reason}\n"),
                None => format!("{run}: {status}\n"),
            }
        }
    };
    let intents = seen.pointer("/intents").and_then(Value::as_array);
    for intent in intents.into_iter().flatten() {
        if text(intent, "/state").as_deref() != Some("asked") {
            continue;
        }
        let Some(approval) = intent.get("approval") else {
            continue;
        };
        said.push_str(&super::approvals::request(approval));
    }
    said.push_str(&format!(
        "claw-agent audit show {run}   tells the whole story, where the agent's data is\n"
    ));
    said
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn read(file: &Path) -> Result<Value, Failure> {
    let mut text = String::new();
    let opened: std::io::Result<Box<dyn std::io::Read>> = match file == Path::new("-") {
        true => Ok(Box::new(std::io::stdin())),
        false => std::fs::File::open(file).map(|file| Box::new(file) as _),
    };
    let read = opened.and_then(|reader| reader.take(MOST_BYTES).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::new(
            format!("the action {} cannot be read", file.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::check(format!(
            "{}:{}:{}: the action is not JSON; write {{\"tool\": …, \"input\": …}}, as `claw-agent act --help` shows",
            file.display(),
            error.line(),
            error.column()
        ))
    })
}
