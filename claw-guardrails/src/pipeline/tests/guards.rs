use jiff::SignedDuration;
use std::time::Duration;

use super::*;
use crate::radius::Limits;

async fn submit(world: &World, agent: &world::Agent, run: &str, action: &Action) -> Submitted {
    agent
        .pipeline
        .submit(&world.scope(run), "scaling", action)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_guard_refuses_by_its_own_rule_and_nothing_is_sent() {
    type Change = fn(&World, &world::Agent, &mut Action);
    let cases: [(&str, Change); 12] = [
        ("action.malformed", |_, _, action| {
            action.target.name = "*".to_owned()
        }),
        ("action.malformed", |_, _, action| action.uid = None),
        ("action.malformed", |_, _, action| action.patch = json!({})),
        ("stop.engaged", |_, agent, _| {
            agent.engine.stop().engage("a drill");
        }),
        ("namespace.system", |_, _, action| {
            action.target.namespace = Some("kube-system".to_owned());
        }),
        ("target.changed", |world, _, _| {
            world.cluster.state().remove("cart")
        }),
        ("target.changed", |world, _, _| {
            world
                .cluster
                .state()
                .edit("cart", &json!({"spec": {"replicas": 5}}));
        }),
        ("action.empty", |_, _, action| {
            action.patch = json!({"spec": {"replicas": 4}})
        }),
        ("rights.missing", |world, _, _| {
            world.cluster.state().no_rights = true
        }),
        ("dry_run.unplanned", |world, _, _| {
            world.cluster.state().unplanned = vec!["metadata.labels.injected".to_owned()];
        }),
        ("owner.taken_over", |world, _, _| {
            let manager = (
                "kube-controller-manager".to_owned(),
                vec!["spec.replicas".to_owned()],
            );
            world.cluster.state().taken_over = [manager].into();
        }),
        ("owner.gitops", |world, _, _| {
            world.cluster.state().kept_by = Some("Argo CD".to_owned())
        }),
    ];
    for (expected, change) in cases {
        let world = World::with_cart();
        let agent = world.live(Settings::default());
        let mut action = world.scale("cart", 5);
        change(&world, &agent, &mut action);
        assert_eq!(rule(submit(&world, &agent, "run", &action).await), expected);
        assert!(!world.cluster.state().calls.contains_key("perform"), "{expected}");
        assert_eq!(world.recorded().last().unwrap(), "refuse", "{expected}");
    }
}

#[tokio::test]
async fn what_is_forbidden_by_name_is_not_even_looked_at() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let mut action = world.scale("cart", 5);
    action.target.namespace = Some("kube-system".to_owned());
    submit(&world, &agent, "run", &action).await;
    assert_eq!(world.recorded(), ["refuse"]);
    assert!(world.cluster.state().calls.is_empty());
}

#[tokio::test]
async fn fields_that_people_have_set_may_be_taken_over() {
    let world = World::with_cart();
    let managers = ["kubectl-client-side-apply", "helm", "claw"];
    world.cluster.state().taken_over = managers
        .map(|manager| (manager.to_owned(), vec!["spec.replicas".to_owned()]))
        .into();
    let agent = world.live(Settings::default());
    let submitted = submit(&world, &agent, "run", &world.scale("cart", 5)).await;
    assert!(matches!(settled(submitted), Settlement::Applied { .. }));
}

#[tokio::test]
async fn small_steps_of_a_day_add_up_to_no_more_than_one_large_one() {
    let world = World::with_cart();
    let agent = world.live(approvals::settings());
    for (run, replicas) in [("a", 6), ("b", 8)] {
        let submitted = submit(&world, &agent, run, &world.scale("cart", replicas)).await;
        assert!(matches!(settled(submitted), Settlement::Applied { .. }));
    }
    let submitted = submit(&world, &agent, "c", &world.scale("cart", 9)).await;
    assert!(matches!(submitted, Submitted::Waiting { .. }), "{submitted:?}");
    // A jump of the clock is not a day.
    world.clock.advance(Duration::from_secs(25 * 3600));
    let submitted = submit(&world, &agent, "e", &world.scale("cart", 9)).await;
    assert!(matches!(submitted, Submitted::Waiting { .. }), "{submitted:?}");
    world.pass(&agent, Duration::from_secs(25 * 3600)).await;
    let submitted = submit(&world, &agent, "d", &world.scale("cart", 9)).await;
    assert!(matches!(settled(submitted), Settlement::Applied { .. }));
}

/// A plan that wants everything at once is held at its budget, its circuit opens, and a person sees why.
#[tokio::test]
async fn a_runaway_plan_is_held_at_its_budget() {
    let world = World::new();
    for number in 0..500 {
        world.cluster.state().add(&format!("d{number}"), 4);
    }
    let settings = Settings::default();
    let agent = world.live(settings);
    let mut refusals = Vec::new();
    for number in 0..500 {
        let action = world.scale(&format!("d{number}"), 5);
        let submitted = submit(&world, &agent, "run", &action).await;
        if let Settlement::Refused(refusal) = settled(submitted) {
            refusals.push(refusal);
        }
    }
    assert_eq!(world.cluster.state().done.len(), 10);
    assert_eq!(refusals.len(), 490);
    assert_eq!(refusals[0].rule, "budget.writes");
    assert!(
        refusals[0].reason.contains("11 objects, at most 10"),
        "{}",
        refusals[0].reason
    );
    let after = refusals[1..].iter();
    // What runs may read is bounded too.
    assert!(after.clone().any(|refusal| refusal.rule == "breaker.workflow"));
    assert!(
        after
            .into_iter()
            .all(|refusal| ["breaker.workflow", "budget.tool"].contains(&refusal.rule.as_str()))
    );
    let told = world.told.0.lock().unwrap();
    let opened: Vec<_> = told
        .iter()
        .filter(|notice| notice.what == Noticed::CircuitOpened)
        .collect();
    assert_eq!(opened.len(), 1);
    assert!(
        opened[0].text.contains("the circuit of workflow scaling opened"),
        "{}",
        opened[0].text
    );
}

#[tokio::test]
async fn other_runs_share_the_budget_of_an_hour() {
    let world = World::new();
    for number in 0..40 {
        world.cluster.state().add(&format!("d{number}"), 4);
    }
    let settings = Settings {
        hour: Limits {
            objects: 3,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let agent = world.live(settings);
    let mut rules = Vec::new();
    for number in 0..5 {
        let action = world.scale(&format!("d{number}"), 5);
        let submitted = agent
            .pipeline
            .submit(
                &world.scope(&format!("run-{number}")),
                &format!("workflow-{number}"),
                &action,
            )
            .await
            .unwrap();
        if let Settlement::Refused(refusal) = settled(submitted) {
            rules.push(refusal.rule);
        }
    }
    assert_eq!(rules, ["budget.writes", "budget.writes"]);
    world.pass(&agent, Duration::from_secs(3601)).await;
    let action = world.scale("d30", 5);
    let submitted = agent
        .pipeline
        .submit(&world.scope("later"), "workflow-9", &action)
        .await
        .unwrap();
    assert!(matches!(settled(submitted), Settlement::Applied { .. }));
}

#[tokio::test]
async fn failures_open_a_circuit_that_survives_a_restart() {
    let world = World::new();
    for number in 0..5 {
        world.cluster.state().add(&format!("d{number}"), 4);
    }
    world.cluster.state().faults = [Fault::Busy; 3].into();
    let agent = world.live(Settings::default());
    for number in 0..3 {
        let action = world.scale(&format!("d{number}"), 5);
        let submitted = submit(&world, &agent, "run", &action).await;
        assert!(matches!(settled(submitted), Settlement::Failed { .. }));
    }
    let agent = world.live(Settings::default());
    let action = world.scale("d4", 5);
    assert!(rule(submit(&world, &agent, "run", &action).await).starts_with("breaker."));
}

#[tokio::test]
async fn a_target_that_gets_worse_opens_its_circuit() {
    let world = World::with_cart();
    let settings = Settings {
        watch_for: SignedDuration::from_mins(10),
        ..Settings::default()
    };
    let agent = world.live(settings);
    submit(&world, &agent, "run", &world.scale("cart", 5)).await;
    world.clock.advance(Duration::from_secs(60));
    agent.pipeline.tend().await.unwrap();
    assert_eq!(world.recorded().last().unwrap(), "observe", "it is not over yet");
    world
        .cluster
        .state()
        .edit("cart", &json!({"status": {"ill": "no endpoints are ready"}}));
    world.clock.advance(Duration::from_secs(60));
    agent.pipeline.tend().await.unwrap();
    let told = world.told.0.lock().unwrap().clone();
    assert!(
        told.iter()
            .any(|notice| notice.what == Noticed::Worse && notice.text.contains("no endpoints are ready"))
    );
    let action = world.scale("cart", 6);
    assert!(rule(submit(&world, &agent, "later", &action).await).starts_with("breaker."));
}

#[tokio::test]
async fn a_target_that_stays_well_is_watched_to_the_end_and_forgotten_later() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    submit(&world, &agent, "run", &world.scale("cart", 5)).await;
    // A clock that jumps does not end the watch.
    world.clock.advance(Duration::from_secs(16 * 60));
    agent.pipeline.tend().await.unwrap();
    assert_eq!(world.recorded().last().unwrap(), "observe");
    world.pass(&agent, Duration::from_secs(10 * 60)).await;
    let events = world.audit.events();
    let last = events.last().unwrap();
    assert_eq!(
        (last.kind, last.decided.as_deref()),
        (AuditKind::Watch, Some("it is well"))
    );
    assert_eq!(agent.pipeline.intents().await.unwrap().len(), 1);
    world.clock.advance(Duration::from_secs(8 * 24 * 3600));
    agent.pipeline.tend().await.unwrap();
    assert!(agent.pipeline.intents().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stop_between_the_judgement_and_the_write_is_heard() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    agent.engine.clear(&world.scale("cart", 5));
    agent.engine.stop().engage("a drill");
    let refused = agent
        .pipeline
        .0
        .gate
        .admit(&world.scope("run"), &world.scale("cart", 5))
        .await;
    assert!(refused.unwrap_err().to_string().contains("stop.engaged"));
}

#[tokio::test]
async fn a_target_is_left_alone_until_it_is_known_what_came_of_the_last_write() {
    let world = World::with_cart();
    // No try gets an answer.
    world.cluster.state().faults = [Fault::LostBefore; 4].into();
    let agent = world.live(Settings::default());
    let first = world.scale("cart", 5);
    let submitted = submit(&world, &agent, "run", &first).await;
    assert!(matches!(submitted, Submitted::UnderWay { .. }), "{submitted:?}");
    let second = world.scale("cart", 6);
    assert_eq!(
        rule(submit(&world, &agent, "other", &second).await),
        "target.unsettled"
    );
    // It is not given up while a request may still come through.
    agent.engine.stop().engage("a drill");
    world.clock.advance(Duration::from_secs(2));
    agent.pipeline.tend().await.unwrap();
    assert_eq!(
        rule(submit(&world, &agent, "other", &second).await),
        "stop.engaged"
    );
    agent.engine.stop().release();
    world.clock.advance(Duration::from_secs(4));
    agent.pipeline.tend().await.unwrap();
    assert_eq!(world.replicas("cart"), 5);
    assert_eq!(world.cluster.state().done.len(), 1);
    assert_eq!(
        rule(submit(&world, &agent, "other", &second).await),
        "target.changed"
    );
}
