//! Rows as records and back.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::super::alerts::RunAlert;
use super::super::error::Cause;
use super::super::record::{Delivery, RunRecord, StepRecord};
use super::super::snapshot::Snapshot;
use crate::workflow::RunId;

/// A time as text whose order is the order in time.
pub(super) fn text_of(time: Timestamp) -> String {
    format!("{time:.9}")
}

pub(super) fn time_of(text: &str) -> Result<Timestamp, Cause> {
    Ok(text.parse()?)
}

pub(super) fn run_of(row: &SqliteRow) -> Result<RunRecord, Cause> {
    Ok(RunRecord {
        id: RunId(row.try_get("id")?),
        workflow: row.try_get("workflow")?,
        status: named(row, "status")?,
        step: row.try_get("step")?,
        attempts: row.try_get("attempts")?,
        not_before: optional_time(row, "not_before")?,
        approval: row.try_get("approval")?,
        reason: row.try_get("reason")?,
        enqueued_at: time(row, "enqueued_at")?,
        updated_at: time(row, "updated_at")?,
        resolved_at: optional_time(row, "resolved_at")?,
    })
}

pub(super) fn step_of(row: &SqliteRow) -> Result<StepRecord, Cause> {
    Ok(StepRecord {
        step: row.try_get("step")?,
        name: row.try_get("name")?,
        outcome: named(row, "outcome")?,
        ended_at: time(row, "ended_at")?,
    })
}

pub(super) fn delivery_of(row: &SqliteRow) -> Result<Delivery, Cause> {
    Ok(Delivery {
        run: RunId(row.try_get("run")?),
        sink: row.try_get("sink")?,
        state: named(row, "state")?,
        attempts: row.try_get("attempts")?,
        not_before: optional_time(row, "not_before")?,
        reason: row.try_get("reason")?,
        updated_at: time(row, "updated_at")?,
    })
}

pub(super) fn run_alert_of(row: &SqliteRow) -> Result<RunAlert, Cause> {
    Ok(RunAlert {
        fingerprint: row.try_get("fingerprint")?,
        starts_at: time(row, "starts_at")?,
        joined_at: optional_time(row, "joined_at")?,
        in_input: row.try_get("in_input")?,
        ended_at: optional_time(row, "ended_at")?,
        body: json(row, "body")?,
    })
}

/// The JSON in a column; `None` where the column is empty.
pub(super) fn json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<Option<T>, Cause> {
    let text: Option<&str> = row.try_get(column)?;
    Ok(text.map(serde_json::from_str).transpose()?)
}

/// The state of the run; `None` before its first step.
pub(super) fn snapshot_of(row: &SqliteRow) -> Result<Option<Snapshot>, Cause> {
    let bytes: Option<Vec<u8>> = row.try_get("snapshot")?;
    Ok(bytes.map(Snapshot::from))
}

fn named<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, Cause> {
    let word: String = row.try_get(column)?;
    Ok(serde_json::from_value(word.into())?)
}

fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, Cause> {
    time_of(row.try_get(column)?)
}

fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, Cause> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(time_of).transpose()
}
