//! What the receipt and the audit log say of a decision.

use claw_core::audit::{AuditEvent, AuditKind};
use claw_core::store::{Attach, Joining, NewRun};
use serde_json::json;

use super::*;
use crate::incident::grouping::Tie;

fn decisions(world: &World) -> Vec<AuditEvent> {
    let mut events = world.audit.events();
    events.retain(|event| event.kind == AuditKind::Reason);
    events
}

#[tokio::test]
async fn a_receipt_says_why_and_the_audit_log_what_joined() {
    let world = World::new(Known::all());
    let first = world.accept(&[fires(0, "db")]).await;
    assert_eq!(
        (first.decision, first.ties.len()),
        (None, 0),
        "there was nothing to decide"
    );
    let next = world
        .accept(&[fires(2, "web"), fires(1, "orders"), fires(1, "wiki")])
        .await;
    let run = &first.opened[0];
    let mut ties: Vec<_> = next
        .ties
        .iter()
        .map(|tied| {
            (
                tied.alert.as_str(),
                tied.with.as_str(),
                tied.run.as_ref(),
                tied.tie,
            )
        })
        .collect();
    ties.sort_unstable();
    let expected = [
        ("orders", "db", Some(run), Tie::Feels(1)),
        ("web", "orders", None, Tie::Feels(1)),
    ];
    assert_eq!(ties, expected);
    let events = decisions(&world);
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(Some(RunId(event.run.clone())), next.decision);
    assert_eq!(
        (event.step.as_deref(), event.subject.as_str()),
        (Some("group"), "telling")
    );
    let recorded = &event.input;
    assert_eq!(
        (&recorded["run"], &recorded["grouped_by"], &recorded["alerts"]),
        (&json!(run), &json!("surroundings"), &json!(["web", "orders"]))
    );
    assert_eq!(recorded["ties"][0]["tie"], json!({"feels": 1}));
}

#[tokio::test]
async fn an_alert_that_began_before_what_was_told_is_tied_to_it_as_well() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(3, "orders")]).await.opened.remove(0);
    let next = world.accept(&[fires(1, "db")]).await;
    let ties: Vec<_> = next
        .ties
        .iter()
        .map(|tied| (tied.alert.as_str(), tied.run.clone()))
        .collect();
    assert_eq!(ties, [("db", Some(run))]);
}

#[tokio::test]
async fn a_run_that_cannot_be_read_is_named_and_the_others_are_compared() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    let journal = world.intake.runner().journal();
    let unreadable = RunId("inc-unreadable".to_owned());
    let (broken, torn) = (fires(0, "billing"), fires(1, "ledger"));
    let queued = NewRun {
        id: unreadable.clone(),
        workflow: "telling".to_owned(),
        input: json!({"written": "by another version"}),
        alerts: vec![key(&broken)],
    };
    journal.enqueue(queued, minute(5)).await.unwrap();
    // One alert of the other is damaged, and the rest of it is not.
    let attach = Attach {
        run: run.clone(),
        alerts: vec![Joining {
            alert: key(&torn),
            body: json!("?"),
        }],
        input: None,
        unless_done: false,
    };
    journal.attach(attach, minute(5)).await.unwrap();
    let next = world.accept(&[fires(2, "orders")]).await;
    assert_eq!((next.joined, next.left_out), (vec![run], vec![unreadable]));
}
