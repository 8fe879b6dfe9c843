//! The statements that several calls share.

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::SqliteStore;
use super::row::{json, run_of, snapshot_of, text_of};
use crate::store::StoreError;
use crate::store::record::{Claim, RunRecord, StepRecord};
use crate::store::rules::word;
use crate::workflow::{RunId, Wait};

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
        let state = self.place.read(snapshot_of(&row))?;
        Ok(Some(Claim { run, input, state }))
    }

    /// The state of a run that has ended is of no more use.
    pub(super) async fn forget_state(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE runs SET snapshot = NULL WHERE id = $1")
            .bind(&run.0)
            .execute(conn)
            .await;
        self.place.check(done).map(drop)
    }

    pub(super) async fn is_decided(
        &self,
        conn: &mut SqliteConnection,
        wait: Option<&Wait>,
    ) -> Result<bool, StoreError> {
        let Some(Wait::Approval { id, .. }) = wait else {
            return Ok(false);
        };
        let decided = sqlx::query("SELECT 1 FROM decisions WHERE approval = $1")
            .bind(id)
            .fetch_optional(conn)
            .await;
        Ok(self.place.check(decided)?.is_some())
    }
}
