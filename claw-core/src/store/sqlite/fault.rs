//! What SQLite says, in words that tell what to do.

use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use super::super::error::{Cause, StoreError};

/// Primary result codes of SQLite: <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const NOTADB: u32 = 26;
}

/// The journal's file, to be named in errors.
#[derive(Clone, Debug)]
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The answer of a statement.
    pub(super) fn check<T>(&self, answer: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        answer.map_err(|error| self.fault(error))
    }

    /// What was read from the file: if it makes no sense, the file is damaged.
    pub(super) fn read<T>(&self, answer: Result<T, Cause>) -> Result<T, StoreError> {
        answer.map_err(|source| match source.downcast::<sqlx::Error>() {
            Ok(error) => self.fault(*error),
            Err(source) => StoreError::Corrupt {
                path: self.name(),
                source,
            },
        })
    }

    /// What cannot fail unless we made a mistake.
    pub(super) fn defect<T, E: Into<Cause>>(&self, answer: Result<T, E>) -> Result<T, StoreError> {
        answer.map_err(|source| StoreError::Internal {
            path: self.name(),
            source: source.into(),
        })
    }

    pub(super) fn migrated(&self, answer: Result<(), MigrateError>) -> Result<(), StoreError> {
        answer.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => self.fault(error),
            MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
                StoreError::NewerSchema {
                    path: self.name(),
                    version,
                }
            }
            other => StoreError::Corrupt {
                path: self.name(),
                source: Box::new(other),
            },
        })
    }

    pub(super) fn locked(&self) -> StoreError {
        StoreError::Locked { path: self.name() }
    }

    pub(super) fn unavailable(&self, source: impl Into<Cause>) -> StoreError {
        StoreError::Unavailable {
            path: self.name(),
            source: source.into(),
        }
    }

    pub(super) fn io(&self, source: std::io::Error) -> StoreError {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full {
                path: self.name(),
                source: source.into(),
            },
            _ => self.unavailable(source),
        }
    }

    fn fault(&self, error: sqlx::Error) -> StoreError {
        let primary = match &error {
            sqlx::Error::Database(database) => database
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .map(|extended| extended & 0xff),
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Some(code::IOERR),
            // A column is missing or has another type.
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Some(code::CORRUPT)
            }
            _ => None,
        };
        let path = self.name();
        let source: Cause = Box::new(error);
        match primary {
            Some(code::BUSY | code::LOCKED) => StoreError::Locked { path },
            Some(code::FULL) => StoreError::Full { path, source },
            Some(code::CORRUPT | code::NOTADB) => StoreError::Corrupt { path, source },
            Some(code::READONLY | code::IOERR | code::CANTOPEN) => StoreError::Unavailable { path, source },
            _ => StoreError::Internal { path, source },
        }
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}
