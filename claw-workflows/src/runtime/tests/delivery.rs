//! Reports on their way to sinks.

use super::*;

async fn run_with(inbox: Inbox) -> (Rig, Ended) {
    let rig = rig_with(
        Scenario::plain(),
        inbox,
        Arc::new(MemoryJournal::new()),
        TokioClock::new(),
        Settings::default().with_delivery_retry(Retry::new(
            5,
            Duration::from_secs(1),
            Duration::from_secs(60),
        )),
    );
    let ended = rig.run().await;
    (rig, ended)
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_away_is_tried_again_with_the_same_key() {
    let inbox = Inbox::answering("inbox", |call| if call < 4 { Err(unavailable()) } else { Ok(()) });
    let (rig, ended) = run_with(inbox).await;
    assert_eq!(ended.deliveries[0].state, DeliveryState::Delivered);
    assert_eq!(*rig.inbox.calls.lock().unwrap(), ["r", "r", "r", "r"]);
    assert_eq!(rig.inbox.shown().len(), 1);
    let delivers = rig.audited().iter().filter(|kind| *kind == "deliver").count();
    assert_eq!(delivers, 4);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_stays_away_is_given_up() {
    let (rig, ended) = run_with(Inbox::answering("inbox", |_| Err(unavailable()))).await;
    assert_eq!(ended.deliveries[0].state, DeliveryState::Failed);
    let reason = ended.deliveries[0].reason.clone().unwrap();
    assert!(reason.starts_with("given up after 5 tries"), "{reason}");
    assert_eq!(rig.inbox.calls(), 5);
    assert!(ended.report.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_tried_again() {
    let inbox = Inbox::answering("inbox", |_| {
        Err(DeliverError::Refused {
            sink: "inbox".to_owned(),
            code: "channel_not_found".to_owned(),
            remedy: "invite the app".to_owned(),
        })
    });
    let (rig, ended) = run_with(inbox).await;
    assert_eq!(ended.deliveries[0].state, DeliveryState::Failed);
    assert_eq!(rig.inbox.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_the_sink_asks() {
    let inbox = Inbox::answering("inbox", |call| match call {
        1 => Err(DeliverError::RateLimited {
            sink: "inbox".to_owned(),
            retry_after: Some(Duration::from_secs(90)),
        }),
        _ => Ok(()),
    });
    let begun = TokioClock::new().now();
    let (rig, ended) = run_with(inbox).await;
    assert_eq!(ended.deliveries[0].state, DeliveryState::Delivered);
    assert!(rig.clock.now() >= begun + Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_or_is_gone_does_not_hold_up_the_others() {
    #[derive(Clone)]
    struct Bad;
    #[async_trait]
    impl Sink for Bad {
        fn name(&self) -> &str {
            "bad"
        }
        async fn deliver(&self, _: &ToolContext, _: &Report, _: &str) -> Result<(), DeliverError> {
            panic!("a defect")
        }
    }
    struct Silent;
    #[async_trait]
    impl Sink for Silent {
        fn name(&self) -> &str {
            "silent"
        }
        async fn deliver(&self, _: &ToolContext, _: &Report, _: &str) -> Result<(), DeliverError> {
            std::future::pending().await
        }
    }
    let clock = TokioClock::new();
    let engine = Engine::new(Config::default(), clock.clone());
    let gate = Gate::new(
        Arc::new(engine),
        Arc::new(MemoryAuditLog::default()),
        clock.clone(),
        Redactor::new(),
    );
    let inbox = Inbox::new("inbox");
    let runner = Runner::builder(gate, Registry::new(), Arc::new(MemoryJournal::new()))
        .workflow(Scenario::plain())
        .sink(Bad)
        .sink(Silent)
        .sink(inbox.clone())
        .settings(Settings::default().with_delivery_retry(Retry::new(
            2,
            Duration::from_secs(1),
            Duration::from_secs(1),
        )))
        .build();
    let ended = runner.run::<Scenario>(id("r"), &String::new()).await.unwrap();
    let states: Vec<_> = ended
        .deliveries
        .iter()
        .map(|d| (d.sink.as_str(), d.state))
        .collect();
    assert_eq!(
        states,
        [
            ("bad", DeliveryState::Failed),
            ("inbox", DeliveryState::Delivered),
            ("silent", DeliveryState::Failed)
        ]
    );
    assert_eq!(inbox.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn serving_delivers_what_an_earlier_process_left() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let clock = TokioClock::new();
    let stuck = Inbox::answering("inbox", |_| Err(unavailable()));
    let first = rig_with(
        Scenario::plain(),
        stuck,
        Arc::clone(&journal),
        clock.clone(),
        Settings::default(),
    );
    first
        .runner
        .submit::<Scenario>(id("r"), &String::new(), Vec::new())
        .await
        .unwrap();
    let (stop, served) = first.serve();
    while first.inbox.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    served.await.unwrap().unwrap();

    let second = rig_with(
        Scenario::plain(),
        Inbox::new("inbox"),
        journal,
        clock,
        Settings::default(),
    );
    let (stop, served) = second.serve();
    while second.inbox.calls() == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.cancel();
    served.await.unwrap().unwrap();
    assert_eq!(second.inbox.calls(), 1);
    assert_eq!(second.taken(), "");
}
