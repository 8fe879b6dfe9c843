//! Which testbed is meant.

use std::path::PathBuf;

use claw_testbed::builds::Cache;
use claw_testbed::components::Component;
use claw_testbed::error::Error;
use claw_testbed::run::{self, RunFolder};

use super::arguments::RunArguments;

/// The folder that is named, or the usual one.
pub(crate) fn folder(cache: &Cache, given: &RunArguments) -> PathBuf {
    given.run.clone().unwrap_or_else(|| run::usual_folder(cache))
}

/// A testbed whose API server runs.
pub(crate) fn running(cache: &Cache, given: &RunArguments) -> Result<RunFolder, Error> {
    let run = RunFolder::look(&folder(cache, given))?;
    match run.running(Component::ApiServer) {
        Some(_) => Ok(run),
        None => Err(Error::NoRun {
            path: run.path().to_owned(),
        }),
    }
}
