//! What has to survive the process: queued runs, the results of their steps, and reports on their way to sinks.
//!
//! [`Journal`] is the port. [`SqliteStore`] keeps it in one file; [`MemoryJournal`] forgets it with the process.
//! [`Documents`] is the port for what several tasks change, in the same file or in [`MemoryDocuments`].

mod alerts;
mod documents;
mod error;
mod memory;
mod memory_alerts;
mod memory_documents;
mod record;
mod rules;
mod snapshot;
mod sqlite;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::report::Report;
use crate::workflow::RunId;

pub use alerts::{AlertEnd, Attach, Attached, Joining, RecentRun, RunAlert};
#[cfg(any(test, feature = "mock"))]
pub use documents::MockDocuments;
pub use documents::{Document, Documents};
pub use error::StoreError;
pub use memory::MemoryJournal;
pub use memory_documents::MemoryDocuments;
pub use record::{
    AlertKey, Claim, Closed, Delivery, DeliveryEnd, DeliveryState, Enqueued, NewRun, RunEnd, RunRecord,
    RunStatus, StepEnd, StepRecord, StepResult,
};
pub use snapshot::Snapshot;
pub use sqlite::SqliteStore;

/// The journal of runs.
///
/// Each call is atomic, and durable when it returns: after a crash, all of it is there or nothing. A run is worked on by
/// the worker that claimed it; calls that come too late are [`StoreError::Conflict`] and change nothing.
///
/// The life of a run: [`enqueue`](Self::enqueue), [`claim`](Self::claim), [`record_step`](Self::record_step) and
/// [`claim`](Self::claim) in turn, [`finish`](Self::finish). The life of a delivery:
/// [`due_deliveries`](Self::due_deliveries), [`begin_delivery`](Self::begin_delivery),
/// [`end_delivery`](Self::end_delivery).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Journal: Send + Sync {
    /// Queues a run, unless a run of its id is known or each of its alerts has opened a run already.
    ///
    /// An alert belongs to the first run that it opened or joined, until it is resolved or fires anew. Then it opens another
    /// run, and the first is closed as by [`resolve`](Self::resolve).
    async fn enqueue(&self, run: NewRun, now: Timestamp) -> Result<Enqueued, StoreError>;

    /// Lets alerts join a run that is there, whatever its status, unless it has ended without a report, or is done and the
    /// alerts are not to join such a one.
    ///
    /// An alert that belongs to a run already stays there. What joins a run belongs to it as if it had opened it: the run is
    /// closed when the last of all its alerts is resolved, and one that was closed is open again. Its input is amended if it
    /// has not begun.
    async fn attach(&self, attach: Attach, now: Timestamp) -> Result<Attached, StoreError>;

    /// Hands out the oldest run whose next step can be taken now. After a restart these are also the runs that the crash
    /// interrupted.
    async fn claim(&self, now: Timestamp) -> Result<Option<Claim>, StoreError>;

    /// Hands out this run, if its next step can be taken now.
    async fn claim_run(&self, run: &RunId, now: Timestamp) -> Result<Option<Claim>, StoreError>;

    /// Records what a step ended with, and gives the run back: the next step needs another claim.
    async fn record_step(&self, run: &RunId, result: StepResult, now: Timestamp) -> Result<(), StoreError>;

    /// Records the last step and its report, and queues the report for `sinks`.
    async fn finish(
        &self,
        run: &RunId,
        step: u32,
        name: &str,
        report: &Report,
        sinks: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Gives a claimed run back, to take the same step again at `until`.
    async fn postpone(
        &self,
        run: &RunId,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends a run without a report.
    async fn end(&self, run: &RunId, end: RunEnd, now: Timestamp) -> Result<(), StoreError>;

    /// The approval was decided: the runs that wait for it can go on. Returns them. The decision is kept for runs that
    /// will wait for it.
    async fn wake(&self, approval: &str, now: Timestamp) -> Result<Vec<RunId>, StoreError>;

    /// One run.
    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError>;

    /// The runs of that status, or all, the latest first, `limit` at most.
    async fn runs(&self, status: Option<RunStatus>, limit: u32) -> Result<Vec<RunRecord>, StoreError>;

    /// The steps that a run has taken, in their order.
    async fn steps(&self, run: &RunId) -> Result<Vec<StepRecord>, StoreError>;

    /// The report of a run, when it is done.
    async fn report(&self, run: &RunId) -> Result<Option<Report>, StoreError>;

    /// The alerts are resolved: these periods of them, and earlier ones. A later period goes on.
    ///
    /// Closes the runs that have no firing alert left: one that has not begun, or that waits, is ended. Returns each
    /// once, in the order of their ids.
    async fn resolve(&self, ends: &[AlertEnd], now: Timestamp) -> Result<Vec<Closed>, StoreError>;

    /// The run that a firing alert belongs to.
    async fn run_of_alert(&self, fingerprint: &str) -> Result<Option<RunId>, StoreError>;

    /// The runs that these periods of alerts belong to, one for each: `None` where it belongs to none, or is resolved. An
    /// earlier period of an alert that fires anew belongs to the run of the later one.
    async fn owners(&self, alerts: &[AlertKey]) -> Result<Vec<Option<RunId>>, StoreError>;

    /// The alerts of a run, those that are over as well, in the order in which they began. Of a run that an agent queued before
    /// these were kept, those are known that fired when this one began.
    async fn alerts(&self, run: &RunId) -> Result<Vec<RunAlert>, StoreError>;

    /// The runs of a workflow that alerts opened at that time or later, the latest first, `limit` at most; without those that
    /// ended without a report.
    async fn recent(
        &self,
        workflow: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RecentRun>, StoreError>;

    /// Where the report of a run is on its way to each sink, by sink.
    async fn deliveries(&self, run: &RunId) -> Result<Vec<Delivery>, StoreError>;

    /// Deliveries to be tried now, in the order of their runs.
    async fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Delivery>, StoreError>;

    /// Marks a delivery as being tried; to be called before anything is sent.
    async fn begin_delivery(&self, run: &RunId, sink: &str, now: Timestamp) -> Result<Delivery, StoreError>;

    /// Records what the try ended with.
    async fn end_delivery(
        &self,
        run: &RunId,
        sink: &str,
        end: DeliveryEnd,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The earliest time at which a run can be claimed or a delivery tried; the far past when there is work now.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Forgets runs that ended before `before`, are delivered and have no firing alert. Returns how many. Decisions of that
    /// time are forgotten when no unfinished run is as old.
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError>;
}
