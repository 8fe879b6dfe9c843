use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::digest::sha256;

#[tokio::test]
async fn belongs_to_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(
        error.to_string().contains("j.db is in use by another process"),
        "{error}"
    );
    store.close().await;
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn waits_for_a_writer_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut outside = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    let mut locked = outside.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("DELETE FROM decisions")
        .execute(&mut *locked)
        .await
        .unwrap();
    let (enqueued, ()) = tokio::join!(store.enqueue(new_run("a"), at(0)), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        locked.commit().await.unwrap();
    });
    assert!(matches!(enqueued.unwrap(), Enqueued::New { .. }));
}

#[tokio::test]
async fn names_a_folder_that_is_not_there() {
    let error = SqliteStore::open("/no/such/folder/j.db").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn knows_a_file_that_is_not_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    std::fs::write(&path, "apiVersion: v1\nkind: Pod\n".repeat(100)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn knows_a_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for number in 0..200 {
        store
            .enqueue(new_run(&format!("run-{number}")), at(0))
            .await
            .unwrap();
    }
    store.close().await;
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4096])
        .unwrap();
    drop(file);
    let error = match SqliteStore::open(&path).await {
        Err(error) => error,
        Ok(store) => store.runs(None, 999).await.unwrap_err(),
    };
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn knows_content_that_makes_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(new_run("a"), at(0)).await.unwrap();
    store.close().await;
    change(&path, "UPDATE runs SET updated_at = 'yesterday', input = '{'").await;
    let store = SqliteStore::open(&path).await.unwrap();
    let error = store.claim(at(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn refuses_the_file_of_a_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    change(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', 1, x'00', 0)",
    )
    .await;
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { version: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(new_run("a"), at(0)).await.unwrap();
    store.claim(at(0)).await.unwrap().unwrap();
    store.limit_pages(30).await;
    // Nothing that could be packed.
    let large = json!(
        (0..15_000)
            .map(|number: u32| sha256(number.to_le_bytes()))
            .collect::<String>()
    );
    let error = store
        .record_step(&id("a"), result(0, large.clone()), at(1))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert_eq!(store.run(&id("a")).await.unwrap().unwrap().step, 0);
    assert_eq!(store.steps(&id("a")).await.unwrap(), []);
    store.limit_pages(100_000).await;
    store
        .record_step(&id("a"), result(0, large), at(1))
        .await
        .unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(new_run("a"), at(0)).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            entry.file_name()
        );
    }
}

async fn change(path: &std::path::Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::sqlite::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
