//! Where a test and its agent leave their files.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{Part, Testbed};
use crate::error::Error;
use crate::machine;

/// A folder of one test's own, among the logs of the run. It is removed when this value is dropped, unless the test panics:
/// then it stays, and a line says where.
#[derive(Debug)]
pub struct TestFolder {
    path: PathBuf,
}

impl TestFolder {
    /// A new folder for `test`. Only its owner can look into it: tokens may be in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(testbed: &Testbed, test: &str) -> Result<Self, Error> {
        let around = match testbed.part(Part::Run) {
            Some(run) => Path::new(run).join("log"),
            None => std::env::temp_dir(),
        };
        let words: Vec<_> = test
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let path = around.join(format!("test-{}-{}", words.join("-"), machine::secret(3)?));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(Error::io("make", &path))?;
        Ok(Self { path })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the test left is kept in {}", self.path.display());
        } else {
            // What cannot be removed goes with the run folder around it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_folder_of_a_test_that_fails_is_kept_with_the_logs() {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir(run.path().join("log")).unwrap();
        let testbed = Testbed::nowhere(&[(Part::Run, &run.path().to_string_lossy())]).await;
        for fails in [false, true] {
            let folder = TestFolder::create(&testbed, "an agent, that (once) ran").unwrap();
            let path = folder.path().to_owned();
            let name = path.strip_prefix(run.path().join("log")).unwrap();
            let name = name.to_string_lossy();
            assert!(name.starts_with("test-an-agent-that-once-ran-"), "{name}");
            let test = std::thread::spawn(move || {
                fs::write(folder.path().join("journal"), "").unwrap();
                assert!(!fails, "the test fails");
            });
            assert_eq!(test.join().is_err(), fails);
            assert_eq!(path.join("journal").exists(), fails);
        }
    }
}
