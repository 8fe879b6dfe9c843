use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::clock::Clock;
use claw_core::gate::Gate;
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::report::Report;
use claw_core::store::{DeliveryState, Journal, MemoryJournal, RunStatus};
use claw_core::tool::ToolContext;
use claw_core::workflow::{
    FailureKind, Outcome, RunFailure, RunId, Step, StepContext, StepError, Wait, Workflow,
};
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::deliver::{DeliverError, Sink};

mod crash;
mod delivery;
mod life;
mod reading;

/// A clock that goes with tokio's time, which tests can pause.
#[derive(Debug)]
struct TokioClock {
    base: Timestamp,
    start: tokio::time::Instant,
}

impl TokioClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            base: "2026-03-01T10:00:00Z".parse().unwrap(),
            start: tokio::time::Instant::now(),
        })
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.base + self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// What a step does, told from outside.
type Act = dyn Fn(&StepContext, &Trail) -> Script + Send + Sync;

enum Script {
    Go,
    WaitUntil(Timestamp),
    WaitFor(&'static str),
    Transient(&'static str),
    Fatal(&'static str),
    Panic,
    Hang,
}

/// The state: which steps were taken, as the journal has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Trail(Vec<String>);

struct Scripted {
    name: &'static str,
    last: bool,
    act: Box<Act>,
    taken: Arc<Mutex<Vec<&'static str>>>,
}

#[async_trait]
impl Step<Trail> for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    async fn run(&self, cx: &StepContext, mut state: Trail) -> Result<Outcome<Trail>, StepError> {
        self.taken.lock().unwrap().push(self.name);
        let script = (self.act)(cx, &state);
        state.0.push(self.name.to_owned());
        match script {
            Script::Go if self.last => Ok(Outcome::Done(Box::new(report(cx, &state)))),
            Script::Go => Ok(Outcome::Continue(state)),
            Script::WaitUntil(time) => Ok(Outcome::Wait(state, Wait::Until(time))),
            Script::WaitFor(id) => Ok(Outcome::Wait(
                state,
                Wait::Approval {
                    id: id.to_owned(),
                    until: cx.now() + Duration::from_secs(86_400),
                },
            )),
            Script::Transient(reason) => Err(StepError::Transient {
                step: self.name.to_owned(),
                reason: reason.to_owned(),
                source: None,
            }),
            Script::Fatal(reason) => Err(StepError::Fatal {
                step: self.name.to_owned(),
                reason: reason.to_owned(),
                source: None,
            }),
            Script::Panic => panic!("a defect"),
            Script::Hang => std::future::pending().await,
        }
    }
}

fn report(cx: &StepContext, state: &Trail) -> Report {
    let failure = RunFailure {
        run: RunId(cx.scope().run.clone()),
        step: "c".to_owned(),
        kind: FailureKind::Step,
        reason: String::new(),
        started_at: cx.now(),
        ended_at: cx.now(),
    };
    Report {
        title: "whole".to_owned(),
        summary: state.0.join(","),
        gaps: Vec::new(),
        ..failure.report(Scenario::NAME)
    }
}

/// Three steps, `a`, `b` and `c`.
struct Scenario {
    steps: Vec<Box<dyn Step<Trail>>>,
    taken: Arc<Mutex<Vec<&'static str>>>,
}

impl Scenario {
    fn new(act: impl Fn(&str, &StepContext, &Trail) -> Script + Send + Sync + 'static) -> Self {
        let taken = Arc::<Mutex<Vec<&'static str>>>::default();
        let act = Arc::new(act);
        let step = |name: &'static str, last| {
            let act = Arc::clone(&act);
            Box::new(Scripted {
                name,
                last,
                act: Box::new(move |cx, state| act(name, cx, state)),
                taken: Arc::clone(&taken),
            }) as Box<dyn Step<Trail>>
        };
        Self {
            steps: vec![step("a", false), step("b", false), step("c", true)],
            taken,
        }
    }

    fn plain() -> Self {
        Self::new(|_, _, _| Script::Go)
    }
}

impl Workflow for Scenario {
    const NAME: &'static str = "scenario";
    type Input = String;
    type State = Trail;

    fn start(&self, _: String) -> Trail {
        Trail::default()
    }

    fn steps(&self) -> &[Box<dyn Step<Trail>>] {
        &self.steps
    }

    fn on_failure(&self, state: &Trail, failure: &RunFailure) -> Report {
        Report {
            title: "partial".to_owned(),
            summary: state.0.join(","),
            ..failure.report(Self::NAME)
        }
    }
}

/// A sink that keeps what it was handed, and answers as told.
#[derive(Clone)]
struct Inbox {
    name: &'static str,
    calls: Arc<Mutex<Vec<String>>>,
    /// Reports by key, as a sink that tells repeats apart shows them.
    shown: Arc<Mutex<BTreeMap<String, Report>>>,
    answer: Arc<dyn Fn(usize) -> Result<(), DeliverError> + Send + Sync>,
}

impl Inbox {
    fn new(name: &'static str) -> Self {
        Self::answering(name, |_| Ok(()))
    }

    fn answering(
        name: &'static str,
        answer: impl Fn(usize) -> Result<(), DeliverError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            calls: Arc::default(),
            shown: Arc::default(),
            answer: Arc::new(answer),
        }
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn shown(&self) -> Vec<Report> {
        self.shown.lock().unwrap().values().cloned().collect()
    }
}

#[async_trait]
impl Sink for Inbox {
    fn name(&self) -> &str {
        self.name
    }

    async fn deliver(&self, _: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(key.to_owned());
            calls.len()
        };
        (self.answer)(call)?;
        self.shown.lock().unwrap().insert(key.to_owned(), report.clone());
        Ok(())
    }
}

fn unavailable() -> DeliverError {
    DeliverError::Unavailable {
        sink: "inbox".to_owned(),
        reason: "connection refused".to_owned(),
        source: None,
    }
}

struct Rig {
    runner: Runner,
    engine: Arc<Engine>,
    audit: Arc<MemoryAuditLog>,
    inbox: Inbox,
    taken: Arc<Mutex<Vec<&'static str>>>,
    clock: Arc<dyn Clock>,
}

fn rig_with(
    scenario: Scenario,
    inbox: Inbox,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    settings: Settings,
) -> Rig {
    let engine = Arc::new(Engine::new(Config::default(), Arc::clone(&clock)));
    let audit = Arc::new(MemoryAuditLog::default());
    let gate = Gate::new(engine.clone(), audit.clone(), Arc::clone(&clock), Redactor::new());
    let taken = Arc::clone(&scenario.taken);
    let runner = Runner::builder(gate, Registry::new(), journal)
        .workflow(scenario)
        .sink(inbox.clone())
        .settings(settings)
        .build();
    Rig {
        runner,
        engine,
        audit,
        inbox,
        taken,
        clock,
    }
}

fn rig(scenario: Scenario) -> Rig {
    rig_with(
        scenario,
        Inbox::new("inbox"),
        Arc::new(MemoryJournal::new()),
        TokioClock::new(),
        Settings::default(),
    )
}

fn id(name: &str) -> RunId {
    RunId(name.to_owned())
}

impl Rig {
    async fn run(&self) -> Ended {
        self.runner
            .run::<Scenario>(id("r"), &"input".to_owned())
            .await
            .unwrap()
    }

    fn taken(&self) -> String {
        self.taken.lock().unwrap().join("")
    }

    fn audited(&self) -> Vec<String> {
        let events = self.audit.events();
        let kind = |kind| serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned();
        events.iter().map(|event| kind(event.kind)).collect()
    }

    /// Serves in the background until the token is cancelled.
    fn serve(
        &self,
    ) -> (
        CancellationToken,
        tokio::task::JoinHandle<Result<(), RunnerError>>,
    ) {
        let stop = CancellationToken::new();
        let (runner, token) = (self.runner.clone(), stop.clone());
        (stop, tokio::spawn(async move { runner.serve(token).await }))
    }
}
