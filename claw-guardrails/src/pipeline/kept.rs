//! Values kept as documents.

use claw_core::store::{Documents, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::PipelineError;

/// How often a change is tried when others change the same document.
const TRIES: u32 = 32;

/// A value, and the version that it was read in.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    key: String,
    version: Option<u64>,
    pub(super) value: T,
}

impl<T: Serialize + DeserializeOwned> Kept<T> {
    /// One that is not kept yet.
    pub(super) fn new(key: impl Into<String>, value: T) -> Self {
        Self {
            key: key.into(),
            version: None,
            value,
        }
    }

    pub(super) async fn load(documents: &dyn Documents, key: &str) -> Result<Option<Self>, PipelineError> {
        let Some(document) = documents.get(key).await? else {
            return Ok(None);
        };
        Self::read(key.to_owned(), document.version, document.body).map(Some)
    }

    /// All under a prefix, by their keys. One that cannot be read hides no other.
    pub(super) async fn list(
        documents: &dyn Documents,
        prefix: &str,
    ) -> Result<Vec<(String, Result<Self, PipelineError>)>, PipelineError> {
        let listed = documents.list(prefix).await?;
        let read = listed.into_iter().map(|(key, document)| {
            let kept = Self::read(key.clone(), document.version, document.body);
            (key, kept)
        });
        Ok(read.collect())
    }

    fn read(key: String, version: u64, body: Value) -> Result<Self, PipelineError> {
        match serde_json::from_value(body) {
            Ok(value) => Ok(Self {
                key,
                version: Some(version),
                value,
            }),
            Err(source) => Err(PipelineError::Unreadable { key, source }),
        }
    }

    /// Keeps the value as it is now, if nobody has changed it since it was read.
    pub(super) async fn save(&mut self, documents: &dyn Documents) -> Result<(), StoreError> {
        let version = documents.put(&self.key, self.version, &json!(self.value)).await?;
        self.version = Some(version);
        Ok(())
    }

    /// Whether it was never kept.
    pub(super) fn is_new(&self) -> bool {
        self.version.is_none()
    }

    /// Removes it, if nobody has changed it since it was read.
    pub(super) async fn remove(self, documents: &dyn Documents) -> Result<(), StoreError> {
        match self.version {
            Some(version) => documents.remove(&self.key, version).await,
            None => Ok(()),
        }
    }
}

/// Changes the value under a key, from its default where there is none, and anew when somebody else was faster.
pub(super) async fn change<T, R>(
    documents: &dyn Documents,
    key: &str,
    mut change: impl FnMut(&mut T) -> R + Send,
) -> Result<R, PipelineError>
where
    T: Serialize + DeserializeOwned + Default + Send,
    R: Send,
{
    let mut tries = 0;
    loop {
        let mut kept = match Kept::<T>::load(documents, key).await? {
            Some(kept) => kept,
            None => Kept::new(key, T::default()),
        };
        let answer = change(&mut kept.value);
        match kept.save(documents).await {
            Ok(()) => return Ok(answer),
            Err(StoreError::Conflict { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
