//! How a run ends, and what the audit log says of its start and end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::{AuditError, AuditKind};
use claw_core::digest::sha256;
use claw_core::gate::Entry;
use claw_core::report::Report;
use claw_core::store::{Claim, RunRecord, StoreError};
use claw_core::workflow::{FailureKind, RunFailure};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::drive::{Next, Stop, Work, held};
use super::erased::ErasedWorkflow;
use super::runner::Inner;
use super::settings::Retry;

/// Longest trigger, in bytes of JSON, that is recorded in full in the audit log.
const INPUT_BYTES: usize = 64 * 1024;

/// How long a run is held up by an audit log that takes no records, before its slot is given to another.
const AUDIT: Retry = Retry {
    attempts: 20,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(30),
};

impl Inner {
    /// Ends a run that cannot finish with the report that its workflow makes of what is known.
    pub(super) async fn fail(
        &self,
        work: &Work<'_>,
        kind: FailureKind,
        reason: String,
    ) -> Result<Next, StoreError> {
        let known = Some((work.workflow, work.claim));
        self.give_up(&work.claim.run, work.step, known, kind, reason, work.stop)
            .await
    }

    pub(super) async fn give_up(
        &self,
        run: &RunRecord,
        step: &str,
        known: Option<(&Arc<dyn ErasedWorkflow>, &Claim)>,
        kind: FailureKind,
        reason: String,
        stop: &Stop,
    ) -> Result<Next, StoreError> {
        tracing::warn!(run = %run.id, step, reason, "a run cannot finish");
        let failure = RunFailure {
            run: run.id.clone(),
            step: step.to_owned(),
            kind,
            reason: self.gate.redactor().redact(&reason).into_owned(),
            started_at: run.enqueued_at,
            ended_at: self.now(),
        };
        let report = known
            .and_then(|(workflow, claim)| {
                // The step has taken the state that it began with; the journal has it, too.
                let held = held(workflow.as_ref(), claim).ok()?;
                // A report of a failure must not fail.
                std::panic::catch_unwind(AssertUnwindSafe(|| workflow.on_failure(&held, &failure))).ok()
            })
            .unwrap_or_else(|| failure.report(&run.workflow));
        self.finish(run, step, &report, stop).await
    }

    /// Records and journals the end of a run, and queues its report for every sink.
    pub(super) async fn finish(
        &self,
        run: &RunRecord,
        step: &str,
        report: &Report,
        stop: &Stop,
    ) -> Result<Next, StoreError> {
        let input = json!({"verdict": report.verdict, "title": report.title, "report": digest(report)});
        let why = "the run has a report";
        if let Err(error) = self
            .note(run, Some(step), AuditKind::RunFinished, input, why, stop)
            .await
        {
            return self.postpone(run, &error.to_string(), stop).await;
        }
        let sinks: Vec<_> = self.sinks.keys().cloned().collect();
        self.persist(&stop.hard, || {
            self.journal
                .finish(&run.id, run.step, step, report, &sinks, self.now())
        })
        .await?;
        self.gate.end_run(&run.id.0);
        self.say(&run.id, step, format!("has a report: {}", report.title));
        Ok(Next::Nothing)
    }

    /// Records the start or the end of a run. While the audit log takes no records the run is held up: it could not read
    /// anything either, and a report that is ready is not thrown away.
    pub(super) async fn note(
        &self,
        run: &RunRecord,
        step: Option<&str>,
        kind: AuditKind,
        input: Value,
        why: &str,
        stop: &Stop,
    ) -> Result<(), AuditError> {
        let scope = self.scope(&run.id, step, CancellationToken::new());
        let mut attempt = 1;
        loop {
            let entry = Entry::new(kind, &run.workflow, why).with_input(input.clone());
            let Err(error) = self.gate.record(&scope, entry).await else {
                return Ok(());
            };
            tracing::warn!(
                run = %run.id,
                error = &error as &dyn std::error::Error,
                attempt,
                "a run is held up by the audit log"
            );
            if attempt >= AUDIT.attempts {
                return Err(error);
            }
            tokio::select! {
                biased;
                () = stop.hard.cancelled() => return Err(error),
                () = self.gate.clock().sleep(AUDIT.pause(attempt)) => attempt += 1,
            }
        }
    }
}

/// The trigger as the audit log has it: in full, or as digest and size where it is large.
pub(super) fn bounded(input: &Value) -> Value {
    let text = input.to_string();
    if text.len() <= INPUT_BYTES {
        return input.clone();
    }
    json!({"bytes": text.len(), "sha256": sha256(text)})
}

/// SHA-256 of the report's JSON, hexadecimal.
pub(super) fn digest(report: &Report) -> String {
    sha256(json!(report).to_string())
}
