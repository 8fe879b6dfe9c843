//! A folder that appears whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::write::WriteError;

/// A folder in the making; removed unless it becomes the real one.
#[derive(Debug)]
pub(super) struct Partial(PathBuf);

impl Partial {
    pub(super) fn beside(root: &Path) -> Result<Self, WriteError> {
        let name = root
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("bundle");
        let parent = root.parent().unwrap_or(Path::new("."));
        let failed = |path: &Path, source| WriteError::File {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        for number in 0..1_000_u32 {
            let path = parent.join(format!(".{name}.partial-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Err(WriteError::Exists {
            path: parent.join(format!(".{name}.partial-0")),
        })
    }

    pub(super) fn add(&self, name: &str, text: &str) -> Result<(), WriteError> {
        let path = self.0.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::File::create(&path))
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
        written.map_err(|source| WriteError::File { path, source })
    }

    pub(super) fn become_folder(self, root: &Path) -> Result<(), WriteError> {
        // An empty folder gives way to the new one; where the platform does not replace it, it goes first.
        let _ = fs::remove_dir(root);
        fs::rename(&self.0, root).map_err(|source| WriteError::File {
            path: root.to_owned(),
            source,
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already when it has become the real one.
        let _ = fs::remove_dir_all(&self.0);
    }
}
