//! Circuits that people and probes open and close, and what else holds writes up from outside.

use claw_core::actuate::{Actuator as _, Submitted};
use claw_core::gate::Refusal;

use super::*;
use crate::approval::{Carrier, Group, Verdict, Vote};
use crate::breaker::{Backend, Scope};
use crate::pipeline::{Approvals, Settings};

async fn submit(world: &World, agent: &world::Agent, run: &str, replicas: u32) -> Submitted {
    let action = world.scale("cart", replicas);
    let scope = world.scope(run);
    let submitted = agent.pipeline.submit(&scope, "scaling", &action);
    submitted.await.unwrap()
}

async fn open(agent: &world::Agent) -> Vec<String> {
    let circuits = agent.pipeline.circuits().await.unwrap();
    circuits.into_iter().map(|circuit| circuit.key).collect()
}

#[tokio::test]
async fn a_person_opens_and_closes_a_circuit_and_both_are_on_record() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let shop: Scope = "namespace:shop".parse().unwrap();
    agent
        .pipeline
        .open_circuit(shop.clone(), "kim", "a launch")
        .await
        .unwrap();
    assert_eq!(open(&agent).await, ["namespace:shop"]);
    assert_eq!(rule(submit(&world, &agent, "a", 8).await), "breaker.namespace");
    // It is kept.
    let later = world.live(Settings::default());
    assert_eq!(rule(submit(&world, &later, "b", 8).await), "breaker.namespace");
    let pipeline = &later.pipeline;
    assert!(
        pipeline
            .close_circuit(shop.clone(), "lee", "it is over")
            .await
            .unwrap()
    );
    assert!(!pipeline.close_circuit(shop, "lee", "again").await.unwrap());
    assert!(open(&later).await.is_empty());
    assert!(matches!(
        settled(submit(&world, &later, "c", 8).await),
        Settlement::Applied { .. }
    ));
    let events = world.audit.events();
    let guards = events.iter().filter(|event| event.kind == AuditKind::Guard);
    let guards: Vec<_> = guards
        .map(|event| (event.actor.as_str(), event.decided.clone().unwrap_or_default()))
        .collect();
    assert_eq!(
        guards,
        [
            (
                "kim",
                "the circuit of namespace shop opened: kim opened it: a launch".to_owned()
            ),
            ("lee", "lee closes the circuit of namespace shop".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_circuit_is_closed_only_after_that_is_on_record() {
    let mut ends = [0, 0];
    for calls in 0..12 {
        let world = World::with_cart();
        let agent = world.live(Settings::default());
        let why = "a look";
        agent
            .pipeline
            .open_circuit(Scope::Cluster, "kim", why)
            .await
            .unwrap();
        // The process ends at each call that closing makes.
        let fuse = Fuse::after(calls);
        let mortal = world.agent(Mode::Live, Settings::default(), &fuse);
        tokio::select! {
            closed = mortal.pipeline.close_circuit(Scope::Cluster, "kim", "well") => assert!(closed.unwrap()),
            () = fuse.blown.cancelled() => {}
        }
        let events = world.audit.events();
        let recorded = events.iter().any(|event| {
            let decided = event.decided.as_deref().unwrap_or_default();
            decided.contains("closes the circuit")
        });
        let closed = open(&agent).await.is_empty();
        assert!(recorded || !closed, "after {calls} calls");
        ends[usize::from(closed)] += 1;
    }
    assert!(ends.iter().all(|count| *count > 0), "{ends:?}");
}

#[tokio::test]
async fn a_backend_that_is_down_holds_writes_until_it_is_up() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    for backend in Backend::ALL {
        let pipeline = &agent.pipeline;
        pipeline.backend_up(backend).await.unwrap();
        pipeline.backend_down(backend, "no answer").await.unwrap();
        pipeline.backend_down(backend, "no answer").await.unwrap();
        assert_eq!(rule(submit(&world, &agent, "a", 8).await), "breaker.backend");
        pipeline.backend_up(backend).await.unwrap();
        assert!(open(&agent).await.is_empty(), "{backend:?}");
    }
    let recorded = world.recorded();
    let guards = recorded.iter().filter(|kind| *kind == "guard").count();
    assert_eq!(guards, 8, "each opening and each closing once: {recorded:?}");
    // What a person opened stays open.
    let scope = Scope::Backend(Backend::Metrics);
    agent
        .pipeline
        .open_circuit(scope, "kim", "it lies")
        .await
        .unwrap();
    agent
        .pipeline
        .backend_down(Backend::Metrics, "no answer")
        .await
        .unwrap();
    agent.pipeline.backend_up(Backend::Metrics).await.unwrap();
    assert_eq!(open(&agent).await, ["backend:metrics"]);
}

#[tokio::test]
async fn an_approval_outlives_walls_that_fall_and_a_lease_that_is_lost() {
    let world = World::with_cart();
    let settings = Settings {
        approvals: Approvals::asking(vec![Group::new("on-call").with(Carrier::Http, "kim")]),
        ..Settings::default()
    };
    let agent = world.live(settings);
    let hold = |rule: &str| Refusal {
        rule: rule.to_owned(),
        reason: "for now".to_owned(),
        remedy: "wait".to_owned(),
    };
    let Submitted::Waiting { approval, .. } = submit(&world, &agent, "a", 12).await else {
        panic!("nobody was asked");
    };
    for held in ["walls.missing", "lease.not_held"] {
        assert!(agent.engine.hold(hold(held)));
        assert!(!agent.engine.hold(hold(held)), "that is known");
        assert_eq!(rule(submit(&world, &agent, "b", 8).await), held);
    }
    let asked = agent.pipeline.intent(&approval).await.unwrap().asked.unwrap();
    let vote = Vote::new(
        "kim",
        Verdict::Approve,
        asked.shown.digest.clone(),
        Carrier::Http,
        world::START,
    );
    let held = agent.pipeline.vote(&approval, vote).await.unwrap();
    assert!(matches!(held, Submitted::Waiting { .. }), "{held:?}");
    agent.pipeline.tend().await.unwrap();
    assert_eq!(world.replicas("cart"), 4);
    for held in ["walls.missing", "lease.not_held"] {
        assert!(agent.engine.lift(held));
    }
    // What is held up is looked at again after a moment.
    world.clock.advance(std::time::Duration::from_secs(2));
    let tended = agent.pipeline.tend().await.unwrap();
    assert_eq!(tended.settled, [approval]);
    assert_eq!(world.replicas("cart"), 12);
}

#[tokio::test]
async fn what_holds_writes_up_is_heard_right_before_the_write() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let action = world.scale("cart", 8);
    agent.engine.clear(&action);
    agent.engine.hold(Refusal {
        rule: "walls.missing".to_owned(),
        reason: "they were taken down".to_owned(),
        remedy: "apply them".to_owned(),
    });
    let admitted = agent.pipeline.0.gate.admit(&world.scope("run"), &action).await;
    assert!(admitted.unwrap_err().to_string().contains("walls.missing"));
}
