//! The suites, run by cargo.

use std::io::Write;
use std::process::Stdio;

use claw_testbed::error::Error;
use claw_testbed::process;
use claw_testbed::up::interrupted;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::super::arguments::TestArguments;
use super::cargo::cargo;

/// The suites, each group after the one before: what the others build on first, what loads the cluster last. Within a group
/// cargo chooses.
const SUITES: [&[&str]; 3] = [
    &["components"],
    &[
        "access",
        "approvals",
        "bijection",
        "differential",
        "guardrails",
        "live",
        "network",
        "serving",
        "survey",
        "tools",
        "walls",
        "writes",
    ],
    &["speed"],
];

/// Their names.
pub(crate) fn names() -> Vec<&'static str> {
    SUITES.concat()
}

/// Runs the suites with further variables. `false` when tests failed. An interrupt ends cargo and the tests that it has
/// started.
///
/// # Errors
/// When no test ran: a name that nothing has proves nothing.
pub(super) async fn run(given: &TestArguments, variables: &[(&'static str, String)]) -> Result<bool, Error> {
    let (mut passed, mut count) = (true, 0);
    for group in SUITES {
        let wanted: Vec<&str> = group
            .iter()
            .copied()
            .filter(|suite| given.suites.is_empty() || given.suites.iter().any(|name| name == suite))
            .collect();
        if !wanted.is_empty() {
            let (group_passed, ran) = run_group(&wanted, given, variables).await?;
            passed &= group_passed;
            count += ran;
        }
    }
    let lists = given.arguments.iter().any(|argument| argument == "--list");
    if passed && count == 0 && !lists {
        return Err(Error::NoTests);
    }
    Ok(passed)
}

/// Whether a group of suites passed, and how many tests ran.
async fn run_group(
    suites: &[&str],
    given: &TestArguments,
    variables: &[(&'static str, String)],
) -> Result<(bool, usize), Error> {
    let failed = |source| Error::Io {
        doing: "run",
        path: given.cargo.clone(),
        source,
    };
    let mut command = cargo(&given.cargo);
    // Of the whole workspace, so that nothing is built with other features than for the other tests.
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if given.release {
        command.arg("--release");
    }
    for suite in suites {
        command.args(["--test", suite]);
    }
    command.args(["--", "--ignored"]);
    if !given
        .arguments
        .iter()
        .any(|argument| argument.starts_with("--test-threads"))
    {
        // One at a time: tests measure, and share the machine with the control plane.
        command.arg("--test-threads=1");
    }
    command.args(&given.arguments).envs(variables.iter().cloned());
    // A group of its own can be ended as a whole.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let output = child.stdout.take();
    let finished = tokio::select! {
        finished = async {
            let ran = match output {
                Some(output) => pass_on(output, &mut std::io::stdout()).await.map_err(failed)?,
                None => 0,
            };
            child.wait().await.map(|status| (status.success(), ran)).map_err(failed)
        } => Some(finished?),
        () = interrupted() => None,
    };
    if let Some(finished) = finished {
        return Ok(finished);
    }
    if let Some(leader) = child.id() {
        process::end_group(leader);
    }
    child.wait().await.map_err(failed)?;
    Err(Error::Interrupted)
}

/// Passes on what test programs print, as it comes, and counts the tests that they say they ran.
async fn pass_on(mut output: impl AsyncRead + Unpin, terminal: &mut impl Write) -> std::io::Result<usize> {
    let mut ran = 0;
    let (mut piece, mut line) = (vec![0; 8192], Vec::new());
    loop {
        let length = output.read(&mut piece).await?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else {
            return Ok(ran + tests_in(&line));
        };
        terminal.write_all(read)?;
        terminal.flush()?;
        for byte in read {
            if *byte == b'\n' {
                ran += tests_in(&line);
                line.clear();
            } else if line.len() < 1024 {
                line.push(*byte);
            }
        }
    }
}

/// How many tests ran, by the last line of a test program.
fn tests_in(line: &[u8]) -> usize {
    let text = String::from_utf8_lossy(line);
    let Some(counts) = text.strip_prefix("test result: ") else {
        return 0;
    };
    let count = |word: &str| {
        let before = counts.split(word).next()?;
        before.split_whitespace().next_back()?.parse::<usize>().ok()
    };
    count(" passed").unwrap_or(0) + count(" failed").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn no_suite_is_forgotten() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut found: Vec<String> = entries
            .map(|entry| {
                let path = entry.unwrap().path();
                path.file_stem().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        found.sort();
        let mut known = names();
        known.sort_unstable();
        assert_eq!(found, known);
    }

    #[tokio::test]
    async fn tests_that_ran_are_counted() {
        let said = "running 3 tests\ntest a ... ok\n\
                    test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    running 0 tests\n\
                    test result: FAILED. 0 passed; 3 failed; 0 ignored; 0 measured; 9 filtered out";
        let mut passed_on = Vec::new();
        assert_eq!(pass_on(said.as_bytes(), &mut passed_on).await.unwrap(), 5);
        assert_eq!(passed_on, said.as_bytes());
        let nothing = pass_on(&b"test result: soon"[..], &mut passed_on).await;
        assert_eq!(nothing.unwrap(), 0);
    }
}
