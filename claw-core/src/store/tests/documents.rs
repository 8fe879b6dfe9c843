use super::*;

/// Runs each test on both.
macro_rules! on_both {
    ($(async fn $name:ident($documents:ident: &dyn Documents) $body:block)+) => {
        $(async fn $name($documents: &dyn Documents) $body)+
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(&super::MemoryDocuments::new()).await; })+
        }
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::SqliteStore::open(folder.path().join("j.db")).await.unwrap();
                super::$name(&store).await;
            })+
        }
    };
}

fn is_conflict<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Conflict { .. }))
}

on_both! {
    async fn keeps_what_was_put_last(documents: &dyn Documents) {
        assert_eq!(documents.get("a").await.unwrap(), None);
        let first = documents.put("a", None, &json!({"n": 1})).await.unwrap();
        let second = documents.put("a", Some(first), &json!({"n": 2})).await.unwrap();
        assert!(second > first);
        let kept = documents.get("a").await.unwrap().unwrap();
        assert_eq!((kept.version, kept.body), (second, json!({"n": 2})));
    }

    async fn of_two_that_change_one_version_one_is_refused(documents: &dyn Documents) {
        let first = documents.put("a", None, &json!(1)).await.unwrap();
        assert!(is_conflict(documents.put("a", None, &json!(2)).await));
        documents.put("a", Some(first), &json!(3)).await.unwrap();
        assert!(is_conflict(documents.put("a", Some(first), &json!(4)).await));
        assert!(is_conflict(documents.remove("a", first).await));
        assert!(is_conflict(documents.put("b", Some(first), &json!(5)).await));
        assert_eq!(documents.get("a").await.unwrap().unwrap().body, json!(3));
        assert_eq!(documents.get("b").await.unwrap(), None);
    }

    async fn a_version_does_not_come_back_with_a_removed_key(documents: &dyn Documents) {
        let first = documents.put("a", None, &json!(1)).await.unwrap();
        documents.remove("a", first).await.unwrap();
        assert_eq!(documents.get("a").await.unwrap(), None);
        let anew = documents.put("a", None, &json!(1)).await.unwrap();
        assert!(anew > first);
        assert!(is_conflict(documents.put("a", Some(first), &json!(2)).await));
    }

    async fn lists_by_prefix_in_the_order_of_keys(documents: &dyn Documents) {
        for key in ["b/2", "a/1", "b/", "b/1", "b", "c/1", "b/é", "B/1", "b/%"] {
            documents.put(key, None, &json!(key)).await.unwrap();
        }
        let found = documents.list("b/").await.unwrap();
        let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["b/", "b/%", "b/1", "b/2", "b/é"]);
        assert!(found.iter().all(|(key, document)| document.body == json!(key)));
        assert_eq!(documents.list("").await.unwrap().len(), 9);
    }
}

#[tokio::test]
async fn documents_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let version = store.put("a", None, &json!({"n": 1})).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().version, version);
}
