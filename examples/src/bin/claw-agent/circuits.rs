//! `claw-agent circuits`: the circuit breakers of an agent that runs.
//!
//! Always by way of the agent: its store and its audit log belong to the process that runs, and what a person does has to be in both.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::args::{CircuitArguments, CircuitsArguments, CircuitsCommand, Output};
use crate::failure::Failure;
use crate::print;
use crate::talk::Agent;

pub(crate) async fn run(given: CircuitsArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("circuits")?;
    let agent = Agent::of(&given.agent)?;
    let found: Value = match &given.command {
        None | Some(CircuitsCommand::List) => agent.get("v1/circuits").await?,
        Some(CircuitsCommand::Open(circuit)) => switch(&agent, circuit, "open").await?,
        Some(CircuitsCommand::Close(circuit)) => switch(&agent, circuit, "close").await?,
    };
    if json {
        print::json(&found)?;
    } else {
        print::out(&listed(&found))?;
    }
    Ok(0)
}

async fn switch(agent: &Agent, circuit: &CircuitArguments, to: &str) -> Result<Value, Failure> {
    // What a key may hold besides needs no escape; whatever else there is makes it no key.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.' | '_');
    if circuit.key.is_empty() || !circuit.key.chars().all(fits) {
        return Err(Failure::arguments(
            format!("`{}` names no circuit", circuit.key),
            "see `claw-agent circuits open --help` for the keys that there are",
        ));
    }
    let body = json!({"reason": circuit.reason});
    agent
        .post(&format!("v1/circuits/{}/{to}", circuit.key), &body)
        .await
}

fn listed(found: &Value) -> String {
    let mut said = String::new();
    let circuits = found.pointer("/circuits").and_then(Value::as_array);
    for circuit in circuits.into_iter().flatten() {
        let key = circuit["key"].as_str().unwrap_or_default();
        let (name, state) = match circuit["state"].as_object().and_then(|state| state.iter().next()) {
            Some((name, state)) => (name.as_str(), state),
            None => ("open", &Value::Null),
        };
        let until = match state["until"].as_str() {
            Some(until) => format!("until {until}"),
            None => "until a person closes it".to_owned(),
        };
        let since = state["since"].as_str().unwrap_or_default();
        let _ = writeln!(said, "{key}: {} since {since}, {until}", name.replace('_', "-"));
        let _ = writeln!(
            said,
            "  because {}",
            circuit["because"].as_str().unwrap_or_default()
        );
    }
    if said.is_empty() {
        said.push_str("all circuits are closed\n");
    }
    said
}
