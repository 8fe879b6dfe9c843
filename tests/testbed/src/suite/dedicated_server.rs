//! A server that is there for one test alone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::{Child, Command};

use super::{Part, Service, Testbed, wait_until};
use crate::components::Component;
use crate::config;
use crate::error::{Error, last_line};
use crate::machine;
use crate::ports::{self, Choice};
use crate::run::RunFolder;

/// How long it may take until it is ready.
const START: Duration = Duration::from_secs(60);
/// Samples may be of any time.
const FOREVER: &str = "36500d";

/// A Prometheus or a Loki that holds what its test has put there and nothing else, and that takes data of any age. It ends, and
/// its data are gone, when this value is dropped.
#[derive(Debug)]
pub struct DedicatedServer {
    url: String,
    service: Service,
    _child: Child,
    _folder: Folder,
}

/// A folder that is removed when this is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed goes with the run folder around it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl DedicatedServer {
    /// A Prometheus that scrapes `targets`, each `host:port`, every second. Skips like [`Testbed::need`] where the components
    /// are not the testbed's own, and there is no program to start.
    ///
    /// # Errors
    /// When it does not get ready; the error quotes what it said last.
    pub async fn prometheus(
        testbed: &Testbed,
        test: &str,
        targets: &[String],
    ) -> Result<Option<Self>, Error> {
        Self::start(Component::Prometheus, testbed, test, |run| {
            let config = json!({
                "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
                "storage": { "tsdb": { "out_of_order_time_window": FOREVER } },
                "scrape_configs": [{ "job_name": "dedicated", "static_configs": [{ "targets": targets }] }],
            });
            run.write("config/prometheus.yaml", config.to_string().as_bytes())?;
            Ok(Component::Prometheus.command(run))
        })
        .await
    }

    /// A Loki. Skips and fails like [`DedicatedServer::prometheus`].
    pub async fn loki(testbed: &Testbed, test: &str) -> Result<Option<Self>, Error> {
        Self::start(Component::Loki, testbed, test, |run| {
            config::write_loki(run)?;
            Ok(Component::Loki.command(run))
        })
        .await
    }

    async fn start(
        component: Component,
        testbed: &Testbed,
        test: &str,
        prepare: impl FnOnce(&RunFolder) -> Result<std::process::Command, Error>,
    ) -> Result<Option<Self>, Error> {
        let Some(around) = testbed.need(Part::Run, test) else {
            return Ok(None);
        };
        let around = RunFolder::look(Path::new(around))?;
        let name = component.name();
        let folder = Folder(
            around
                .path()
                .join(format!("dedicated-{name}-{}", machine::secret(4)?)),
        );
        let mut run = RunFolder::create(&folder.0)?;
        if let Some(module) = component.module() {
            run.uses(module, around.programs(module));
        }
        ports::assign(&mut run.state.ports, component, Choice::Free)?;
        let log = run.log(name);
        let said = File::create(&log).map_err(Error::io("write", &log))?;
        let mut command = Command::from(prepare(&run)?);
        let program = PathBuf::from(command.as_std().get_program());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io("run", &program))?;
        let url = run.http(name);
        let service = Service::at(&url)?;
        let ready = if component == Component::Loki {
            "/ready"
        } else {
            "/-/ready"
        };
        let what = format!("the dedicated {name} is ready");
        let ended = wait_until(START, &what, async || {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(Ok(Some(status)));
            }
            service.get(ready, &[]).await.map(|_| Ok(None))
        });
        if let Some(status) = ended.await? {
            let last = last_line(&fs::read_to_string(&log).unwrap_or_default());
            return Err(Error::Program {
                program: program.display().to_string(),
                why: format!("{status}; it said: {last}"),
            });
        }
        Ok(Some(Self {
            url,
            service,
            _child: child,
            _folder: folder,
        }))
    }

    /// Its base address, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client of it.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::modules;

    #[tokio::test]
    async fn without_components_of_ours_a_test_is_skipped() {
        let testbed = Testbed::nowhere(&[]).await;
        assert!(
            DedicatedServer::prometheus(&testbed, "a", &[])
                .await
                .unwrap()
                .is_none()
        );
        assert!(DedicatedServer::loki(&testbed, "b").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn one_that_ends_is_quoted_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        let program = programs.join("prometheus");
        fs::write(
            &program,
            "#!/bin/sh\necho starting >&2\necho no room >&2\nexit 3\n",
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut run = RunFolder::create(&folder.path().join("run")).unwrap();
        run.uses(&modules::PROMETHEUS, programs);
        run.save().unwrap();
        let path = run.path().to_owned();
        let testbed = Testbed::nowhere(&[(Part::Run, &path.to_string_lossy())]).await;
        let error = DedicatedServer::prometheus(&testbed, "a", &[])
            .await
            .unwrap_err()
            .line();
        assert!(error.contains("it said: no room"), "{error}");
        let left = fs::read_dir(&path).unwrap().flatten();
        let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("dedicated-"));
        assert_eq!(left.count(), 0);
    }
}
