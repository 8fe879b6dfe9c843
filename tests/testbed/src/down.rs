//! Ends a testbed: exactly the processes that were started, last started first.

use std::path::{Path, PathBuf};

use crate::components::Component;
use crate::error::Error;
use crate::run::RunFolder;

/// What is left of the run folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Leave {
    /// Everything: `up` goes on with the same data.
    All,
    /// Logs, the audit log and the configuration.
    Logs,
    /// Nothing.
    Nothing,
}

/// Ends all components of the testbed in `path`. Returns their names, and where logs are when they are left.
pub async fn down(path: &Path, leave: Leave) -> Result<(Vec<&'static str>, Option<PathBuf>), Error> {
    let mut run = RunFolder::open(path)?;
    let stopped = stop(&mut run, &Component::ALL).await?;
    let logs = match leave {
        Leave::All => Some(run.path().join("log")),
        Leave::Logs => Some(run.keep_logs()?),
        Leave::Nothing => {
            run.remove()?;
            None
        }
    };
    Ok((stopped, logs))
}

/// Ends some components, in the reverse of the order in which they start.
pub(crate) async fn stop(run: &mut RunFolder, components: &[Component]) -> Result<Vec<&'static str>, Error> {
    let mut stopped = Vec::new();
    let mut stays = None;
    for component in Component::ALL
        .into_iter()
        .rev()
        .filter(|one| components.contains(one))
    {
        if let Some(process) = run.running(component) {
            if !process.stop().await {
                stays = Some(Error::StaysAlive {
                    component: component.name().to_owned(),
                    pid: process.pid,
                });
                continue;
            }
            stopped.push(component.name());
        }
        run.state.processes.remove(component.name());
    }
    run.save()?;
    match stays {
        Some(error) => Err(error),
        None => Ok(stopped),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::Process;

    #[tokio::test]
    async fn only_what_was_started_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut run = RunFolder::create(&path).unwrap();
        let own = Process::start(Command::new("sleep").arg("60"), &run.log("etcd")).unwrap();
        let other = Process::start(Command::new("sleep").arg("60"), &run.log("other")).unwrap();
        run.state.processes.insert("etcd".to_owned(), own);
        // The id was given out again: the same id, another start.
        run.state.processes.insert(
            "kwok".to_owned(),
            Process {
                started: other.started + 1,
                ..other
            },
        );
        run.save().unwrap();
        drop(run);
        let (stopped, logs) = down(&path, Leave::Nothing).await.unwrap();
        assert_eq!((stopped, logs), (vec!["etcd"], None));
        assert!(!own.is_alive());
        assert!(other.is_alive());
        assert!(other.stop().await);
        assert!(!path.exists());
    }
}
