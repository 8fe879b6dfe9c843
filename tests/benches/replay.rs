//! What it takes to answer a recorded incident: the scenarios alone, and each among 2,000 healthy objects. Time, and bytes and
//! number of allocations, from the objects in memory to the report: the simulated API server and its answers are part of it.
//!
//! `cargo bench --workspace --bench replay`

use std::path::Path;

use claw_core::report::Report;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;
use claw_testkit::scenario::{Scenario, with_noise};
use divan::AllocProfiler;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Healthy objects beside those of the scenario.
const OBJECTS: usize = 2_000;
/// One of each sort: a crash, a node and what ran on it, a database and those that wait for it, metrics with call edges only,
/// a refusal by admission, and nothing wrong at all.
const SCENARIOS: [&str; 6] = [
    "connections-taken-by-neighbour",
    "crash-after-rollout",
    "healthy-after-a-quiet-night",
    "node-not-ready",
    "surge-after-a-campaign",
    "webhook-down-blocks-scale-out",
];

fn main() {
    divan::main();
}

/// What cannot be read or answered would be fast, and the figure worthless.
fn told<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Option<T> {
    outcome
        .inspect_err(|error| eprintln!("there is no answer: {error}"))
        .ok()
}

fn scenario(name: &str) -> Option<Bundle> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    told(Scenario::load(folder)).map(|scenario| scenario.bundle)
}

fn answer(runtime: &Runtime, bundle: &Bundle) -> Option<Report> {
    let replay = told(runtime.block_on(Replay::of(bundle)))?;
    told(runtime.block_on(replay.run()))
}

fn measure(bencher: divan::Bencher<'_, '_>, name: &str, objects: usize) {
    let (Some(runtime), Some(bundle)) = (told(Runtime::new()), scenario(name)) else {
        return;
    };
    let bundle = if objects == 0 {
        bundle
    } else {
        with_noise(&bundle, 1, objects)
    };
    bencher.bench_local(|| answer(&runtime, &bundle));
}

#[divan::bench(args = SCENARIOS, sample_count = 20, sample_size = 1)]
fn alone(bencher: divan::Bencher<'_, '_>, name: &str) {
    measure(bencher, name, 0);
}

#[divan::bench(args = SCENARIOS, sample_count = 20, sample_size = 1)]
fn among_2000_objects(bencher: divan::Bencher<'_, '_>, name: &str) {
    measure(bencher, name, OBJECTS);
}
