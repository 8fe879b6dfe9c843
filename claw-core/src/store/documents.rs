use async_trait::async_trait;
use serde_json::Value;

use super::StoreError;

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_structs)] // a value and its version
pub struct Document {
    /// Grows with each change, and is never the same again, also not after a removal.
    pub version: u64,
    /// What it says.
    pub body: Value,
}

/// Small documents by key, each changed by compare-and-swap: what has to survive a restart and is changed by several tasks,
/// such as circuit breakers, approvals and writes that are under way.
///
/// Each call is atomic, and durable when it returns. Of two callers that change one version, one succeeds, and the other is
/// told so by [`StoreError::Conflict`].
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Documents: Send + Sync {
    /// The document under this key.
    async fn get(&self, key: &str) -> Result<Option<Document>, StoreError>;

    /// Keeps `body` under this key if its version is still `expected`; `None` where there must be none. Returns the version
    /// that it has now.
    async fn put(&self, key: &str, expected: Option<u64>, body: &Value) -> Result<u64, StoreError>;

    /// Removes the document if its version is still `expected`.
    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError>;

    /// The documents whose keys begin so, in the order of their keys.
    async fn list(&self, prefix: &str) -> Result<Vec<(String, Document)>, StoreError>;
}

/// That a document is not in the version that it was thought to be in.
pub(super) fn moved(key: &str, expected: Option<u64>, actual: Option<u64>) -> StoreError {
    let said = |version: Option<u64>| match version {
        Some(version) => format!("in version {version}"),
        None => "not there".to_owned(),
    };
    StoreError::Conflict {
        subject: format!("document {key}"),
        expected: said(expected),
        actual: said(actual),
    }
}
