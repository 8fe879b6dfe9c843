//! What an agent can do today, as data.

use std::collections::BTreeSet;

/// What the definitions of an agent may ask for. The crate that assembles the agent says so.
///
/// ```
/// use claw_core::definition::{Capabilities, StepCapability, TriggerCapability, WorkflowCapability};
///
/// let capabilities = Capabilities::new()
///     .with_workflow(
///         WorkflowCapability::new("incident_investigation")
///             .with_step(StepCapability::new("gather_context").uses(["get_pods", "describe_events"]))
///             .with_step(StepCapability::new("synthesize").delivers_to(["slack_channel"]))
///             .with_trigger(TriggerCapability::new("webhook", "alertmanager").filters_by(["severity"]))
///             .with_guardrails(["max_actions", "escalation"]),
///     )
///     .with_planned_workflows(["resource_rightsizing"])
///     .with_planned_tools(["create_gitops_pr"]);
/// # let _ = capabilities;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub(super) workflows: Vec<WorkflowCapability>,
    pub(super) planned_workflows: BTreeSet<String>,
    pub(super) planned_tools: BTreeSet<String>,
}

impl Capabilities {
    /// No workflow at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a workflow that the agent runs.
    #[must_use]
    pub fn with_workflow(mut self, workflow: WorkflowCapability) -> Self {
        self.workflows.push(workflow);
        self
    }

    /// The workflows that the agent runs.
    pub fn workflows(&self) -> &[WorkflowCapability] {
        &self.workflows
    }

    /// Adds names of workflows that are known and do not run yet.
    #[must_use]
    pub fn with_planned_workflows<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.planned_workflows.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds names of tools that are known and not there yet. One that is registered all the same is available.
    #[must_use]
    pub fn with_planned_tools<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.planned_tools.extend(names.into_iter().map(Into::into));
        self
    }

    /// The workflow and the step that give a parameter of a tool a value of their own choice.
    pub fn setter_of(&self, tool: &str, parameter: &str) -> Option<(&str, &str)> {
        self.workflows.iter().find_map(|workflow| {
            let mut steps = workflow.steps.iter();
            let step =
                steps.find(|step| step.sets.iter().any(|(of, name)| of == tool && name == parameter))?;
            Some((workflow.name.as_str(), step.name.as_str()))
        })
    }

    /// What holds for a workflow that the agent does not run: whatever any of its workflows can do.
    pub(super) fn of_any_workflow(&self) -> WorkflowCapability {
        let mut any = WorkflowCapability::new("");
        for workflow in &self.workflows {
            any.triggers.extend(workflow.triggers.iter().cloned());
            any.scheduled |= workflow.scheduled;
            any.guardrails.extend(workflow.guardrails.iter().cloned());
        }
        any
    }
}

/// What a definition may ask of one workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowCapability {
    pub(super) name: String,
    pub(super) steps: Vec<StepCapability>,
    pub(super) triggers: Vec<TriggerCapability>,
    pub(super) scheduled: bool,
    pub(super) guardrails: BTreeSet<String>,
}

impl WorkflowCapability {
    /// A workflow without steps that is started by hand only.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            steps: Vec::new(),
            triggers: Vec::new(),
            scheduled: false,
            guardrails: BTreeSet::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its steps, in their order.
    pub fn steps(&self) -> &[StepCapability] {
        &self.steps
    }

    /// Adds the next step.
    #[must_use]
    pub fn with_step(mut self, step: StepCapability) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds something that can start a run.
    #[must_use]
    pub fn with_trigger(mut self, trigger: TriggerCapability) -> Self {
        self.triggers.push(trigger);
        self
    }

    /// The workflow can run by a schedule.
    #[must_use]
    pub fn with_schedule(mut self) -> Self {
        self.scheduled = true;
        self
    }

    /// Adds guardrails, by their keys in a definition, that are kept.
    #[must_use]
    pub fn with_guardrails<N: Into<String>>(mut self, keys: impl IntoIterator<Item = N>) -> Self {
        self.guardrails.extend(keys.into_iter().map(Into::into));
        self
    }
}

/// What a definition may ask of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepCapability {
    pub(super) name: String,
    pub(super) tools: BTreeSet<String>,
    pub(super) sets: BTreeSet<(String, String)>,
    pub(super) outputs: BTreeSet<String>,
}

impl StepCapability {
    /// A step that calls no tool and hands its result to the next step only.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            tools: BTreeSet::new(),
            sets: BTreeSet::new(),
            outputs: BTreeSet::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tools that it makes use of where they are registered.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(String::as_str)
    }

    /// Adds tools that the step makes use of where they are registered.
    #[must_use]
    pub fn uses<N: Into<String>>(mut self, tools: impl IntoIterator<Item = N>) -> Self {
        self.tools.extend(tools.into_iter().map(Into::into));
        self
    }

    /// Adds parameters of a tool to which the step always gives a value of its own choice: a definition's default would
    /// never come into play there, and a list of values would refuse the step's.
    #[must_use]
    pub fn sets<N: Into<String>>(mut self, tool: &str, parameters: impl IntoIterator<Item = N>) -> Self {
        self.sets
            .extend(parameters.into_iter().map(|name| (tool.to_owned(), name.into())));
        self
    }

    /// Adds places that the step's result can be delivered to.
    #[must_use]
    pub fn delivers_to<N: Into<String>>(mut self, outputs: impl IntoIterator<Item = N>) -> Self {
        self.outputs.extend(outputs.into_iter().map(Into::into));
        self
    }
}

/// Something that can start a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerCapability {
    pub(super) kind: String,
    pub(super) source: String,
    pub(super) labels: BTreeSet<String>,
}

impl TriggerCapability {
    /// A trigger of type `kind` from `source`, without filters.
    pub fn new(kind: impl Into<String>, source: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            source: source.into(),
            labels: BTreeSet::new(),
        }
    }

    /// Adds labels by which it can be filtered.
    #[must_use]
    pub fn filters_by<N: Into<String>>(mut self, labels: impl IntoIterator<Item = N>) -> Self {
        self.labels.extend(labels.into_iter().map(Into::into));
        self
    }
}
