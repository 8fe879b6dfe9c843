mod approvals;
mod circuits;
mod crash;
mod guards;
mod life;
mod weather;
mod world;

use claw_core::actuate::Settlement;
use claw_core::audit::AuditKind;
use claw_core::execute::ACTION_ANNOTATION;
use serde_json::json;

use self::world::{Fault, World};
use super::*;
use crate::engine::Mode;
use world::Fuse;

fn settled(submitted: Submitted) -> Settlement {
    match submitted {
        Submitted::Settled(settlement) => settlement,
        other => panic!("{other:?}"),
    }
}

fn rule(submitted: Submitted) -> String {
    match settled(submitted) {
        Settlement::Refused(refusal) => {
            assert!(!refusal.reason.is_empty() && !refusal.remedy.is_empty());
            refusal.rule
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_policy_lets_pass_is_done_and_recorded() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let action = world.scale("cart", 8);
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    let Settlement::Applied {
        id,
        as_rehearsed,
        reversal,
        approved_by,
        ..
    } = settled(submitted)
    else {
        panic!()
    };
    assert_eq!((as_rehearsed, approved_by), (Some(true), vec![]));
    assert_eq!(reversal, Some(json!({"spec": {"replicas": 4}})));
    assert_eq!(world.replicas("cart"), 8);
    let annotations = world.cluster.state().object("cart").unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations[ACTION_ANNOTATION], json!(id));
    assert_eq!(world.recorded(), ["observe", "intend", "permit", "outcome"]);
    let told = world.told.0.lock().unwrap();
    assert_eq!(
        told.iter().map(|notice| notice.what).collect::<Vec<_>>(),
        [Noticed::Applied]
    );
}

#[tokio::test]
async fn an_action_of_a_run_is_done_once_however_often_it_is_submitted() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let action = world.scale("cart", 5);
    let first = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    let again = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    assert_eq!(first, again);
    assert_eq!(world.cluster.state().done.len(), 1);
    // Another run that asks for the same has to propose it anew: the object has changed.
    let other = agent
        .pipeline
        .submit(&world.scope("other"), "scaling", &action)
        .await
        .unwrap();
    assert_eq!(rule(other), "target.changed");
}

#[tokio::test]
async fn without_leave_to_write_it_is_rehearsed_and_no_more() {
    let world = World::with_cart();
    let agent = world.agent(Mode::Propose, Settings::default(), &Fuse::never());
    let action = world.scale("cart", 8);
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    let Settlement::Rehearsed { tier, diff } = settled(submitted) else {
        panic!()
    };
    assert_eq!((tier, diff.len()), ("auto_logged".to_owned(), 1));
    assert_eq!(world.replicas("cart"), 4);
    assert_eq!(world.recorded(), ["observe", "intend"]);
}

#[tokio::test]
async fn a_permit_is_had_through_the_pipeline_and_no_other_way() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let action = world.scale("cart", 5);
    let refused = agent.pipeline.0.gate.admit(&world.scope("run"), &action).await;
    assert!(refused.unwrap_err().to_string().contains("writes.not_cleared"));
    // One clearance is good for one permit.
    agent.engine.clear(&action);
    let _permit = agent
        .pipeline
        .0
        .gate
        .admit(&world.scope("run"), &action)
        .await
        .unwrap();
    agent
        .pipeline
        .0
        .gate
        .admit(&world.scope("run"), &action)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_status_that_moves_under_the_write_is_no_reason_to_give_up() {
    let world = World::with_cart();
    world.cluster.state().faults = [Fault::Touched, Fault::Touched].into();
    let agent = world.live(Settings::default());
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &world.scale("cart", 5))
        .await
        .unwrap();
    assert!(matches!(settled(submitted), Settlement::Applied { .. }));
    assert_eq!(world.cluster.state().calls["perform"], 3);
    assert_eq!(world.cluster.state().done.len(), 1);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_a_reason_to_give_up() {
    let world = World::with_cart();
    world.cluster.state().faults = [Fault::Edited].into();
    let agent = world.live(Settings::default());
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &world.scale("cart", 5))
        .await
        .unwrap();
    let Settlement::Failed { reason } = settled(submitted) else {
        panic!()
    };
    assert!(reason.contains("target.changed"), "{reason}");
    assert!(world.cluster.state().done.is_empty());
}

#[tokio::test]
async fn of_a_write_without_an_answer_it_is_found_out_whether_it_stands() {
    for (fault, requests) in [
        (Fault::LostAfter, 1),
        (Fault::LostBefore, 2),
        (Fault::Late(0), 1),
        (Fault::Late(1), 2),
        (Fault::Late(9), 2),
    ] {
        let world = World::with_cart();
        world.cluster.state().faults = [fault].into();
        let agent = world.live(Settings::default());
        let submitted = agent
            .pipeline
            .submit(&world.scope("run"), "scaling", &world.scale("cart", 5))
            .await
            .unwrap();
        assert!(
            matches!(settled(submitted), Settlement::Applied { .. }),
            "{fault:?}"
        );
        let state = world.cluster.state();
        assert_eq!(state.done.len(), 1, "{fault:?}");
        assert!(state.calls["perform"] <= requests, "{fault:?}: {:?}", state.calls);
    }
}

#[tokio::test]
async fn a_write_that_may_still_come_through_is_not_given_up_when_the_next_one_is_turned_away() {
    for calls in 2..12 {
        let world = World::with_cart();
        world.cluster.state().faults = [Fault::Late(calls), Fault::Busy, Fault::Busy, Fault::Busy].into();
        let agent = world.live(Settings::default());
        let action = world.scale("cart", 5);
        let scope = world.scope("run");
        let mut submitted = agent.pipeline.submit(&scope, "scaling", &action).await.unwrap();
        while let Submitted::UnderWay { .. } = submitted {
            world.clock.advance(std::time::Duration::from_secs(180));
            let scope = world.scope("run");
            submitted = agent.pipeline.submit(&scope, "scaling", &action).await.unwrap();
        }
        assert!(
            matches!(settled(submitted), Settlement::Applied { .. }),
            "{calls} calls late"
        );
        assert_eq!(world.cluster.state().done.len(), 1, "{calls} calls late");
    }
}

#[tokio::test]
async fn what_another_process_has_done_meanwhile_is_not_answered_with_a_refusal() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let (action, scope) = (world.scale("cart", 5), world.scope("run"));
    let late = Intent::new(&scope, "scaling", &action, world::START);
    let late = Kept::new(intent::open_key(&late.id), late);
    agent.pipeline.submit(&scope, "scaling", &action).await.unwrap();
    let changed = guard::refusal("target.changed", "it was changed", "propose it anew");
    let by = Behalf::of_run(&agent.pipeline.0.gate, scope);
    let answer = agent.pipeline.0.refuse(&by, late, changed).await;
    let error = answer.unwrap_err();
    assert!(error.to_string().contains("is settled, not unknown"), "{error}");
}

#[tokio::test]
async fn what_was_stored_otherwise_than_rehearsed_is_told() {
    let world = World::with_cart();
    world.cluster.state().surprise = true;
    let agent = world.live(Settings::default());
    let submitted = agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &world.scale("cart", 5))
        .await
        .unwrap();
    assert!(matches!(
        settled(submitted),
        Settlement::Applied {
            as_rehearsed: Some(false),
            ..
        }
    ));
    assert_eq!(world.told.0.lock().unwrap()[0].what, Noticed::Deviated);
}

#[tokio::test]
async fn the_record_of_an_intent_holds_what_it_was_judged_by() {
    let world = World::with_cart();
    let agent = world.live(Settings::default());
    let action = world.scale("cart", 5);
    agent
        .pipeline
        .submit(&world.scope("run"), "scaling", &action)
        .await
        .unwrap();
    let events = world.audit.events();
    let mut intend = events
        .iter()
        .find(|event| event.kind == AuditKind::Intend)
        .unwrap()
        .clone();
    let tier = "auto_logged".to_owned();
    assert_eq!(replay(&intend), Some(Replayed::Same { tier }));
    assert_eq!(replay(&events[0]), None);
    // Another input would have been judged otherwise, and who changes the record is found out.
    intend.input["facts"]["namespace_labels"] = json!({});
    assert!(matches!(replay(&intend), Some(Replayed::Different { .. })));
    intend.input["radius"]["pods"] = json!(null);
    assert!(matches!(replay(&intend), Some(Replayed::Different { .. })));
    intend.input["facts"]["x"] = json!(1);
    assert!(matches!(replay(&intend), Some(Replayed::Unreadable { .. })));
}
