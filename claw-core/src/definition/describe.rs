//! What was understood, for a person to check.

use std::fmt::Write as _;

use super::bind::Definition;
use super::guardrails::{Escalation, Guardrails, MaxActions};
use super::tool::{Auth, Parameter, ToolDefinition};
use super::workflow::{Trigger, WorkflowDefinition};

pub(super) fn describe(definition: &Definition) -> String {
    let mut out = String::new();
    let parts = definition
        .tools
        .values()
        .map(tool)
        .chain(definition.workflows.values().map(workflow));
    for part in parts {
        out.push_str(&part);
    }
    out
}

/// A line of text at the given depth. Line breaks in `text` become spaces.
fn line(out: &mut String, depth: usize, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let _ = writeln!(
        out,
        "{:indent$}{}",
        "",
        words.join(" "),
        indent = depth.saturating_mul(2)
    );
}

fn tool(tool: &ToolDefinition) -> String {
    let mut out = String::new();
    line(&mut out, 0, &format!("tool {}", tool.name));
    if let Some(description) = &tool.description {
        line(&mut out, 1, description);
    }
    for (name, given) in &tool.parameters {
        line(&mut out, 1, &format!("{name}: {}", parameter(given)));
    }
    if let Some(auth) = &tool.auth {
        let Auth::ServiceAccount { token_path } = &auth.value;
        line(
            &mut out,
            1,
            &format!("calls as the service account of {token_path}"),
        );
    }
    out
}

fn parameter(parameter: &Parameter) -> String {
    let mut out = parameter.kind.as_str().to_owned();
    if parameter.required == Some(true) {
        out.push_str(", required");
    }
    if let Some(default) = &parameter.default {
        let _ = write!(out, ", {} unless given", default.value);
    }
    if !parameter.choices.is_empty() {
        let choices: Vec<String> = parameter
            .choices
            .iter()
            .map(|choice| choice.value.to_string())
            .collect();
        let _ = write!(out, ", one of {}", choices.join(", "));
    }
    if let Some(description) = &parameter.description {
        let _ = write!(out, " ({})", description.value);
    }
    out
}

fn workflow(workflow: &WorkflowDefinition) -> String {
    let mut out = String::new();
    line(&mut out, 0, &format!("workflow {}", workflow.name));
    if let Some(given) = &workflow.trigger {
        line(&mut out, 1, &format!("starts by {}", trigger(given)));
    }
    if let Some(schedule) = &workflow.schedule {
        let text = format!(
            "starts by the clock: {} ({})",
            schedule.pattern(),
            schedule.time_zone()
        );
        line(&mut out, 1, &text);
    }
    if workflow.trigger.is_none() && workflow.schedule.is_none() {
        line(&mut out, 1, "starts by hand");
    }
    for (number, step) in (1_usize..).zip(&workflow.steps) {
        line(&mut out, 1, &format!("{number}. {}", step.name));
        if let Some(instruction) = &step.instruction {
            line(&mut out, 3, instruction);
        }
        if !step.tools.is_empty() {
            let tools: Vec<&str> = step.tools.iter().map(|tool| tool.as_str()).collect();
            line(&mut out, 3, &format!("uses {}", tools.join(", ")));
        }
        if let Some(output) = &step.output {
            line(&mut out, 3, &format!("delivers to {output}"));
        }
    }
    for text in guardrails(&workflow.guardrails) {
        line(&mut out, 1, &text);
    }
    out
}

fn trigger(trigger: &Trigger) -> String {
    let mut out = format!("{} from {}", trigger.kind, trigger.source);
    for (index, filter) in trigger.filter.iter().enumerate() {
        let values: Vec<&str> = filter.values.iter().map(|value| value.as_str()).collect();
        let word = if index == 0 { "where" } else { "and" };
        let _ = write!(out, " {word} {} is {}", filter.label, values.join(" or "));
    }
    out
}

/// One line for each bound, and for each that is left out what holds instead.
fn guardrails(guardrails: &Guardrails) -> Vec<String> {
    let mut lines = vec![
        match guardrails.max_actions.map(|it| it.value) {
            Some(MaxActions::ReadOnly) => "may do: read only".to_owned(),
            None => "may do: read only (not said; the strictest holds)".to_owned(),
        },
        match guardrails.escalation.map(|it| it.value) {
            Some(Escalation::AlwaysHuman) => "everything else: a person decides, every time".to_owned(),
            None => {
                "everything else: a person decides, every time (not said; the strictest holds)".to_owned()
            }
        },
    ];
    if let Some(names) = &guardrails.excluded_namespaces {
        lines.push(format!("leaves alone the namespaces {}", names.join(", ")));
    }
    if let Some(days) = &guardrails.min_observation_days {
        lines.push(format!(
            "concludes nothing from less than {} days of data",
            days.value
        ));
    }
    if let Some(floor) = &guardrails.never_reduce_below {
        let cpu = floor.cpu.as_ref().map(|cpu| format!("{cpu} of CPU"));
        let memory = floor.memory.as_ref().map(|memory| format!("{memory} of memory"));
        let amounts: Vec<String> = [cpu, memory].into_iter().flatten().collect();
        lines.push(format!("never reduces requests below {}", amounts.join(" and ")));
    }
    lines
}
