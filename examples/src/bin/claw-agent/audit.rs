//! `claw-agent audit`: is the log whole, and what does it tell.

use claw_guardrails::audit::{show_file, verify_file};

use crate::args::{AuditShowArguments, AuditVerifyArguments, Output};
use crate::failure::{self, Failure};
use crate::print;

pub(crate) fn verify(given: &AuditVerifyArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit verify")?;
    let verification = verify_file(&given.file)?;
    if json {
        print::json(&verification)?;
    } else {
        print::out(&format!("{verification}\n"))?;
    }
    Ok(if verification.is_intact() {
        0
    } else {
        failure::CHECK
    })
}

pub(crate) fn show(given: &AuditShowArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit show")?;
    let story = show_file(&given.file, &given.run).map_err(|error| {
        Failure::new(
            format!("the audit log {} cannot be read", given.file.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    if story.events.is_empty() {
        return Err(Failure::new(
            format!("{} has nothing about the run {}", given.file.display(), given.run),
            "a report names its run; `claw-agent serve` lists runs at /runs",
        ));
    }
    if json {
        print::json(&story)?;
    } else {
        print::out(&story.to_string())?;
    }
    Ok(0)
}
