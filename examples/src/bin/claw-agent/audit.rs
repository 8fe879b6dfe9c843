//! `claw-agent audit`: is the log whole, and what does it tell.

use std::fmt::Write as _;

use claw_guardrails::audit::{EndCheck, Head, show_file, verify_file_with};

use crate::args::{AuditShowArguments, AuditVerifyArguments, Output};
use crate::failure::{self, Failure};
use crate::print;

pub(crate) fn verify(given: &AuditVerifyArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit verify")?;
    let end = match (&given.head, given.no_head) {
        (Some(text), _) => EndCheck::Kept(kept_head(text)?),
        (None, true) => EndCheck::Skip,
        (None, false) => EndCheck::Beside,
    };
    let verification = verify_file_with(&given.file, end)?;
    if json {
        print::json(&verification)?;
    } else {
        let mut text = format!("{verification}\n");
        if let Some(head) = verification.head() {
            let _ = writeln!(text, "to check its end later, keep this elsewhere: --head {head}");
        }
        print::out(&text)?;
    }
    Ok(if verification.is_intact() {
        0
    } else {
        failure::CHECK
    })
}

/// A head as text, or from a file.
fn kept_head(text: &str) -> Result<Head, Failure> {
    if let Ok(head) = text.parse() {
        return Ok(head);
    }
    let remedy = "give the file that was copied, or RECORDS:HASH as `audit verify` prints it";
    match Head::read(text) {
        Ok(Some(head)) => Ok(head),
        Ok(None) => Err(Failure::arguments(
            format!("there is no head in {text}: no such file, or a blank one"),
            remedy,
        )),
        Err(error) => Err(Failure::arguments(format!("{text} is not a head"), remedy).because(error)),
    }
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
