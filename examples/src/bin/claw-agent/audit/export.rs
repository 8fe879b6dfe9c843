//! `claw-agent audit export`: the records of a log for other systems.

use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write};

use claw_guardrails::audit::{Filter, each_record, otlp_json};

use crate::args::{AuditExportArguments, ExportFormat};
use crate::failure::{self, Failure};
use crate::print;

pub(crate) fn export(given: &AuditExportArguments) -> Result<u8, Failure> {
    let mut filter = Filter::default();
    filter.run.clone_from(&given.run);
    filter.kinds = given.kinds.iter().map(|kind| (*kind).into()).collect();
    (filter.since, filter.until) = (given.since, given.until);
    let unwritten = |error: std::io::Error| {
        let to = given
            .to
            .as_ref()
            .map_or("standard output".to_owned(), |to| to.display().to_string());
        Failure::new(
            format!("{to} cannot be written"),
            "check the disk, and that the file is not there yet",
        )
        .because(error)
    };
    let mut out: Box<dyn Write> = match &given.to {
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
        Some(to) => {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            // As private as the log.
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            Box::new(BufWriter::new(options.open(to).map_err(unwritten)?))
        }
    };
    let log = given.file.display().to_string();
    let mut written = Ok(());
    let mut count = 0_u64;
    let unreadable = each_record(&given.file, &filter, |record, line| {
        written = match given.format {
            ExportFormat::Jsonl => writeln!(out, "{line}"),
            ExportFormat::OtlpJson => writeln!(out, "{}", otlp_json(record, &log)),
        };
        count = count.saturating_add(1);
        written.is_ok()
    })?;
    match written.and_then(|()| out.flush()) {
        // A reader that went away has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(unwritten(error)),
        _ => {}
    }
    if unreadable > 0 {
        print::say(&format!(
            "{unreadable} lines of the log could not be read and are left out; run `claw-agent audit verify`"
        ));
    }
    if let Some(to) = &given.to {
        print::say(&format!("{count} records written to {}", to.display()));
    }
    // Who takes the records elsewhere has to know that some are not among them.
    Ok(if unreadable > 0 { failure::CHECK } else { 0 })
}
