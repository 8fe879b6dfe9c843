//! Documents beside the journal, in the same file.

use async_trait::async_trait;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Acquire as _, Row as _};

use super::SqliteStore;
use super::row::json;
use crate::store::StoreError;
use crate::store::documents::{Document, Documents, moved};
use crate::store::error::Cause;

/// The first text after all that begin with a prefix: no key has this character.
const LAST: char = char::MAX;

impl SqliteStore {
    async fn version(&self, conn: &mut SqliteConnection, key: &str) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query("SELECT version FROM documents WHERE key = $1")
            .bind(key)
            .fetch_optional(conn)
            .await;
        let row = self.place.check(row)?;
        self.place.read(row.as_ref().map(version_of).transpose())
    }

    async fn drop_document(&self, conn: &mut SqliteConnection, key: &str) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM documents WHERE key = $1")
            .bind(key)
            .execute(conn)
            .await;
        self.place.check(done).map(drop)
    }

    fn document(&self, row: &SqliteRow) -> Result<Document, StoreError> {
        Ok(Document {
            version: self.place.read(version_of(row))?,
            body: self.place.read(json(row, "body"))?.unwrap_or_default(),
        })
    }
}

#[async_trait]
impl Documents for SqliteStore {
    async fn get(&self, key: &str) -> Result<Option<Document>, StoreError> {
        let row = sqlx::query("SELECT version, body FROM documents WHERE key = $1")
            .bind(key)
            .fetch_optional(&self.pool)
            .await;
        let row = self.place.check(row)?;
        row.as_ref().map(|row| self.document(row)).transpose()
    }

    async fn put(&self, key: &str, expected: Option<u64>, body: &Value) -> Result<u64, StoreError> {
        Ok(transaction!(self, |conn| {
            let actual = self.version(conn, key).await?;
            if actual != expected {
                return Err(moved(key, expected, actual));
            }
            // A new row, so that the file itself counts versions.
            self.drop_document(conn, key).await?;
            let done = sqlx::query("INSERT INTO documents (key, body) VALUES ($1, $2) RETURNING version")
                .bind(key)
                .bind(body.to_string())
                .fetch_one(conn)
                .await;
            let row = self.place.check(done)?;
            self.place.read(version_of(&row))?
        }))
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        transaction!(self, |conn| {
            let actual = self.version(conn, key).await?;
            if actual != Some(expected) {
                return Err(moved(key, Some(expected), actual));
            }
            self.drop_document(conn, key).await?;
        });
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(String, Document)>, StoreError> {
        let rows =
            sqlx::query("SELECT version, key, body FROM documents WHERE key >= $1 AND key < $2 ORDER BY key")
                .bind(prefix)
                .bind(format!("{prefix}{LAST}"))
                .fetch_all(&self.pool)
                .await;
        let rows = self.place.check(rows)?;
        let read = rows.iter().map(|row| {
            let key: String = self.place.check(row.try_get("key"))?;
            Ok((key, self.document(row)?))
        });
        read.collect()
    }
}

fn version_of(row: &SqliteRow) -> Result<u64, Cause> {
    let version: i64 = row.try_get("version")?;
    Ok(u64::try_from(version)?)
}
