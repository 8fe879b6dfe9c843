//! `claw-agent audit`: is the log whole, is a record in it, and what does it tell.

mod export;
mod open;
mod prove;
mod replay;

use std::fmt::Write as _;

use claw_guardrails::audit::checkpoint::VerifierKey;
use claw_guardrails::audit::{CheckpointCheck, Checks, EndCheck, Head, show_file, verify_file_with};

use crate::args::{AuditShowArguments, AuditVerifyArguments, Output};
use crate::failure::{self, Failure};
use crate::print;

pub(crate) use export::export;
pub(crate) use open::open;
pub(crate) use prove::prove;
pub(crate) use replay::replay;

pub(crate) fn verify(given: &AuditVerifyArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit verify")?;
    let end = match (&given.head, given.no_head) {
        (Some(text), _) => EndCheck::Kept(kept_head(text)?),
        (None, true) => EndCheck::Skip,
        (None, false) => EndCheck::Beside,
    };
    let checkpoints = match (&given.checkpoints, given.no_checkpoints) {
        (Some(path), _) => CheckpointCheck::Kept(path.clone()),
        (None, true) => CheckpointCheck::Skip,
        (None, false) => CheckpointCheck::Beside,
    };
    let mut checks = Checks::default().with_end(end).with_checkpoints(checkpoints);
    for text in &given.keys {
        checks = checks.with_key(kept_key(text)?);
    }
    let verification = verify_file_with(&given.file, checks)?;
    if json {
        print::json(&verification)?;
    } else {
        let mut text = format!("{verification}\n");
        let found = verification.checkpoints.iter().filter(|found| !found.trusted);
        for key in found.flat_map(|found| &found.keys) {
            let _ = writeln!(
                text,
                "to check its checkpoints later, keep this elsewhere: --key '{key}'"
            );
        }
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

/// A public key as text, or from a file.
fn kept_key(text: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let remedy = "give NAME+HASH+KEY as `audit verify` prints it, or a file that holds it";
    match std::fs::read_to_string(text) {
        Ok(content) => content.trim().parse().map_err(|error| {
            Failure::arguments(format!("{text} holds no public key"), remedy).because(error)
        }),
        Err(_) => Err(Failure::arguments(
            format!("{text} is neither a public key nor a file that can be read"),
            remedy,
        )),
    }
}

pub(crate) fn show(given: &AuditShowArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit show")?;
    let story = show_file(&given.file, &given.run)?;
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
