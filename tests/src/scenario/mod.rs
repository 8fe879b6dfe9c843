//! Scenarios: recorded worlds with the right answer, and reports held to it.
//!
//! A scenario is a bundle (see [`claw_k8s::bundle`]) whose `expect.json` is an [`Expectation`]. A folder of folders is a
//! suite:
//!
//! ```no_run
//! # use claw_testkit::scenario;
//! # fn investigate(_: &claw_k8s::bundle::Bundle) -> claw_core::report::Report { unimplemented!() }
//! for scenario in scenario::load_all("scenarios")? {
//!     for miss in scenario.expect.misses(&investigate(&scenario.bundle)) {
//!         eprintln!("{}: {miss}", scenario.name());
//!     }
//! }
//! # Ok::<(), scenario::ScenarioError>(())
//! ```

mod dice;
mod draft;
mod expectation;
mod miss;
mod named;
mod noise;
pub mod outage;
mod same;
pub mod sanitise;
pub mod score;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use claw_k8s::bundle::{Bundle, BundleError};

pub use draft::draft;
pub use expectation::{Expectation, ExpectationError, MustNotBlame, RootCause};
pub use miss::Miss;
pub use named::Named;
pub use noise::with_noise;
pub use same::same_answer;

/// A recorded world and the right answer.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The world.
    pub bundle: Bundle,
    /// The answer.
    pub expect: Expectation,
}

impl Scenario {
    /// Reads a folder. Everything in it has to be readable: a scenario that is read in part would prove nothing.
    ///
    /// # Errors
    /// If the folder is no bundle, something in it cannot be read, or its expectation is absent or makes no sense.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let folder = folder.as_ref();
        let bundle = Bundle::load(folder)?;
        if let Some(problem) = bundle.problems.first() {
            return Err(ScenarioError::Unreadable {
                folder: folder.to_owned(),
                problem: problem.to_string(),
            });
        }
        let wrong = |source| ScenarioError::Expectation {
            folder: folder.to_owned(),
            source,
        };
        let value = bundle
            .expect
            .clone()
            .ok_or(ExpectationError::Absent)
            .map_err(wrong)?;
        let expect = Expectation::parse(value).map_err(wrong)?;
        Ok(Self { bundle, expect })
    }

    /// The name of the case.
    pub fn name(&self) -> &str {
        &self.bundle.manifest.case
    }
}

/// The scenarios in the folders of `root`, in the order of the folders' names.
///
/// # Errors
/// As [`Scenario::load`], or if `root` cannot be listed. Reads files: call it where blocking is allowed.
pub fn load_all(root: impl AsRef<Path>) -> Result<Vec<Scenario>, ScenarioError> {
    let root = root.as_ref();
    let unlisted = |source| ScenarioError::Root {
        root: root.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root).map_err(unlisted)? {
        let path = entry.map_err(unlisted)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    folders.into_iter().map(Scenario::load).collect()
}

/// A scenario cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The folder of scenarios cannot be listed.
    #[error("cannot list the scenarios in {root}")]
    Root {
        /// The folder.
        root: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Something in a bundle cannot be read.
    #[error("{folder}: {problem}")]
    Unreadable {
        /// The bundle.
        folder: PathBuf,
        /// The first thing that cannot be read.
        problem: String,
    },
    /// The right answer cannot be used.
    #[error("{folder}/expect.json: {source}")]
    Expectation {
        /// The bundle.
        folder: PathBuf,
        /// Why.
        source: ExpectationError,
    },
}
