//! `claw-agent audit prove`: a proof for one record, and the check of one.

use std::io::Read as _;
use std::path::Path;

use claw_guardrails::audit::RecordProof;

use crate::args::{AuditProveArguments, Output};
use crate::failure::Failure;
use crate::print;

/// No proof is longer, in bytes: a record of the greatest length, and a few hashes.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(crate) fn prove(given: &AuditProveArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit prove")?;
    if let Some(path) = &given.check {
        return check(path, given, json);
    }
    // The command line requires the one or the other.
    let sequence = given.sequence.unwrap_or_default();
    let checkpoints = given.checkpoints.as_deref();
    let proof = claw_guardrails::audit::prove(&given.file, sequence, checkpoints, given.newest)?;
    print::json(&proof)?;
    Ok(0)
}

fn check(path: &Path, given: &AuditProveArguments, json: bool) -> Result<u8, Failure> {
    let keys = given
        .keys
        .iter()
        .map(|text| super::kept_key(text))
        .collect::<Result<Vec<_>, _>>()?;
    let text = read(path).map_err(|error| {
        Failure::new(
            format!("the proof {} cannot be read", path.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    let checked = RecordProof::parse(&text).and_then(|proof| proof.check(&keys));
    let checked = checked
        .map_err(|error| Failure::check(format!("{} proves nothing", path.display())).because(error))?;
    if json {
        print::json(&checked)?;
        return Ok(0);
    }
    let mut said = format!(
        "proved: record {} is in the log {}, by its checkpoint at {} records\n",
        checked.record.sequence, checked.origin, checked.size
    );
    if let Some(event) = checked.event() {
        // Names and texts of the record come from outside; JSON shows control characters as what they are.
        said.push_str(&format!(
            "  {} run {:?}: {:?} {:?}, why: {:?}\n",
            event.time, event.run, event.kind, event.subject, event.why
        ));
    }
    said.push_str(&if checked.trusted {
        "signed by the key that was given\n".to_owned()
    } else {
        format!(
            "signed by the key that the proof itself names; compare it with the one that was kept:\n  {}\n",
            checked.key
        )
    });
    print::out(&said)?;
    Ok(0)
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?
            .take(LONGEST)
            .read_to_string(&mut text)?;
    }
    Ok(text)
}
