//! Processes that outlive the program that started them, told apart by id and start time.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How long a component has to end by itself.
const GRACE: Duration = Duration::from_secs(6);
/// How long the system has to end it by force.
const FORCE: Duration = Duration::from_secs(5);
/// Between two looks.
const STEP: Duration = Duration::from_millis(50);

/// A process that was started, and nothing else: ids are given out again, start times are not.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Process {
    /// Its id, which is that of its group too.
    pub pid: u32,
    /// When it started, in ticks since the machine did.
    pub started: u64,
}

impl Process {
    /// Starts a program in a group of its own, with its output at the end of `log`.
    ///
    /// The group keeps a Ctrl-C at the terminal away from it; it goes on when this program ends.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, Error> {
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.map_err(Error::io("write", log))?;
        let errors = output.try_clone().map_err(Error::io("write", log))?;
        let program = Path::new(command.get_program()).to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Error::io("start", &program))?;
        let pid = child.id();
        // Ended already: its log says why, and it counts as dead because nothing starts at tick 0.
        let started = stat(pid).map_or(0, |stat| stat.started);
        Ok(Self { pid, started })
    }

    /// Whether it runs. A zombie, which only waits for its parent, does not, once its last thread has ended: until then it
    /// holds its ports.
    pub fn is_alive(self) -> bool {
        let stat = stat(self.pid).filter(|stat| stat.started == self.started);
        stat.is_some_and(|stat| !matches!(stat.state, 'Z' | 'X') || stat.threads > 1)
    }

    /// Memory that it holds, in MiB.
    pub fn memory_mib(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    }

    /// Asks it to end, waits, and ends it by force when it does not. `false` when even that does not help.
    pub async fn stop(self) -> bool {
        self.signal(Signal::TERM);
        if self.gone_within(GRACE).await {
            return true;
        }
        self.signal(Signal::KILL);
        self.gone_within(FORCE).await
    }

    /// Ends it as the system does when memory runs out. `false` when it stays.
    pub async fn kill(self) -> bool {
        self.signal(Signal::KILL);
        self.gone_within(FORCE).await
    }

    async fn gone_within(self, limit: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + limit;
        while self.is_alive() {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(STEP).await;
        }
        true
    }

    fn signal(self, signal: Signal) {
        if self.is_alive() {
            signal_group(self.pid, signal);
        }
    }
}

/// Asks a child of this program, which leads a group of its own, to end, and all that it started.
///
/// The child must not have been waited for: until then its id is given to nobody else.
pub fn end_group(child: u32) {
    signal_group(child, Signal::TERM);
}

fn signal_group(leader: u32, signal: Signal) {
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(leader) = leader {
        // Gone in between is what is wanted.
        let _ = kill_process_group(leader, signal);
    }
}

/// What the system says of a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stat {
    state: char,
    threads: u64,
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in the middle may hold anything, brackets and spaces too: what counts begins behind the last bracket.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some(Stat {
        state: fields.next()?.chars().next()?,
        threads: fields.nth(16)?.parse().ok()?,
        started: fields.nth(1)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_cannot_confuse() {
        let text = "77 (a) S b) R 1 77 77 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 4 0 987654 1000 200 18446744073709551615";
        let stat = Stat {
            state: 'R',
            threads: 4,
            started: 987_654,
        };
        assert_eq!(parse_stat(text), Some(stat));
        assert_eq!(parse_stat("nothing"), None);
    }

    #[tokio::test]
    async fn a_started_process_is_seen_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = Process::start(Command::new("sleep").arg("60"), &log).unwrap();
        assert!(process.is_alive());
        let other = Process {
            started: process.started + 1,
            ..process
        };
        assert!(!other.is_alive(), "another process with the same id");
        assert!(process.stop().await);
        assert!(!process.is_alive());
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_ended_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
        let process = Process::start(Command::new("sh").args(["-c", script]), &log).unwrap();
        while std::fs::read_to_string(&log).unwrap() != "ready\n" {
            tokio::time::sleep(STEP).await;
        }
        assert!(process.stop().await);
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Process::start(&mut Command::new("/no/such/program"), &folder.path().join("log"));
        assert!(error.unwrap_err().line().contains("/no/such/program"));
    }
}
