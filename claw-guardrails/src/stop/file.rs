//! A file that asks for the stop by being there.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use claw_core::stop::{StopSource, StopSourceError};
use claw_core::tool::ToolContext;
use tokio::io::AsyncReadExt as _;

/// How much of the file is read, in bytes: its beginning says why.
const READ: u64 = 1024;

/// A file. While something of its name is there, whatever it is, it asks for the stop; what it holds says why.
///
/// The folder that it would be in has to be there: one that is not mounted says nothing.
#[derive(Clone, Debug)]
pub struct StopFile {
    path: PathBuf,
    name: String,
}

impl StopFile {
    /// The file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = format!("the file {}", path.display());
        Self { path, name }
    }

    fn folder(&self) -> &Path {
        let folder = self.path.parent();
        folder
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    fn unreadable(&self, remedy: &str, error: std::io::Error) -> StopSourceError {
        StopSourceError {
            reason: format!("{} cannot be looked for; {remedy}", self.name),
            source: Some(Box::new(error)),
        }
    }
}

#[async_trait]
impl StopSource for StopFile {
    fn name(&self) -> &str {
        &self.name
    }

    async fn look(&self, _cx: &ToolContext) -> Result<Option<String>, StopSourceError> {
        // A link that leads nowhere is there too.
        match tokio::fs::symlink_metadata(&self.path).await {
            Ok(_) => Ok(Some(self.words().await)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                match tokio::fs::metadata(self.folder()).await {
                    Ok(_) => Ok(None),
                    Err(error) => Err(self.unreadable("mount its folder, or make it", error)),
                }
            }
            Err(error) => Err(self.unreadable("check the permissions of its folder", error)),
        }
    }
}

impl StopFile {
    /// What the file says, where it says anything. It asks for the stop whether or not that can be read.
    async fn words(&self) -> String {
        let read = async {
            // Opening what is no file may wait for somebody at its other end.
            if !tokio::fs::metadata(&self.path).await?.is_file() {
                return Ok(Vec::new());
            }
            let mut bytes = Vec::new();
            let file = tokio::fs::File::open(&self.path).await?;
            file.take(READ).read_to_end(&mut bytes).await?;
            Ok::<_, std::io::Error>(bytes)
        };
        let bytes = read.await.unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}
