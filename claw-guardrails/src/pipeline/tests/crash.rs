//! Agents that are killed at any of their calls, over plans of several actions and everything that goes wrong besides: no
//! effect is lost, doubled, or without a record.

use std::collections::BTreeMap;

use super::*;
use crate::approval::Verdict;
use crate::radius::Limits;
use world::Done;

/// Numbers that look like chance, the same for each seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        // xorshift64: <https://www.jstatsoft.org/article/view/v008i14>
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// What a workflow has journaled: it survives with the world.
#[derive(Clone, Debug)]
struct Plan {
    /// Which deployment gets one more replica with each step, or five times as many where a person has to approve.
    steps: Vec<(String, bool)>,
    actions: Vec<Action>,
    ends: Vec<Settlement>,
}

fn bounds() -> Settings {
    let wide = Limits {
        objects: 1000,
        ..Limits::default()
    };
    let mut settings = approvals::settings();
    settings.action = wide.clone();
    settings.run = wide.clone();
    settings.hour = wide;
    // Faults are many here, and it is not the breaker that is on trial.
    settings.breaker.failures = 1000.try_into().unwrap();
    settings.breaker.conflicts = 1000.try_into().unwrap();
    settings
}

fn scene(seed: u64) -> (World, Plan) {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let world = World::new();
    let deployments = 1 + chance.below(6);
    for number in 0..deployments {
        world.cluster.state().add(&format!("d{number}"), 4);
    }
    let steps = 1 + chance.below(20);
    let steps = (0..steps)
        .map(|_| (format!("d{}", chance.below(deployments)), chance.below(5) == 0))
        .collect();
    let faults = (0..40)
        .map(|_| match chance.below(3) {
            0 => match Fault::ALL[usize::try_from(chance.below(Fault::ALL.len() as u64)).unwrap()] {
                Fault::Late(_) => Fault::Late(u8::try_from(chance.below(5)).unwrap()),
                other => other,
            },
            _ => Fault::Nothing,
        })
        .collect();
    world.cluster.state().faults = faults;
    let plan = Plan {
        steps,
        actions: Vec::new(),
        ends: Vec::new(),
    };
    (world, plan)
}

/// Takes the plan up where it stands, and on to its end.
async fn live(world: &World, plan: &std::sync::Mutex<Plan>, fuse: &Fuse) {
    let agent = world.agent(Mode::Live, bounds(), fuse);
    agent.pipeline.tend().await.unwrap();
    loop {
        let (step, journaled) = {
            let plan = plan.lock().unwrap();
            let step = plan.ends.len();
            let Some((name, far)) = plan.steps.get(step).cloned() else {
                return;
            };
            ((name, far), plan.actions.get(step).cloned())
        };
        let action = match journaled {
            Some(action) => action,
            None => {
                let now = u32::try_from(world.replicas(&step.0)).unwrap();
                let wanted = if step.1 { now * 5 } else { now + 1 };
                let action = world.scale(&step.0, wanted);
                plan.lock().unwrap().actions.push(action.clone());
                action
            }
        };
        let number = plan.lock().unwrap().ends.len();
        let scope = world.scope(&format!("run-{number}"));
        let mut submitted = agent.pipeline.submit(&scope, "plan", &action).await.unwrap();
        for _ in 0..5 {
            match &submitted {
                Submitted::Waiting { approval: id, .. } => {
                    let voted = approvals::vote(world, &agent, id, "ann", Verdict::Approve).await;
                    submitted = match voted {
                        Ok(submitted) => submitted,
                        // A life before this one has it.
                        Err(PipelineError::Vote(_)) => {
                            agent.pipeline.submit(&scope, "plan", &action).await.unwrap()
                        }
                        Err(error) => panic!("{error}"),
                    };
                }
                // What is slow arrives sooner or later; then it can be said.
                Submitted::Settled(Settlement::Unresolved { .. }) => {
                    world.clock.advance(std::time::Duration::from_secs(180));
                    submitted = agent.pipeline.submit(&scope, "plan", &action).await.unwrap();
                }
                Submitted::Settled(_) => break,
                other => panic!("{other:?}"),
            }
        }
        plan.lock().unwrap().ends.push(settled(submitted));
    }
}

/// One life that ends at the latest when the fuse blows. Whether it came to its end.
fn life(world: &World, plan: &std::sync::Mutex<Plan>, fuse: &Fuse) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = fuse.blown.cancelled() => false,
            () = live(world, plan, fuse) => true,
        }
    })
    // With the runtime goes everything that was under way.
}

fn check(world: &World, plan: &Plan, place: &str) {
    let done = world.cluster.state().done.clone();
    let mut effects: BTreeMap<usize, Vec<&Done>> = BTreeMap::new();
    for effect in &done {
        let known = plan
            .actions
            .iter()
            .position(|action| action.target == effect.target && action.patch == effect.patch);
        effects
            .entry(known.expect("an effect that nobody planned"))
            .or_default()
            .push(effect);
    }
    let text = world.audit.text();
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of_kind = |kind: &'static str| {
        records
            .iter()
            .filter(move |record| record["event"]["kind"] == kind)
    };
    for (number, end) in plan.ends.iter().enumerate() {
        let action = &plan.actions[number];
        let twins = plan
            .actions
            .iter()
            .filter(|other| other.target == action.target && other.patch == action.patch)
            .count();
        let happened = effects
            .iter()
            .filter(|(index, _)| {
                plan.actions[**index].target == action.target && plan.actions[**index].patch == action.patch
            })
            .map(|(_, effects)| effects.len())
            .sum::<usize>();
        assert!(
            happened <= twins,
            "{place}: step {number} was done {happened} times"
        );
        if twins == 1 {
            match end {
                Settlement::Applied { .. } => assert_eq!(happened, 1, "{place}: step {number} was lost"),
                Settlement::Failed { .. } | Settlement::Refused(_) => {
                    assert_eq!(happened, 0, "{place}: step {number} {end:?} was done");
                }
                other => panic!("{place}: step {number}: {other:?}"),
            }
        }
    }
    for effect in &done {
        let id = &effect.id.0;
        let permit =
            of_kind("permit").find(|record| record["hash"].as_str().unwrap().starts_with(id.as_str()));
        assert!(permit.is_some(), "{place}: an effect without a permit");
        let told = of_kind("outcome").any(|record| record["event"]["input"]["id"] == json!(id));
        assert!(
            told,
            "{place}: an effect of {} whose outcome nobody recorded",
            effect.target
        );
    }
}

/// Kills an agent at each of `points` calls, spread over the whole of its life, and lets the next one go on. How many lives.
fn sweep(seed: u64, points: u64) -> u64 {
    let (world, plan) = scene(seed);
    let fuse = Fuse::never();
    let plan = std::sync::Mutex::new(plan);
    assert!(life(&world, &plan, &fuse));
    check(&world, &plan.lock().unwrap(), &format!("seed {seed}"));
    let calls = fuse.used();
    let mut lives = 0;
    for point in 0..calls {
        if calls > points && (point * points) % calls >= points {
            continue;
        }
        let place = format!("seed {seed}, killed at call {point}");
        let (world, plan) = scene(seed);
        let plan = std::sync::Mutex::new(plan);
        assert!(!life(&world, &plan, &Fuse::after(point)), "{place}");
        // The next one is killed as well, a little later.
        let second = Fuse::after(point % 7);
        life(&world, &plan, &second);
        assert!(life(&world, &plan, &Fuse::never()), "{place}");
        check(&world, &plan.lock().unwrap(), &place);
        lives += 1;
    }
    lives
}

#[test]
fn no_effect_is_lost_doubled_or_without_a_record() {
    let lives: u64 = (1..=4).map(|seed| sweep(seed, 25)).sum();
    println!("{lives} lives ended at a call");
}

/// All of it: `cargo test --release -p claw-guardrails --lib crash -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes; CI runs a part of it"]
fn no_effect_is_lost_doubled_or_without_a_record_at_any_of_a_thousand_calls() {
    let lives: u64 = (1..=20).map(|seed| sweep(seed, 1000)).sum();
    println!("{lives} lives ended at a call");
}

#[test]
fn two_leaders_make_at_most_one_effect() {
    for seed in 1..=30 {
        let (world, plan) = scene(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let agents = [(); 2].map(|()| world.live(bounds()));
            for (number, (name, _)) in plan.steps.iter().enumerate() {
                let action = world.scale(name, u32::try_from(world.replicas(name)).unwrap() + 1);
                let scope = world.scope(&format!("run-{number}"));
                let [one, other] = &agents;
                // Each may find that the other was faster.
                let _both = tokio::join!(
                    one.pipeline.submit(&scope, "plan", &action),
                    other.pipeline.submit(&scope, "plan", &action),
                );
                let done = world.cluster.state().done.clone();
                let same = done
                    .iter()
                    .filter(|done| done.target == action.target && done.patch == action.patch);
                assert!(same.count() <= 1, "seed {seed}, step {number}");
            }
        });
    }
}
