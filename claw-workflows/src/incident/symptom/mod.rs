//! What is wrong, seen directly. Symptoms have no opinion about causes.

mod admission;
mod budget;
mod config;
mod controller;
mod deletion;
mod delivery;
mod finding;
mod gateway;
pub(super) mod ingress;
mod node;
#[cfg(test)]
mod parity;
mod pod;
mod service;
mod storage;
mod telemetry;
mod workload;

use super::candidate::Symptom;
use super::facts::{Facts, clip};

/// Everything that is wrong, in a fixed order.
pub fn detect(facts: &Facts<'_>) -> Vec<Symptom> {
    let mut found: Vec<Symptom> = facts.pods().flat_map(|pod| pod::symptoms(facts, pod)).collect();
    found.extend(
        facts
            .top_workloads()
            .filter_map(|workload| workload::short_of_pods(facts, workload)),
    );
    found.extend(
        facts
            .top_workloads()
            .flat_map(|workload| workload::control(facts, workload)),
    );
    found.extend(
        facts
            .case
            .objects
            .services
            .iter()
            .filter_map(|service| service::no_endpoints(facts, service)),
    );
    found.extend(
        facts
            .case
            .objects
            .nodes
            .iter()
            .flat_map(|node| node::conditions(facts, node)),
    );
    found.extend(storage::claims(facts));
    found.extend(storage::supply(facts));
    found.extend(workload::autoscalers(facts));
    found.extend(deletion::stuck(facts));
    found.extend(delivery::failed(facts));
    found.extend(named(facts));
    found.extend(telemetry::of_logs(facts));
    found.extend(telemetry::of_metrics(facts));
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.entity.cmp(&b.entity))
            .then_with(|| (a.id, &a.statement).cmp(&(b.id, &b.statement)))
    });
    found.dedup_by(|a, b| a.id == b.id && a.entity == b.entity && a.statement == b.statement);
    found
}

/// What objects name that is not there, and what they say of themselves.
fn named(facts: &Facts<'_>) -> Vec<Symptom> {
    let objects = &facts.case.objects;
    let mut found: Vec<Symptom> = facts
        .top_workloads()
        .flat_map(|workload| controller::specification(facts, workload))
        .collect();
    found.extend(
        objects
            .services
            .iter()
            .flat_map(|service| service::endpoints(facts, service)),
    );
    found.extend(
        objects
            .ingresses
            .iter()
            .flat_map(|ingress| ingress::names_nothing(facts, ingress)),
    );
    found.extend(
        objects
            .autoscalers
            .iter()
            .flat_map(|autoscaler| budget::targets(facts, autoscaler)),
    );
    found.extend(
        objects
            .disruption_budgets
            .iter()
            .filter_map(|budget| budget::exhausted(facts, budget)),
    );
    found.extend(admission::webhooks(facts));
    found.extend(gateway::symptoms(facts));
    found.extend(config::maps(facts));
    found
}

/// A message in brackets, where there is one.
fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({})", clip(message, 160))
    }
}
