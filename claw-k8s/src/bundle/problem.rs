//! What could not be read, and why.

use std::fmt;
use std::path::PathBuf;

use claw_core::report::Gap;

/// Something in a folder that could not be read. The rest of the folder was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the folder, with `/` between its parts.
    pub path: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.reason),
            None => write!(f, "{}: {}", self.path, self.reason),
        }
    }
}

impl From<&Problem> for Gap {
    fn from(problem: &Problem) -> Self {
        Self {
            source: "bundle".to_owned(),
            reason: problem.to_string(),
            remedy: "right the file, or collect the bundle again".to_owned(),
        }
    }
}

/// A folder could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The folder is not there, or may not be read.
    #[error("cannot read the folder {path}; check that it exists and that you may read it")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing in the folder that belongs to a bundle.
    #[error(
        "{path} holds neither a bundle nor a cluster dump; expected bundle.json, or the folders that \
         `kubectl cluster-info dump --output-directory` or `oc adm must-gather` write"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// `bundle.json` is wrong.
    #[error("{path}:{line}:{column}: {reason}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 when the file as a whole is meant.
        line: usize,
        /// Column, from 1; 0 when the file as a whole is meant.
        column: usize,
        /// What is wrong and what is expected.
        reason: String,
    },
}

/// Collects problems up to a limit.
#[derive(Debug)]
pub(super) struct Problems {
    found: Vec<Problem>,
    limit: usize,
    unnamed: usize,
}

impl Problems {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            found: Vec::new(),
            limit,
            unnamed: 0,
        }
    }

    pub(super) fn add(&mut self, path: &str, line: Option<u64>, reason: impl Into<String>) {
        if self.found.len() < self.limit {
            self.found.push(Problem {
                path: path.to_owned(),
                line,
                reason: reason.into(),
            });
        } else {
            self.unnamed = self.unnamed.saturating_add(1);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        if self.unnamed > 0 {
            self.found.push(Problem {
                path: ".".to_owned(),
                line: None,
                reason: format!("{} further problems are not named", self.unnamed),
            });
        }
        self.found
    }
}
