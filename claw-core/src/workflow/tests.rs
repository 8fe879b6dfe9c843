use std::sync::Mutex;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::Access;
use crate::audit::{AuditError, AuditReceipt, MockAuditLog};
use crate::clock::ManualClock;
use crate::gate::{Judgement, MockArbiter};
use crate::redact::Redactor;
use crate::tool::{Effect, ToolContext};

struct Double;

#[async_trait]
impl Tool for Double {
    const NAME: &'static str = "double";
    const EFFECT: Effect = Effect::Read;
    type Input = u32;
    type Output = u32;

    fn description(&self) -> &str {
        "Twice as much"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, input: u32) -> Result<u32, ToolError> {
        Ok(input * 2)
    }
}

/// Adds what the tool makes of the state, then waits, then stops.
struct Add;

#[async_trait]
impl Step<u32> for Add {
    fn name(&self) -> &str {
        "add"
    }

    async fn run(&self, cx: &StepContext, state: u32) -> Result<Outcome<u32>, StepError> {
        cx.progress("adding");
        let double = cx
            .observe::<Double>(state, "to add it")
            .await
            .map_err(|error| StepError::Fatal {
                step: self.name().to_owned(),
                reason: error.to_string(),
                source: Some(Box::new(error)),
            })?;
        Ok(Outcome::Continue(state + double))
    }
}

struct Sum {
    steps: Vec<Box<dyn Step<u32>>>,
}

impl Workflow for Sum {
    const NAME: &'static str = "sum";
    type Input = u32;
    type State = u32;

    fn start(&self, input: u32) -> u32 {
        input
    }

    fn steps(&self) -> &[Box<dyn Step<u32>>] {
        &self.steps
    }
}

fn context(tools: Registry, audit: MockAuditLog, progress: Progress) -> StepContext {
    let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
    let mut arbiter = MockArbiter::new();
    arbiter.expect_stopped().returning(CancellationToken::new);
    arbiter
        .expect_judge_read()
        .returning(|_, _, _, _| Judgement::Allow { rules: Vec::new() });
    let scope = Scope {
        run: "run-1".to_owned(),
        step: Some("add".to_owned()),
        actor: "agent".to_owned(),
        deadline: "2026-03-01T10:01:00Z".parse().unwrap(),
        cancel: CancellationToken::new(),
    };
    let gate = Gate::new(Arc::new(arbiter), Arc::new(audit), clock, Redactor::new());
    StepContext::new(gate, tools, scope, progress)
}

fn accepting() -> MockAuditLog {
    let mut audit = MockAuditLog::new();
    audit.expect_append().returning(|_| {
        Ok(AuditReceipt {
            sequence: 0,
            hash: String::new(),
        })
    });
    audit
}

fn with_double() -> Registry {
    let mut tools = Registry::new();
    tools.register(Double).unwrap();
    tools
}

#[tokio::test]
async fn a_step_observes_through_the_gate_and_hands_its_state_on() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = Arc::clone(&seen);
    let progress = Progress::new(move |event| watch.lock().unwrap().push(event));
    let workflow = Sum {
        steps: vec![Box::new(Add), Box::new(Add)],
    };
    let cx = context(with_double(), accepting(), progress);
    let mut state = workflow.start(2);
    for step in workflow.steps() {
        let Outcome::Continue(next) = step.run(&cx, state).await.unwrap() else {
            panic!()
        };
        state = next;
    }
    assert_eq!(state, 18);
    let expected = ProgressEvent {
        run: "run-1".into(),
        step: "add".into(),
        message: "adding".into(),
    };
    assert_eq!(*seen.lock().unwrap(), [expected.clone(), expected]);
}

#[tokio::test]
async fn a_tool_that_the_agent_does_not_have_is_a_source_that_is_not_there() {
    let cx = context(Registry::new(), accepting(), Progress::none());
    let error = cx.observe::<Double>(1, "why").await.unwrap_err();
    let ObserveError::Tool(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.kind(), ToolErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "double is not at hand: the agent was built without it, or a definition does not list it for this step"
    );
}

#[tokio::test]
async fn a_conclusion_that_cannot_be_recorded_is_tried_again() {
    let mut audit = MockAuditLog::new();
    audit.expect_append().returning(|_| {
        Err(AuditError {
            reason: "disk full".into(),
            source: None,
        })
    });
    let cx = context(with_double(), audit, Progress::none());
    let error = cx
        .reasoned("rank", "it is the database".into(), "highest score")
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(
        error.to_string().starts_with("step add could not finish: "),
        "{error}"
    );

    let mut audit = MockAuditLog::new();
    audit
        .expect_append()
        .withf(|event| {
            event.kind == AuditKind::Reason && event.reasoned.as_deref() == Some("it is the database")
        })
        .times(1)
        .returning(|_| {
            Ok(AuditReceipt {
                sequence: 0,
                hash: String::new(),
            })
        });
    let cx = context(with_double(), audit, Progress::none());
    cx.reasoned("rank", "it is the database".into(), "highest score")
        .await
        .unwrap();
}

#[test]
fn knows_how_much_time_is_left() {
    let cx = context(Registry::new(), accepting(), Progress::none());
    assert_eq!(cx.remaining(), Duration::from_secs(60));
    assert_eq!(cx.scope().deadline.duration_since(cx.now()).as_secs(), 60);
}

#[test]
fn a_part_of_a_step_gets_a_share_of_the_time_and_no_more_than_there_is() {
    let cx = context(Registry::new(), MockAuditLog::new(), Progress::none());
    let part = cx.within(Duration::from_secs(15));
    assert_eq!(part.remaining(), Duration::from_secs(15));
    assert_eq!(
        part.within(Duration::from_secs(90)).remaining(),
        Duration::from_secs(15)
    );
    assert_eq!(cx.remaining(), Duration::from_secs(60));
}

#[test]
fn outcomes_read_back_as_they_were() {
    for outcome in [
        Outcome::Continue(json!({"a": 1})),
        Outcome::Wait(json!(null), Wait::Until("2026-03-01T10:00:00Z".parse().unwrap())),
        Outcome::Wait(
            json!([]),
            Wait::Approval {
                id: "p-1".to_owned(),
                until: "2026-03-01T11:00:00Z".parse().unwrap(),
            },
        ),
    ] {
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(
            serde_json::from_str::<Outcome<Value>>(&text).unwrap(),
            outcome,
            "{text}"
        );
    }
}

#[test]
fn a_purpose_is_one_line_of_bounded_length() {
    let with =
        |purpose: &str| context(Registry::new(), MockAuditLog::new(), Progress::none()).with_purpose(purpose);
    assert_eq!(with(" \n ").with_its_purpose("why"), "why");
    assert_eq!(
        with("look\n  here").with_its_purpose("why"),
        "why (purpose of the step: look here)"
    );
    let long = with(&"ä".repeat(1000));
    let kept = long.purpose().unwrap();
    assert!(kept.ends_with("ä…") && kept.len() <= 515, "{}", kept.len());
}
