//! A workflow that is held to reading, beside one that is not.

use claw_core::access::Access;
use claw_core::action::{Action, Verb};
use claw_core::actuate::{ActuateError, Actuator, Settlement, Submitted};
use claw_core::entity::EntityRef;
use claw_core::gate::Scope;
use claw_core::tool::{Effect, Tool, ToolError};
use serde_json::json;

use super::*;

/// Says what it could call, and what became of an action.
struct Curious {
    steps: Vec<Box<dyn Step<Trail>>>,
}

impl Workflow for Curious {
    const NAME: &'static str = "curious";
    type Input = String;
    type State = Trail;

    fn start(&self, _: String) -> Trail {
        Trail::default()
    }

    fn steps(&self) -> &[Box<dyn Step<Trail>>] {
        &self.steps
    }
}

struct Try;

#[async_trait]
impl Step<Trail> for Try {
    fn name(&self) -> &str {
        "try"
    }

    async fn run(&self, cx: &StepContext, mut state: Trail) -> Result<Outcome<Trail>, StepError> {
        state
            .0
            .extend(cx.tools().iter().map(|tool| tool.name().to_owned()));
        let action = Action {
            verb: Verb::Delete,
            target: EntityRef::namespaced("Pod", "shop", "cart"),
            api_version: "v1".to_owned(),
            uid: None,
            resource_version: None,
            pre_image: None,
            patch: json!(null),
            expected: String::new(),
            reversal: None,
            reason: String::new(),
        };
        state.0.push(match cx.submit(&action).await? {
            Submitted::Settled(Settlement::Refused(refusal)) => refusal.rule,
            other => format!("{other:?}"),
        });
        Ok(Outcome::Done(Box::new(report(cx, &state))))
    }
}

struct Speak<const PROPOSES: bool>;

#[async_trait]
impl<const PROPOSES: bool> Tool for Speak<PROPOSES> {
    const NAME: &'static str = if PROPOSES { "proposes" } else { "reads" };
    const EFFECT: Effect = if PROPOSES { Effect::Propose } else { Effect::Read };
    type Input = String;
    type Output = String;

    fn description(&self) -> &str {
        "Speak"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _: &ToolContext, input: String) -> Result<String, ToolError> {
        Ok(input)
    }
}

/// Does whatever it is asked to.
struct Willing;

#[async_trait]
impl Actuator for Willing {
    async fn submit(&self, _: &Scope, _: &str, _: &Action) -> Result<Submitted, ActuateError> {
        Ok(Submitted::Settled(Settlement::Failed {
            reason: "done".to_owned(),
        }))
    }
}

#[tokio::test]
async fn a_workflow_that_is_held_to_reading_sees_tools_that_read_and_has_nothing_done() {
    let run = async |held: bool| {
        let clock = TokioClock::new();
        let engine = Arc::new(Engine::new(Config::default(), clock.clone()));
        let audit = Arc::new(MemoryAuditLog::default());
        let gate = Gate::new(engine, audit, clock, Redactor::new());
        let mut tools = Registry::new();
        tools.register(Speak::<true>).unwrap();
        tools.register(Speak::<false>).unwrap();
        let steps: Vec<Box<dyn Step<Trail>>> = vec![Box::new(Try)];
        let mut builder = Runner::builder(gate, tools, Arc::new(MemoryJournal::new()))
            .workflow(Curious { steps })
            .actuator(Arc::new(Willing));
        builder = match held {
            true => builder.only_reads(Curious::NAME),
            false => builder.only_reads("another"),
        };
        let ended = builder.build().run::<Curious>(id("r"), &String::new()).await;
        ended.unwrap().report.unwrap().summary
    };
    assert_eq!(run(true).await, "reads,writes.no_actuator");
    assert!(run(false).await.starts_with("proposes,reads,Settled(Failed"));
}
