//! Holds the definition of a workflow against what the agent can run.

use super::registered;
use crate::definition::capabilities::{Capabilities, StepCapability, WorkflowCapability};
use crate::definition::workflow::{StepDefinition, Trigger, WorkflowDefinition};
use crate::registry::Registry;
use crate::yaml::quoted;
use crate::yaml::{Place, ProblemKind, Problems, did_you_mean};

pub(super) fn check(
    workflow: &WorkflowDefinition,
    registry: &Registry,
    capabilities: &Capabilities,
    problems: &mut Problems,
) {
    let capability = capabilities
        .workflows
        .iter()
        .find(|known| known.name == workflow.name.value);
    if capability.is_none() {
        unknown(workflow, capabilities, problems);
    }
    // Of a workflow that does not run, the rest is judged all the same: better all problems at once than one by one.
    let any = capabilities.of_any_workflow();
    let judged = capability.unwrap_or(&any);
    if let Some(trigger) = &workflow.trigger {
        check_trigger(trigger, judged, problems);
    }
    if let Some(schedule) = &workflow.schedule
        && !judged.scheduled
    {
        let remedy = "leave `schedule` out, and start the workflow by its trigger or by hand";
        not_yet(
            "a schedule",
            schedule.place,
            "workflow.schedule",
            remedy,
            problems,
        );
    }
    check_guardrails(workflow, judged, problems);
    for (index, step) in workflow.steps.iter().enumerate() {
        let path = format!("workflow.steps[{index}]");
        let known =
            capability.and_then(|known| known.steps.iter().find(|known| known.name == step.name.value));
        check_step(step, known, &path, registry, capabilities, problems);
    }
    if let Some(capability) = capability {
        check_order(workflow, capability, problems);
    }
}

fn not_yet(what: &str, place: Place, path: &str, remedy: impl Into<String>, problems: &mut Problems) {
    problems.add(
        ProblemKind::NotAvailable,
        place,
        path,
        format!("not available yet: {what}"),
        remedy,
    );
}

fn unknown(workflow: &WorkflowDefinition, capabilities: &Capabilities, problems: &mut Problems) {
    let name = &workflow.name;
    let remedy = did_you_mean(
        name,
        capabilities.workflows.iter().map(|known| known.name.as_str()),
    );
    let path = "workflow.name";
    if capabilities.planned_workflows.contains(&name.value) {
        not_yet(
            &format!("the workflow {}", quoted(name)),
            name.place,
            path,
            remedy,
            problems,
        );
    } else {
        let message = format!("there is no workflow {}", quoted(name));
        problems.add(ProblemKind::UnknownName, name.place, path, message, remedy);
    }
}

fn check_trigger(trigger: &Trigger, capability: &WorkflowCapability, problems: &mut Problems) {
    let of_kind: Vec<_> = capability
        .triggers
        .iter()
        .filter(|known| known.kind == trigger.kind.value)
        .collect();
    if of_kind.is_empty() {
        let what = format!("a trigger of type {}", quoted(&trigger.kind));
        let remedy = did_you_mean(
            &trigger.kind,
            capability.triggers.iter().map(|known| known.kind.as_str()),
        );
        not_yet(
            &what,
            trigger.kind.place,
            "workflow.trigger.type",
            remedy,
            problems,
        );
        return;
    }
    let Some(known) = of_kind.iter().find(|known| known.source == trigger.source.value) else {
        let what = format!("a {} from {}", trigger.kind, quoted(&trigger.source));
        let remedy = did_you_mean(&trigger.source, of_kind.iter().map(|known| known.source.as_str()));
        not_yet(
            &what,
            trigger.source.place,
            "workflow.trigger.source",
            remedy,
            problems,
        );
        return;
    };
    for filter in &trigger.filter {
        if !known.labels.contains(&filter.label.value) {
            let what = format!("a filter by {}", quoted(&filter.label));
            let remedy = did_you_mean(&filter.label, known.labels.iter().map(String::as_str));
            not_yet(
                &what,
                filter.label.place,
                "workflow.trigger.filter",
                remedy,
                problems,
            );
        }
    }
}

fn check_guardrails(workflow: &WorkflowDefinition, capability: &WorkflowCapability, problems: &mut Problems) {
    let given = &workflow.guardrails;
    let places = [
        ("max_actions", given.max_actions.as_ref().map(|it| it.place)),
        ("escalation", given.escalation.as_ref().map(|it| it.place)),
        (
            "excluded_namespaces",
            given.excluded_namespaces.as_ref().map(|it| it.place),
        ),
        (
            "min_observation_days",
            given.min_observation_days.as_ref().map(|it| it.place),
        ),
        (
            "never_reduce_below",
            given.never_reduce_below.as_ref().map(|it| it.place),
        ),
    ];
    for (key, place) in places {
        if let Some(place) = place
            && !capability.guardrails.contains(key)
        {
            let what = format!("the guardrail `{key}`");
            let path = format!("workflow.guardrails.{key}");
            let remedy = "nothing would keep to it; leave it out only if the workflow may run without";
            not_yet(&what, place, &path, remedy, problems);
        }
    }
}

fn check_step(
    step: &StepDefinition,
    known: Option<&StepCapability>,
    path: &str,
    registry: &Registry,
    capabilities: &Capabilities,
    problems: &mut Problems,
) {
    for (index, tool) in step.tools.iter().enumerate() {
        let path = format!("{path}.tools[{index}]");
        let available = registered(tool, &path, registry, capabilities, problems);
        if let Some(known) = known
            && available
            && !known.tools.contains(&tool.value)
        {
            let what = format!("the tool {} in the step {}", quoted(tool), quoted(&step.name));
            let remedy = match known.tools.is_empty() {
                true => "the step uses no tools".to_owned(),
                false => format!("the step uses {}", joined(known.tools.iter())),
            };
            not_yet(&what, tool.place, &path, remedy, problems);
        }
    }
    if let (Some(output), Some(known)) = (&step.output, known)
        && !known.outputs.contains(&output.value)
    {
        let what = format!("the output {} of the step {}", quoted(output), quoted(&step.name));
        let remedy = match known.outputs.is_empty() {
            true => "leave `output` out".to_owned(),
            false => did_you_mean(output, known.outputs.iter().map(String::as_str)),
        };
        not_yet(&what, output.place, &format!("{path}.output"), remedy, problems);
    }
}

/// The steps of a workflow are its own: a definition says what they are to do, not which ones there are.
fn check_order(workflow: &WorkflowDefinition, capability: &WorkflowCapability, problems: &mut Problems) {
    let own = || capability.steps.iter().map(|step| step.name.as_str());
    let mut all_known = true;
    for (index, step) in workflow.steps.iter().enumerate() {
        if !own().any(|name| name == step.name.value) {
            all_known = false;
            problems.add(
                ProblemKind::UnknownName,
                step.name.place,
                format!("workflow.steps[{index}].name"),
                format!(
                    "the workflow {} has no step {}",
                    quoted(&workflow.name),
                    quoted(&step.name)
                ),
                did_you_mean(&step.name, own()),
            );
        }
    }
    let defined: Vec<&str> = workflow.steps.iter().map(|step| step.name.as_str()).collect();
    let (Some(first), true) = (workflow.steps.first(), all_known) else {
        return;
    };
    let missing: Vec<&str> = own().filter(|name| !defined.contains(name)).collect();
    if !missing.is_empty() {
        let what = format!("to leave out the steps {}", joined(&missing));
        let remedy = format!("write all of them: {}", joined(own()));
        not_yet(&what, first.name.place, "workflow.steps", remedy, problems);
    } else if !own().eq(defined) {
        let remedy = format!("write them in this order: {}", joined(own()));
        not_yet(
            "steps in an order of one's own",
            first.name.place,
            "workflow.steps",
            remedy,
            problems,
        );
    }
}

fn joined<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect::<Vec<_>>()
        .join(", ")
}
