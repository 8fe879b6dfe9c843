use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::StoreError;
use super::documents::{Document, Documents, moved};

/// Documents that live as long as the process: for tests, and for agents that write nothing.
#[derive(Debug, Default)]
pub struct MemoryDocuments(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    documents: BTreeMap<String, Document>,
    /// The latest version that was given out.
    latest: u64,
}

impl MemoryDocuments {
    /// No documents.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn check(&self, key: &str, expected: Option<u64>) -> Result<(), StoreError> {
        let actual = self.documents.get(key).map(|document| document.version);
        match actual == expected {
            true => Ok(()),
            false => Err(moved(key, expected, actual)),
        }
    }
}

#[async_trait]
impl Documents for MemoryDocuments {
    async fn get(&self, key: &str) -> Result<Option<Document>, StoreError> {
        Ok(self.lock().documents.get(key).cloned())
    }

    async fn put(&self, key: &str, expected: Option<u64>, body: &Value) -> Result<u64, StoreError> {
        let mut contents = self.lock();
        contents.check(key, expected)?;
        contents.latest = contents.latest.saturating_add(1);
        let document = Document {
            version: contents.latest,
            body: body.clone(),
        };
        let version = document.version;
        contents.documents.insert(key.to_owned(), document);
        Ok(version)
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        let mut contents = self.lock();
        contents.check(key, Some(expected))?;
        contents.documents.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(String, Document)>, StoreError> {
        let contents = self.lock();
        let from = contents.documents.range(prefix.to_owned()..);
        let found = from.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found
            .map(|(key, document)| (key.clone(), document.clone()))
            .collect())
    }
}
