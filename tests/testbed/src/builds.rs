//! Builds programs from their pinned modules into a cache outside the checkout, and finds them there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::error::{Error, last_line};
use crate::machine;
use crate::modules::Module;

/// What building may write besides Go's own cache.
const ROOM_MIB: u64 = 2048;

/// The cache of built programs: a folder for each pair of pins and Go version.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    /// The value of `PATH`.
    path: String,
    /// Compilers that run at a time.
    jobs: u32,
}

/// What was measured when a module was built.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Record {
    /// One entry for each program.
    pub programs: Vec<Built>,
}

/// A built program.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// How long it took, with what was in Go's own cache.
    pub seconds: f64,
    /// Its size.
    pub mib: u64,
}

impl Cache {
    /// The cache in `root`. Programs of the system are looked for in `path`, the value of `PATH`.
    pub fn new(root: PathBuf, path: String, jobs: u32) -> Self {
        Self {
            root,
            path,
            jobs: jobs.max(1),
        }
    }

    /// Where programs of the system are looked for.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder with the programs of `module`, when they are built.
    ///
    /// Without Go on the machine it cannot be told which version would build; any that did is taken.
    pub fn find(&self, module: &Module) -> Result<Option<PathBuf>, Error> {
        let prefix = self.prefix(module)?;
        let candidates = match self.go_version() {
            Ok(version) => vec![self.root.join(format!("{prefix}{version}"))],
            Err(_) => self.folders(&prefix),
        };
        Ok(candidates.into_iter().find(|folder| is_complete(folder, module)))
    }

    /// What was measured when `module` was built.
    pub fn record(&self, module: &Module) -> Result<Option<Record>, Error> {
        let Some(folder) = self.find(module)? else {
            return Ok(None);
        };
        let text = fs::read(folder.join("build.json")).unwrap_or_default();
        Ok(serde_json::from_slice(&text).ok())
    }

    fn folders(&self, prefix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        let mut folders: Vec<_> = named.map(|entry| entry.path()).collect();
        folders.sort();
        folders.reverse();
        folders
    }

    /// `kwok-0123456789abcdef-`: name, and hash of what pins the outcome.
    fn prefix(&self, module: &Module) -> Result<String, Error> {
        let mut hash = Sha256::new();
        for pins in ["go.mod", "go.sum"] {
            let path = module.folder().join(pins);
            hash.update(fs::read(&path).map_err(Error::io("read", &path))?);
        }
        hash.update(module.flags().join("\n"));
        for (program, package) in module.programs() {
            hash.update(format!("\n{program}={package}"));
        }
        hash.update(module.files().join("\n"));
        let digest = machine::hex(&hash.finalize());
        Ok(format!(
            "{}-{}-",
            module.name(),
            digest.get(..16).unwrap_or(&digest)
        ))
    }

    fn go(&self) -> Result<Command, Error> {
        let program = machine::program(&self.path, "go").ok_or_else(|| Error::ProgramMissing {
            program: "go".to_owned(),
            wanted_for: "which builds the components".to_owned(),
            remedy: "install Go 1.26.8 or later, or use a cluster of your own by CLAW_E2E_KUBECONFIG",
        })?;
        let mut command = Command::new(program);
        // Settings of the user must not change what comes out.
        command
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
            .env("CGO_ENABLED", "0");
        command.env("GOMAXPROCS", self.jobs.to_string());
        Ok(command)
    }

    fn go_version(&self) -> Result<String, Error> {
        let mut command = self.go()?;
        let said = answer(command.args(["env", "GOVERSION"]), "go env")?;
        Ok(said
            .trim()
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "_"))
    }

    /// Builds `module`, unless it is there. `progress` hears which program is being built.
    pub async fn build(&self, module: &'static Module, progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
        if let Some(folder) = self.find(module)? {
            return Ok(folder);
        }
        fs::create_dir_all(&self.root).map_err(Error::io("make", &self.root))?;
        machine::require_room(&self.root, ROOM_MIB)?;
        let version = self.go_version()?;
        let _one_at_a_time = self.lock(progress).await?;
        if let Some(folder) = self.find(module)? {
            return Ok(folder);
        }
        let target = self.root.join(format!("{}{version}", self.prefix(module)?));
        let draft = self.root.join(format!(".building-{}", module.name()));
        // What an interrupted build left.
        remove(&draft)?;
        fs::create_dir(&draft).map_err(Error::io("make", &draft))?;
        let mut record = Record::default();
        for (program, package) in module.programs() {
            progress(&format!("building {program}"));
            record
                .programs
                .push(self.program(module, program, package, &draft).await?);
        }
        self.copy_files(module, &draft).await?;
        let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        let path = draft.join("build.json");
        fs::write(&path, text).map_err(Error::io("write", &path))?;
        remove(&target)?;
        fs::rename(&draft, &target).map_err(Error::io("make", &target))?;
        Ok(target)
    }

    async fn program(
        &self,
        module: &'static Module,
        program: &str,
        package: &str,
        draft: &Path,
    ) -> Result<Built, Error> {
        let begin = Instant::now();
        let binary = draft.join(program);
        let mut command = self.go()?;
        command
            .current_dir(module.folder())
            .arg("build")
            .arg("-p")
            .arg(self.jobs.to_string());
        command.args(module.flags()).arg("-o").arg(&binary).arg(package);
        let output = run(command, "go build").await?;
        if !output.status.success() {
            let log = self.root.join(format!("build-{program}.log"));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            fs::write(&log, &said).map_err(Error::io("write", &log))?;
            let why = last_line(&said);
            return Err(Error::Build {
                module: module.name(),
                program: program.to_owned(),
                why,
                log,
            });
        }
        let size = fs::metadata(&binary).map_err(Error::io("read", &binary))?.len();
        let seconds = begin.elapsed().as_secs_f64();
        Ok(Built {
            name: program.to_owned(),
            seconds,
            mib: size >> 20,
        })
    }

    /// Copies what a program reads when it runs, so that a testbed starts without Go and its module cache.
    async fn copy_files(&self, module: &Module, draft: &Path) -> Result<(), Error> {
        let Some((dependency, files)) = module.sources() else {
            return Ok(());
        };
        let mut download = self.go()?;
        download
            .current_dir(module.folder())
            .args(["mod", "download", dependency]);
        let output = run(download, "go mod download").await?;
        if !output.status.success() {
            let why = last_line(&String::from_utf8_lossy(&output.stderr));
            return Err(Error::Program {
                program: format!("go mod download {dependency}"),
                why,
            });
        }
        let mut list = self.go()?;
        list.current_dir(module.folder())
            .args(["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", dependency]);
        let folder = PathBuf::from(answer(&mut list, "go list")?.trim());
        for file in files {
            let from = folder.join(file);
            let name = from.file_name().map(Path::new).unwrap_or(Path::new(file));
            let to = draft.join(name);
            // Not a copy: files of the module cache are read-only.
            let text = fs::read(&from).map_err(Error::io("read", &from))?;
            fs::write(&to, text).map_err(Error::io("write", &to))?;
        }
        Ok(())
    }

    async fn lock(&self, progress: &dyn Fn(&str)) -> Result<File, Error> {
        let path = self.root.join(".lock");
        let file = File::create(&path).map_err(Error::io("write", &path))?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut said, true) {
                        progress("another build is under way; waiting for it");
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
        }
    }
}

fn is_complete(folder: &Path, module: &Module) -> bool {
    let programs = module
        .programs()
        .iter()
        .all(|(program, _)| machine::is_program(&folder.join(program)));
    programs && module.files().iter().all(|file| folder.join(file).exists())
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// Ends the program when the future is dropped: an interrupted build leaves nothing running.
async fn run(command: Command, name: &'static str) -> Result<Output, Error> {
    let program = PathBuf::from(command.get_program());
    let mut command = tokio::process::Command::from(command);
    let running = command
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    running.await.map_err(Error::io(name, &program))
}

/// The output of a program that is done at once.
fn answer(command: &mut Command, name: &'static str) -> Result<String, Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(Error::io(name, &program))?;
    if !output.status.success() {
        let why = last_line(&String::from_utf8_lossy(&output.stderr));
        return Err(Error::Program {
            program: name.to_owned(),
            why,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules;

    fn cache(root: &Path, path: &str) -> Cache {
        Cache::new(root.to_owned(), path.to_owned(), 2)
    }

    #[test]
    fn what_pins_the_outcome_is_in_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), "");
        let (kwok, etcd) = (
            cache.prefix(&modules::KWOK).unwrap(),
            cache.prefix(&modules::ETCD).unwrap(),
        );
        assert!(
            kwok.starts_with("kwok-") && kwok.ends_with('-') && kwok.len() == "kwok--".len() + 16,
            "{kwok}"
        );
        assert_ne!(kwok.trim_start_matches("kwok"), etcd.trim_start_matches("etcd"));
    }

    #[test]
    fn a_half_built_module_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), "");
        let version = cache.go_version().unwrap_or_else(|_| "go9".to_owned());
        let built = folder.path().join(format!(
            "{}{version}",
            cache.prefix(&modules::PROMETHEUS).unwrap()
        ));
        fs::create_dir(&built).unwrap();
        let program = |name: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::write(built.join(name), "").unwrap();
            fs::set_permissions(built.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        program("prometheus");
        assert_eq!(cache.find(&modules::PROMETHEUS).unwrap(), None);
        program("promtool");
        assert_eq!(cache.find(&modules::PROMETHEUS).unwrap(), Some(built.clone()));
    }
}
