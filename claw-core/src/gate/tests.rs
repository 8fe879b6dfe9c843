use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::access::Access;
use crate::action::Verb;
use crate::audit::MockAuditLog;
use crate::clock::{ManualClock, SystemClock};
use crate::entity::EntityRef;
use crate::tool::Effect;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ask {
    text: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Answer {
    line: String,
}

/// Answers what it is asked, unless it is told to do something else.
#[derive(Default)]
struct Echo {
    calls: Arc<AtomicU32>,
}

#[async_trait]
impl Tool for Echo {
    const NAME: &'static str = "echo";
    const EFFECT: Effect = Effect::Read;
    type Input = Ask;
    type Output = Answer;

    fn description(&self) -> &str {
        "Answers what it is asked"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, cx: &ToolContext, input: Ask) -> Result<Answer, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match input.text.as_str() {
            "fail" => Err(ToolError::new(
                ToolErrorKind::NotFound,
                "no such thing; password=hunter2",
            )),
            "hang" => std::future::pending().await,
            "deep" => Err(
                ToolError::new(ToolErrorKind::Unavailable, "the source is away").with_source(
                    std::io::Error::other(ParseError("server said: token=hunter2 expired".to_owned())),
                ),
            ),
            "deadline" => Ok(Answer {
                line: cx.deadline.to_string(),
            }),
            _ => Ok(Answer { line: input.text }),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ParseError(String);

/// Goes by the same name, but is another type: a recording, say.
struct Recording;

#[async_trait]
impl Tool for Recording {
    const NAME: &'static str = "echo";
    const EFFECT: Effect = Effect::Read;
    type Input = Value;
    type Output = Value;

    fn description(&self) -> &str {
        "Answers as Echo does"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        match input["text"].as_str() {
            Some("nonsense") => Ok(json!({"word": 1})),
            text => Ok(json!({"line": text})),
        }
    }
}

fn start() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn scope() -> Scope {
    Scope {
        run: "run-1".to_owned(),
        step: Some("gather".to_owned()),
        actor: "agent".to_owned(),
        deadline: start() + jiff::SignedDuration::from_secs(60),
        cancel: CancellationToken::new(),
    }
}

fn allowing() -> MockArbiter {
    let mut arbiter = MockArbiter::new();
    let allow = || Judgement::Allow {
        rules: vec!["reads".to_owned()],
    };
    arbiter.expect_judge_read().returning(move |_, _, _, _| allow());
    arbiter.expect_judge_write().returning(move |_, _| allow());
    arbiter.expect_stopped().returning(CancellationToken::new);
    arbiter
}

fn refusal() -> Refusal {
    Refusal {
        rule: "read_only".to_owned(),
        reason: "writes are not enabled".to_owned(),
        remedy: "enable them in the policy".to_owned(),
    }
}

fn denying() -> MockArbiter {
    let mut arbiter = MockArbiter::new();
    arbiter
        .expect_judge_read()
        .returning(|_, _, _, _| Judgement::Deny(refusal()));
    arbiter.expect_stopped().returning(CancellationToken::new);
    arbiter
        .expect_judge_write()
        .returning(|_, _| Judgement::Deny(refusal()));
    arbiter
}

/// A log that keeps what it is given, and the events.
fn log() -> (MockAuditLog, Arc<Mutex<Vec<AuditEvent>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&events);
    let mut log = MockAuditLog::new();
    log.expect_append().returning(move |event| {
        let mut events = kept.lock().unwrap();
        events.push(event);
        Ok(AuditReceipt {
            sequence: events.len() as u64 - 1,
            hash: "ab".to_owned(),
        })
    });
    (log, events)
}

fn broken_log() -> MockAuditLog {
    let mut log = MockAuditLog::new();
    log.expect_append().returning(|_| {
        Err(AuditError {
            reason: "the disk is full".to_owned(),
            source: None,
        })
    });
    log
}

fn gate_at(clock: Arc<dyn Clock>, arbiter: MockArbiter, audit: MockAuditLog) -> Gate {
    Gate::new(Arc::new(arbiter), Arc::new(audit), clock, Redactor::new())
}

fn gate(arbiter: MockArbiter, audit: MockAuditLog) -> Gate {
    gate_at(Arc::new(ManualClock::at(start())), arbiter, audit)
}

fn echo() -> (Arc<dyn ErasedTool>, Arc<AtomicU32>) {
    let tool = Echo::default();
    let calls = Arc::clone(&tool.calls);
    (Arc::new(tool), calls)
}

fn ask(text: &str) -> Ask {
    Ask {
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn records_a_read_before_its_result_is_used() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let (tool, _) = echo();
    let answer = gate
        .observe::<Echo>(&scope(), &tool, ask("hello"), "to see")
        .await
        .unwrap();
    assert_eq!(
        answer,
        Answer {
            line: "hello".to_owned()
        }
    );
    let events = events.lock().unwrap();
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(event.kind, AuditKind::Observe);
    assert_eq!(
        (event.run.as_str(), event.step.as_deref(), event.actor.as_str()),
        ("run-1", Some("gather"), "agent")
    );
    assert_eq!(
        (event.subject.as_str(), event.why.as_str(), event.time),
        ("echo", "to see", start())
    );
    assert_eq!(event.input, json!({"text": "hello"}));
    assert_eq!(event.decided.as_deref(), Some("allowed; asked: reads"));
    let observed = event.observed.as_ref().unwrap();
    assert_eq!(observed.excerpt, r#"{"line":"hello"}"#);
    assert_eq!(observed.bytes, 16);
    assert_eq!(observed.digest, sha256(r#"{"line":"hello"}"#));
}

#[tokio::test]
async fn a_result_that_cannot_be_recorded_is_not_used() {
    let gate = gate(allowing(), broken_log());
    let (tool, calls) = echo();
    let answer = gate.observe::<Echo>(&scope(), &tool, ask("hello"), "why").await;
    assert!(matches!(answer, Err(ObserveError::Audit(_))), "{answer:?}");
    let answer = gate
        .observe_json(&scope(), &tool, json!({"text": "hello"}), "why")
        .await;
    assert!(matches!(answer, Err(ObserveError::Audit(_))), "{answer:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refused_read_is_recorded_and_does_not_happen() {
    let (audit, events) = log();
    let gate = gate(denying(), audit);
    let (tool, calls) = echo();
    let answer = gate.observe::<Echo>(&scope(), &tool, ask("hello"), "why").await;
    assert!(
        matches!(&answer, Err(ObserveError::Refused(r)) if *r == refusal()),
        "{answer:?}"
    );
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    let events = events.lock().unwrap();
    assert_eq!(events[0].kind, AuditKind::Refuse);
    assert_eq!(
        events[0].decided.as_deref(),
        Some("refused by read_only: writes are not enabled; enable them in the policy")
    );
}

#[tokio::test]
async fn the_arbiter_is_asked_about_exactly_this_call() {
    let mut arbiter = MockArbiter::new();
    arbiter.expect_stopped().returning(CancellationToken::new);
    arbiter
        .expect_judge_read()
        .withf(|scope, tool, effect, input| {
            scope.run == "run-1"
                && tool == "echo"
                && *effect == Effect::Read
                && *input == json!({"text": "hello"})
        })
        .times(1)
        .returning(|_, _, _, _| Judgement::Allow { rules: Vec::new() });
    let gate = gate(arbiter, log().0);
    gate.observe::<Echo>(&scope(), &echo().0, ask("hello"), "why")
        .await
        .unwrap();
}

#[tokio::test]
async fn secrets_reach_neither_the_caller_nor_the_log() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let (tool, _) = echo();
    let text = "dial postgres://shop:hunter2@db/orders";
    let redacted = "dial postgres://shop:[redacted:password]@db/orders";
    let answer = gate
        .observe::<Echo>(&scope(), &tool, ask(text), "token=hunter2x1")
        .await
        .unwrap();
    assert_eq!(answer.line, redacted);
    let answer = gate
        .observe_json(&scope(), &tool, json!({"text": text}), "why")
        .await
        .unwrap();
    assert_eq!(answer["line"], redacted);
    let error = gate
        .observe::<Echo>(&scope(), &tool, ask("fail"), "why")
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no such thing; password=[redacted:password]");
    let action = Action {
        patch: json!({"stringData": {"x": "y"}, "password": "hunter2"}),
        ..action()
    };
    let _permit = gate.admit(&scope(), &action).await.unwrap();
    let input = json!({"token": "hunter2"});
    let entry = Entry::new(AuditKind::Reason, "x", "password=hunter2")
        .with_input(input)
        .with_reasoned("password=hunter2")
        .with_decided("password=hunter2")
        .with_error("password=hunter2");
    gate.record(&scope(), entry).await.unwrap();
    let events = serde_json::to_string(&*events.lock().unwrap()).unwrap();
    assert!(!events.contains("hunter2"), "{events}");
}

#[tokio::test]
async fn a_failed_read_is_recorded_with_its_error() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let error = gate
        .observe::<Echo>(&scope(), &echo().0, ask("fail"), "why")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ObserveError::Tool(e) if e.kind() == ToolErrorKind::NotFound),
        "{error:?}"
    );
    let events = events.lock().unwrap();
    assert_eq!(
        events[0].error.as_deref(),
        Some("NotFound: no such thing; password=[redacted:password]")
    );
    assert_eq!(events[0].observed, None);
}

#[tokio::test]
async fn a_cancelled_run_reads_no_more() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let (tool, calls) = echo();
    let scope = scope();
    let cancel = scope.cancel.clone();
    let (answer, ()) = tokio::join!(gate.observe::<Echo>(&scope, &tool, ask("hang"), "why"), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    let kind = |answer: Result<Answer, ObserveError>| match answer {
        Err(ObserveError::Tool(error)) => error.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(answer), ToolErrorKind::Cancelled);
    assert_eq!(
        kind(gate.observe::<Echo>(&scope, &tool, ask("x"), "why").await),
        ToolErrorKind::Cancelled
    );
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(events.lock().unwrap().len(), 2, "both are recorded");
}

#[tokio::test]
async fn a_read_ends_at_the_deadline() {
    let gate = gate_at(Arc::new(SystemClock), allowing(), log().0);
    let (tool, calls) = echo();
    let in_time = |millis| Scope {
        deadline: SystemClock.deadline(Duration::from_millis(millis)),
        ..scope()
    };
    for (deadline, called) in [(30, 1), (0, 1)] {
        let error = gate
            .observe::<Echo>(&in_time(deadline), &tool, ask("hang"), "why")
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ObserveError::Tool(e) if e.kind() == ToolErrorKind::Timeout),
            "{error:?}"
        );
        assert_eq!(calls.load(Ordering::SeqCst), called);
    }
    let answer = gate
        .observe::<Echo>(&in_time(9000), &tool, ask("deadline"), "why")
        .await
        .unwrap();
    assert!(answer.line.parse::<Timestamp>().unwrap() > SystemClock.now());
}

#[tokio::test]
async fn typed_and_erased_paths_agree() {
    let mut seen = Vec::new();
    let recording: Arc<dyn ErasedTool> = Arc::new(Recording);
    for (tool, typed) in [(echo().0, true), (echo().0, false), (recording, true)] {
        let (audit, events) = log();
        let gate = gate(allowing(), audit);
        let answer = if typed {
            gate.observe::<Echo>(&scope(), &tool, ask("token=a1b2c3 ok"), "why")
                .await
                .unwrap()
        } else {
            let json = gate
                .observe_json(&scope(), &tool, json!({"text": "token=a1b2c3 ok"}), "why")
                .await
                .unwrap();
            serde_json::from_value(json).unwrap()
        };
        seen.push((answer, events.lock().unwrap().clone()));
    }
    assert_eq!(seen[0].0.line, "token=[redacted:token] ok");
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_a_defect_and_not_a_panic() {
    let gate = gate(allowing(), log().0);
    let recording: Arc<dyn ErasedTool> = Arc::new(Recording);
    let error = gate
        .observe::<Echo>(&scope(), &recording, ask("nonsense"), "why")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ObserveError::Tool(e) if e.kind() == ToolErrorKind::Internal),
        "{error:?}"
    );
    let error = gate
        .observe_json(&scope(), &echo().0, json!({"txet": 1}), "why")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ObserveError::Tool(e) if e.kind() == ToolErrorKind::InvalidInput),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_lies_beneath_an_error_is_for_the_log_only() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let error = gate
        .observe::<Echo>(&scope(), &echo().0, ask("deep"), "why")
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the source is away");
    assert_eq!(
        events.lock().unwrap()[0].error.as_deref(),
        Some("Unavailable: the source is away; because: server said: token=[redacted:token] expired")
    );
}

#[tokio::test]
async fn the_digest_is_of_what_is_handed_on_whether_there_was_a_secret_or_not() {
    let mut digests = Vec::new();
    for secret in ["hunter2", "[redacted:password]"] {
        let (audit, events) = log();
        let gate = gate(allowing(), audit);
        let tool: Arc<dyn ErasedTool> = Arc::new(Unsorted(format!("password={secret}")));
        gate.observe::<Unsorted>(&scope(), &tool, ask(""), "why")
            .await
            .unwrap();
        let observed = events.lock().unwrap()[0].observed.clone().unwrap();
        assert_eq!(
            observed.excerpt,
            r#"{"zeta":"password=[redacted:password]","alpha":1}"#
        );
        digests.push(observed.digest);
    }
    assert_eq!(digests[0], digests[1]);
    assert_eq!(
        digests[0],
        sha256(r#"{"zeta":"password=[redacted:password]","alpha":1}"#)
    );
}

/// Answers with fields that are not in the order of the alphabet.
struct Unsorted(String);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct ZetaAlpha {
    zeta: String,
    alpha: u8,
}

#[async_trait]
impl Tool for Unsorted {
    const NAME: &'static str = "unsorted";
    const EFFECT: Effect = Effect::Read;
    type Input = Ask;
    type Output = ZetaAlpha;

    fn description(&self) -> &str {
        "Answers with two fields"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, _input: Ask) -> Result<ZetaAlpha, ToolError> {
        Ok(ZetaAlpha {
            zeta: self.0.clone(),
            alpha: 1,
        })
    }
}

#[tokio::test]
async fn a_call_that_is_abandoned_is_recorded() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let (tool, calls) = echo();
    {
        let scope = scope();
        let call = gate.observe::<Echo>(&scope, &tool, ask("hang"), "to see");
        tokio::pin!(call);
        assert!(futures::poll!(&mut call).is_pending());
    }
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let events = events.lock().unwrap();
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((event.kind, event.subject.as_str()), (AuditKind::Observe, "echo"));
    assert_eq!(event.input, json!({"text": "hang"}));
    assert_eq!(
        event.error.as_deref(),
        Some("Cancelled: the call was abandoned before it had ended")
    );
}

#[tokio::test]
async fn an_answer_whose_reader_goes_away_is_recorded_once() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let (tool, _) = echo();
    {
        let scope = scope();
        let call = gate.observe::<Echo>(&scope, &tool, ask("hello"), "to see");
        tokio::pin!(call);
        assert!(futures::poll!(&mut call).is_pending());
    }
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let events = events.lock().unwrap();
    assert_eq!(events.len(), 1);
    assert!(events[0].observed.is_some() && events[0].error.is_none());
}

#[tokio::test]
async fn a_stop_breaks_off_calls_under_way() {
    let stop = CancellationToken::new();
    let mut arbiter = MockArbiter::new();
    let token = stop.clone();
    arbiter.expect_stopped().returning(move || token.clone());
    arbiter
        .expect_judge_read()
        .returning(|_, _, _, _| Judgement::Allow { rules: Vec::new() });
    let (audit, events) = log();
    let gate = gate(arbiter, audit);
    let (tool, _) = echo();
    let scope = scope();
    let call = gate.observe::<Echo>(&scope, &tool, ask("hang"), "why");
    let (answer, ()) = tokio::join!(call, async { stop.cancel() });
    assert!(
        matches!(&answer, Err(ObserveError::Tool(e)) if e.kind() == ToolErrorKind::Cancelled),
        "{answer:?}"
    );
    let error = events.lock().unwrap()[0].error.clone().unwrap();
    assert_eq!(
        error,
        "Cancelled: the agent was stopped while the call was under way"
    );
}

#[test]
fn excerpts_end_between_characters() {
    let text = "é".repeat(EXCERPT_BYTES);
    assert_eq!(excerpt(&text, EXCERPT_BYTES).len(), EXCERPT_BYTES);
    let text = format!("a{text}");
    assert_eq!(excerpt(&text, EXCERPT_BYTES).len(), EXCERPT_BYTES - 1);
    assert_eq!(excerpt("", EXCERPT_BYTES), "");
}

fn action() -> Action {
    Action {
        verb: Verb::Patch,
        target: EntityRef::namespaced("Deployment", "shop", "cart"),
        api_version: "apps/v1".to_owned(),
        uid: Some("7d5c2a3e".to_owned()),
        resource_version: Some("812".to_owned()),
        pre_image: None,
        patch: json!({"spec": {"replicas": 3}}),
        expected: "3 replicas".to_owned(),
        reversal: None,
        reason: "load".to_owned(),
    }
}

#[tokio::test]
async fn a_permit_is_good_for_its_action_and_for_a_minute() {
    let (audit, events) = log();
    let gate = gate(allowing(), audit);
    let permit = gate.admit(&scope(), &action()).await.unwrap();
    let receipt = permit.redeem(&action(), start()).unwrap();
    assert_eq!(receipt.sequence, 0);
    assert_eq!(events.lock().unwrap()[0].kind, AuditKind::Permit);

    let permit = gate.admit(&scope(), &action()).await.unwrap();
    let other = Action {
        patch: json!({"spec": {"replicas": 300}}),
        ..action()
    };
    assert_eq!(permit.redeem(&other, start()), Err(PermitError::OtherAction));

    let permit = gate.admit(&scope(), &action()).await.unwrap();
    let late = gate.clock().deadline(Permit::LIFETIME);
    assert_eq!(
        permit.redeem(&action(), late),
        Err(PermitError::Expired { expired: late })
    );

    let permit = gate.admit(&scope(), &action()).await.unwrap();
    assert!(
        permit
            .redeem(&action(), late - jiff::SignedDuration::from_nanos(1))
            .is_ok()
    );
}

#[tokio::test]
async fn there_is_no_permit_without_leave_and_record() {
    let (audit, events) = log();
    let error = gate(denying(), audit)
        .admit(&scope(), &action())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, AdmitError::Refused(r) if *r == refusal()),
        "{error:?}"
    );
    let events = events.lock().unwrap().clone();
    assert_eq!(
        (events[0].kind, events[0].subject.as_str()),
        (AuditKind::Refuse, "Patch Deployment shop/cart")
    );
    assert_eq!(events[0].why, "load");

    let error = gate(allowing(), broken_log())
        .admit(&scope(), &action())
        .await
        .unwrap_err();
    assert!(matches!(error, AdmitError::Audit(_)), "{error:?}");
    let error = gate(denying(), broken_log())
        .admit(&scope(), &action())
        .await
        .unwrap_err();
    assert!(matches!(error, AdmitError::Audit(_)), "{error:?}");
}
