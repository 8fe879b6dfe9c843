use super::*;

#[test]
fn ids_are_a_name_with_numbers_and_each_is_told_once() {
    let requests = Requests::named("claw-a.7");
    for answer in [Some("claw-a.7.0"), None, Some("other\n")] {
        let request = requests.begin();
        if answer.is_some() {
            request.answered(answer);
        }
    }
    let open = requests.begin();
    let later = requests.begin();
    later.answered(None);
    assert_eq!(open.id(), Some("claw-a.7.3"));
    let told = requests.take().unwrap();
    let ids: Vec<_> = told.ids().collect();
    let expected = [("claw-a.7.0", true), ("claw-a.7.1", false), ("other", true)];
    assert_eq!(ids, expected.map(|(id, answered)| (id.to_owned(), answered)));
    // What comes after one that is under way is told after it.
    assert_eq!((requests.take(), requests.waiting()), (None, 2));
    open.answered(None);
    let rest = requests.take().unwrap();
    assert_eq!((rest.first, rest.count), (3, 2));
    assert!(rest.unanswered.is_empty() && rest.renamed.is_empty());
    assert_eq!(requests.close(), None);
}

#[test]
fn what_is_under_way_when_a_call_ends_is_told_as_not_answered() {
    let requests = Requests::named("a");
    let left = requests.begin();
    let told = requests.close().unwrap();
    assert_eq!((told.count, &*told.unanswered), (1, &[0][..]));
    left.answered(Some("late"));
    assert_eq!(requests.close(), None);
    assert_eq!(Requests::default().begin().id(), None);
}

#[test]
fn exceptions_are_split_over_records_and_none_is_lost() {
    let requests = Requests::named("a");
    for number in 0..5_000 {
        let request = requests.begin();
        match number % 3 {
            0 => drop(request),
            1 => request.answered(Some(&format!("other-{number}"))),
            _ => request.answered(None),
        }
    }
    let whole = requests.take().unwrap();
    let all: Vec<_> = whole.ids().collect();
    let parts = whole.parts();
    assert!(parts.len() > 3, "{}", parts.len());
    for part in &parts {
        assert!(part.unanswered.len() + part.renamed.len() <= MOST_EXCEPTIONS);
        assert!(part.unanswered.iter().all(|number| *number >= part.first));
    }
    let again: Vec<_> = parts.iter().flat_map(Requested::ids).collect();
    assert_eq!((again.len(), again), (5_000, all));
}

#[test]
fn it_reads_back_as_it_was() {
    let requested = Requested {
        name: "a".to_owned(),
        count: 3,
        unanswered: vec![1],
        renamed: vec![Renamed {
            number: 2,
            id: "b".to_owned(),
        }],
        ..Requested::default()
    };
    let text = serde_json::to_string(&requested).unwrap();
    assert_eq!(
        text,
        r#"{"name":"a","count":3,"unanswered":[1],"renamed":[{"number":2,"id":"b"}]}"#
    );
    assert_eq!(serde_json::from_str::<Requested>(&text).unwrap(), requested);
}

/// Through the gate.
mod recorded {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::access::Access;
    use crate::audit::{AuditError, AuditEvent, AuditKind, AuditLog, AuditReceipt};
    use crate::clock::ManualClock;
    use crate::gate::{Entry, Gate, Judgement, MockArbiter, Scope};
    use crate::redact::Redactor;
    use crate::tool::{Effect, ErasedTool, Tool, ToolContext, ToolError, ToolErrorKind};

    /// Sends as many requests as it is told, the third of which is not answered.
    struct Asks;

    #[async_trait]
    impl Tool for Asks {
        const NAME: &'static str = "asks";
        const EFFECT: Effect = Effect::Read;
        type Input = u64;
        type Output = u64;

        fn description(&self) -> &str {
            "Asks"
        }

        fn access(&self) -> Access {
            Access::none()
        }

        async fn call(&self, cx: &ToolContext, count: u64) -> Result<u64, ToolError> {
            for number in 0..count {
                let request = cx.requests.begin();
                match number {
                    2 => drop(request),
                    _ => request.answered(None),
                }
            }
            match count {
                7 => Err(ToolError::new(ToolErrorKind::NotFound, "not there")),
                8 => std::future::pending().await,
                _ => Ok(count),
            }
        }
    }

    #[derive(Default)]
    struct Log {
        events: Mutex<Vec<AuditEvent>>,
        full: AtomicBool,
    }

    #[async_trait]
    impl AuditLog for Log {
        async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
            if self.full.load(Ordering::SeqCst) {
                return Err(AuditError {
                    reason: "the disk is full".to_owned(),
                    source: None,
                });
            }
            self.events.lock().unwrap().push(event);
            Ok(AuditReceipt {
                sequence: 0,
                hash: "ab".to_owned(),
            })
        }
    }

    impl Log {
        fn told(&self) -> Vec<(AuditKind, Option<Requested>)> {
            let events = self.events.lock().unwrap();
            events
                .iter()
                .map(|event| (event.kind, event.requests.clone()))
                .collect()
        }
    }

    fn start() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    fn scope() -> Scope {
        Scope {
            run: "run-1".to_owned(),
            step: None,
            actor: "claw".to_owned(),
            deadline: Timestamp::MAX,
            cancel: Default::default(),
        }
    }

    fn gate() -> (Gate, Arc<Log>, Arc<ManualClock>) {
        let mut arbiter = MockArbiter::new();
        arbiter.expect_stopped().returning(Default::default);
        arbiter
            .expect_judge_read()
            .returning(|_, _, _, _| Judgement::Allow { rules: Vec::new() });
        let (log, clock) = (Arc::new(Log::default()), Arc::new(ManualClock::at(start())));
        let gate = Gate::new(Arc::new(arbiter), log.clone(), clock.clone(), Redactor::new());
        (gate.with_request_name("claw-x"), log, clock)
    }

    fn asks() -> Arc<dyn ErasedTool> {
        Arc::new(Asks)
    }

    fn requested(name: &str, first: u64, count: u64, unanswered: &[u64]) -> Option<Requested> {
        Some(Requested {
            name: name.to_owned(),
            first,
            count,
            unanswered: unanswered.to_vec(),
            renamed: Vec::new(),
        })
    }

    #[tokio::test]
    async fn a_call_is_recorded_with_its_requests_however_it_ends() {
        let (gate, log, _) = gate();
        let call = |count: u64| {
            let gate = gate.clone();
            async move { gate.observe_json(&scope(), &asks(), json!(count), "why").await }
        };
        call(4).await.unwrap();
        call(7).await.unwrap_err();
        call(0).await.unwrap();
        let given_up = tokio::spawn(call(8));
        tokio::time::sleep(Duration::from_millis(50)).await;
        given_up.abort();
        given_up.await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let observed = |requests| (AuditKind::Observe, requests);
        assert_eq!(
            log.told(),
            [
                observed(requested("claw-x.0", 0, 4, &[2])),
                observed(requested("claw-x.1", 0, 7, &[2])),
                observed(None),
                observed(requested("claw-x.3", 0, 8, &[2])),
            ]
        );
    }

    #[tokio::test]
    async fn what_no_tool_asks_is_recorded_as_well_if_it_asks_anything() {
        let (gate, log, clock) = gate();
        let cx = || ToolContext::new(clock.clone(), Duration::from_secs(1));
        let subject = ("the rights", "they have to be there");
        let scope = scope();
        let attended = gate.attend(&scope, cx(), subject, |cx| async move {
            cx.requests.begin().answered(None);
            5
        });
        assert_eq!(attended.await, 5);
        gate.attend(&scope, cx(), subject, |_| async {}).await;
        tokio::task::yield_now().await;
        assert_eq!(
            log.told(),
            [(AuditKind::Requests, requested("claw-x.0", 0, 1, &[]))]
        );
        let event = log.events.lock().unwrap()[0].clone();
        assert_eq!((&*event.subject, &*event.run), ("the rights", "run-1"));
        log.full.store(true, Ordering::SeqCst);
        let lost = gate.attend(&scope, cx(), subject, |cx| async move {
            drop(cx.requests.begin());
        });
        lost.await;
        tokio::task::yield_now().await;
        log.full.store(false, Ordering::SeqCst);
        // What could not be recorded is missed by the next record.
        let next = || Entry::new(AuditKind::Intend, "a write", "why");
        gate.record(&scope, next()).await.unwrap_err();
        gate.record(&scope, next()).await.unwrap();
    }

    #[tokio::test]
    async fn a_chore_is_named_first_and_then_told_of_every_five_minutes() {
        let (gate, log, clock) = gate();
        let chore = gate.chore("claw", "the lease", "only one may lead");
        for second in 0..700 {
            let request = chore.requests().await.begin();
            assert!(
                !log.told().is_empty(),
                "it is on record before the first one is sent"
            );
            if second != 2 {
                request.answered(None);
            }
            clock.advance(Duration::from_secs(1));
            // What is written meanwhile gets its turn.
            tokio::task::yield_now().await;
        }
        chore.record().await.unwrap();
        chore.record().await.unwrap();
        let told: Vec<_> = log.told().into_iter().map(|(_, requests)| requests).collect();
        assert_eq!(
            told,
            [
                requested("claw-x.0", 0, 0, &[]),
                requested("claw-x.0", 0, 300, &[2]),
                requested("claw-x.0", 300, 300, &[]),
                requested("claw-x.0", 600, 100, &[]),
            ]
        );
        assert!(
            log.events
                .lock()
                .unwrap()
                .iter()
                .all(|event| event.input == Value::Null)
        );
    }

    #[tokio::test]
    async fn a_full_log_holds_up_no_chore_and_nothing_is_lost() {
        let (gate, log, clock) = gate();
        let chore = gate.chore("claw", "the stop", "people may ask for it");
        log.full.store(true, Ordering::SeqCst);
        for _ in 0..5 {
            chore.requests().await.begin().answered(None);
            clock.advance(Duration::from_secs(200));
            tokio::task::yield_now().await;
        }
        assert!(chore.record().await.is_err() && log.told().is_empty());
        log.full.store(false, Ordering::SeqCst);
        chore.record().await.unwrap();
        let told = log.told();
        let count: u64 = told.iter().filter_map(|(_, it)| Some(it.as_ref()?.count)).sum();
        assert_eq!(count, 5, "{told:?}");
        let ids = told.iter().flat_map(|(_, it)| it.iter().flat_map(Requested::ids));
        let ids: BTreeSet<String> = ids.map(|(id, _)| id).collect();
        assert_eq!(ids.len(), 5);
    }
}
