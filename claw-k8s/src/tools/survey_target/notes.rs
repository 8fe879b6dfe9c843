//! What could not be seen.

use claw_core::tool::{ToolError, ToolErrorKind};

use crate::cluster::{ClusterError, Listed, Resource};

/// What could not be seen, each with the reason.
#[derive(Debug, Default)]
pub(super) struct Notes {
    unseen: Vec<String>,
    end: Option<ToolError>,
}

impl Notes {
    /// Notes that something could not be seen.
    pub(super) fn add(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.unseen.contains(&what) {
            self.unseen.push(what);
        }
    }

    /// Notes that a request failed.
    pub(super) fn missed(&mut self, error: ClusterError) {
        self.add(error.gap("").reason);
        let ends =
            error.kind() == ToolErrorKind::Cancelled || matches!(error, ClusterError::InvalidName { .. });
        if ends {
            self.end.get_or_insert(error.into());
        }
    }

    /// The objects of a list. `None` where it could not be read; where only a part could, that is noted.
    pub(super) fn list<T>(
        &mut self,
        resource: &Resource,
        listed: Result<Listed<T>, ClusterError>,
    ) -> Option<Vec<T>> {
        match listed {
            Ok(listed) => {
                for why in &listed.incomplete {
                    self.add(format!("list {resource}: {}", why.gap("").reason));
                }
                Some(listed.items)
            }
            Err(error) => {
                self.missed(error);
                None
            }
        }
    }

    /// What was read, where it was.
    pub(super) fn one<T>(&mut self, read: Result<T, ClusterError>) -> Option<T> {
        read.map_err(|error| self.missed(error)).ok()
    }

    /// As [`one`](Self::one), of what need not be there.
    pub(super) fn found<T>(&mut self, read: Result<T, ClusterError>) -> Option<T> {
        match read {
            Err(ClusterError::NotFound { .. }) => None,
            read => self.one(read),
        }
    }

    /// All that could not be seen. Fails if the run was cancelled, or if a name was asked for that nothing can have.
    pub(super) fn finish(self) -> Result<Vec<String>, ToolError> {
        match self.end {
            Some(error) => Err(error),
            None => Ok(self.unseen),
        }
    }
}
