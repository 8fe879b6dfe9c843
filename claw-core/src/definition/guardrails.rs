//! The bounds that a workflow's definition sets.

use serde::{Deserialize, Serialize};

use crate::quantity::{Cpu, Memory, Quantity};
use crate::yaml::{
    Fields, Located, Node, ProblemKind, Problems, Value, invalid, namespaces, quoted, word, wrong_type,
};

/// What a workflow may do, as far as its definition says. What is left out is as strict as it can be.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Guardrails {
    /// What the workflow may do by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_actions: Option<Located<MaxActions>>,
    /// Who decides what the workflow may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Located<Escalation>>,
    /// Namespaces that the workflow leaves alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Located<Vec<String>>>,
    /// Days of data without which nothing is concluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_observation_days: Option<Located<u32>>,
    /// Requests are never proposed below these amounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_reduce_below: Option<Located<Floor>>,
}

/// What a workflow may do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MaxActions {
    /// It reads. Whatever it would change it recommends.
    ReadOnly,
}

/// Who decides what a workflow may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Escalation {
    /// A person, every time.
    AlwaysHuman,
}

/// Least requests of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Floor {
    /// Least CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Least memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
}

impl Guardrails {
    /// Takes these bounds out of a mapping, which may hold more: they are said the same way wherever they are said.
    pub fn take(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            max_actions: fields.optional("max_actions", |node, path, problems| {
                word(node, path, problems, &[("read_only", MaxActions::ReadOnly)])
            }),
            escalation: fields.optional("escalation", |node, path, problems| {
                word(node, path, problems, &[("always_human", Escalation::AlwaysHuman)])
            }),
            excluded_namespaces: fields.optional("excluded_namespaces", namespaces),
            min_observation_days: fields.optional("min_observation_days", days),
            never_reduce_below: fields.optional("never_reduce_below", floor),
        }
    }
}

pub(super) fn read(node: &Node, path: &str, problems: &mut Problems) -> Option<Guardrails> {
    let mut fields = Fields::open(node, path, problems)?;
    let guardrails = Guardrails::take(&mut fields);
    fields.finish();
    Some(guardrails)
}

fn days(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<u32>> {
    let Value::Integer(value) = node.value else {
        wrong_type(node, path, "a whole number of days", "a number: 14", problems);
        return None;
    };
    // Ten years: longer than any metric store keeps.
    match u32::try_from(value) {
        Ok(value @ 1..=3650) => Some(Located {
            value,
            place: node.place,
        }),
        _ => {
            invalid(
                node,
                path,
                format!("{value} days make no sense"),
                "write 1 to 3650",
                problems,
            );
            None
        }
    }
}

fn floor(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<Floor>> {
    let mut fields = Fields::open(node, path, problems)?;
    if fields.is_empty() {
        fields.problems().add(
            ProblemKind::MissingKey,
            node.place,
            path,
            "neither `cpu` nor `memory` is here",
            "add `cpu: \"50m\"`, `memory: \"64Mi\"`, or both",
        );
    }
    let cpu = fields.optional("cpu", |node, path, problems| {
        quantity(node, path, problems, "50m").map(Cpu::from)
    });
    let memory = fields.optional("memory", |node, path, problems| {
        let amount = quantity(node, path, problems, "64Mi")?;
        // `64m` is 64 thousandths of a byte: a well-known slip for `64Mi`.
        if amount < Quantity::whole(1) {
            let message = format!("{} is less than one byte", quoted(&written(node)?));
            invalid(node, path, message, "write mebibytes as `Mi`: \"64Mi\"", problems);
            return None;
        }
        Some(Memory::from(amount))
    });
    fields.finish();
    Some(Located {
        value: Floor { cpu, memory },
        place: node.place,
    })
}

fn quantity(node: &Node, path: &str, problems: &mut Problems, example: &str) -> Option<Quantity> {
    let Some(amount) = written(node) else {
        let remedy = format!("an amount: \"{example}\"");
        wrong_type(node, path, "an amount", &remedy, problems);
        return None;
    };
    let message = match amount.parse::<Quantity>() {
        Ok(amount) if amount >= Quantity::default() => return Some(amount),
        Ok(_) => format!("{} is negative", quoted(&amount)),
        Err(error) => error.to_string(),
    };
    let remedy = format!("write an amount as \"{example}\"");
    invalid(node, path, message, remedy, problems);
    None
}

/// The text of a node that may be an amount: a text, or a number without a unit.
fn written(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(value) => Some(value.clone()),
        Value::Integer(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        _ => None,
    }
}
