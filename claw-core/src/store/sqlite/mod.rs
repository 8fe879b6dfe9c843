//! The journal in one SQLite file.

/// Runs the block in a transaction: all of it is kept, or, after an error, nothing.
///
/// The lock on writes is taken before anything is read. SQLite waits for a lock only there: a transaction that has read and
/// finds another writer when it comes to write fails at once.
macro_rules! transaction {
    ($store:expr, |$conn:ident| $body:block) => {{
        let mut transaction = $store
            .place
            .check($store.pool.begin_with("BEGIN IMMEDIATE").await)?;
        let $conn = $store.place.check(transaction.acquire().await)?;
        let value = $body;
        $store.place.check(transaction.commit().await)?;
        value
    }};
}

mod alerts;
mod attach;
mod deliveries;
mod documents;
mod fault;
mod open;
mod query;
mod row;

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Acquire as _, SqlitePool};

use super::Journal;
use super::alerts::{AlertEnd, Attach, Attached, RecentRun, RunAlert};
use super::error::StoreError;
use super::record::{
    AlertKey, Claim, Closed, Delivery, DeliveryEnd, Enqueued, NewRun, RunEnd, RunRecord, RunStatus, StepEnd,
    StepRecord, StepResult,
};
use super::rules::word;
use crate::report::Report;
use crate::workflow::RunId;
use fault::Place;
use row::{json, run_of, step_of, text_of, time_of};

/// The journal in one SQLite file, owned by one process at a time. Clones share the file.
///
/// Beside the file lie `…-wal` and `…-shm`, which belong to it, and `….lock`, which tells that a process has it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
    place: Place,
    /// Held for as long as any clone lives; the system releases it when the process ends, however it ends.
    _lock: Arc<File>,
}

#[async_trait]
impl Journal for SqliteStore {
    async fn enqueue(&self, run: NewRun, now: Timestamp) -> Result<Enqueued, StoreError> {
        let record = RunRecord::queued(&run, now);
        let enqueued = transaction!(self, |conn| {
            let known = sqlx::query("SELECT * FROM runs WHERE id = $1")
                .bind(&run.id.0)
                .fetch_optional(&mut *conn)
                .await;
            if let Some(known) = self.place.check(known)? {
                return Ok(Enqueued::Known(self.place.read(run_of(&known))?.status));
            }
            let owners = self.owners_of(conn, &run.alerts).await?;
            if !owners.is_empty() && owners.iter().all(Option::is_some) {
                let mut owners: Vec<_> = owners.into_iter().flatten().collect();
                owners.sort();
                owners.dedup();
                return Ok(Enqueued::Covered(owners));
            }
            let done = sqlx::query(
                "INSERT INTO runs (id, workflow, input, status, step, attempts, enqueued_at, updated_at) \
                 VALUES ($1, $2, $3, $4, 0, 0, $5, $5)",
            )
            .bind(&run.id.0)
            .bind(&run.workflow)
            .bind(run.input.to_string())
            .bind(word(record.status))
            .bind(text_of(now))
            .execute(&mut *conn)
            .await;
            self.place.check(done)?;
            let fresh = run.alerts.iter().zip(owners).filter(|(_, owner)| owner.is_none());
            let alerts: Vec<_> = fresh.map(|(alert, _)| RunAlert::opening(alert)).collect();
            let before = self.take_over(conn, &run.id, &alerts).await?;
            let closed = self.close_runs(conn, before, now).await?;
            Enqueued::New { closed }
        });
        Ok(enqueued)
    }

    async fn attach(&self, attach: Attach, now: Timestamp) -> Result<Attached, StoreError> {
        Ok(transaction!(self, |conn| {
            self.attach_alerts(conn, attach, now).await?
        }))
    }

    async fn claim(&self, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        Ok(transaction!(self, |conn| {
            let row = sqlx::query(
                "SELECT * FROM runs WHERE status IN ('queued', 'running', 'waiting') \
                 AND ((status = 'queued' AND not_before IS NULL) \
                 OR (status IN ('queued', 'waiting') AND not_before <= $1)) ORDER BY position LIMIT 1",
            )
            .bind(text_of(now))
            .fetch_optional(&mut *conn)
            .await;
            let row = self.place.check(row)?;
            self.claim_row(conn, row, now).await?
        }))
    }

    async fn claim_run(&self, run: &RunId, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        Ok(transaction!(self, |conn| {
            let row = sqlx::query("SELECT * FROM runs WHERE id = $1")
                .bind(&run.0)
                .fetch_optional(&mut *conn)
                .await;
            let row = self
                .place
                .check(row)?
                .ok_or_else(|| StoreError::UnknownRun { run: run.clone() })?;
            self.claim_row(conn, Some(row), now).await?
        }))
    }

    async fn record_step(&self, run: &RunId, result: StepResult, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, |conn| {
            let mut record = self.load(conn, run).await?;
            let decided = self.is_decided(conn, result.wait.as_ref()).await?;
            let outcome = record.advance(result.step, result.wait.as_ref(), decided, now)?;
            self.save(conn, &record).await?;
            let done = sqlx::query("UPDATE runs SET snapshot = $2 WHERE id = $1")
                .bind(&run.0)
                .bind(result.state.as_bytes())
                .execute(&mut *conn)
                .await;
            self.place.check(done)?;
            let step = StepRecord {
                step: result.step,
                name: result.name,
                outcome,
                ended_at: now,
            };
            self.save_step(conn, run, &step).await?;
        });
        Ok(())
    }

    async fn finish(
        &self,
        run: &RunId,
        step: u32,
        name: &str,
        report: &Report,
        sinks: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let text = self.place.defect(serde_json::to_string(report))?;
        transaction!(self, |conn| {
            let mut record = self.load(conn, run).await?;
            record.finish(step, now)?;
            self.save(conn, &record).await?;
            let done = sqlx::query("UPDATE runs SET snapshot = NULL, report = $2 WHERE id = $1")
                .bind(&run.0)
                .bind(text)
                .execute(&mut *conn)
                .await;
            self.place.check(done)?;
            let step = StepRecord {
                step,
                name: name.to_owned(),
                outcome: StepEnd::Done,
                ended_at: now,
            };
            self.save_step(conn, run, &step).await?;
            for sink in sinks {
                self.save_delivery(conn, &Delivery::pending(run, sink, now))
                    .await?;
            }
        });
        Ok(())
    }

    async fn postpone(
        &self,
        run: &RunId,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, |conn| {
            let mut record = self.load(conn, run).await?;
            record.postpone(until, reason, now)?;
            self.save(conn, &record).await?;
        });
        Ok(())
    }

    async fn end(&self, run: &RunId, end: RunEnd, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, |conn| {
            let mut record = self.load(conn, run).await?;
            record.end(&end, now)?;
            self.save(conn, &record).await?;
            self.forget_state(conn, run).await?;
        });
        Ok(())
    }

    async fn wake(&self, approval: &str, now: Timestamp) -> Result<Vec<RunId>, StoreError> {
        Ok(transaction!(self, |conn| {
            let done = sqlx::query(
                "INSERT INTO decisions (approval, decided_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(approval)
            .bind(text_of(now))
            .execute(&mut *conn)
            .await;
            self.place.check(done)?;
            let rows = sqlx::query(
                "SELECT * FROM runs WHERE status = 'waiting' AND approval = $1 ORDER BY position",
            )
            .bind(approval)
            .fetch_all(&mut *conn)
            .await;
            let mut woken = Vec::new();
            for row in self.place.check(rows)? {
                let mut record = self.place.read(run_of(&row))?;
                record.wake(now);
                self.save(conn, &record).await?;
                woken.push(record.id);
            }
            woken
        }))
    }

    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM runs WHERE id = $1")
            .bind(&run.0)
            .fetch_optional(&self.pool)
            .await;
        self.place
            .check(row)?
            .map(|row| self.place.read(run_of(&row)))
            .transpose()
    }

    async fn runs(&self, status: Option<RunStatus>, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM runs WHERE $1 IS NULL OR status = $1 ORDER BY position DESC LIMIT $2")
                .bind(status.map(word))
                .bind(limit)
                .fetch_all(&self.pool)
                .await;
        self.place
            .check(rows)?
            .iter()
            .map(|row| self.place.read(run_of(row)))
            .collect()
    }

    async fn steps(&self, run: &RunId) -> Result<Vec<StepRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM steps WHERE run = $1 ORDER BY step")
            .bind(&run.0)
            .fetch_all(&self.pool)
            .await;
        self.place
            .check(rows)?
            .iter()
            .map(|row| self.place.read(step_of(row)))
            .collect()
    }

    async fn report(&self, run: &RunId) -> Result<Option<Report>, StoreError> {
        let row = sqlx::query("SELECT report FROM runs WHERE id = $1")
            .bind(&run.0)
            .fetch_optional(&self.pool)
            .await;
        let Some(row) = self.place.check(row)? else {
            return Ok(None);
        };
        self.place.read(json(&row, "report"))
    }

    async fn resolve(&self, ends: &[AlertEnd], now: Timestamp) -> Result<Vec<Closed>, StoreError> {
        Ok(transaction!(self, |conn| {
            self.end_alerts(conn, ends, now).await?
        }))
    }

    async fn run_of_alert(&self, fingerprint: &str) -> Result<Option<RunId>, StoreError> {
        let mut conn = self.place.check(self.pool.acquire().await)?;
        self.owner(&mut conn, fingerprint).await
    }

    async fn owners(&self, alerts: &[AlertKey]) -> Result<Vec<Option<RunId>>, StoreError> {
        let mut conn = self.place.check(self.pool.acquire().await)?;
        self.owners_of(&mut conn, alerts).await
    }

    async fn alerts(&self, run: &RunId) -> Result<Vec<RunAlert>, StoreError> {
        let mut conn = self.place.check(self.pool.acquire().await)?;
        self.alerts_of(&mut conn, run).await
    }

    async fn recent(
        &self,
        workflow: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RecentRun>, StoreError> {
        self.recent_runs(workflow, since, limit).await
    }

    async fn deliveries(&self, run: &RunId) -> Result<Vec<Delivery>, StoreError> {
        self.all_deliveries(run).await
    }

    async fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        self.deliveries_due(now).await
    }

    async fn begin_delivery(&self, run: &RunId, sink: &str, now: Timestamp) -> Result<Delivery, StoreError> {
        Ok(transaction!(self, |conn| {
            self.change_delivery(conn, run, sink, |delivery| delivery.begin(now))
                .await?
        }))
    }

    async fn end_delivery(
        &self,
        run: &RunId,
        sink: &str,
        end: DeliveryEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, |conn| {
            self.change_delivery(conn, run, sink, |delivery| delivery.end(&end, now))
                .await?
        });
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        // An empty text comes before every time.
        let due: Result<Option<String>, _> = sqlx::query_scalar(
            "SELECT min(due) FROM ( \
             SELECT coalesce(not_before, '') AS due FROM runs WHERE status = 'queued' \
             UNION ALL SELECT not_before FROM runs WHERE status = 'waiting' AND not_before IS NOT NULL \
             UNION ALL SELECT coalesce(not_before, '') FROM deliveries WHERE state IN ('pending', 'in_doubt'))",
        )
        .fetch_one(&self.pool)
        .await;
        match self.place.check(due)? {
            None => Ok(None),
            Some(text) if text.is_empty() => Ok(Some(Timestamp::MIN)),
            Some(text) => self.place.read(time_of(&text)).map(Some),
        }
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(transaction!(self, |conn| {
            let done = sqlx::query(
                "DELETE FROM decisions WHERE decided_at < $1 AND NOT EXISTS (SELECT 1 FROM runs \
                 WHERE status NOT IN ('done', 'failed', 'cancelled') AND enqueued_at < $1)",
            )
            .bind(text_of(before))
            .execute(&mut *conn)
            .await;
            self.place.check(done)?;
            let done = sqlx::query(
                "DELETE FROM runs WHERE status IN ('done', 'failed', 'cancelled') AND updated_at < $1 \
                 AND NOT EXISTS (SELECT 1 FROM alerts WHERE run = runs.id) \
                 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE run = runs.id \
                 AND state IN ('pending', 'attempting', 'in_doubt'))",
            )
            .bind(text_of(before))
            .execute(&mut *conn)
            .await;
            self.place.check(done)?.rows_affected()
        }))
    }
}
