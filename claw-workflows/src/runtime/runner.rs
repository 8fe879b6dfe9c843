//! The runner's face: queueing runs, looking at them, ending them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use claw_core::actuate::Actuator;
use claw_core::audit::AuditKind;
use claw_core::gate::{Entry, Gate, Scope};
use claw_core::registry::Registry;
use claw_core::store::{
    AlertEnd, AlertKey, Attach, Attached, Closed, Enqueued, Journal, NewRun, RunEnd, RunRecord, StoreError,
};
use claw_core::workflow::{Progress, ProgressEvent, RunId, Workflow};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::builder::{Builder, Limits, Purposes};
use super::ended::Ended;
use super::erased::ErasedWorkflow;
use super::error::RunnerError;
use super::settings::Settings;
use crate::deliver::Sink;

/// Runs workflows. Clones share everything. See [the module](super).
#[derive(Clone)]
pub struct Runner(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) gate: Gate,
    pub(super) tools: Registry,
    pub(super) limits: Limits,
    pub(super) purposes: Purposes,
    pub(super) actuator: Option<Arc<dyn Actuator>>,
    /// Workflows that read and do nothing else.
    pub(super) reading: BTreeSet<String>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) workflows: BTreeMap<&'static str, Arc<dyn ErasedWorkflow>>,
    pub(super) sinks: BTreeMap<String, Arc<dyn Sink>>,
    pub(super) settings: Settings,
    pub(super) progress: broadcast::Sender<ProgressEvent>,
    /// Counts changes of the journal that were made here, so that whoever waits for one looks again.
    pub(super) changed: watch::Sender<u64>,
    /// Runs whose steps are being taken here, and what cancels them.
    pub(super) active: Mutex<BTreeMap<RunId, CancellationToken>>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("workflows", &self.0.workflows.keys())
            .field("sinks", &self.0.sinks.keys())
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// Begins to assemble a runner. Add at least one workflow.
    pub fn builder(gate: Gate, tools: Registry, journal: Arc<dyn Journal>) -> Builder {
        Builder::new(gate, tools, journal)
    }

    /// Queues a run of `W`. When this returns, the run survives a crash.
    ///
    /// A run of that id, or one for each of the alerts, may be there already: then nothing is queued.
    pub async fn submit<W: Workflow>(
        &self,
        id: RunId,
        input: &W::Input,
        alerts: Vec<AlertKey>,
    ) -> Result<Enqueued, RunnerError> {
        let input = serde_json::to_value(input).map_err(|source| RunnerError::Input {
            workflow: W::NAME.to_owned(),
            source,
        })?;
        self.submit_json(W::NAME, id, input, alerts).await
    }

    /// Like [`submit`](Self::submit), for a workflow by name.
    pub async fn submit_json(
        &self,
        workflow: &str,
        id: RunId,
        input: Value,
        alerts: Vec<AlertKey>,
    ) -> Result<Enqueued, RunnerError> {
        if !self.0.workflows.contains_key(workflow) {
            let known: Vec<_> = self.0.workflows.keys().copied().collect();
            return Err(RunnerError::UnknownWorkflow {
                workflow: workflow.to_owned(),
                known: known.join(", "),
            });
        }
        let run = NewRun {
            id,
            workflow: workflow.to_owned(),
            input,
            alerts,
        };
        let enqueued = self.0.journal.enqueue(run, self.0.now()).await?;
        self.0.touch();
        if let Enqueued::New { closed } = &enqueued {
            self.settle(closed).await?;
        }
        Ok(enqueued)
    }

    /// Lets alerts join a run that is there. When this returns, they belong to it, also after a crash.
    ///
    /// # Errors
    /// If the journal or the audit log fails, or there is no such run.
    pub async fn attach(&self, attach: Attach) -> Result<Attached, RunnerError> {
        let attached = self.0.journal.attach(attach, self.0.now()).await?;
        self.0.touch();
        if let Attached::Joined { closed, .. } = &attached {
            self.settle(closed).await?;
        }
        Ok(attached)
    }

    /// Records something under a name that is no run's.
    pub(crate) async fn note_of(&self, name: &RunId, step: &str, entry: Entry) -> Result<(), RunnerError> {
        let scope = self.0.scope(name, Some(step), CancellationToken::new());
        self.0.gate.record(&scope, entry).await?;
        Ok(())
    }

    /// Ends a run without a report. Returns `false` when it has ended already.
    pub async fn cancel(&self, run: &RunId, reason: &str) -> Result<bool, RunnerError> {
        let record = self.record(run).await?;
        if record.status.is_ended() {
            return Ok(false);
        }
        let end = RunEnd::Cancelled {
            reason: reason.to_owned(),
        };
        match self.0.journal.end(run, end, self.0.now()).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if let Some(active) = self.0.active().get(run) {
            active.cancel();
        }
        self.0.touch();
        self.settled(&record, reason).await?;
        Ok(true)
    }

    /// Records the end of a run that has no report, and forgets what was remembered of it.
    async fn settled(&self, run: &RunRecord, reason: &str) -> Result<(), RunnerError> {
        self.0.gate.end_run(&run.id.0);
        let entry = Entry::new(AuditKind::RunFinished, &run.workflow, "the run was cancelled")
            .with_input(json!({"cancelled": reason}));
        let scope = self.0.scope(&run.id, None, CancellationToken::new());
        self.0.gate.record(&scope, entry).await?;
        Ok(())
    }

    /// The journal has closed these runs.
    async fn settle(&self, closed: &[Closed]) -> Result<(), RunnerError> {
        for closed in closed.iter().filter(|closed| closed.ended) {
            let record = self.record(&closed.run).await?;
            let reason = record.reason.clone().unwrap_or_default();
            self.settled(&record, &reason).await?;
        }
        Ok(())
    }

    /// The approval was decided: runs that wait for it go on. Returns them.
    pub async fn decided(&self, approval: &str) -> Result<Vec<RunId>, RunnerError> {
        let woken = self.0.journal.wake(approval, self.0.now()).await?;
        self.0.touch();
        Ok(woken)
    }

    /// These periods of alerts are over. Returns the runs that have no firing alert left: they are closed.
    ///
    /// A run that has not begun, or that waits, ends here: nobody needs it any more. One that is being worked on still
    /// finishes its report.
    pub async fn resolve(&self, ends: &[AlertEnd]) -> Result<Vec<RunId>, RunnerError> {
        let closed = self.0.journal.resolve(ends, self.0.now()).await?;
        self.0.touch();
        self.settle(&closed).await?;
        Ok(closed.into_iter().map(|closed| closed.run).collect())
    }

    /// A run with its report and deliveries, as they are now.
    pub async fn look(&self, run: &RunId) -> Result<Option<Ended>, RunnerError> {
        let Some(record) = self.0.journal.run(run).await? else {
            return Ok(None);
        };
        let mut joined = self.0.journal.alerts(run).await?;
        joined.retain(|alert| alert.joined_at.is_some());
        Ok(Some(Ended {
            run: record,
            joined,
            steps: self.0.journal.steps(run).await?,
            report: self.0.journal.report(run).await?,
            deliveries: self.0.journal.deliveries(run).await?,
        }))
    }

    /// Signs of life of all runs from now on. A watcher that is slow misses some; no run waits for it.
    pub fn watch(&self) -> broadcast::Receiver<ProgressEvent> {
        self.0.progress.subscribe()
    }

    /// On whose behalf runs work.
    pub fn actor(&self) -> &str {
        &self.0.settings.actor
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.0.journal
    }

    /// Names of the workflows that this runner has.
    pub fn workflows(&self) -> impl Iterator<Item = &'static str> {
        self.0.workflows.keys().copied()
    }

    pub(super) async fn record(&self, run: &RunId) -> Result<RunRecord, RunnerError> {
        let record = self.0.journal.run(run).await?;
        record.ok_or_else(|| RunnerError::UnknownRun { run: run.clone() })
    }
}

impl Inner {
    pub(super) fn now(&self) -> Timestamp {
        self.gate.clock().now()
    }

    /// Tells whoever waits for a change of the journal to look again.
    pub(super) fn touch(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn active(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, CancellationToken>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scope of what the runner itself records about a run.
    pub(super) fn scope(&self, run: &RunId, step: Option<&str>, cancel: CancellationToken) -> Scope {
        Scope {
            run: run.0.clone(),
            step: step.map(str::to_owned),
            actor: self.settings.actor.clone(),
            deadline: self.gate.clock().deadline(self.settings.run_timeout),
            cancel,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        let watchers = self.progress.clone();
        Progress::new(move |event| {
            // Nobody needs to watch.
            let _ = watchers.send(event);
        })
    }

    pub(super) fn say(&self, run: &RunId, step: &str, message: impl Into<String>) {
        self.progress().send(ProgressEvent {
            run: run.0.clone(),
            step: step.to_owned(),
            message: message.into(),
        });
    }
}
