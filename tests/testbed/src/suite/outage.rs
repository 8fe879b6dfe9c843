//! Components of the testbed that end in the middle, and come back.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::restored::restored;
use super::{Part, Testbed, wait_until};
use crate::components::Component;
use crate::error::Error;
use crate::run::RunFolder;
use crate::up;

/// How long controllers may take to look again once the API server is back.
const CATCH_UP: Duration = Duration::from_secs(300);

/// Kills a component of the testbed, as the system does when memory runs out, and does `work` without it. Others are not
/// told. Afterwards the component is started again as it was, and is ready, whatever became of the work: when it panics, too.
/// After an outage of the API server those who act on what is written to it are at work again as well.
///
/// Answers `None`, with a line that names `test`, where the testbed is not ours.
///
/// # Errors
/// When the component does not run before, does not end, or does not come back.
pub async fn during_outage<T>(
    testbed: &Testbed,
    component: Component,
    test: &str,
    work: impl AsyncFnOnce() -> T,
) -> Result<Option<T>, Error> {
    let Some(run) = testbed.need(Part::Run, test) else {
        return Ok(None);
    };
    let run = Path::new(run);
    // Looked at, not opened: what is remembered of it stays, so that `down` knows it whatever becomes of the test.
    let before = RunFolder::look(run)?;
    if before.running(component).is_none() {
        return Err(Error::NeedsComponent {
            component: "the outage",
            needs: component.name(),
        });
    }
    let outage = async {
        kill(&before, component).await?;
        Ok(work().await)
    };
    let end = async {
        let mut run = RunFolder::open(run)?;
        // One that did not end is the one that was there before.
        if run.running(component).is_none() {
            up::again(&mut run, &[component]).await?;
        }
        let all = [
            Component::ControllerManager,
            Component::Scheduler,
            Component::Kwok,
        ];
        if component == Component::ApiServer && all.iter().all(|one| run.running(*one).is_some()) {
            // Others need not wait for the folder meanwhile.
            drop(run);
            controllers_work(testbed).await?;
        }
        Ok(())
    };
    restored(outage, end).await.map(Some)
}

/// Waits until pods are made and run again. Who was refused for a while looks again after pauses that grow, each kind of object by
/// its own: an API server that is back and ready may have nobody who acts on what is written to it for another minute or two.
async fn controllers_work(testbed: &Testbed) -> Result<(), Error> {
    let namespace = testbed.namespace("again").await?;
    let name = namespace.name();
    let labels = json!({ "app": "again" });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "again" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "app", "image": "again:1" }] },
            },
        },
    });
    let path = format!("/apis/apps/v1/namespaces/{name}/deployments");
    testbed.api().create(&path, &deployment).await?;
    let pods = format!("/api/v1/namespaces/{name}/pods");
    wait_until(CATCH_UP, "controllers that work again", async || {
        let pods = testbed.api().list(&pods, "").await?;
        let phase = pods.first().and_then(|pod| pod.pointer("/status/phase"));
        let phase = phase.and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(if phase == "Running" { Ok(()) } else { Err(phase) })
    })
    .await
}

/// Ends a component at once. One that has ended already is what was wanted.
pub(super) async fn kill(run: &RunFolder, component: Component) -> Result<(), Error> {
    match run.running(component) {
        Some(process) if !process.kill().await => Err(Error::StaysAlive {
            component: component.name().to_owned(),
            pid: process.pid,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::panic::AssertUnwindSafe;
    use std::process::Command;

    use axum::Router;
    use axum::routing::get;
    use futures::FutureExt as _;

    use super::*;
    use crate::process::Process;
    use crate::{identities, modules};

    /// A run folder in which something calls itself etcd, and something else Loki. That it is ready is said here.
    async fn running(folder: &Path) -> RunFolder {
        let mut run = RunFolder::create(folder).unwrap();
        let program = folder.join("loki");
        fs::write(&program, "#!/bin/sh\nexec sleep 60\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        run.uses(&modules::LOKI, folder.to_owned());
        identities::prepare(&run).unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        run.state.ports.insert("loki".to_owned(), port);
        let ready = Router::new().route("/ready", get(async || "ready"));
        tokio::spawn(async move { axum::serve(listener, ready).await });
        for name in ["etcd", "loki"] {
            let process = Process::start(Command::new("sleep").arg("60"), &run.log(name)).unwrap();
            run.state.processes.insert(name.to_owned(), process);
        }
        run.save().unwrap();
        run
    }

    #[tokio::test]
    async fn exactly_the_component_is_killed_and_comes_back_even_when_the_test_panics() {
        let folder = tempfile::tempdir().unwrap();
        let run = running(folder.path()).await;
        let etcd = run.running(Component::Etcd);
        let path = run.path().to_owned();
        drop(run);
        let look = || RunFolder::look(&path).unwrap();
        let testbed = Testbed::nowhere(&[(Part::Run, &path.to_string_lossy())]).await;
        let mut before = look().running(Component::Loki);
        for fails in [false, true] {
            let outage = during_outage(&testbed, Component::Loki, "a test", async || {
                assert_eq!(look().running(Component::Loki), None);
                assert!(!fails, "the test fails");
                7
            });
            match AssertUnwindSafe(outage).catch_unwind().await {
                Ok(value) => assert_eq!((value.unwrap(), fails), (Some(7), false)),
                Err(_) => assert!(fails),
            }
            let after = look().running(Component::Loki);
            assert!(after.is_some() && after != before, "{before:?} {after:?}");
            before = after;
        }
        assert_eq!(look().running(Component::Etcd), etcd);
        assert!(etcd.unwrap().kill().await && before.unwrap().kill().await);
    }

    #[tokio::test]
    async fn a_component_that_does_not_run_is_not_started() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        run.save().unwrap();
        drop(run);
        let path = folder.path().to_string_lossy();
        let testbed = Testbed::nowhere(&[(Part::Run, &path)]).await;
        let outage = during_outage(&testbed, Component::Loki, "a test", async || ());
        let error = outage.await.unwrap_err();
        assert!(error.to_string().contains("loki"), "{error}");
    }
}
