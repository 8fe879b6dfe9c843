//! Where a secret is.

use std::path::{Path, PathBuf};

/// What a path begins with that stands for an environment variable.
const ENVIRONMENT: &str = "env:";

/// Where a secret is. It is read by whoever may read files and the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Secret {
    /// In a file.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
}

impl Secret {
    /// The place that a path stands for: settings of other modules name secrets by path alone.
    pub fn of(path: &Path) -> Self {
        match path.to_str().and_then(|text| text.strip_prefix(ENVIRONMENT)) {
            Some(name) => Self::Environment(name.to_owned()),
            None => Self::File(path.to_owned()),
        }
    }

    /// The path that stands for it. Files of settings are never relative to nothing, so that none is taken for a variable.
    pub(super) fn into_path(self) -> PathBuf {
        match self {
            Self::File(path) => path,
            Self::Environment(name) => format!("{ENVIRONMENT}{name}").into(),
        }
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
        }
    }
}
