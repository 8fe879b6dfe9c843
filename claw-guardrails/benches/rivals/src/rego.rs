//! The rules in Rego, as regorus evaluates it: each adds its tier to a set, of which the highest decides.

use std::error::Error;

use claw_guardrails::policy::Request;
use regorus::{Engine, Value};
use serde_json::json;

use crate::rules::{Rule, quoted, rank};

pub struct Rego(Engine);

impl Rego {
    pub fn new(rules: &[Rule]) -> Result<Self, Box<dyn Error>> {
        let texts: Vec<String> = rules.iter().map(text).collect();
        let text = format!(
            "package claw\nimport rego.v1\n{}tier := max(matched | {{input.floor}})\n",
            texts.concat()
        );
        let mut engine = Engine::new();
        engine.add_policy("rules.rego".to_owned(), text)?;
        Ok(Self(engine))
    }

    pub fn input(request: &Request, floor: u8) -> Result<Value, Box<dyn Error>> {
        let input = json!({
            "namespace": request.namespace, "kind": request.kind, "operation": request.operation.name(),
            "environment": request.environment.name(), "criticality": request.criticality.name(),
            "nature": request.nature.name(), "floor": floor,
        });
        Ok(Value::from_json_str(&input.to_string())?)
    }

    pub fn decide(&mut self, input: &Value) -> Result<u8, Box<dyn Error>> {
        self.0.set_input(input.clone());
        let tier = self.0.eval_rule("data.claw.tier".to_owned())?;
        Ok(u8::try_from(tier.as_u64()?)?)
    }
}

fn text(rule: &Rule) -> String {
    let conditions = [
        ("namespace", quoted(&rule.namespaces)),
        ("operation", quoted(rule.operations.iter().map(|it| it.name()))),
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
        .map(|(field, names)| format!("    input.{field} in {{{names}}}\n"))
        .collect();
    format!(
        "matched contains {} if {{\n{}}}\n",
        rank(rule.tier),
        conditions.concat()
    )
}
