//! What is wrong, seen directly. Symptoms have no opinion about causes.

mod node;
mod pod;
mod service;
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
    found.extend(node::claims(facts));
    found.extend(workload::autoscalers(facts));
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

/// A message in brackets, where there is one.
fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({})", clip(message, 160))
    }
}
