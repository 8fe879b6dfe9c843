//! A cluster whose certificate authority is replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Part, Service, Testbed, wait_until};
use crate::error::Error;
use crate::identities::{SERVING, replaced};
use crate::run::RunFolder;

/// How long the API server takes to see that its files have changed: at most a minute, if it misses the notice.
const SEEN: Duration = Duration::from_secs(90);

/// The API server serves with a certificate of a new authority. Call [`Rotation::end`], or nothing else of the testbed can
/// make new connections with it.
#[derive(Debug)]
#[must_use = "only who knows the new authority can connect until the rotation is ended"]
pub struct Rotation {
    run: PathBuf,
    before: [Vec<u8>; 2],
    authority: PathBuf,
    server: String,
}

impl Rotation {
    /// Replaces the authority, and waits until the API server at `server` shows it. The new authority is written into
    /// `folder`.
    ///
    /// Answers `None`, with a line that names `test`, where the testbed is not ours.
    pub async fn of(
        testbed: &Testbed,
        server: &str,
        folder: &Path,
        test: &str,
    ) -> Result<Option<Self>, Error> {
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
            server: server.to_owned(),
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

    /// Puts certificate and key in place, and waits until the server shows them to who trusts `authority`.
    async fn serve_with(&self, files: &[impl AsRef<[u8]>; 2], authority: &Path) -> Result<(), Error> {
        let run = RunFolder::look(&self.run)?;
        for (name, content) in SERVING.iter().zip(files) {
            run.write(name, content.as_ref())?;
        }
        wait_until(SEEN, "the other certificate of the API server", async || {
            // A new client each time: an open connection would go on with the certificate of before.
            let service = Service::with_authority(&self.server, authority)?;
            service.status_as("/version", "nobody").await.map(Ok)
        })
        .await
        .map(|_| ())
    }
}
