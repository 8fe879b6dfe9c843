//! Opening the file: one process, one connection, every commit on the disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use super::SqliteStore;
use super::fault::Place;
use crate::store::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a statement waits for readers from outside, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl SqliteStore {
    /// Opens the journal in the file `path`, which is made if it does not exist; its folder has to.
    ///
    /// Runs and deliveries that an earlier process left in the middle are queued again.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let place = Place::new(path);
        let lock = lock(path, &place)?;
        // Reports say much about a cluster: they are for the owner's eyes.
        private(path).map_err(|error| place.io(error))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode a lesser setting loses the last commits when the power fails.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        // One connection: there is one writer in SQLite anyway.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            // SQLite takes back a transaction by itself when there is no room on the disk, and sqlx takes it for still open:
            // such a connection is not kept. What was dropped is taken back before the ping is answered.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options)
            .await;
        let store = Self {
            pool: place.check(pool)?,
            place,
            _lock: Arc::new(lock),
        };
        store.place.migrated(MIGRATIONS.run(&store.pool).await)?;
        store.recover().await?;
        Ok(store)
    }

    /// Writes everything to the file and closes it. Dropping the last clone does so too, but does not wait.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Makes the disk as good as full.
    #[cfg(test)]
    pub(in crate::store) async fn limit_pages(&self, pages: u32) {
        let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(pragma).execute(&self.pool).await.unwrap();
    }

    /// Makes the file one of the version before alerts were kept with their runs.
    #[cfg(test)]
    pub(in crate::store) async fn without_run_alerts(&self) {
        let statements = "DROP TABLE run_alerts; DROP INDEX runs_enqueued; \
                          DELETE FROM _sqlx_migrations WHERE version = 5;";
        sqlx::raw_sql(statements).execute(&self.pool).await.unwrap();
    }

    /// This process is the only one that has the file: what is said to be going on stopped with the one before.
    async fn recover(&self) -> Result<(), StoreError> {
        let Self { pool, place, .. } = self;
        execute(
            pool,
            place,
            "UPDATE runs SET status = 'queued' WHERE status = 'running'",
        )
        .await?;
        execute(
            pool,
            place,
            "UPDATE deliveries SET state = 'in_doubt' WHERE state = 'attempting'",
        )
        .await
    }
}

async fn execute(pool: &SqlitePool, place: &Place, statement: &'static str) -> Result<(), StoreError> {
    place.check(sqlx::query(statement).execute(pool).await).map(drop)
}

fn lock(path: &Path, place: &Place) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = private(&PathBuf::from(name)).map_err(|error| place.io(error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(place.locked()),
        Err(TryLockError::Error(error)) => Err(place.io(error)),
    }
}

/// Opens a file for writing, and makes it for the owner only if it does not exist.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
