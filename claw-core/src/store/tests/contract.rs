use super::*;
use crate::workflow::Wait;

fn opened() -> Enqueued {
    Enqueued::New { closed: Vec::new() }
}

/// Runs each test on both journals.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($journal:ident: &dyn Journal) $body:block)+) => {
        $($(#[$meta])* async fn $name($journal: &dyn Journal) $body)+
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(&super::MemoryJournal::new()).await; })+
        }
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::SqliteStore::open(folder.path().join("j.db")).await.unwrap();
                super::$name(&store).await;
            })+
        }
    };
}

pub(super) use on_both;

on_both! {
    async fn walks_through_a_run(journal: &dyn Journal) {
        assert_eq!(journal.enqueue(new_run("a"), at(0)).await.unwrap(), opened());
        let claim = journal.claim(at(1)).await.unwrap().unwrap();
        assert_eq!((claim.run.step, claim.run.attempts, claim.input, claim.state), (0, 1, json!({"of": "a"}), None));
        assert_eq!(journal.claim(at(1)).await.unwrap(), None, "one worker only");

        journal.record_step(&id("a"), result(0, json!({"seen": 0.1})), at(2)).await.unwrap();
        let claim = journal.claim(at(3)).await.unwrap().unwrap();
        assert_eq!((claim.run.step, claim.run.attempts, claim.state), (1, 1, Some(Snapshot::of(&json!({"seen": 0.1})).unwrap())));

        journal.finish(&id("a"), 1, "end", &report("a"), &["slack".into(), "file".into()], at(4)).await.unwrap();
        let run = journal.run(&id("a")).await.unwrap().unwrap();
        assert_eq!((run.status, run.enqueued_at, run.updated_at), (RunStatus::Done, at(0), at(4)));
        assert_eq!(journal.report(&id("a")).await.unwrap(), Some(report("a")));
        let steps: Vec<_> =
            journal.steps(&id("a")).await.unwrap().into_iter().map(|step| (step.step, step.name, step.outcome)).collect();
        assert_eq!(steps, [(0, "step-0".to_owned(), StepEnd::Continue), (1, "end".to_owned(), StepEnd::Done)]);
        let sinks: Vec<_> = journal.due_deliveries(at(5)).await.unwrap().into_iter().map(|d| d.sink).collect();
        assert_eq!(sinks, ["file", "slack"]);
        assert_eq!(journal.claim(at(9)).await.unwrap(), None);
    }

    async fn queues_a_run_once(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        let again = NewRun { input: json!("other"), ..new_run("a") };
        assert_eq!(journal.enqueue(again, at(1)).await.unwrap(), Enqueued::Known(RunStatus::Queued));
        assert_eq!(journal.claim(at(2)).await.unwrap().unwrap().input, json!({"of": "a"}));
        assert_eq!(journal.runs(None, 9).await.unwrap().len(), 1);
    }

    async fn hands_out_the_oldest_first_and_lists_the_latest_first(journal: &dyn Journal) {
        for name in ["b", "a", "c"] {
            journal.enqueue(new_run(name), at(0)).await.unwrap();
        }
        assert_eq!(journal.claim(at(1)).await.unwrap().unwrap().run.id, id("b"));
        assert_eq!(journal.claim_run(&id("c"), at(1)).await.unwrap().unwrap().run.id, id("c"));
        assert_eq!(journal.claim_run(&id("c"), at(1)).await.unwrap(), None);
        let ids = |runs: Vec<RunRecord>| runs.into_iter().map(|run| run.id.0).collect::<Vec<_>>();
        assert_eq!(ids(journal.runs(None, 2).await.unwrap()), ["c", "a"]);
        assert_eq!(ids(journal.runs(Some(RunStatus::Running), 9).await.unwrap()), ["c", "b"]);
    }

    async fn refuses_what_comes_too_late(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        let early = journal.record_step(&id("a"), result(0, json!(1)), at(1)).await;
        assert!(matches!(early, Err(StoreError::Conflict { .. })), "{early:?}");
        journal.claim(at(1)).await.unwrap().unwrap();
        let skipped = journal.record_step(&id("a"), result(1, json!(1)), at(1)).await;
        assert!(matches!(skipped, Err(StoreError::Conflict { .. })), "{skipped:?}");
        journal.record_step(&id("a"), result(0, json!(1)), at(2)).await.unwrap();
        journal.claim(at(2)).await.unwrap().unwrap();
        let twice = journal.record_step(&id("a"), result(0, json!(2)), at(3)).await.unwrap_err();
        assert_eq!(twice.to_string(), "run a is at step 1, not at step 0; read it again");
        let late = journal.finish(&id("a"), 0, "x", &report("a"), &[], at(3)).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(journal.report(&id("a")).await.unwrap(), None);
    }

    async fn waits_until_its_time(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        journal.claim(at(0)).await.unwrap().unwrap();
        let until = StepResult { wait: Some(Wait::Until(at(60))), ..result(0, json!(1)) };
        journal.record_step(&id("a"), until, at(1)).await.unwrap();
        assert_eq!(journal.next_due().await.unwrap(), Some(at(60)));
        assert_eq!(journal.claim(at(59)).await.unwrap(), None);
        assert_eq!(journal.claim(at(60)).await.unwrap().unwrap().run.step, 1);
        assert_eq!(journal.next_due().await.unwrap(), None);
    }

    async fn waits_for_a_person(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        journal.claim(at(0)).await.unwrap().unwrap();
        let wait = StepResult { wait: Some(Wait::Approval { id: "p1".into(), until: at(600) }), ..result(0, json!(1)) };
        journal.record_step(&id("a"), wait, at(1)).await.unwrap();
        assert_eq!((journal.claim(at(599)).await.unwrap(), journal.next_due().await.unwrap()), (None, Some(at(600))));
        assert_eq!(journal.wake("p2", at(2)).await.unwrap(), []);
        assert_eq!(journal.wake("p1", at(2)).await.unwrap(), [id("a")]);
        assert_eq!(journal.wake("p1", at(2)).await.unwrap(), []);
        assert_eq!(journal.claim(at(2)).await.unwrap().unwrap().run.step, 1);
    }

    async fn does_not_miss_a_decision_that_comes_before_the_wait(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        journal.claim(at(0)).await.unwrap().unwrap();
        assert_eq!(journal.wake("p1", at(1)).await.unwrap(), []);
        assert_eq!(journal.prune(at(9)).await.unwrap(), 0);
        let wait = StepResult { wait: Some(Wait::Approval { id: "p1".into(), until: at(600) }), ..result(0, json!(1)) };
        journal.record_step(&id("a"), wait, at(2)).await.unwrap();
        let claim = journal.claim(at(2)).await.unwrap().unwrap();
        assert_eq!((claim.run.step, claim.run.approval), (1, None));
        let other = StepResult { wait: Some(Wait::Approval { id: "p2".into(), until: at(600) }), ..result(1, json!(1)) };
        journal.record_step(&id("a"), other, at(3)).await.unwrap();
        assert_eq!(journal.claim(at(3)).await.unwrap(), None);
    }

    async fn goes_on_when_nobody_decides_in_time(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        journal.claim(at(0)).await.unwrap().unwrap();
        let wait = StepResult { wait: Some(Wait::Approval { id: "p1".into(), until: at(60) }), ..result(0, json!(1)) };
        journal.record_step(&id("a"), wait, at(1)).await.unwrap();
        assert_eq!(journal.claim(at(59)).await.unwrap(), None);
        let claim = journal.claim(at(60)).await.unwrap().unwrap();
        assert_eq!((claim.run.step, claim.run.approval), (1, None));
        assert_eq!(journal.wake("p1", at(61)).await.unwrap(), []);
    }

    async fn counts_attempts_of_a_step(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        for attempt in 1..=3 {
            let claim = journal.claim(at(attempt * 10)).await.unwrap().unwrap();
            assert_eq!(i64::from(claim.run.attempts), attempt);
            journal.postpone(&id("a"), at(attempt * 10 + 10), "prometheus is away", at(attempt * 10)).await.unwrap();
            assert_eq!(journal.claim(at(attempt * 10 + 9)).await.unwrap(), None);
        }
        let run = journal.run(&id("a")).await.unwrap().unwrap();
        assert_eq!(run.reason.as_deref(), Some("prometheus is away"));
        journal.claim(at(90)).await.unwrap().unwrap();
        journal.record_step(&id("a"), result(0, json!(1)), at(91)).await.unwrap();
        let claim = journal.claim(at(92)).await.unwrap().unwrap();
        assert_eq!((claim.run.attempts, claim.run.reason), (1, None));
    }

    async fn ends_a_run_for_good(journal: &dyn Journal) {
        for (name, end, status) in [
            ("a", RunEnd::Failed { reason: "no".into() }, RunStatus::Failed),
            ("b", RunEnd::Cancelled { reason: "no".into() }, RunStatus::Cancelled),
        ] {
            journal.enqueue(new_run(name), at(0)).await.unwrap();
            journal.end(&id(name), end.clone(), at(1)).await.unwrap();
            let run = journal.run(&id(name)).await.unwrap().unwrap();
            assert_eq!((run.status, run.reason.as_deref()), (status, Some("no")));
            assert!(journal.end(&id(name), end, at(2)).await.is_err());
        }
        assert_eq!(journal.claim(at(9)).await.unwrap(), None);
    }

    async fn opens_one_run_for_an_alert(journal: &dyn Journal) {
        let run = |name: &str, alerts: &[AlertKey]| NewRun { alerts: alerts.to_vec(), ..new_run(name) };
        let (a, b, c) = (alert("fa", 0), alert("fb", 0), alert("fc", 0));
        assert_eq!(journal.enqueue(run("1", &[a.clone(), b.clone()]), at(0)).await.unwrap(), opened());
        assert_eq!(journal.enqueue(run("2", std::slice::from_ref(&b)), at(1)).await.unwrap(), Enqueued::Covered(vec![id("1")]));
        // One of them is new: it belongs to the new run, the other stays where it is.
        assert_eq!(journal.enqueue(run("3", &[b.clone(), c]), at(2)).await.unwrap(), opened());
        assert_eq!(journal.run_of_alert("fb").await.unwrap(), Some(id("1")));
        assert_eq!(journal.run_of_alert("fc").await.unwrap(), Some(id("3")));

        journal.claim_run(&id("1"), at(3)).await.unwrap().unwrap();
        assert_eq!(journal.resolve(&ends(&[a, alert("unknown", 0)], 3), at(3)).await.unwrap(), []);
        let closed = Closed { run: id("1"), ended: false };
        assert_eq!(journal.resolve(&ends(std::slice::from_ref(&b), 4), at(4)).await.unwrap(), [closed]);
        assert_eq!(journal.resolve(&ends(std::slice::from_ref(&b), 5), at(5)).await.unwrap(), []);
        assert_eq!(journal.run(&id("1")).await.unwrap().unwrap().resolved_at, Some(at(4)));
        assert_eq!(journal.enqueue(run("4", &[b]), at(6)).await.unwrap(), opened());
    }

    async fn an_alert_that_fires_anew_opens_another_run_and_closes_the_first(journal: &dyn Journal) {
        // The notification that it was resolved got lost.
        let run = |name: &str, alerts: &[AlertKey]| NewRun { alerts: alerts.to_vec(), ..new_run(name) };
        journal.enqueue(run("1", &[alert("f", 0)]), at(0)).await.unwrap();
        journal.enqueue(run("2", &[alert("g", 0), alert("h", 0)]), at(0)).await.unwrap();
        let closed = vec![Closed { run: id("1"), ended: true }];
        let anew = run("3", &[alert("f", 100), alert("g", 100)]);
        assert_eq!(journal.enqueue(anew, at(100)).await.unwrap(), Enqueued::New { closed });
        assert_eq!(journal.run_of_alert("f").await.unwrap(), Some(id("3")));
        let first = journal.run(&id("1")).await.unwrap().unwrap();
        assert_eq!((first.status, first.resolved_at), (RunStatus::Cancelled, Some(at(100))));
        assert_eq!(journal.run(&id("2")).await.unwrap().unwrap().resolved_at, None);
        // A notification of the earlier period was held up on its way: it changes nothing any more.
        let late = journal.enqueue(run("4", &[alert("f", 0)]), at(101)).await.unwrap();
        assert_eq!(late, Enqueued::Covered(vec![id("3")]));
        assert_eq!(journal.resolve(&ends(&[alert("f", 0), alert("g", 0)], 102), at(102)).await.unwrap(), []);
        assert_eq!(journal.run_of_alert("f").await.unwrap(), Some(id("3")));
        assert_eq!(journal.run(&id("3")).await.unwrap().unwrap().status, RunStatus::Queued);
    }

    async fn runs_that_wait_end_with_their_alerts_and_those_at_work_go_on(journal: &dyn Journal) {
        for name in ["untouched", "working", "between", "waiting"] {
            journal.enqueue(NewRun { alerts: vec![alert(name, 0)], ..new_run(name) }, at(0)).await.unwrap();
        }
        for name in ["working", "between", "waiting"] {
            journal.claim_run(&id(name), at(1)).await.unwrap().unwrap();
        }
        journal.record_step(&id("between"), result(0, json!(1)), at(1)).await.unwrap();
        let wait = StepResult { wait: Some(Wait::Until(at(60))), ..result(0, json!(1)) };
        journal.record_step(&id("waiting"), wait, at(1)).await.unwrap();
        let alerts = ["untouched", "working", "between", "waiting"].map(|name| alert(name, 0));
        let closed: Vec<_> = journal.resolve(&ends(&alerts, 2), at(2)).await.unwrap().into_iter().map(|c| (c.run.0, c.ended)).collect();
        let expected = [("between", false), ("untouched", true), ("waiting", true), ("working", false)];
        assert_eq!(closed, expected.map(|(name, ended)| (name.to_owned(), ended)));
        for (name, ended) in expected {
            let run = journal.run(&id(name)).await.unwrap().unwrap();
            assert_eq!((run.status == RunStatus::Cancelled, run.resolved_at), (ended, Some(at(2))));
        }
        journal.record_step(&id("working"), result(0, json!(1)), at(3)).await.unwrap();
        assert_eq!(journal.next_due().await.unwrap(), Some(Timestamp::MIN));
    }

    async fn delivers_to_each_sink_once(journal: &dyn Journal) {
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        journal.claim(at(0)).await.unwrap().unwrap();
        journal.finish(&id("a"), 0, "end", &report("a"), &["x".into(), "y".into()], at(1)).await.unwrap();
        assert_eq!(journal.next_due().await.unwrap(), Some(Timestamp::MIN));

        assert_eq!(journal.begin_delivery(&id("a"), "x", at(2)).await.unwrap().attempts, 1);
        assert!(matches!(journal.begin_delivery(&id("a"), "x", at(2)).await, Err(StoreError::Conflict { .. })));
        let sinks = |deliveries: Vec<Delivery>| deliveries.into_iter().map(|d| d.sink).collect::<Vec<_>>();
        assert_eq!(sinks(journal.due_deliveries(at(2)).await.unwrap()), ["y"]);
        let retry = DeliveryEnd::Retry { at: at(60), reason: "429".into() };
        journal.end_delivery(&id("a"), "x", retry, at(3)).await.unwrap();
        assert_eq!(sinks(journal.due_deliveries(at(59)).await.unwrap()), ["y"]);
        assert_eq!(sinks(journal.due_deliveries(at(60)).await.unwrap()), ["x", "y"]);

        assert_eq!(journal.begin_delivery(&id("a"), "x", at(60)).await.unwrap().attempts, 2);
        journal.end_delivery(&id("a"), "x", DeliveryEnd::Delivered, at(61)).await.unwrap();
        journal.begin_delivery(&id("a"), "y", at(60)).await.unwrap();
        journal.end_delivery(&id("a"), "y", DeliveryEnd::Failed { reason: "gone".into() }, at(61)).await.unwrap();
        assert_eq!(journal.due_deliveries(Timestamp::MAX).await.unwrap(), []);
        assert!(journal.begin_delivery(&id("a"), "x", at(62)).await.is_err());
        let states: Vec<_> = journal.deliveries(&id("a")).await.unwrap().into_iter().map(|d| d.state).collect();
        assert_eq!(states, [DeliveryState::Delivered, DeliveryState::Failed]);
        assert_eq!(journal.next_due().await.unwrap(), None);
    }

    async fn names_what_it_does_not_know(journal: &dyn Journal) {
        assert!(matches!(journal.claim_run(&id("x"), at(0)).await, Err(StoreError::UnknownRun { .. })));
        assert!(matches!(journal.record_step(&id("x"), result(0, json!(1)), at(0)).await, Err(StoreError::UnknownRun { .. })));
        assert!(matches!(journal.begin_delivery(&id("x"), "s", at(0)).await, Err(StoreError::UnknownRun { .. })));
        journal.enqueue(new_run("a"), at(0)).await.unwrap();
        assert!(matches!(journal.begin_delivery(&id("a"), "s", at(0)).await, Err(StoreError::UnknownDelivery { .. })));
        assert_eq!((journal.run(&id("x")).await.unwrap(), journal.report(&id("x")).await.unwrap()), (None, None));
    }

    async fn forgets_only_what_is_over(journal: &dyn Journal) {
        for name in ["delivered", "undelivered", "firing", "open"] {
            let alerts = if name == "firing" { vec![alert("f", 0)] } else { Vec::new() };
            journal.enqueue(NewRun { alerts, ..new_run(name) }, at(0)).await.unwrap();
        }
        for name in ["delivered", "undelivered", "firing"] {
            journal.claim_run(&id(name), at(0)).await.unwrap().unwrap();
            let sinks = if name == "undelivered" { vec!["x".to_owned()] } else { Vec::new() };
            journal.finish(&id(name), 0, "end", &report(name), &sinks, at(1)).await.unwrap();
        }
        assert_eq!(journal.prune(at(1)).await.unwrap(), 0, "not older than that");
        assert_eq!(journal.prune(at(2)).await.unwrap(), 1);
        assert_eq!(journal.run(&id("delivered")).await.unwrap(), None);
        assert_eq!(journal.steps(&id("delivered")).await.unwrap(), []);
        assert_eq!(journal.runs(None, 9).await.unwrap().len(), 3);
    }

    async fn concurrent_triggers_open_one_run(journal: &dyn Journal) {
        let tries = (0..20).map(|_| journal.enqueue(new_run("a"), at(0)));
        let answers = futures::future::join_all(tries).await;
        let new = answers.into_iter().filter(|answer| matches!(answer, Ok(Enqueued::New { .. }))).count();
        assert_eq!(new, 1);
        let claims = futures::future::join_all((0..20).map(|_| journal.claim(at(1)))).await;
        assert_eq!(claims.into_iter().filter(|claim| matches!(claim, Ok(Some(_)))).count(), 1);
    }
}
