//! The rules as overrides of a policy. What is compiled in is judged as well, which the others are given as a number.

use claw_guardrails::policy::{Override, Phase, Policy, Request, When};

use crate::rules::{Rule, rank};

pub fn base() -> Policy {
    Policy::default().with_phase(Phase::Expanded)
}

pub fn policy(rules: &[Rule]) -> Policy {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let overrides = rules.iter().enumerate().map(|(number, rule)| {
        let mut when = When::default();
        when.namespaces = owned(&rule.namespaces);
        when.kinds = owned(&rule.kinds);
        when.operations = rule.operations.clone();
        when.environments = rule.environments.clone();
        when.criticalities = rule.criticalities.clone();
        when.natures = rule.natures.clone();
        Override::new(format!("rule-{number}"), rule.tier, "measured").when(when)
    });
    overrides.fold(base(), Policy::with_override)
}

/// The decision with all that it rests on.
pub fn decide(policy: &Policy, request: &Request) -> u8 {
    rank(policy.decide(request).tier)
}
