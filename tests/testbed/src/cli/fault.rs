//! `claw-testbed fault`

use claw_testbed::builds::Cache;
use claw_testbed::error::Error;
use claw_testbed::fault::Fault;
use claw_testbed::{podlogs, up};

use super::arguments::FaultArguments;
use super::place;
use super::print;
use super::progress::Progress;

pub(crate) async fn run(cache: &Cache, given: &FaultArguments) -> Result<(), Error> {
    let name = match (&given.name, given.list) {
        (Some(name), false) => name,
        _ => {
            for fault in Fault::all()? {
                print(format!("{:<20} {}", fault.name, fault.summary));
            }
            return Ok(());
        }
    };
    let fault = Fault::named(name)?;
    let run = place::running(cache, &given.run)?;
    {
        let progress = Progress::start();
        progress.say(&format!("bringing {} about", fault.name));
        podlogs::render_all(&run.pod_logs())?;
        fault.inject(&up::kubectl(&run), &given.namespace).await?;
    }
    print(format!(
        "{} in namespace {}: {}",
        fault.name, given.namespace, fault.summary
    ));
    Ok(())
}
