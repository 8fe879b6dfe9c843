use std::time::Duration;

use super::*;
use crate::approval::{Carrier, Group, Verdict, Vote};

/// Ann and Bo decide with kubectl.
pub(super) fn settings() -> Settings {
    let people = Group::new("operators")
        .with(Carrier::Kubernetes, "ann")
        .with(Carrier::Kubernetes, "bo");
    Settings {
        approvals: Approvals {
            groups: vec![people],
            ..Approvals::default()
        },
        ..Settings::default()
    }
}

pub(super) async fn vote(
    world: &World,
    agent: &world::Agent,
    id: &str,
    by: &str,
    verdict: Verdict,
) -> Result<Submitted, PipelineError> {
    let intent = agent.pipeline.intent(id).await.unwrap();
    let request = &intent.asked.as_ref().unwrap().request;
    let now = claw_core::clock::Clock::now(&*world.clock);
    let vote = Vote::new(by, verdict, request.binding.digest(), Carrier::Kubernetes, now);
    agent.pipeline.vote(id, vote).await
}

/// Asks for nine replicas of four, which is more than twice as many.
async fn ask(world: &World, agent: &world::Agent) -> String {
    let action = world.scale("cart", 9);
    match agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap()
    {
        Submitted::Waiting { approval: id, .. } => id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_person_approves_is_done_days_later_by_another_process() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent).await;
    assert_eq!(world.replicas("cart"), 4);
    assert_eq!(world.told.0.lock().unwrap()[0].what, Noticed::Asked);
    world.clock.advance(Duration::from_secs(2 * 24 * 3600));
    // Controllers go on writing the status meanwhile.
    world
        .cluster
        .state()
        .edit("cart", &json!({"status": {"readyReplicas": 4}}));
    let agent = world.live(settings());
    agent.pipeline.tend().await.unwrap();
    let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    let Settlement::Applied { approved_by, .. } = settled(submitted) else {
        panic!()
    };
    assert_eq!(approved_by, ["ann"]);
    assert_eq!(world.replicas("cart"), 9);
    assert_eq!(
        world.recorded(),
        [
            "observe", "intend", "vote", "observe", "intend", "permit", "outcome"
        ]
    );
    // It is used up.
    let again = agent
        .pipeline
        .vote(
            &id,
            Vote::new("bo", Verdict::Approve, "", Carrier::Kubernetes, world::START),
        )
        .await;
    assert!(
        matches!(again, Err(PipelineError::NotAsked { state: "settled", .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_no_is_a_no_and_so_is_silence() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent).await;
    let submitted = vote(&world, &agent, &id, "bo", Verdict::Deny).await.unwrap();
    assert_eq!(rule(submitted), "approval.denied");
    // Asked again by the same run, it is still denied.
    let action = world.scale("cart", 9);
    let again = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    assert_eq!(rule(again), "approval.denied");

    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent).await;
    world.clock.advance(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(
        agent.pipeline.tend().await.unwrap().settled,
        std::slice::from_ref(&id)
    );
    let late = agent
        .pipeline
        .vote(
            &id,
            Vote::new("ann", Verdict::Approve, "", Carrier::Kubernetes, world::START),
        )
        .await;
    assert!(matches!(late, Err(PipelineError::NotAsked { .. })));
    assert_eq!(world.replicas("cart"), 4);
}

#[tokio::test]
async fn votes_that_do_not_count_are_recorded_and_change_nothing() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent).await;
    for by in ["claw", "eve"] {
        let refused = vote(&world, &agent, &id, by, Verdict::Approve).await;
        assert!(matches!(refused, Err(PipelineError::Vote(_))), "{refused:?}");
        assert_eq!(world.recorded().last().unwrap(), "refuse");
    }
    let other = Vote::new(
        "ann",
        Verdict::Approve,
        "0".repeat(64),
        Carrier::Kubernetes,
        world::START,
    );
    assert!(matches!(
        agent.pipeline.vote(&id, other).await,
        Err(PipelineError::Vote(_))
    ));
    assert_eq!(world.replicas("cart"), 4);
}

#[tokio::test]
async fn an_approval_is_void_when_anything_that_it_rests_on_has_changed() {
    type Change = fn(&World);
    let changes: [(&str, Change); 5] = [
        ("target.changed", |world| {
            world
                .cluster
                .state()
                .edit("cart", &json!({"spec": {"image": "another"}}));
        }),
        ("target.changed", |world| {
            world
                .cluster
                .state()
                .edit("cart", &json!({"metadata": {"labels": {"team": "other"}}}));
        }),
        ("target.changed", |world| {
            let mut state = world.cluster.state();
            state.remove("cart");
            state.add("cart", 4);
        }),
        ("owner.gitops", |world| {
            world.cluster.state().kept_by = Some("Flux".to_owned())
        }),
        ("dry_run.unplanned", |world| {
            world.cluster.state().unplanned = vec!["spec.x".to_owned()]
        }),
    ];
    for (expected, change) in changes {
        let world = World::with_cart();
        let agent = world.live(settings());
        let id = ask(&world, &agent).await;
        change(&world);
        let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
        assert_eq!(rule(submitted), expected);
        assert!(world.cluster.state().done.is_empty());
    }
    // Another policy, or other bounds, are another question.
    let world = World::with_cart();
    let id = ask(&world, &world.live(settings())).await;
    let mut stricter = settings();
    stricter.action.pods = 40;
    let agent = world.live(stricter);
    let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert_eq!(rule(submitted), "approval.changed");
}

#[tokio::test]
async fn an_approved_action_waits_for_what_passes() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent).await;
    agent.engine.stop().engage("a drill");
    let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert!(matches!(submitted, Submitted::Waiting { .. }), "{submitted:?}");
    assert_eq!(world.replicas("cart"), 4);
    agent.engine.stop().release();
    world.clock.advance(Duration::from_secs(2));
    // It is named until whoever waits has heard it.
    assert_eq!(
        agent.pipeline.tend().await.unwrap().settled,
        std::slice::from_ref(&id)
    );
    assert_eq!(
        agent.pipeline.tend().await.unwrap().settled,
        std::slice::from_ref(&id)
    );
    agent.pipeline.heard(&id).await.unwrap();
    assert!(agent.pipeline.tend().await.unwrap().settled.is_empty());
    assert_eq!(world.replicas("cart"), 9);
}

#[tokio::test]
async fn second_thoughts_are_heard_while_an_approved_action_waits() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent).await;
    agent.engine.stop().engage("a drill");
    vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    let submitted = vote(&world, &agent, &id, "bo", Verdict::Deny).await.unwrap();
    assert_eq!(rule(submitted), "approval.denied");
    agent.engine.stop().release();
    agent.pipeline.tend().await.unwrap();
    assert_eq!(world.replicas("cart"), 4);
}

#[tokio::test]
async fn production_wants_two_people_for_what_is_decided_at_once() {
    let world = World::with_cart();
    world.cluster.state().labels = [("env".to_owned(), "production".to_owned())].into();
    let agent = world.live(settings());
    let action = world.scale("cart", 3);
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    let Submitted::Waiting { approval: id, until } = submitted else {
        panic!("{submitted:?}")
    };
    assert_eq!(until, world::START + Duration::from_secs(3600));
    let one = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert!(matches!(one, Submitted::Waiting { .. }));
    let twice = vote(&world, &agent, &id, "ann", Verdict::Approve).await;
    assert!(matches!(twice, Err(PipelineError::Vote(_))));
    let both = vote(&world, &agent, &id, "bo", Verdict::Approve).await.unwrap();
    assert!(matches!(settled(both), Settlement::Applied { .. }));
    assert_eq!(world.replicas("cart"), 3);
}

#[tokio::test]
async fn an_approval_by_one_is_not_enough_when_two_are_wanted_by_now() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let action = world.scale("cart", 3);
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    let Submitted::Waiting { approval: id, .. } = submitted else {
        panic!("{submitted:?}")
    };
    world.cluster.state().labels = [("env".to_owned(), "production".to_owned())].into();
    let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert_eq!(rule(submitted), "approval.changed");
    assert_eq!(world.replicas("cart"), 4);
}

/// What a restart finds in doubt is sent again only while the approval is good.
#[tokio::test]
async fn what_was_approved_is_not_sent_again_when_its_time_is_over() {
    for (wait, expected) in [(60, true), (4 * 24 * 3600, false)] {
        let world = World::with_cart();
        // No answer to any try, and no effect.
        world.cluster.state().faults = [Fault::LostBefore; 4].into();
        let agent = world.live(settings());
        let id = ask(&world, &agent).await;
        let unresolved = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
        assert!(matches!(unresolved, Submitted::UnderWay { .. }));
        world.clock.advance(Duration::from_secs(wait));
        let agent = world.live(settings());
        agent.pipeline.tend().await.unwrap();
        assert_eq!(world.cluster.state().done.len() == 1, expected, "after {wait} s");
    }
}

/// A carrier on which Bo has said no.
struct No;

#[async_trait::async_trait]
impl crate::approval::Post for No {
    fn carrier(&self) -> Carrier {
        Carrier::Kubernetes
    }

    async fn show(
        &self,
        _cx: &claw_core::tool::ToolContext,
        _shown: &crate::approval::Shown,
        _state: &crate::approval::State,
    ) -> Result<(), crate::approval::PostError> {
        Ok(())
    }

    async fn collect(
        &self,
        _cx: &claw_core::tool::ToolContext,
        shown: &crate::approval::Shown,
    ) -> Result<Vec<Vote>, crate::approval::PostError> {
        let by = ("bo", Verdict::Deny, shown.digest.clone());
        Ok(vec![Vote::new(
            by.0,
            by.1,
            by.2,
            Carrier::Kubernetes,
            world::START,
        )])
    }
}

#[tokio::test]
async fn a_no_on_one_way_is_heard_before_a_yes_on_another_is_used() {
    let world = World::with_cart();
    let id = ask(&world, &world.live(settings())).await;
    let agent = world.live_with(settings(), crate::approval::Board::new().with(Arc::new(No)));
    let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert_eq!(rule(submitted), "approval.denied");
    assert_eq!(world.replicas("cart"), 4);
}
