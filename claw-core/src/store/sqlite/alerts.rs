//! Which alert belongs to which run, while it fires.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::row::text_of;
use crate::store::StoreError;
use crate::store::alerts::{AlertEnd, RunAlert};
use crate::store::record::{AlertKey, Closed};
use crate::workflow::RunId;

impl SqliteStore {
    /// The run that each alert belongs to, unless the alert has fired anew.
    pub(super) async fn owners_of(
        &self,
        conn: &mut SqliteConnection,
        alerts: &[AlertKey],
    ) -> Result<Vec<Option<RunId>>, StoreError> {
        let names: Value = alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
        let firing = sqlx::query_as(
            "SELECT fingerprint, starts_at, run FROM alerts WHERE fingerprint IN (SELECT value FROM json_each($1))",
        )
        .bind(names.to_string())
        .fetch_all(conn)
        .await;
        let firing: Vec<(String, String, String)> = self.place.check(firing)?;
        let mut runs = BTreeMap::new();
        for (fingerprint, starts_at, run) in firing {
            runs.insert(fingerprint, (starts_at, RunId(run)));
        }
        let owner = |alert: &AlertKey| {
            let (since, run) = runs.get(&alert.fingerprint)?;
            (*since >= text_of(alert.starts_at)).then(|| run.clone())
        };
        Ok(alerts.iter().map(owner).collect())
    }

    /// Gives these alerts to the run. Returns the runs that had an earlier period of them.
    pub(super) async fn take_over(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
        alerts: &[RunAlert],
    ) -> Result<BTreeSet<RunId>, StoreError> {
        let mut before = BTreeSet::new();
        for alert in alerts {
            before.extend(self.owner(conn, &alert.fingerprint).await?);
            let done = sqlx::query(
                "INSERT INTO alerts (fingerprint, starts_at, run) VALUES ($1, $2, $3) \
                 ON CONFLICT (fingerprint) DO UPDATE SET starts_at = max(starts_at, $2), run = $3",
            )
            .bind(&alert.fingerprint)
            .bind(text_of(alert.starts_at))
            .bind(&run.0)
            .execute(&mut *conn)
            .await;
            self.place.check(done)?;
            // An earlier period whose end nobody told was over by then.
            let done = sqlx::query(
                "UPDATE run_alerts SET ended_at = $2 WHERE fingerprint = $1 AND starts_at < $2 AND ended_at IS NULL",
            )
            .bind(&alert.fingerprint)
            .bind(text_of(alert.starts_at))
            .execute(&mut *conn)
            .await;
            self.place.check(done)?;
            self.save_alert(conn, run, alert).await?;
        }
        before.remove(run);
        Ok(before)
    }

    /// Forgets that alerts fire which are over, and closes the runs that have no other.
    pub(super) async fn end_alerts(
        &self,
        conn: &mut SqliteConnection,
        ends: &[AlertEnd],
        now: Timestamp,
    ) -> Result<Vec<Closed>, StoreError> {
        let mut runs = BTreeSet::new();
        for AlertEnd { alert, ended_at } in ends {
            let run: Result<Option<String>, _> = sqlx::query_scalar(
                "DELETE FROM alerts WHERE fingerprint = $1 AND starts_at <= $2 RETURNING run",
            )
            .bind(&alert.fingerprint)
            .bind(text_of(alert.starts_at))
            .fetch_optional(&mut *conn)
            .await;
            runs.extend(self.place.check(run)?.map(RunId));
            let done = sqlx::query(
                "UPDATE run_alerts SET ended_at = $3 WHERE fingerprint = $1 AND starts_at <= $2 AND ended_at IS NULL",
            )
            .bind(&alert.fingerprint)
            .bind(text_of(alert.starts_at))
            .bind(text_of(*ended_at))
            .execute(&mut *conn)
            .await;
            self.place.check(done)?;
        }
        self.close_runs(conn, runs, now).await
    }

    pub(super) async fn owner(
        &self,
        conn: &mut SqliteConnection,
        fingerprint: &str,
    ) -> Result<Option<RunId>, StoreError> {
        let run = sqlx::query_scalar("SELECT run FROM alerts WHERE fingerprint = $1")
            .bind(fingerprint)
            .fetch_optional(conn)
            .await;
        Ok(self.place.check(run)?.map(RunId))
    }

    pub(super) async fn close_runs(
        &self,
        conn: &mut SqliteConnection,
        runs: BTreeSet<RunId>,
        now: Timestamp,
    ) -> Result<Vec<Closed>, StoreError> {
        let mut closed = Vec::new();
        for run in runs {
            let firing = sqlx::query("SELECT 1 FROM alerts WHERE run = $1 LIMIT 1")
                .bind(&run.0)
                .fetch_optional(&mut *conn)
                .await;
            if self.place.check(firing)?.is_some() {
                continue;
            }
            let mut record = self.load(conn, &run).await?;
            let ended = record.close(now);
            self.save(conn, &record).await?;
            if ended {
                self.forget_state(conn, &run).await?;
            }
            closed.push(Closed { run, ended });
        }
        Ok(closed)
    }
}
