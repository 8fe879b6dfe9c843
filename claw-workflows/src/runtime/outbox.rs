//! Handing reports to sinks.

use std::panic::AssertUnwindSafe;

use claw_core::audit::AuditKind;
use claw_core::gate::Entry;
use claw_core::store::{Delivery, DeliveryEnd, StoreError};
use claw_core::tool::ToolContext;
use futures::FutureExt as _;
use serde_json::json;

use super::drive::Stop;
use super::end::digest;
use super::runner::Inner;
use crate::deliver::DeliverError;

impl Inner {
    /// Tries a delivery that was begun, and journals what became of it.
    pub(super) async fn deliver(&self, delivery: &Delivery, stop: &Stop) -> Result<(), StoreError> {
        let end = self.hand_over(delivery, stop).await?;
        match &end {
            DeliveryEnd::Delivered => self.say(
                &delivery.run,
                "deliver",
                format!("delivered to {}", delivery.sink),
            ),
            DeliveryEnd::Retry { at, reason } => {
                tracing::warn!(run = %delivery.run, sink = delivery.sink, reason, %at, "a delivery failed and is tried again");
            }
            DeliveryEnd::Failed { reason } => {
                tracing::error!(run = %delivery.run, sink = delivery.sink, reason, "a report cannot be delivered");
                self.say(
                    &delivery.run,
                    "deliver",
                    format!("not delivered to {}: {reason}", delivery.sink),
                );
            }
            _ => {}
        }
        let ended = self
            .persist(&stop.hard, || {
                self.journal
                    .end_delivery(&delivery.run, &delivery.sink, end.clone(), self.now())
            })
            .await;
        self.touch();
        ended
    }

    async fn hand_over(&self, delivery: &Delivery, stop: &Stop) -> Result<DeliveryEnd, StoreError> {
        let Some(sink) = self.sinks.get(&delivery.sink) else {
            return Ok(DeliveryEnd::Failed {
                reason: format!("this agent has no sink named {}", delivery.sink),
            });
        };
        let Some(report) = self.journal.report(&delivery.run).await? else {
            return Ok(DeliveryEnd::Failed {
                reason: "the report is gone".to_owned(),
            });
        };
        let key = delivery.run.0.as_str();
        let cancel = stop.hard.child_token();
        let scope = self.scope(&delivery.run, None, cancel.clone());
        let input = json!({"key": key, "attempt": delivery.attempts, "report": digest(&report)});
        let entry = Entry::new(AuditKind::Deliver, &delivery.sink, "the run has a report").with_input(input);
        let recorded = self.gate.record(&scope, entry).await;
        if let Err(error) = recorded {
            return Ok(self.again(delivery, None, error.to_string()));
        }
        let mut cx = ToolContext::new(self.gate.clock().clone(), self.settings.delivery_timeout);
        cx.cancel = cancel;
        let attempt = AssertUnwindSafe(sink.deliver(&cx, &report, key)).catch_unwind();
        let answer = tokio::select! {
            biased;
            () = stop.hard.cancelled() => None,
            answer = tokio::time::timeout(self.settings.delivery_timeout, attempt) => Some(answer),
        };
        Ok(match answer {
            Some(Ok(Ok(Ok(())))) => DeliveryEnd::Delivered,
            Some(Ok(Ok(Err(error)))) if error.is_retryable() => {
                self.again(delivery, error.retry_after(), error.to_string())
            }
            Some(Ok(Ok(Err(DeliverError::Cancelled { .. })))) | None => DeliveryEnd::Retry {
                at: self.now(),
                reason: "the agent was stopped while the report was being handed over".to_owned(),
            },
            Some(Ok(Ok(Err(error)))) => DeliveryEnd::Failed {
                reason: error.to_string(),
            },
            Some(Ok(Err(_))) => DeliveryEnd::Failed {
                reason: format!("the sink {} panicked; this is a defect", delivery.sink),
            },
            Some(Err(_)) => {
                let reason = format!("no answer within {:?}", self.settings.delivery_timeout);
                self.again(delivery, None, reason)
            }
        })
    }

    fn again(&self, delivery: &Delivery, asked: Option<std::time::Duration>, reason: String) -> DeliveryEnd {
        let retry = &self.settings.delivery_retry;
        if delivery.attempts >= retry.attempts {
            return DeliveryEnd::Failed {
                reason: format!("given up after {} tries: {reason}", delivery.attempts),
            };
        }
        let pause = retry.pause(delivery.attempts).max(asked.unwrap_or_default());
        DeliveryEnd::Retry {
            at: self.gate.clock().deadline(pause),
            reason,
        }
    }
}
