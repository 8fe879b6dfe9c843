//! A cluster whose certificate authority is replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Part, Service, Testbed, outage, wait_until};
use crate::components::Component;
use crate::error::Error;
use crate::identities::{SERVING, replaced};
use crate::process::Process;
use crate::run::RunFolder;

/// How long the API server takes until it is ready again.
const READY: Duration = Duration::from_secs(90);

/// The API server serves with a certificate of a new authority. Call [`Rotation::end`], or nothing else of the testbed can
/// make new connections with it.
#[derive(Debug)]
#[must_use = "only who knows the new authority can connect until the rotation is ended"]
pub struct Rotation {
    run: PathBuf,
    before: [Vec<u8>; 2],
    authority: PathBuf,
}

impl Rotation {
    /// Replaces the authority, and starts the API server again with it: one that goes on takes up sessions of before, for
    /// which no certificate is shown. The new authority is written into `folder`.
    ///
    /// Answers `None`, with a line that names `test`, where the testbed is not ours.
    pub async fn of(testbed: &Testbed, folder: &Path, test: &str) -> Result<Option<Self>, Error> {
        let Some(run) = testbed.need(Part::Run, test) else {
            return Ok(None);
        };
        let run = RunFolder::look(Path::new(run))?;
        let read = |name: &str| {
            let path = run.path().join(name);
            fs::read(&path).map_err(Error::io("read", &path))
        };
        let before = [read(SERVING[0])?, read(SERVING[1])?];
        let (pem, files) = replaced()?;
        let authority = folder.join("replaced-ca.crt");
        fs::write(&authority, pem).map_err(Error::io("write", &authority))?;
        let rotation = Self {
            run: run.path().to_owned(),
            before,
            authority,
        };
        rotation.serve_with(&files, &rotation.authority).await?;
        Ok(Some(rotation))
    }

    /// The new authority, PEM.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Goes back to the authority of before.
    pub async fn end(self) -> Result<(), Error> {
        self.serve_with(&self.before, &self.run.join("pki/ca.crt")).await
    }

    /// Puts certificate and key in place, and starts the API server again.
    async fn serve_with(&self, files: &[impl AsRef<[u8]>; 2], authority: &Path) -> Result<(), Error> {
        let mut run = RunFolder::open(&self.run)?;
        for (name, content) in SERVING.iter().zip(files) {
            run.write(name, content.as_ref())?;
        }
        let server = Component::ApiServer;
        outage::kill(&run, server).await?;
        let process = Process::start(&mut server.command(&run), &run.log(server.name()))?;
        run.state.processes.insert(server.name().to_owned(), process);
        run.save()?;
        let (service, admin) = (
            Service::with_authority(&run.https("apiserver"), authority)?,
            run.token("admin")?,
        );
        wait_until(READY, "the API server with another certificate", async || {
            let status = service.status_as("/readyz", &admin).await?;
            Ok(if status == 200 {
                Ok(())
            } else {
                Err(format!("status {status}"))
            })
        })
        .await
    }
}
