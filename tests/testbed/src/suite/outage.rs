//! Components of the testbed that end in the middle, and come back.

use std::path::PathBuf;

use super::{Part, Testbed};
use crate::components::Component;
use crate::error::Error;
use crate::run::RunFolder;
use crate::up;

/// A component that was killed. Call [`Outage::end`], or everything that comes after does without it.
#[derive(Debug)]
#[must_use = "the component stays away until the outage is ended"]
pub struct Outage {
    run: PathBuf,
    component: Component,
}

impl Outage {
    /// Kills a component of the testbed, as the system does when memory runs out. Others are not told.
    ///
    /// Answers `None`, with a line that names `test`, where the testbed is not ours.
    pub async fn of(testbed: &Testbed, component: Component, test: &str) -> Result<Option<Self>, Error> {
        let Some(run) = testbed.need(Part::Run, test) else {
            return Ok(None);
        };
        let outage = Self {
            run: PathBuf::from(run),
            component,
        };
        // Looked at, not opened: what is remembered of it stays, so that `down` knows it whatever becomes of the test.
        kill(&RunFolder::look(&outage.run)?, component).await?;
        Ok(Some(outage))
    }

    /// Starts it again as it was, and waits until it is ready.
    pub async fn end(self) -> Result<(), Error> {
        let mut run = RunFolder::open(&self.run)?;
        up::again(&mut run, &[self.component]).await
    }
}

pub(super) async fn kill(run: &RunFolder, component: Component) -> Result<(), Error> {
    let process = run.running(component).ok_or(Error::NeedsComponent {
        component: "the outage",
        needs: component.name(),
    })?;
    if process.kill().await {
        return Ok(());
    }
    Err(Error::StaysAlive {
        component: component.name().to_owned(),
        pid: process.pid,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::Process;

    #[tokio::test]
    async fn exactly_the_component_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(folder.path()).unwrap();
        for name in ["etcd", "loki"] {
            let process = Process::start(Command::new("sleep").arg("60"), &run.log(name)).unwrap();
            run.state.processes.insert(name.to_owned(), process);
        }
        run.save().unwrap();
        let path = run.path().to_string_lossy().into_owned();
        let testbed = Testbed::nowhere(&[(Part::Run, &path)]).await;
        let outage = Outage::of(&testbed, Component::Loki, "a test").await.unwrap();
        assert!(outage.is_some());
        assert!(run.running(Component::Loki).is_none());
        assert!(run.running(Component::Etcd).unwrap().kill().await);
        let error = Outage::of(&testbed, Component::Loki, "a test").await.unwrap_err();
        assert!(error.to_string().contains("loki"), "{error}");
    }
}
