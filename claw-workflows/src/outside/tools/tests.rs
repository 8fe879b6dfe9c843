use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::outside::Outside;
use claw_core::tool::{Effect, ErasedTool, Tool as _, ToolContext, ToolErrorKind};
use claw_guardrails::policy::{Labels, Operation, operations};
use claw_k8s::tools::propose::Proposal;
use serde_json::{Value, json};

use super::*;
use crate::outside::Input;

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

fn tools() -> Vec<Arc<dyn ErasedTool>> {
    let inputs = [
        ("version".to_owned(), Input::required()),
        ("environment".to_owned(), Input::default().one_of(["staging"])),
        ("api_token".to_owned(), Input::default()),
    ];
    vec![
        Arc::new(Notify::new(["incidents".to_owned(), "releases".to_owned()])),
        Arc::new(TriggerPipeline::new([("deploy-cart".to_owned(), inputs.into())])),
    ]
}

async fn call(tool: usize, input: Value) -> Result<Proposal, String> {
    match tools()[tool].call_json(&cx(), input).await {
        Ok(output) => Ok(serde_json::from_value(output).unwrap()),
        Err(error) => {
            assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
            Err(error.to_string())
        }
    }
}

#[tokio::test]
async fn a_message_is_proposed_as_plain_text_without_secrets() {
    let text =
        "  cart\u{202e} failed: postgres://shop:hunter2@db/orders \u{1b}[31mred\u{1b}[0m\nsee the report ";
    let input = json!({"channel": "incidents", "text": text, "reason": "people\nwait"});
    let proposal = call(0, input).await.unwrap();
    let Ok(Some(Outside::Notification {
        channel,
        notification,
    })) = Outside::of(&proposal.action)
    else {
        panic!("{proposal:?}");
    };
    assert_eq!(channel, "incidents");
    assert_eq!(
        notification.text,
        "cart\u{fffd} failed: postgres://shop:[redacted:password]@db/orders red\nsee the report"
    );
    assert_eq!(proposal.action.reason, "people wait");
    assert_eq!(proposal.warnings.len(), 2, "{:?}", proposal.warnings);
    let found = operations(&proposal.action, None, &Labels::default());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [Operation::Notify]);
}

#[tokio::test]
async fn a_channel_is_one_that_is_configured_and_its_name_is_not_repeated() {
    for channel in [
        "https://evil.example/hook",
        "#general",
        "",
        "incidents ",
        "Incidents",
    ] {
        let error = call(0, json!({"channel": channel, "text": "a", "reason": "b"}))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            "there is no channel of that name; choose one of: incidents, releases"
        );
    }
    for (text, reason) in [
        (" \n", "b"),
        (&*"a".repeat(3001), "b"),
        ("a", " "),
        ("a", &*"b".repeat(1001)),
    ] {
        let input = json!({"channel": "incidents", "text": text, "reason": reason});
        assert!(call(0, input).await.is_err());
    }
    let more = json!({"channel": "incidents", "text": "a", "reason": "b", "url": "https://evil.example"});
    assert!(call(0, more).await.unwrap_err().contains("unknown field"));
}

#[tokio::test]
async fn a_pipeline_is_proposed_with_the_inputs_that_it_declares() {
    let input = json!({"pipeline": "deploy-cart", "inputs": {"version": "1.2"}, "reason": "the fix"});
    let proposal = call(1, input).await.unwrap();
    let Ok(Some(Outside::PipelineRun { pipeline, run })) = Outside::of(&proposal.action) else {
        panic!("{proposal:?}");
    };
    assert_eq!(
        (pipeline.as_str(), run.inputs["version"].as_str()),
        ("deploy-cart", "1.2")
    );
    assert_eq!(
        proposal.diff,
        [
            "PipelineRun deploy-cart: (none) → (started)",
            "inputs.version: (none) → 1.2"
        ]
    );
    let found = operations(&proposal.action, None, &Labels::default());
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [Operation::TriggerPipeline]
    );
    for (pipeline, inputs, reason) in [
        (
            "other",
            json!({"version": "1"}),
            "there is no pipeline of that name",
        ),
        ("deploy-cart", json!({}), "the input version is missing"),
        (
            "deploy-cart",
            json!({"version": "1", "ref": "x"}),
            "does not declare",
        ),
        (
            "deploy-cart",
            json!({"version": "1", "environment": "prod"}),
            "has to be one of: staging",
        ),
        (
            "deploy-cart",
            json!({"version": "1", "api_token": "hunter2"}),
            "looks like a secret",
        ),
        (
            "deploy-cart",
            json!({"version": "postgres://a:hunter2@db/x"}),
            "looks like a secret",
        ),
    ] {
        let input = json!({"pipeline": pipeline, "inputs": inputs, "reason": "the fix"});
        let error = call(1, input).await.unwrap_err();
        assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn they_say_what_there_is_and_propose() {
    for tool in tools() {
        assert_eq!(tool.effect(), Effect::Propose);
        assert_eq!(tool.spec().access, claw_core::access::Access::none());
    }
    let tools = tools();
    let [notify, trigger] = tools.as_slice() else {
        panic!()
    };
    assert!(notify.spec().description.contains("incidents, releases"));
    assert!(
        trigger
            .spec()
            .description
            .contains("deploy-cart(api_token, environment, version)")
    );
    assert_eq!(
        (Notify::NAME, TriggerPipeline::NAME),
        ("notify", "trigger_pipeline")
    );
    assert!(all(&Settings::default()).is_empty());
}
