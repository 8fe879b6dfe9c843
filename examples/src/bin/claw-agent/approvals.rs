//! `claw-agent approvals`: what an agent that runs asks people, and their answer, over HTTP.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::args::{ApprovalsArguments, ApprovalsCommand, DecisionArguments, Output};
use crate::failure::Failure;
use crate::print;
use crate::talk::Agent;

/// Fewest letters of a digest that stand for all of it.
const FEWEST: usize = 12;

pub(crate) async fn run(given: ApprovalsArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("approvals")?;
    let agent = Agent::of(&given.agent)?;
    match given.command.unwrap_or(ApprovalsCommand::List) {
        ApprovalsCommand::List => list(&agent, json).await,
        ApprovalsCommand::Approve(given) => decide(&agent, &given, "approve", json).await,
        ApprovalsCommand::Deny(given) => decide(&agent, &given, "deny", json).await,
    }
}

async fn list(agent: &Agent, json: bool) -> Result<u8, Failure> {
    let all: Value = agent.get("approvals").await?;
    if json {
        print::json(&all)?;
        return Ok(0);
    }
    let requests = all.pointer("/approvals").and_then(Value::as_array);
    let open = requests
        .into_iter()
        .flatten()
        .filter(|request| request["state"] == "pending");
    let said: String = open.map(request).collect();
    match said.is_empty() {
        true => print::out("nothing waits for a decision\n")?,
        false => print::out(&said)?,
    }
    Ok(0)
}

async fn decide(agent: &Agent, given: &DecisionArguments, verdict: &str, json: bool) -> Result<u8, Failure> {
    let request: Value = agent.get(&format!("approvals/{}", given.id)).await?;
    let digest = request.get("digest").and_then(Value::as_str).unwrap_or_default();
    // Whoever decides says what they looked at; what stands there now may be something else.
    if given.digest.len() < FEWEST || !digest.starts_with(&given.digest) {
        return Err(Failure::check(format!(
            "the request {} has another digest; look at it anew: claw-agent approvals",
            given.id
        )));
    }
    let body = json!({"verdict": verdict, "digest": digest});
    let taken: Value = agent
        .post(&format!("approvals/{}/decision", given.id), &body)
        .await?;
    match json {
        true => print::json(&taken)?,
        false => print::out(&format!(
            "{} said {verdict} to {}; whether that decides it is for the rules to say\n",
            taken.get("by").and_then(Value::as_str).unwrap_or_default(),
            given.id
        ))?,
    }
    Ok(0)
}

/// A request, as whoever decides has to see it.
pub(crate) fn request(request: &Value) -> String {
    let text = |key: &str| request[key].as_str().unwrap_or_default();
    let mut said = String::new();
    let _ = writeln!(said, "{}: {}", text("id"), text("title"));
    for key in ["diff", "reach", "warnings"] {
        let lines = request[key].as_array().into_iter().flatten();
        for line in lines.filter_map(Value::as_str) {
            let _ = writeln!(said, "  {line}");
        }
    }
    let _ = writeln!(said, "  because {}", text("reason"));
    let _ = writeln!(
        said,
        "  {} to approve, until {}",
        request["needed"],
        text("expires")
    );
    let _ = writeln!(said, "  digest {}", text("digest"));
    said
}
