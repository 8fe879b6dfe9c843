//! The definition of a workflow: when it runs, what its steps are to do, and within which bounds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::guardrails::{self, Guardrails};
use super::schedule::{self, Schedule};
use crate::yaml::Node;
use crate::yaml::{self, Fields, list, mapping, text, texts, unique};
use crate::yaml::{Located, ProblemKind, Problems};

/// What a definition says about one workflow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkflowDefinition {
    /// Name of the workflow.
    pub name: Located<String>,
    /// What starts a run from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// When a run starts by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Located<Schedule>>,
    /// The steps in their order.
    pub steps: Vec<StepDefinition>,
    /// The bounds.
    pub guardrails: Guardrails,
}

/// What starts a run from outside.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trigger {
    /// The way it comes: `webhook`.
    #[serde(rename = "type")]
    pub kind: Located<String>,
    /// Who sends it: `alertmanager`.
    pub source: Located<String>,
    /// The values that each label may have, by label. A label that is not named may have any.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub filter: Vec<Filter>,
}

/// The values of one label that let a trigger through.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Filter {
    /// The label.
    pub label: Located<String>,
    /// Its values.
    pub values: Vec<Located<String>>,
}

impl Trigger {
    /// Whether something with these labels starts a run: each label of the filter has one of its values.
    pub fn lets_through(&self, labels: &BTreeMap<String, String>) -> bool {
        self.filter.iter().all(|filter| {
            let actual = labels.get(filter.label.as_str());
            filter.values.iter().any(|value| Some(&value.value) == actual)
        })
    }

    /// The values that `label` may have; `None` when it may have any.
    pub fn values_of(&self, label: &str) -> Option<Vec<&str>> {
        let filter = self.filter.iter().find(|filter| filter.label.value == label)?;
        Some(filter.values.iter().map(|value| value.as_str()).collect())
    }
}

fn as_map<S: serde::Serializer>(filter: &[Filter], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(filter.iter().map(|filter| (&filter.label, &filter.values)))
}

/// What a definition says about one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepDefinition {
    /// Name of the step.
    pub name: Located<String>,
    /// The tools that the step may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Located<String>>,
    /// What the step is to do, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<Located<String>>,
    /// Where the step's result goes: `slack_channel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Located<String>>,
}

pub(super) fn read(node: &Node, path: &str, problems: &mut Problems) -> Option<WorkflowDefinition> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "`name:` with the name of a workflow", text);
    let trigger = fields.optional("trigger", trigger);
    let schedule = fields.optional("schedule", schedule::read);
    let steps = fields.required("steps", "`steps:` with a list of steps", steps);
    let guardrails = fields.optional("guardrails", guardrails::read);
    fields.finish();
    Some(WorkflowDefinition {
        name: name?,
        trigger,
        schedule,
        steps: steps?,
        guardrails: guardrails.unwrap_or_default(),
    })
}

fn steps(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<StepDefinition>> {
    let steps = list(node, path, problems, step)?;
    unique(steps.iter().map(|step| &step.name), path, problems).then_some(steps)
}

fn step(node: &Node, path: &str, problems: &mut Problems) -> Option<StepDefinition> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "`name:` with the name of a step", text);
    let tools = fields.optional("tools", texts);
    let instruction = fields.optional("instruction", text);
    let output = fields.optional("output", text);
    fields.finish();
    Some(StepDefinition {
        name: name?,
        tools: tools.unwrap_or_default(),
        instruction,
        output,
    })
}

fn trigger(node: &Node, path: &str, problems: &mut Problems) -> Option<Trigger> {
    let mut fields = Fields::open(node, path, problems)?;
    let kind = fields.required("type", "`type: webhook`", text);
    let source = fields.required("source", "`source: alertmanager`", text);
    let filter = fields.optional("filter", filter);
    fields.finish();
    Some(Trigger {
        kind: kind?,
        source: source?,
        filter: filter.unwrap_or_default(),
    })
}

fn filter(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Filter>> {
    let entries = mapping(node, path, problems)?;
    if entries.is_empty() {
        let remedy = "name a label and its values, as `severity: [critical]`, or leave the key out";
        problems.add(
            ProblemKind::InvalidValue,
            node.place,
            path,
            "the filter is empty",
            remedy,
        );
        return None;
    }
    let read: Vec<Option<Filter>> = entries
        .iter()
        .map(|(label, node)| {
            let values = texts(node, &yaml::join(path, label), problems)?;
            Some(Filter {
                label: label.clone(),
                values,
            })
        })
        .collect();
    read.into_iter().collect()
}
