//! A cluster whose certificate authority is replaced.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::restored::restored;
use super::{Part, Service, Testbed, outage, wait_until};
use crate::components::Component;
use crate::error::Error;
use crate::identities::{SERVING, replaced};
use crate::process::Process;
use crate::run::RunFolder;

/// How long the API server takes until it is ready again.
const READY: Duration = Duration::from_secs(90);

/// Replaces the authority of the API server, and does `work` with the file of the new one, PEM, which is written into
/// `folder`: only who knows it can make new connections. Afterwards the API server serves as before, whatever became of the
/// work: when it panics, too, or when the API server did not take the new authority.
///
/// The API server is started again each time: one that goes on takes up sessions of before, for which no certificate is
/// shown.
///
/// Answers `None`, with a line that names `test`, where the testbed is not ours.
///
/// # Errors
/// When the API server does not serve with the new authority, or with that of before.
pub async fn during_rotation<T>(
    testbed: &Testbed,
    folder: &Path,
    test: &str,
    work: impl AsyncFnOnce(&Path) -> T,
) -> Result<Option<T>, Error> {
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
    let rotation = async {
        serve_with(run.path(), &files, &authority).await?;
        Ok(work(&authority).await)
    };
    let own = run.path().join("pki/ca.crt");
    restored(rotation, serve_with(run.path(), &before, &own))
        .await
        .map(Some)
}

/// Puts certificate and key in place, and starts the API server again.
async fn serve_with(run: &Path, files: &[impl AsRef<[u8]>; 2], authority: &Path) -> Result<(), Error> {
    let mut run = RunFolder::open(run)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identities;

    #[tokio::test]
    async fn an_api_server_that_does_not_take_the_new_authority_keeps_that_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        identities::prepare(&run).unwrap();
        run.save().unwrap();
        let path = run.path().to_owned();
        drop(run);
        let files = || SERVING.map(|name| fs::read(path.join(name)).unwrap());
        let before = files();
        let testbed = Testbed::nowhere(&[(Part::Run, &path.to_string_lossy())]).await;
        // There is no program to start.
        let rotation = during_rotation(&testbed, &path, "a test", async |_: &Path| ());
        let error = rotation.await.unwrap_err().line();
        assert!(error.contains("kube-apiserver"), "{error}");
        assert!(path.join("replaced-ca.crt").exists());
        assert!(files() == before);
    }
}
