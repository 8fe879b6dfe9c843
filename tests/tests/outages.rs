//! Made-up incidents of which only metrics, calls and an alert are known: how often the right cause comes first.
#![allow(clippy::unwrap_used)] // a failure is a panic

use claw_core::report::Report;
use claw_testkit::replay;
use claw_testkit::scenario::Scenario;
use claw_testkit::scenario::outage::Outage;
use claw_testkit::scenario::score::{Answer, Outcome, Table};
use claw_workflows::incident::case::Call;
use claw_workflows::incident::weights::Weights;
use claw_workflows::incident::{conclude, offline};

fn calls(scenario: &Scenario) -> Vec<Call> {
    let edges = scenario.bundle.topology.iter();
    edges
        .map(|edge| Call {
            caller: edge.from.clone(),
            callee: edge.to.clone(),
            via: "topology".to_owned(),
        })
        .collect()
}

fn answer(outage: &Outage) -> Report {
    let mut scenario = outage.scenario();
    let incident = replay::incident(&scenario.bundle).0;
    let changes = std::mem::take(&mut scenario.bundle.changes);
    let case = offline::case(incident, &outage.series, calls(&scenario), changes);
    conclude::report(&case, "made-up", &Weights::default())
}

/// Scores of the incidents of some seeds, by kind of fault and by size.
fn table(seeds: std::ops::Range<u64>) -> Table {
    let mut table = Table::default();
    let seeds: Vec<u64> = seeds.collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let outcomes: Vec<(Outage, Outcome)> = std::thread::scope(|scope| {
        let parts = seeds.chunks(seeds.len().div_ceil(threads)).map(|part| {
            scope.spawn(|| {
                let outages = part.iter().map(|seed| Outage::new(*seed));
                outages
                    .map(|outage| {
                        let expected = Answer {
                            names: vec![outage.cause.name.as_str().into()],
                            ..Answer::default()
                        };
                        let outcome = Outcome::of(&answer(&outage), &expected);
                        (outage, outcome)
                    })
                    .collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    for (outage, outcome) in &outcomes {
        let size = match outage.size {
            ..25 => "size  10-24",
            25..50 => "size  25-49",
            _ => "size  50-99",
        };
        table.add(&["all", &format!("fault {}", outage.fault.name()), size], outcome);
    }
    table
}

#[test]
fn the_right_cause_comes_first_mostly() {
    let table = table(1_000..1_050);
    println!("\n{table}");
    let all = table.group("all").unwrap();
    assert!(all.share_within(1) >= 0.75, "{table}");
}
