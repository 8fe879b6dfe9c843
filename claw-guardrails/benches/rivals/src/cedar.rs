//! The rules as Cedar policies: each forbids what it matches, and the answer names all that do.

use std::collections::HashMap;
use std::error::Error;
use std::str::FromStr as _;

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicyId, PolicySet, Request};
use claw_guardrails::policy::Request as Asked;
use serde_json::json;

use crate::rules::{Rule, quoted, rank};

pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    ranks: HashMap<PolicyId, u8>,
}

/// A request in Cedar's form, with what is compiled into our policy.
pub struct Input {
    request: Request,
    floor: u8,
}

impl Cedar {
    pub fn new(rules: &[Rule]) -> Result<Self, Box<dyn Error>> {
        let texts: Vec<String> = rules.iter().map(text).collect();
        let text = format!("permit (principal, action, resource);\n{}", texts.concat());
        let policies = PolicySet::from_str(&text)?;
        let mut ranks = HashMap::new();
        for policy in policies.policies() {
            if let Some(rank) = policy.annotation("rank") {
                ranks.insert(policy.id().clone(), rank.parse()?);
            }
        }
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            entities: Entities::empty(),
            ranks,
        })
    }

    pub fn input(&self, asked: &Asked, floor: u8) -> Result<Input, Box<dyn Error>> {
        let context = json!({
            "namespace": asked.namespace, "kind": asked.kind, "environment": asked.environment.name(),
            "criticality": asked.criticality.name(), "nature": asked.nature.name(),
        });
        let uid = |text: String| EntityUid::from_str(&text);
        let request = Request::new(
            uid(r#"Agent::"claw""#.to_owned())?,
            uid(format!("Action::{:?}", asked.operation.name()))?,
            uid(format!("Workload::{:?}", asked.name))?,
            Context::from_json_value(context, None)?,
            None,
        )?;
        Ok(Input { request, floor })
    }

    pub fn decide(&self, input: &Input) -> u8 {
        let answer = self
            .authorizer
            .is_authorized(&input.request, &self.policies, &self.entities);
        let ranks = answer.diagnostics().reason().filter_map(|id| self.ranks.get(id));
        ranks.copied().max().unwrap_or_default().max(input.floor)
    }
}

fn text(rule: &Rule) -> String {
    let operations = rule
        .operations
        .iter()
        .map(|it| format!("Action::{:?}", it.name()));
    let operations: Vec<String> = operations.collect();
    let conditions = [
        ("namespace", quoted(&rule.namespaces)),
        ("kind", quoted(&rule.kinds)),
        (
            "environment",
            quoted(rule.environments.iter().map(|it| it.name())),
        ),
        (
            "criticality",
            quoted(rule.criticalities.iter().map(|it| it.name())),
        ),
        ("nature", quoted(rule.natures.iter().map(|it| it.name()))),
    ];
    let conditions = conditions.iter().filter(|(_, names)| !names.is_empty());
    let conditions: Vec<String> = conditions
        .map(|(field, names)| format!("[{names}].contains(context.{field})"))
        .collect();
    format!(
        "@rank(\"{}\")\nforbid (principal, action in [{}], resource)\nwhen {{ {} }};\n",
        rank(rule.tier),
        operations.join(", "),
        conditions.join(" && ")
    )
}
