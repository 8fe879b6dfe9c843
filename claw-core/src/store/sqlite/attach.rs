//! Alerts that join a run, and all that belong to one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Acquire as _, Row as _};

use super::SqliteStore;
use super::row::{json, run_alert_of, run_of, text_of};
use crate::store::StoreError;
use crate::store::alerts::{Attach, Attached, RecentRun, RunAlert};
use crate::store::record::AlertKey;
use crate::workflow::RunId;

/// The runs that alerts opened lately, the latest first.
macro_rules! recent {
    () => {
        "FROM runs WHERE enqueued_at >= $2 AND workflow = $1 AND status NOT IN ('failed', 'cancelled') \
         AND EXISTS (SELECT 1 FROM run_alerts WHERE run = runs.id) ORDER BY position DESC LIMIT $3"
    };
}

impl SqliteStore {
    pub(super) async fn attach_alerts(
        &self,
        conn: &mut SqliteConnection,
        attach: Attach,
        now: Timestamp,
    ) -> Result<Attached, StoreError> {
        let mut record = self.load(conn, &attach.run).await?;
        if !record.admits(&attach) {
            return Ok(Attached::Ended(record.status));
        }
        let input = attach.input.filter(|_| record.is_untouched());
        let keys: Vec<AlertKey> = attach
            .alerts
            .iter()
            .map(|joining| joining.alert.clone())
            .collect();
        let owners = self.owners_of(conn, &keys).await?;
        let fresh = attach.alerts.into_iter().zip(owners);
        let joined: Vec<RunAlert> = fresh
            .filter(|(_, owner)| owner.is_none())
            .map(|(joining, _)| joining.joined(input.is_some(), now))
            .collect();
        if joined.is_empty() {
            return Ok(Attached::Joined {
                alerts: Vec::new(),
                amended: false,
                closed: Vec::new(),
            });
        }
        let before = self.take_over(conn, &attach.run, &joined).await?;
        record.attach();
        self.save(conn, &record).await?;
        if let Some(input) = &input {
            let done = sqlx::query("UPDATE runs SET input = $2 WHERE id = $1")
                .bind(&attach.run.0)
                .bind(input.to_string())
                .execute(&mut *conn)
                .await;
            self.place.check(done)?;
        }
        Ok(Attached::Joined {
            alerts: joined.iter().map(RunAlert::key).collect(),
            amended: input.is_some(),
            closed: self.close_runs(conn, before, now).await?,
        })
    }

    /// One that belonged to the run before, and was over, fires again.
    pub(super) async fn save_alert(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
        alert: &RunAlert,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT OR REPLACE INTO run_alerts (run, starts_at, fingerprint, joined_at, body, in_input, ended_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&run.0)
        .bind(text_of(alert.starts_at))
        .bind(&alert.fingerprint)
        .bind(alert.joined_at.map(text_of))
        .bind(alert.body.as_ref().map(ToString::to_string))
        .bind(alert.in_input)
        .bind(alert.ended_at.map(text_of))
        .execute(conn)
        .await;
        self.place.check(done).map(drop)
    }

    pub(super) async fn alerts_of(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
    ) -> Result<Vec<RunAlert>, StoreError> {
        let rows = sqlx::query("SELECT * FROM run_alerts WHERE run = $1 ORDER BY starts_at, fingerprint")
            .bind(&run.0)
            .fetch_all(conn)
            .await;
        self.place
            .check(rows)?
            .iter()
            .map(|row| self.place.read(run_alert_of(row)))
            .collect()
    }

    pub(super) async fn recent_runs(
        &self,
        workflow: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RecentRun>, StoreError> {
        // In one transaction: runs and alerts as they were at one moment. It writes nothing, so it asks for no lock.
        let mut transaction = self.place.check(self.pool.begin().await)?;
        let conn = self.place.check(transaction.acquire().await)?;
        let runs = sqlx::query(concat!(
            "SELECT id, workflow, input, status, step, attempts, not_before, approval, reason, enqueued_at, updated_at, \
             resolved_at ",
            recent!(),
        ))
        .bind(workflow)
        .bind(text_of(since))
        .bind(limit)
        .fetch_all(&mut *conn)
        .await;
        // Without the inputs, which are long: a row has one run, and there is one for each of its alerts.
        let alerts = sqlx::query(concat!(
            "SELECT run_alerts.* FROM run_alerts JOIN (SELECT id ",
            recent!(),
            ") recent ON run_alerts.run = recent.id ORDER BY run_alerts.starts_at, run_alerts.fingerprint",
        ))
        .bind(workflow)
        .bind(text_of(since))
        .bind(limit)
        .fetch_all(&mut *conn)
        .await;
        let (runs, alerts) = (self.place.check(runs)?, self.place.check(alerts)?);
        self.place.check(transaction.commit().await)?;

        let mut by_run: BTreeMap<String, Vec<RunAlert>> = BTreeMap::new();
        for row in &alerts {
            let run = self.place.read(row.try_get("run").map_err(Into::into))?;
            let alert = self.place.read(run_alert_of(row))?;
            by_run.entry(run).or_default().push(alert);
        }
        let recent = runs.iter().map(|row| {
            let run = self.place.read(run_of(row))?;
            Ok(RecentRun {
                input: self.place.read(json(row, "input"))?.unwrap_or_default(),
                alerts: by_run.remove(&run.id.0).unwrap_or_default(),
                run,
            })
        });
        recent.collect()
    }
}
