//! `claw-agent policy`: what a policy decides, and why.

use std::fmt::Write as _;
use std::path::Path;

use claw_core::action::Action;
use claw_core::clock::{Clock as _, SystemClock};
use claw_guardrails::policy::{Decision, Explanation, Facts, Policy, Request, Tier};
use serde::{Deserialize, Serialize};

use crate::args::{
    Output, PhaseName, PolicyArguments, PolicyCheckArguments, PolicyExplainArguments, PolicyTableArguments,
};
use crate::failure::{self, Failure};
use crate::print;

/// An action, and what was read of its target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    action: Action,
    #[serde(default)]
    facts: Facts,
}

/// What is printed for a question.
#[derive(Serialize)]
struct Answer {
    decision: Decision,
    operations: Vec<Explanation>,
}

pub(crate) fn explain(given: &PolicyExplainArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("policy explain")?;
    let policy = policy(&given.policy)?;
    let question = question(&given.action)?;
    let now = given.at.unwrap_or_else(|| SystemClock.now());
    let requests = policy.requests(&question.action, &question.facts, now);
    let Some(decision) = policy.judge(&question.action, &question.facts, now) else {
        return Err(Failure::check(
            "the action changes nothing: the object is as the patch would make it, or the patch is empty",
        ));
    };
    let answer = Answer {
        operations: requests.iter().map(|request| policy.explain(request)).collect(),
        decision,
    };
    if json {
        print::json(&answer)?;
    } else {
        print::out(&story(&question.action, &requests, &answer))?;
    }
    Ok(match answer.decision.tier {
        Tier::Forbidden => failure::CHECK,
        _ => 0,
    })
}

fn story(action: &Action, requests: &[Request], answer: &Answer) -> String {
    let mut text = String::new();
    let decision = &answer.decision;
    let _ = writeln!(text, "{}: {}", action.target, sentence(decision));
    for (request, explanation) in requests.iter().zip(&answer.operations) {
        let same = |other: &&Request| other.operation == request.operation;
        let nature = match requests.iter().filter(same).count() {
            0 | 1 => String::new(),
            _ => format!(" of what is {}", request.nature),
        };
        let _ = writeln!(
            text,
            "\n{}{nature}: {}",
            request.operation, explanation.decision.tier
        );
        for rule in &explanation.rules {
            let inputs: Vec<_> = rule
                .inputs
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            let _ = writeln!(text, "  {:<15} {}: {}", rule.tier, rule.rule, rule.text);
            let _ = writeln!(text, "  {:<15} saw {}", "", inputs.join(", "));
        }
        for change in &explanation.milder {
            let _ = writeln!(
                text,
                "  it would be {} with {} {}",
                change.tier, change.what, change.to
            );
        }
        if explanation.milder.is_empty() && explanation.decision.tier > request.operation.tier() {
            text.push_str("  no single change would make it milder: several rules ask for this tier\n");
        }
    }
    text
}

fn sentence(decision: &Decision) -> String {
    match (decision.tier, decision.approvers) {
        (Tier::Auto, _) => "the agent does it by itself".to_owned(),
        (Tier::AutoLogged, _) => "the agent does it by itself, and people are told".to_owned(),
        (Tier::AsyncApproval, _) => "a person approves it first, in their own time".to_owned(),
        (Tier::SyncApproval, 2..) => {
            format!(
                "{} people approve it first, looking at its dry run",
                decision.approvers
            )
        }
        (Tier::SyncApproval, _) => "a person approves it first, looking at its dry run".to_owned(),
        (Tier::Forbidden, _) => "it is forbidden".to_owned(),
    }
}

pub(crate) fn check(given: &PolicyCheckArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("policy check")?;
    let policy = read(&given.file)?;
    let remarks = policy.lint();
    if json {
        print::json(&remarks)?;
    } else if remarks.is_empty() {
        print::out(&format!(
            "{} is a policy for the phase {}, with {} overrides\n",
            given.file.display(),
            policy.phase,
            policy.overrides.len()
        ))?;
    } else {
        print::out(&(remarks.join("\n") + "\n"))?;
    }
    Ok(if remarks.is_empty() { 0 } else { failure::CHECK })
}

pub(crate) fn table(given: &PolicyTableArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("policy table")?;
    let policy = policy(&given.policy)?;
    let rows = policy.table();
    if json {
        print::json(&rows)?;
        return Ok(0);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["operation", "tier", "approvers", "when"]);
    for row in &rows {
        let when = row
            .when
            .iter()
            .map(|(fact, values)| format!("{fact} {}", values.join(" or ")));
        table.add_row([
            row.operation.to_string(),
            row.tier.to_string(),
            row.approvers.to_string(),
            when.collect::<Vec<_>>().join(", "),
        ]);
    }
    print::out(&format!("{table}\n"))?;
    Ok(0)
}

fn policy(given: &PolicyArguments) -> Result<Policy, Failure> {
    of(given.policy.as_deref(), given.phase)
}

/// The policy in a file, or the one that is compiled in, as in a phase.
pub(crate) fn of(file: Option<&Path>, phase: Option<PhaseName>) -> Result<Policy, Failure> {
    let policy = match file {
        Some(file) => read(file)?,
        None => Policy::default(),
    };
    Ok(match phase {
        Some(phase) => policy.with_phase(phase.into()),
        None => policy,
    })
}

fn read(file: &Path) -> Result<Policy, Failure> {
    Policy::read(file).map_err(|error| Failure::check(format!("the policy is not accepted:\n{error}")))
}

fn question(file: &Path) -> Result<Question, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::new(
            format!("{} cannot be read", file.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // The place is said in front, as everywhere.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        Failure::check(format!(
            "{}:{}:{}: {text}; write {{\"action\": {{…}}, \"facts\": {{…}}}}, as `claw-agent policy explain --help` shows",
            file.display(),
            error.line(),
            error.column()
        ))
    })
}
