//! Decides the same requests by the same twenty rules with our policy, with Cedar and with regorus; fails where they differ, and
//! prints how long one decision takes each.

mod cedar;
mod ours;
mod rego;
mod rules;

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use claw_guardrails::policy::Tier;

use cedar::Cedar;
use rego::Rego;
use rules::rank;

/// Decisions that are measured, of each engine.
const DECISIONS: usize = 100_000;
/// Decisions before that, which are not.
const WARM_UP: usize = 5_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let rules = rules::rules();
    let requests = rules::requests();
    let (base, policy) = (ours::base(), ours::policy(&rules));
    let cedar = Cedar::new(&rules)?;
    let mut rego = Rego::new(&rules)?;
    let floors: Vec<u8> = requests
        .iter()
        .map(|request| ours::decide(&base, request))
        .collect();
    let asked = || requests.iter().zip(&floors);
    let of_cedar = asked().map(|(request, floor)| cedar.input(request, *floor));
    let of_cedar: Vec<cedar::Input> = of_cedar.collect::<Result<_, _>>()?;
    let of_rego = asked().map(|(request, floor)| Rego::input(request, *floor));
    let of_rego: Vec<regorus::Value> = of_rego.collect::<Result<_, _>>()?;

    // First of all that they say the same.
    let mut tiers = [0_usize; 5];
    let mut raised = 0;
    for (number, request) in requests.iter().enumerate() {
        let ours = ours::decide(&policy, request);
        let others = (cedar.decide(&of_cedar[number]), rego.decide(&of_rego[number])?);
        if others != (ours, ours) {
            return Err(format!("{request:?}: ours {ours}, (Cedar, regorus) {others:?}").into());
        }
        tiers[usize::from(ours)] += 1;
        raised += usize::from(ours > floors[number]);
    }
    println!(
        "{} rules, {} requests: the three decide the same; a rule raised {raised} of them",
        rules.len(),
        requests.len()
    );
    let said: Vec<String> = Tier::ALL
        .iter()
        .map(|tier| format!("{} {}", tiers[usize::from(rank(*tier))], tier.name()))
        .collect();
    println!("{}\n", said.join(", "));

    let count = requests.len();
    let ours = measure(count, |number| Ok(ours::decide(&policy, &requests[number])))?;
    let cedar = measure(count, |number| Ok(cedar.decide(&of_cedar[number])))?;
    let rego = measure(count, |number| rego.decide(&of_rego[number]))?;
    println!("{DECISIONS} decisions each, one by one, inputs made beforehand:");
    println!(
        "{:<16} {:>10} {:>10} {:>8} {:>8}",
        "", "median", "p99", "median", "p99"
    );
    for (name, times) in [
        ("claw-guardrails", &ours),
        ("cedar-policy", &cedar),
        ("regorus", &rego),
    ] {
        println!(
            "{name:<16} {:>10} {:>10} {:>7.1}x {:>7.1}x",
            format!("{:.2?}", times.median),
            format!("{:.2?}", times.p99),
            ratio(times.median, ours.median),
            ratio(times.p99, ours.p99),
        );
    }
    println!("\nwanted of ours: 2 µs median, 10 µs p99");
    Ok(())
}

struct Times {
    median: Duration,
    p99: Duration,
}

fn measure(
    count: usize,
    mut decide: impl FnMut(usize) -> Result<u8, Box<dyn Error>>,
) -> Result<Times, Box<dyn Error>> {
    let mut times = Vec::with_capacity(DECISIONS);
    for turn in 0..WARM_UP + DECISIONS {
        // A stride that is prime to the count, so that neighbours differ in more than one field.
        let number = black_box(turn.wrapping_mul(1_009) % count);
        let start = Instant::now();
        black_box(decide(number)?);
        let time = start.elapsed();
        if turn >= WARM_UP {
            times.push(time);
        }
    }
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100];
    Ok(Times {
        median: at(50),
        p99: at(99),
    })
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
