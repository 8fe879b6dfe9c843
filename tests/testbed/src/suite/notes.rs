//! What suites have to say besides whether they passed: what was skipped, and figures.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// The variable with the file that notes are collected in. Test programs keep what passing tests print to themselves.
pub const NOTES: &str = "CLAW_E2E_NOTES";

/// Adds lines to the notes. Tests of several programs may do so at a time.
pub(crate) fn add(file: &Path, text: &str) {
    let line = format!("{}\n", text.trim_end());
    let added = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = added {
        eprintln!(
            "{} cannot be written: {error}; it would say: {line}",
            file.display()
        );
    }
}
