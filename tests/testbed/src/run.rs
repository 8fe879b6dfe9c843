//! The run folder: everything that one testbed writes, and which processes belong to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::builds::Cache;
use crate::components::Component;
use crate::error::Error;
use crate::machine;
use crate::modules::Module;
use crate::ports::Ports;
use crate::process::Process;

/// Folders of a run.
const FOLDERS: [&str; 8] = [
    "config",
    "kubeconfigs",
    "log",
    "logs",
    "pki",
    "tokens",
    "prometheus/rules",
    "prometheus/targets",
];
/// What is left when a run is put away with its logs.
const KEPT: [&str; 3] = ["log", "audit.log", "config"];
const STATE: &str = "state.json";

/// What is remembered of a run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Ports by name.
    pub ports: Ports,
    /// Processes by the name of their component.
    pub processes: BTreeMap<String, Process>,
    /// Folder of built programs by module; path of system programs by component.
    pub programs: BTreeMap<String, PathBuf>,
}

/// A run folder, locked while this value lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// What is remembered. Written by [`RunFolder::save`].
    pub state: State,
    _lock: Option<Lock>,
}

impl RunFolder {
    /// Makes the folder, or opens the one that is there. Nobody else may change it until this value is dropped.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let occupied = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if occupied && !path.join(STATE).exists() && !path.join("lock").exists() {
            let (why, remedy) = (
                "it holds other files".to_owned(),
                "name an empty folder with --run",
            );
            return Err(Error::RunInUse {
                path: path.to_owned(),
                why,
                remedy,
            });
        }
        for folder in FOLDERS {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
        }
        // Keys and tokens are in it.
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(path, private).map_err(Error::io("make private", path))?;
        Self::open_locked(path)
    }

    /// Opens the folder of a testbed, to change it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.join(STATE).exists() {
            return Err(Error::NoRun {
                path: path.to_owned(),
            });
        }
        Self::open_locked(path)
    }

    /// Opens the folder of a testbed, to look at it.
    pub fn look(path: &Path) -> Result<Self, Error> {
        if !path.join(STATE).exists() {
            return Err(Error::NoRun {
                path: path.to_owned(),
            });
        }
        let path = path.canonicalize().map_err(Error::io("open", path))?;
        Ok(Self {
            state: read_state(&path)?,
            path,
            _lock: None,
        })
    }

    fn open_locked(path: &Path) -> Result<Self, Error> {
        let path = path.canonicalize().map_err(Error::io("open", path))?;
        let file = path.join("lock");
        let lock = File::create(&file).map_err(Error::io("write", &file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                state: read_state(&path)?,
                path,
                _lock: Some(Lock(lock)),
            }),
            Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &file)(error)),
            Err(fs::TryLockError::WouldBlock) => {
                let why = "another claw-testbed works on it".to_owned();
                Err(Error::RunInUse {
                    path,
                    why,
                    remedy: "wait for it, or name another folder with --run",
                })
            }
        }
    }

    /// Writes what is remembered, at once or not at all.
    pub fn save(&self) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(&self.state).unwrap_or_default();
        self.write(STATE, &text)
    }

    /// Writes a file of the run, at once or not at all; readable by its owner only.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let (target, draft) = (self.path.join(name), self.path.join(format!("{name}.new")));
        fs::write(&draft, content).map_err(Error::io("write", &draft))?;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&draft, private).map_err(Error::io("make private", &draft))?;
        fs::rename(&draft, &target).map_err(Error::io("write", &target))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the run, as an argument.
    pub fn file(&self, name: &str) -> String {
        self.path.join(name).to_string_lossy().into_owned()
    }

    /// Log of a component.
    pub fn log(&self, component: &str) -> PathBuf {
        self.path.join("log").join(format!("{component}.log"))
    }

    /// Folder of what the simulated containers print.
    pub fn pod_logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The kubeconfig of one user.
    pub fn kubeconfig_of(&self, user: &str) -> String {
        self.file(&format!("kubeconfigs/{user}"))
    }

    /// The token of one user.
    pub fn token(&self, user: &str) -> Result<String, Error> {
        let path = self.path.join("tokens").join(user);
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        Ok(text.trim().to_owned())
    }

    /// A port by its name; 0 for one that was never given out.
    pub fn port(&self, name: &str) -> u16 {
        self.state.ports.get(name).copied().unwrap_or(0)
    }

    /// Address of a component that speaks plainly.
    pub fn http(&self, port: &str) -> String {
        format!("http://127.0.0.1:{}", self.port(port))
    }

    /// Address of a component that speaks TLS.
    pub fn https(&self, port: &str) -> String {
        format!("https://127.0.0.1:{}", self.port(port))
    }

    /// Folder with the programs of a module.
    pub fn programs(&self, module: &Module) -> PathBuf {
        self.state
            .programs
            .get(module.name())
            .cloned()
            .unwrap_or_default()
    }

    /// A program that comes with the system, by the name of its component.
    pub fn system_program(&self, component: &str) -> PathBuf {
        self.state.programs.get(component).cloned().unwrap_or_default()
    }

    /// Remembers where the programs of `module` are.
    pub fn uses(&mut self, module: &Module, folder: PathBuf) {
        self.state.programs.insert(module.name().to_owned(), folder);
    }

    /// The process of a component, when it runs.
    pub fn running(&self, component: Component) -> Option<Process> {
        let process = self.state.processes.get(component.name()).copied();
        process.filter(|process| process.is_alive())
    }

    /// Whether any component runs.
    pub fn is_alive(&self) -> bool {
        Component::ALL
            .into_iter()
            .any(|component| self.running(component).is_some())
    }

    /// Deletes the folder.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.path).map_err(Error::io("remove", &self.path))
    }

    /// Deletes everything but logs, the audit log and the configuration. Returns where the logs are.
    pub fn keep_logs(self) -> Result<PathBuf, Error> {
        let entries = fs::read_dir(&self.path).map_err(Error::io("read", &self.path))?;
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if KEPT.iter().any(|kept| *kept == name) {
                continue;
            }
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(Error::io("remove", &path))?;
        }
        Ok(self.path.join("log"))
    }

    /// Fails when little room is left for what the components write.
    pub fn require_room(&self) -> Result<(), Error> {
        machine::require_room(&self.path, 2048)
    }
}

/// The folder that is used when none is named.
pub fn usual_folder(cache: &Cache) -> PathBuf {
    cache.root().join("run")
}

fn read_state(path: &Path) -> Result<State, Error> {
    let path = path.join(STATE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    serde_json::from_slice(&text).map_err(|error| Error::Data {
        path,
        why: error.to_string(),
    })
}

/// The lock of a run folder.
///
/// Closing the file is not enough: a process that is being started at this moment holds it open, too, until it is another
/// program.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // A file that cannot be unlocked is closed all the same.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        let error = RunFolder::create(folder.path()).unwrap_err();
        assert_eq!(error.code(), 3);
        assert!(error.to_string().contains("it holds other files"), "{error}");
        assert!(matches!(RunFolder::open(folder.path()), Err(Error::NoRun { .. })));
    }

    #[test]
    fn two_do_not_work_on_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunFolder::create(folder.path()).unwrap();
        let error = RunFolder::create(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("another claw-testbed works on it"),
            "{error}"
        );
        drop(first);
        RunFolder::create(folder.path()).unwrap();
    }

    #[test]
    fn what_was_saved_is_read_again_and_logs_can_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(folder.path()).unwrap();
        run.state.ports.insert("etcd".to_owned(), 1234);
        run.save().unwrap();
        fs::write(run.log("etcd"), "hello").unwrap();
        drop(run);
        let run = RunFolder::open(folder.path()).unwrap();
        assert_eq!(run.http("etcd"), "http://127.0.0.1:1234");
        assert!(!run.is_alive());
        let logs = run.keep_logs().unwrap();
        assert_eq!(fs::read_to_string(logs.join("etcd.log")).unwrap(), "hello");
        assert!(!folder.path().join("pki").exists());
    }
}
