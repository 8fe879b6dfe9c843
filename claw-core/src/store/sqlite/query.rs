//! The statements that several calls share.

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::SqliteStore;
use super::row::{delivery_of, json, run_of, text_of};
use crate::store::StoreError;
use crate::store::record::{Claim, Delivery, NewRun, RunRecord, StepRecord};
use crate::store::rules::word;
use crate::workflow::RunId;

impl SqliteStore {
    pub(super) async fn load(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
    ) -> Result<RunRecord, StoreError> {
        let row = sqlx::query("SELECT * FROM runs WHERE id = $1")
            .bind(&run.0)
            .fetch_optional(conn)
            .await;
        let row = self
            .place
            .check(row)?
            .ok_or_else(|| StoreError::UnknownRun { run: run.clone() })?;
        self.place.read(run_of(&row))
    }

    pub(super) async fn save(&self, conn: &mut SqliteConnection, run: &RunRecord) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE runs SET status = $2, step = $3, attempts = $4, not_before = $5, approval = $6, reason = $7, \
             updated_at = $8, resolved_at = $9 WHERE id = $1",
        )
        .bind(&run.id.0)
        .bind(word(run.status))
        .bind(run.step)
        .bind(run.attempts)
        .bind(run.not_before.map(text_of))
        .bind(&run.approval)
        .bind(&run.reason)
        .bind(text_of(run.updated_at))
        .bind(run.resolved_at.map(text_of))
        .execute(conn)
        .await;
        self.place.check(done).map(drop)
    }

    pub(super) async fn save_step(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
        step: &StepRecord,
    ) -> Result<(), StoreError> {
        let done =
            sqlx::query("INSERT INTO steps (run, step, name, outcome, ended_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(&run.0)
                .bind(step.step)
                .bind(&step.name)
                .bind(word(step.outcome))
                .bind(text_of(step.ended_at))
                .execute(conn)
                .await;
        self.place.check(done).map(drop)
    }

    pub(super) async fn claim_row(
        &self,
        conn: &mut SqliteConnection,
        row: Option<SqliteRow>,
        now: Timestamp,
    ) -> Result<Option<Claim>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let mut run = self.place.read(run_of(&row))?;
        if run.due().is_none_or(|due| due > now) {
            return Ok(None);
        }
        run.claim(now);
        self.save(conn, &run).await?;
        let input = self.place.read(json(&row, "input"))?.unwrap_or_default();
        let state = self.place.read(json(&row, "state"))?;
        Ok(Some(Claim { run, input, state }))
    }

    pub(super) async fn load_delivery(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
        sink: &str,
    ) -> Result<Delivery, StoreError> {
        let row = sqlx::query("SELECT * FROM deliveries WHERE run = $1 AND sink = $2")
            .bind(&run.0)
            .bind(sink)
            .fetch_optional(conn)
            .await;
        let unknown = || StoreError::UnknownDelivery {
            run: run.clone(),
            sink: sink.to_owned(),
        };
        self.place
            .read(delivery_of(&self.place.check(row)?.ok_or_else(unknown)?))
    }

    pub(super) async fn save_delivery(
        &self,
        conn: &mut SqliteConnection,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO deliveries (run, sink, state, attempts, not_before, reason, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (run, sink) DO UPDATE SET state = $3, attempts = $4, not_before = $5, reason = $6, \
             updated_at = $7",
        )
        .bind(&delivery.run.0)
        .bind(&delivery.sink)
        .bind(word(delivery.state))
        .bind(delivery.attempts)
        .bind(delivery.not_before.map(text_of))
        .bind(&delivery.reason)
        .bind(text_of(delivery.updated_at))
        .execute(conn)
        .await;
        self.place.check(done).map(drop)
    }

    /// The run that each alert opened, where that is so and the alert has not fired anew.
    pub(super) async fn owners(
        &self,
        conn: &mut SqliteConnection,
        run: &NewRun,
    ) -> Result<Vec<Option<RunId>>, StoreError> {
        let mut owners = Vec::with_capacity(run.alerts.len());
        for alert in &run.alerts {
            let owner =
                sqlx::query_scalar("SELECT run FROM alerts WHERE fingerprint = $1 AND starts_at = $2")
                    .bind(&alert.fingerprint)
                    .bind(text_of(alert.starts_at))
                    .fetch_optional(&mut *conn)
                    .await;
            owners.push(self.place.check(owner)?.map(RunId));
        }
        Ok(owners)
    }
}
