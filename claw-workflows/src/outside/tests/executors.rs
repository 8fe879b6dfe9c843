//! Messages and pipelines are performed once, with a permit, by the executor of their kind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::entity::EntityRef;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::{Arbiter, Gate, Judgement, Permit, PermitError, Scope};
use claw_core::outside::{Notification, PipelineRun};
use claw_core::redact::Redactor;
use claw_core::tool::{Effect, ToolContext};
use claw_guardrails::audit::MemoryAuditLog;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{cx, id, run};
use crate::outside::perform::{Provider, ProviderError};
use crate::outside::{Input, Inputs, Notifier, PipelineTrigger, Router};

struct Allowing;

#[async_trait]
impl Arbiter for Allowing {
    async fn judge_read(&self, _: &Scope, _: &str, _: Effect, _: &Value) -> Judgement {
        Judgement::Allow { rules: Vec::new() }
    }

    async fn judge_write(&self, _: &Scope, _: &Action) -> Judgement {
        Judgement::Allow { rules: Vec::new() }
    }
}

async fn permit(action: &Action) -> Permit {
    let clock = Arc::new(SystemClock);
    let gate = Gate::new(
        Arc::new(Allowing),
        Arc::new(MemoryAuditLog::default()),
        clock,
        Redactor::new(),
    );
    let scope = Scope {
        run: "r".to_owned(),
        step: None,
        actor: "test".to_owned(),
        deadline: SystemClock.deadline(Duration::from_secs(5)),
        cancel: CancellationToken::new(),
    };
    gate.admit(&scope, action).await.unwrap()
}

/// Keeps what it is given.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl<C: std::fmt::Debug + Send + Sync> Provider<C> for Kept {
    async fn check(&self, _: &ToolContext, content: &C) -> Result<Value, ProviderError> {
        self.add(format!("check {content:?}"));
        Ok(json!({}))
    }

    async fn send(&self, _: &ToolContext, content: &C, id: &ActionId) -> Result<Value, ProviderError> {
        assert_eq!(id.0.len(), 32);
        self.add(format!("send {content:?}"));
        Ok(json!({"sent": true}))
    }
}

/// Stands for the cluster's executor.
#[async_trait]
impl Executor for Kept {
    async fn rights(&self, _: &ToolContext, _: &Action) -> Result<Rights, ExecuteError> {
        Ok(Rights::Granted)
    }

    async fn dry_run(&self, _: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        self.add(format!("cluster {}", action.target));
        Ok(Rehearsal::default())
    }

    async fn perform(&self, _: &ToolContext, _: Permit, action: &Action) -> Result<Effected, ExecuteError> {
        self.add(format!("cluster {}", action.target));
        Ok(Effected::new(json!({}), "", None))
    }

    async fn standing(&self, _: &ToolContext, _: &Action, _: &ActionId) -> Result<Standing, ExecuteError> {
        Ok(Standing::NotYet)
    }
}

fn world() -> (Kept, Router) {
    let kept = Kept::default();
    let inputs = Inputs::from([("version".to_owned(), Input::required())]);
    let notifier = Notifier::new().channel("incidents", Arc::new(kept.clone()));
    let trigger = PipelineTrigger::new().pipeline("deploy-cart", inputs, Arc::new(kept.clone()));
    let router = Router::new()
        .cluster(Arc::new(kept.clone()))
        .messages(Arc::new(notifier))
        .pipelines(Arc::new(trigger));
    (kept, router)
}

fn message(channel: &str) -> Action {
    let text = "cart is well".to_owned();
    Notification { text }.action(channel, "people wait for it")
}

fn scaling() -> Action {
    Action {
        api_version: "apps/v1".to_owned(),
        target: EntityRef::namespaced("Deployment", "shop", "cart"),
        ..message("incidents")
    }
}

#[tokio::test]
async fn each_action_goes_to_the_executor_of_its_kind() {
    let (kept, router) = world();
    for (action, sent) in [
        (
            message("incidents"),
            "send Notification { text: \"cart is well\" }",
        ),
        (
            run().action("deploy-cart", "the fix"),
            "send PipelineRun { inputs: {\"version\": \"1.2\"} }",
        ),
        (scaling(), "cluster Deployment shop/cart"),
    ] {
        router.dry_run(&cx(), &action).await.unwrap();
        let tried = kept.take();
        assert!(tried.len() == 1 && !tried[0].starts_with("send"), "{tried:?}");
        let permit = permit(&action).await;
        router.perform(&cx(), permit, &action).await.unwrap();
        assert_eq!(kept.take(), [sent]);
    }
    assert_eq!(
        router.standing(&cx(), &scaling(), &id()).await.unwrap(),
        Standing::NotYet
    );
    assert_eq!(
        router
            .standing(&cx(), &message("incidents"), &id())
            .await
            .unwrap(),
        Standing::Gone
    );
}

#[tokio::test]
async fn what_is_not_configured_or_not_declared_is_refused_before_anything_is_sent() {
    let (kept, router) = world();
    let of_kind = |api_version: &str, kind: &str| Action {
        api_version: api_version.to_owned(),
        target: EntityRef::cluster(kind, "incidents"),
        ..message("incidents")
    };
    let forged = [("version", "1"), ("ref", "evil")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    for action in [
        message("everybody"),
        run().action("other", "the fix"),
        PipelineRun::default().action("deploy-cart", "the fix"),
        PipelineRun {
            inputs: forged.into(),
        }
        .action("deploy-cart", "the fix"),
        Action {
            uid: Some("1".to_owned()),
            ..message("incidents")
        },
        Action {
            patch: json!({"text": "a", "url": "https://x.example"}),
            ..message("incidents")
        },
        of_kind("claw.dev/v1", "Approval"),
        of_kind("claw.dev/v2", "Notification"),
        of_kind("CLAW.dev/v1", "Notification"),
        of_kind("claw.dev/v1", "notification"),
    ] {
        for error in [
            router.dry_run(&cx(), &action).await.unwrap_err(),
            router
                .perform(&cx(), permit(&action).await, &action)
                .await
                .unwrap_err(),
        ] {
            assert!(
                matches!(error, ExecuteError::Malformed { .. }),
                "{action:?}: {error}"
            );
        }
        assert_eq!(kept.take(), [""; 0]);
    }
    let nothing = Router::new();
    for action in [message("incidents"), run().action("deploy-cart", "a"), scaling()] {
        let error = nothing.dry_run(&cx(), &action).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Malformed { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_permit_for_another_message_sends_none() {
    let (kept, router) = world();
    let other = Notification {
        text: "all is lost".to_owned(),
    }
    .action("incidents", "people wait for it");
    let permit = permit(&message("incidents")).await;
    let error = router.perform(&cx(), permit, &other).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Permit(PermitError::OtherAction)));
    assert_eq!(kept.take(), [""; 0]);
}

#[tokio::test]
async fn what_comes_too_late_is_known_not_to_be_sent() {
    let (kept, router) = world();
    let action = message("incidents");
    let cancelled = cx();
    cancelled.cancel.cancel();
    let late = ToolContext::new(Arc::new(SystemClock), Duration::ZERO);
    for cx in [cancelled, late] {
        let error = router
            .perform(&cx, permit(&action).await, &action)
            .await
            .unwrap_err();
        assert!(error.is_without_effect(), "{error}");
    }
    assert_eq!(kept.take(), [""; 0]);
}
