//! The runbooks that the arguments name.

use claw_workflows::incident::runbook::Runbooks;

use crate::args::RunbookArguments;
use crate::failure::Failure;

/// Reads them where blocking is allowed; none without a folder.
pub(crate) async fn read(given: &RunbookArguments) -> Result<Runbooks, Failure> {
    let Some(folder) = given.runbooks.clone() else {
        return Ok(Runbooks::default());
    };
    let read = tokio::task::spawn_blocking(move || Runbooks::read(folder)).await;
    read.map_err(|error| Failure::new("the runbooks could not be read", "report this").because(error))?
        .map_err(Failure::from)
}
