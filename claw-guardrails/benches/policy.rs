//! What a decision costs, without I/O: the rules that are compiled in and twenty overrides, for an action that most of them match.
//!
//! Wanted: a decision in 2 µs median and 10 µs p99. `divan` tells the median; `quantiles` measures decisions one by one and prints
//! both.
//!
//! `cargo bench --workspace --bench policy`; `-- quantiles` for some of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use claw_core::action::Action;
use claw_guardrails::policy::{
    Activity, Criticality, Environment, Facts, Nature, Operation, Override, Phase, Policy, Reach, Replicas,
    Request, Tier, When,
};
use jiff::Timestamp;
use serde_json::json;

/// Overrides besides the rules that are compiled in.
const OVERRIDES: usize = 20;
/// Decisions that are measured one by one.
const SINGLY: usize = 200_000;

fn main() {
    divan::main();
}

/// Overrides of which every other one matches the request.
fn policy() -> Policy {
    let overrides = (0..OVERRIDES).map(|number| {
        let namespace = if number % 2 == 0 { "shop" } else { "payments" };
        let when = When {
            namespaces: vec!["billing".to_owned(), namespace.to_owned()],
            kinds: vec!["StatefulSet".to_owned(), "Deployment".to_owned()],
            operations: vec![Operation::Restart, Operation::ScaleUp],
            environments: vec![Environment::Staging],
            criticalities: vec![Criticality::Low, Criticality::High],
            natures: vec![Nature::Stateless],
        };
        Override::new(format!("override-{number}"), Tier::AutoLogged, "measured").when(when)
    });
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    overrides.fold(policy, Policy::with_override)
}

fn request() -> Request {
    let mut request = Request::new(Operation::ScaleUp, "Deployment", Some("shop"), "cart");
    request.environment = Environment::Staging;
    request.criticality = Criticality::High;
    request.nature = Nature::Stateless;
    request.activity = Activity::Idle;
    request.reach = Reach::Within;
    request.replicas = Some(Replicas {
        at_start: 4,
        wanted: 8,
    });
    request
}

/// The tier alone: nothing is allocated.
#[divan::bench]
fn tier(bencher: divan::Bencher<'_, '_>) {
    let (policy, request) = (policy(), request());
    bencher.bench_local(|| black_box(&policy).tier(black_box(&request)));
}

/// The tier, and the rules that it follows from.
#[divan::bench]
fn decide(bencher: divan::Bencher<'_, '_>) {
    let (policy, request) = (policy(), request());
    bencher.bench_local(|| black_box(&policy).decide(black_box(&request)));
}

/// From the action and what was read of its target: what it changes, what it is judged by, and the decision.
#[divan::bench]
fn judge(bencher: divan::Bencher<'_, '_>) {
    let action = json!({
        "verb": "patch", "target": {"kind": "Deployment", "namespace": "shop", "name": "cart"},
        "api_version": "apps/v1", "uid": "1", "resource_version": "2", "pre_image": null,
        "patch": {"spec": {"replicas": 8}}, "expected": "", "reversal": null, "reason": "",
    });
    let facts = json!({
        "object": {
            "metadata": {"uid": "1", "labels": {"claw.dev/nature": "stateless", "claw.dev/criticality": "high"}},
            "spec": {"replicas": 4, "template": {"spec": {"containers": [
                {"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}}},
        },
        "namespace_labels": {"env": "staging"}, "namespace_annotations": {}, "replicas_at_start": 4,
        "activity": "idle", "reach": "within",
    });
    let read = (
        serde_json::from_value::<Action>(action),
        serde_json::from_value::<Facts>(facts),
    );
    let (Ok(action), Ok(facts)) = read else {
        eprintln!("the action or its facts cannot be read");
        return;
    };
    let policy = policy();
    bencher.bench_local(|| {
        black_box(&policy).judge(black_box(&action), black_box(&facts), Timestamp::UNIX_EPOCH)
    });
}

/// Decisions one by one, for the quantiles.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn quantiles(bencher: divan::Bencher<'_, '_>) {
    let (policy, request) = (policy(), request());
    bencher.bench_local(|| {
        let mut times: Vec<Duration> = (0..SINGLY).map(|_| once(&policy, &request)).collect();
        times.sort_unstable();
        let at = |share: f64| {
            let position = (times.len() as f64 * share) as usize;
            times.get(position).copied().unwrap_or_default()
        };
        eprintln!(
            "decide, one by one: median {:?}, p99 {:?}, p99.9 {:?}",
            at(0.5),
            at(0.99),
            at(0.999)
        );
    });
}

#[allow(clippy::disallowed_methods)] // what is measured here is time
fn once(policy: &Policy, request: &Request) -> Duration {
    let start = Instant::now();
    black_box(black_box(policy).decide(black_box(request)));
    start.elapsed()
}
