//! The life of a run without crashes.

use super::*;
use claw_core::gate::Arbiter as _;

#[tokio::test(start_paused = true)]
async fn takes_the_steps_in_order_and_delivers_the_report() {
    let rig = rig(Scenario::plain());
    let ended = rig.run().await;
    assert_eq!(ended.run.status, RunStatus::Done);
    assert_eq!(ended.report.unwrap().summary, "a,b,c");
    assert_eq!(ended.deliveries[0].state, DeliveryState::Delivered);
    assert_eq!(rig.taken(), "abc");
    assert_eq!(rig.inbox.calls(), 1);
    assert_eq!(rig.audited(), ["run_started", "run_finished", "deliver"]);
    let start = &rig.audit.events()[0];
    assert_eq!(
        (start.subject.as_str(), &start.input),
        ("scenario", &serde_json::json!("input"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_is_submitted_once() {
    let rig = rig(Scenario::plain());
    rig.run().await;
    let again = rig.run().await;
    assert_eq!(again.run.status, RunStatus::Done);
    assert_eq!(rig.taken(), "abc");
    assert_eq!(rig.inbox.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn refuses_a_workflow_that_it_does_not_have() {
    let rig = rig(Scenario::plain());
    let error = rig
        .runner
        .submit_json("scaling", id("r"), serde_json::json!({}), Vec::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("it has: scenario"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_again_after_a_growing_pause() {
    let failures = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&failures);
    let rig = rig(Scenario::new(move |step, _, _| {
        let mut failures = counter.lock().unwrap();
        if step == "b" && *failures < 3 {
            *failures += 1;
            return Script::Transient("the source is away");
        }
        Script::Go
    }));
    let begun = rig.clock.now();
    let ended = rig.run().await;
    assert_eq!(ended.report.unwrap().summary, "a,b,c");
    assert_eq!(rig.taken(), "abbbbc");
    let took = Duration::try_from(rig.clock.now().duration_since(begun)).unwrap();
    assert!(
        (Duration::from_secs(7)..Duration::from_secs(8)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_does_not_pass_ends_in_a_partial_report() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::Transient("the source is away"),
        _ => Script::Go,
    }));
    let ended = rig.run().await;
    assert_eq!(ended.run.status, RunStatus::Done);
    let report = ended.report.unwrap();
    assert_eq!((report.title.as_str(), report.summary.as_str()), ("partial", "a"));
    assert!(report.gaps[0].reason.contains("the source is away"));
    assert_eq!(rig.taken(), "abbbb");
    assert_eq!(rig.inbox.shown(), [report]);
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_is_not_tried_again() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "c" => Script::Fatal("no such alert"),
        _ => Script::Go,
    }));
    let report = rig.run().await.report.unwrap();
    assert_eq!(
        (report.title.as_str(), report.summary.as_str()),
        ("partial", "a,b")
    );
    assert_eq!(rig.taken(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_defect_and_ends_in_a_partial_report() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::Panic,
        _ => Script::Go,
    }));
    let report = rig.run().await.report.unwrap();
    assert_eq!(report.title, "partial");
    assert!(report.gaps[0].reason.contains("the step b panicked"));
    assert!(report.gaps[0].remedy.contains("defect"));
    assert_eq!(rig.taken(), "ab");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_is_dropped_when_the_time_is_over() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::Hang,
        _ => Script::Go,
    }));
    let begun = rig.clock.now();
    let report = rig.run().await.report.unwrap();
    assert_eq!((report.title.as_str(), report.summary.as_str()), ("partial", "a"));
    assert!(
        report.gaps[0].reason.contains("300s were over"),
        "{:?}",
        report.gaps
    );
    let took = Duration::try_from(rig.clock.now().duration_since(begun)).unwrap();
    assert_eq!(took.as_secs(), 305);
}

#[tokio::test(start_paused = true)]
async fn a_step_leaves_time_for_those_that_follow() {
    let shares = Arc::<Mutex<Vec<i64>>>::default();
    let noted = Arc::clone(&shares);
    let rig = rig(Scenario::new(move |_, cx, _| {
        let share = cx.scope().deadline.duration_since(cx.now());
        noted.lock().unwrap().push(share.as_secs());
        Script::Go
    }));
    rig.run().await.report.unwrap();
    assert_eq!(*shares.lock().unwrap(), [150, 150, 300]);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_time_does_not_count_as_work() {
    let until: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
    let rig = rig(Scenario::new(move |step, _, _| match step {
        "a" => Script::WaitUntil(until),
        _ => Script::Go,
    }));
    let ended = rig.run().await;
    assert_eq!(ended.report.unwrap().summary, "a,b,c");
    assert!(rig.clock.now() >= until);
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_a_person_and_goes_on_when_they_have_decided() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::WaitFor("approval-7"),
        _ => Script::Go,
    }));
    let parked = rig.run().await;
    assert_eq!(parked.run.status, RunStatus::Waiting);
    assert_eq!(parked.run.approval.as_deref(), Some("approval-7"));
    assert_eq!(parked.report, None);
    assert!(rig.runner.decided("approval-8").await.unwrap().is_empty());
    assert_eq!(rig.runner.decided("approval-7").await.unwrap(), [id("r")]);
    let ended = rig.runner.drive_to_end(&id("r")).await.unwrap();
    assert_eq!(ended.report.unwrap().summary, "a,b,c");
    assert_eq!(rig.taken(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_comes_before_the_wait_is_not_lost() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::WaitFor("approval-7"),
        _ => Script::Go,
    }));
    assert!(rig.runner.decided("approval-7").await.unwrap().is_empty());
    assert_eq!(rig.run().await.report.unwrap().summary, "a,b,c");
}

#[tokio::test(start_paused = true)]
async fn what_a_run_has_spent_is_forgotten_when_it_ends_and_not_while_it_waits() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::WaitFor("approval-7"),
        _ => Script::Go,
    }));
    let spend = async |run: &str| {
        let scope = rig.runner.0.scope(&id(run), None, CancellationToken::new());
        rig.engine
            .judge_read(
                &scope,
                "t",
                claw_core::tool::Effect::Read,
                &serde_json::Value::Null,
            )
            .await;
        rig.engine.spent(run).calls
    };
    assert_eq!(spend("r").await, 1);
    assert_eq!(rig.run().await.run.status, RunStatus::Waiting);
    assert_eq!(spend("r").await, 2);
    rig.runner.decided("approval-7").await.unwrap();
    rig.runner.drive_to_end(&id("r")).await.unwrap();
    assert_eq!(rig.engine.spent("r").calls, 0);

    rig.runner
        .submit::<Scenario>(id("other"), &"input".to_owned(), Vec::new())
        .await
        .unwrap();
    assert_eq!(spend("other").await, 1);
    assert!(rig.runner.cancel(&id("other"), "no").await.unwrap());
    assert_eq!(rig.engine.spent("other").calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_at_once_and_has_no_report() {
    let rig = rig(Scenario::new(|step, _, _| match step {
        "b" => Script::Hang,
        _ => Script::Go,
    }));
    let (stop, served) = rig.serve();
    rig.runner
        .submit::<Scenario>(id("r"), &"input".to_owned(), Vec::new())
        .await
        .unwrap();
    let mut watch = rig.runner.watch();
    while watch.recv().await.unwrap().step != "b" {}
    assert!(rig.runner.cancel(&id("r"), "not needed").await.unwrap());
    assert!(!rig.runner.cancel(&id("r"), "not needed").await.unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let looked = rig.runner.look(&id("r")).await.unwrap().unwrap();
    assert_eq!(looked.run.status, RunStatus::Cancelled);
    assert_eq!(looked.report, None);
    assert_eq!(rig.taken(), "ab");
    assert!(rig.runner.0.active().is_empty());
    assert_eq!(rig.inbox.calls(), 0);
    stop.cancel();
    served.await.unwrap().unwrap();
    assert_eq!(rig.audited(), ["run_started", "run_finished"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_runs_are_worked_on_than_set() {
    let (now, most) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let (current, peak) = (Arc::clone(&now), Arc::clone(&most));
    struct Slow(Arc<Mutex<i32>>, Arc<Mutex<i32>>);
    #[async_trait]
    impl Step<Trail> for Slow {
        fn name(&self) -> &str {
            "slow"
        }
        async fn run(&self, cx: &StepContext, state: Trail) -> Result<Outcome<Trail>, StepError> {
            let running = {
                let mut now = self.0.lock().unwrap();
                *now += 1;
                *now
            };
            {
                let mut most = self.1.lock().unwrap();
                *most = running.max(*most);
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
            *self.0.lock().unwrap() -= 1;
            Ok(Outcome::Done(Box::new(report(cx, &state))))
        }
    }
    let scenario = Scenario {
        steps: vec![Box::new(Slow(current, peak))],
        taken: Arc::default(),
    };
    let rig = rig_with(
        scenario,
        Inbox::new("inbox"),
        Arc::new(MemoryJournal::new()),
        TokioClock::new(),
        Settings::default().with_concurrent_runs(3),
    );
    let (stop, served) = rig.serve();
    for number in 0..10 {
        let run = id(&format!("r{number}"));
        rig.runner
            .submit::<Scenario>(run, &"x".to_owned(), Vec::new())
            .await
            .unwrap();
    }
    let begun = rig.clock.now();
    while rig.inbox.shown().len() < 10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(*most.lock().unwrap(), 3);
    let took = Duration::try_from(rig.clock.now().duration_since(begun)).unwrap();
    assert_eq!(took.as_secs(), 40);
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn watchers_see_each_step() {
    let rig = rig(Scenario::plain());
    let mut watch = rig.runner.watch();
    rig.run().await;
    let mut seen = Vec::new();
    while let Ok(event) = watch.try_recv() {
        seen.push(format!("{} {}", event.step, event.message));
    }
    assert_eq!(
        seen,
        [
            "a begins",
            "b begins",
            "c begins",
            "c has a report: whole",
            "deliver delivered to inbox"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_state_that_does_not_fit_the_workflow_still_ends_in_a_report() {
    let rig = rig(Scenario::plain());
    let input = serde_json::json!({"not": "a string"});
    rig.runner
        .submit_json(Scenario::NAME, id("r"), input, Vec::new())
        .await
        .unwrap();
    let ended = rig.runner.drive_to_end(&id("r")).await.unwrap();
    let report = ended.report.unwrap();
    assert!(
        report.gaps[0].reason.contains("the input is not one of scenario"),
        "{report:?}"
    );
    assert_eq!(rig.inbox.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_whose_last_step_does_not_end_is_a_defect_with_a_report() {
    let mut scenario = Scenario::plain();
    scenario.steps.pop();
    let rig = rig(scenario);
    let report = rig.run().await.report.unwrap();
    assert!(
        report.gaps[0].reason.contains("did not end the run"),
        "{report:?}"
    );
    assert_eq!(report.summary, "a,b");
}

#[tokio::test(start_paused = true)]
async fn runs_that_ended_long_ago_are_forgotten() {
    let rig = rig(Scenario::plain());
    rig.run().await;
    let (stop, served) = rig.serve();
    tokio::time::sleep(Duration::from_secs(29 * 24 * 3600)).await;
    // The agent is quiet: it looks when something happens.
    rig.runner
        .submit::<Scenario>(id("second"), &String::new(), Vec::new())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2 * 24 * 3600)).await;
    assert!(rig.runner.look(&id("r")).await.unwrap().is_some());
    rig.runner
        .submit::<Scenario>(id("third"), &String::new(), Vec::new())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(rig.runner.look(&id("r")).await.unwrap().is_none());
    assert!(rig.runner.look(&id("second")).await.unwrap().is_some());
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[test]
fn settings_are_read_strictly() {
    let settings: Settings = serde_json::from_str(r#"{"run_timeout": "90s", "concurrent_runs": 2}"#).unwrap();
    let expected = Settings::default()
        .with_run_timeout(Duration::from_secs(90))
        .with_concurrent_runs(2);
    assert_eq!(settings, expected);
    assert!(serde_json::from_str::<Settings>(r#"{"timeout": "90s"}"#).is_err());
    let text = serde_json::to_string(&Settings::default()).unwrap();
    assert_eq!(
        serde_json::from_str::<Settings>(&text).unwrap(),
        Settings::default()
    );
}

#[test]
fn pauses_double_up_to_the_longest() {
    let retry = Retry::new(9, Duration::from_secs(1), Duration::from_secs(30));
    let pauses: Vec<_> = [1, 2, 3, 5, 6, 40, u32::MAX]
        .map(|n| retry.pause(n).as_secs())
        .into();
    assert_eq!(pauses, [1, 2, 4, 16, 30, 30, 30]);
}
