//! How the testbed fails: one line that says what, why, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why something of the testbed did not work. The text names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine lacks a program.
    #[error("{program} is missing, {wanted_for}; {remedy}")]
    ProgramMissing {
        /// What is not found.
        program: String,
        /// What it is needed for.
        wanted_for: String,
        /// How to get it.
        remedy: &'static str,
    },
    /// A fixed port is in use.
    #[error(
        "{component}: port {port} is in use by another program; end that one, or choose free ports with --ports auto"
    )]
    PortTaken {
        /// Whose port it is.
        component: String,
        /// The port.
        port: u16,
    },
    /// No free port was found.
    #[error("no free port is left on 127.0.0.1; end programs that listen there")]
    NoPort,
    /// The disk is nearly full.
    #[error("only {free_mib} MiB are free where {} lies, {needed_mib} MiB are needed; make room, or choose another place with --run or CLAW_TESTBED_CACHE", path.display())]
    DiskLow {
        /// A path on that disk.
        path: PathBuf,
        /// What is free.
        free_mib: u64,
        /// What is needed.
        needed_mib: u64,
    },
    /// The folder holds a testbed that runs, or belongs to somebody else.
    #[error("the run folder {} is in use: {why}; {remedy}", path.display())]
    RunInUse {
        /// The folder.
        path: PathBuf,
        /// By what.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The folder holds no testbed.
    #[error("there is no testbed in {}; start one with `claw-testbed up`, or name its folder with --run", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// Something that is not known was named.
    #[error("there is no {kind} {name}; known: {known}")]
    Unknown {
        /// Component, module or fault.
        kind: &'static str,
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// A fault that only simulated kubelets can play.
    #[error("the fault {fault} works on simulated nodes only; bring them up with `claw-testbed up`")]
    Simulated {
        /// Its name.
        fault: String,
    },
    /// A component needs another one that neither runs nor was asked for.
    #[error("{component} needs {needs}, which does not run; name it too, or name nothing to start all")]
    NeedsComponent {
        /// What was asked for.
        component: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// Go did not build a program.
    #[error("{module}: {program} does not build: {why}; the whole output is in {}", log.display())]
    Build {
        /// The pinned module.
        module: &'static str,
        /// The program.
        program: String,
        /// Last line of the output.
        why: String,
        /// The whole output.
        log: PathBuf,
    },
    /// A component ended, or did not answer in time.
    #[error("{component} {what}: {why}; read {}, then try again", log.display())]
    ComponentFailed {
        /// The component.
        component: &'static str,
        /// Ended, or is not ready after so many seconds.
        what: String,
        /// Last line of its log.
        why: String,
        /// Its log.
        log: PathBuf,
    },
    /// A component does not end.
    #[error("{component} (process {pid}) does not end, not even by force; look at it with `ps -fp {pid}`")]
    StaysAlive {
        /// The component.
        component: String,
        /// Its process.
        pid: u32,
    },
    /// What was waited for did not happen.
    #[error("{what} did not happen within {} s{}", within.as_secs(), last.as_ref().map(|last| format!("; last seen: {last}")).unwrap_or_default())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
        /// The last answer that was not it.
        last: Option<String>,
    },
    /// Another program refused.
    #[error("{program} failed: {why}")]
    Program {
        /// The program, and what it was to do.
        program: String,
        /// What it said last.
        why: String,
    },
    /// The API server, Prometheus or another service refused, or could not be reached.
    #[error("{doing}: {why}")]
    Service {
        /// What was asked.
        doing: String,
        /// The answer.
        why: String,
    },
    /// A variable that suites need is not set.
    #[error(
        "{name} is not set; run the suites by `cargo run --bin claw-testbed -- test`, or set it to the file of your own cluster"
    )]
    Unset {
        /// The variable.
        name: &'static str,
    },
    /// A file that belongs to the testbed does not say what it should.
    #[error("{} is not understood: {why}; correct the file", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file or folder cannot be used.
    #[error("cannot {doing} {}; check its permissions, or choose another place", path.display())]
    Io {
        /// Read, write, make.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Keys or certificates cannot be made.
    #[error("a certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The suites ran, and some failed.
    #[error("tests failed; logs of the components are kept in {}", logs.display())]
    Tests {
        /// Folder of the logs.
        logs: PathBuf,
    },
    /// The suites ran against a cluster of somebody's own, and some failed.
    #[error("tests failed; the lines above say which and why")]
    TestsOnCluster,
    /// A cluster of somebody's own does not answer.
    #[error(
        "the cluster of {} does not answer ({why}); check that it is up, and that the current context is the one you mean",
        kubeconfig.display()
    )]
    Unreachable {
        /// The file that names it.
        kubeconfig: PathBuf,
        /// What came instead of an answer.
        why: String,
    },
    /// Nothing was run, which must not pass for success.
    #[error("no test has such a name; `claw-testbed test -- --list` prints all")]
    NoTests,
    /// The user ended it.
    #[error("interrupted; what was started has been ended")]
    Interrupted,
}

impl Error {
    /// The exit code of the program, as its help lists them.
    pub fn code(&self) -> u8 {
        match self {
            Self::Unknown { .. } | Self::NeedsComponent { .. } | Self::NoTests => 2,
            Self::ProgramMissing { .. }
            | Self::PortTaken { .. }
            | Self::NoPort
            | Self::DiskLow { .. }
            | Self::RunInUse { .. } => 3,
            Self::ComponentFailed { .. } => 4,
            Self::Tests { .. } | Self::TestsOnCluster => 5,
            Self::Interrupted => 130,
            _ => 1,
        }
    }

    /// Builds the error of a file.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// Builds the error of a request.
    pub(crate) fn service<E: fmt::Display>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self::Service {
            doing,
            why: one_line(&error.to_string()),
        }
    }

    /// The whole chain in one line.
    pub fn line(&self) -> String {
        let mut said = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let text = one_line(&error.to_string());
            if !said.contains(&text) {
                said.push_str(": ");
                said.push_str(&text);
            }
            source = error.source();
        }
        said
    }
}

/// Text of a stranger as one line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", joined.get(..end).unwrap_or_default()),
        None => joined,
    }
}

/// The last line that says something.
pub(crate) fn last_line(text: &str) -> String {
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    one_line(last.unwrap_or("it said nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let error = Error::io("read", Path::new("/x"))(io::Error::other("disk\n on fire"));
        assert_eq!(
            error.line(),
            "cannot read /x; check its permissions, or choose another place: disk on fire"
        );
    }

    #[test]
    fn the_last_line_is_the_one_that_says_something() {
        assert_eq!(last_line("a\nb b \n\n"), "b b");
        assert_eq!(last_line(""), "it said nothing");
        assert_eq!(one_line(&"x".repeat(500)).chars().count(), 401);
    }

    #[test]
    fn exit_codes_tell_the_machine_from_the_component() {
        assert_eq!(Error::NoPort.code(), 3);
        assert_eq!(Error::Interrupted.code(), 130);
        assert_eq!(Error::Unset { name: "X" }.code(), 1);
    }
}
