//! Reports on their way to sinks.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::row::{delivery_of, text_of};
use crate::store::StoreError;
use crate::store::record::Delivery;
use crate::store::rules::word;
use crate::workflow::RunId;

impl SqliteStore {
    pub(super) async fn all_deliveries(&self, run: &RunId) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query("SELECT * FROM deliveries WHERE run = $1 ORDER BY sink")
            .bind(&run.0)
            .fetch_all(&self.pool)
            .await;
        self.place
            .check(rows)?
            .iter()
            .map(|row| self.place.read(delivery_of(row)))
            .collect()
    }

    pub(super) async fn deliveries_due(&self, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT deliveries.* FROM deliveries JOIN runs ON runs.id = deliveries.run \
             WHERE deliveries.state IN ('pending', 'in_doubt') AND (deliveries.not_before IS NULL OR deliveries.not_before <= $1) \
             ORDER BY runs.position, sink",
        )
        .bind(text_of(now))
        .fetch_all(&self.pool)
        .await;
        self.place
            .check(rows)?
            .iter()
            .map(|row| self.place.read(delivery_of(row)))
            .collect()
    }

    pub(super) async fn change_delivery(
        &self,
        conn: &mut SqliteConnection,
        run: &RunId,
        sink: &str,
        change: impl FnOnce(&mut Delivery) -> Result<(), StoreError>,
    ) -> Result<Delivery, StoreError> {
        self.load(conn, run).await?;
        let mut delivery = self.load_delivery(conn, run, sink).await?;
        change(&mut delivery)?;
        self.save_delivery(conn, &delivery).await?;
        Ok(delivery)
    }

    async fn load_delivery(
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
}
