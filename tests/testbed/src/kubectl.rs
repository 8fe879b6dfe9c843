//! kubectl: what people use, with server-side apply.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::error::{Error, last_line};

/// A kubectl with a kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: Option<PathBuf>,
}

impl Kubectl {
    /// The program, and whose rights it has.
    pub fn new(program: PathBuf, kubeconfig: PathBuf) -> Self {
        Self {
            program,
            kubeconfig,
            cache: None,
        }
    }

    /// Keeps what it learns about the API in `folder`, not in the home of the user.
    #[must_use]
    pub fn with_cache(mut self, folder: PathBuf) -> Self {
        self.cache = Some(folder);
        self
    }

    /// The kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![format!("--kubeconfig={}", self.kubeconfig.display())];
        if let Some(cache) = &self.cache {
            arguments.push(format!("--cache-dir={}", cache.display()));
        }
        arguments
    }

    /// Runs it, and returns what it prints.
    pub async fn run<I: AsRef<OsStr>>(&self, arguments: &[I]) -> Result<String, Error> {
        self.run_with(arguments, "").await
    }

    /// Applies manifests, YAML or JSON, on the server. Other managers' fields are taken over.
    pub async fn apply(&self, manifests: &str) -> Result<String, Error> {
        let manager = "--field-manager=claw-testbed";
        self.run_with(
            &["apply", "--server-side", "--force-conflicts", manager, "-f", "-"],
            manifests,
        )
        .await
    }

    /// Runs it with something on its standard input.
    pub async fn run_with<I: AsRef<OsStr>>(&self, arguments: &[I], input: &str) -> Result<String, Error> {
        let failed = |error| Error::io("run", &self.program)(error);
        let mut child = Command::new(&self.program)
            .args(self.arguments())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(mut standard_input) = child.stdin.take() {
            // It may have ended already, with an error that is read below.
            let _ = standard_input.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said: Vec<_> = arguments
            .iter()
            .map(|argument| argument.as_ref().to_string_lossy())
            .collect();
        let why = last_line(&String::from_utf8_lossy(&output.stderr));
        Err(Error::Program {
            program: format!("kubectl {}", said.join(" ")),
            why,
        })
    }

    /// Deletes a namespace without waiting, from where nothing can be awaited.
    pub(crate) fn forget_namespace(&self, name: &str) {
        let mut command = std::process::Command::new(&self.program);
        command.args(self.arguments()).args([
            "delete",
            "namespace",
            "--wait=false",
            "--ignore-not-found",
            name,
        ]);
        // At the end of a test there is nobody to tell; what is left is swept when all suites have ended.
        let _ = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_kubectl_says_last_is_the_reason() {
        let kubectl = Kubectl::new("/bin/sh".into(), "/k".into());
        // `sh --kubeconfig=/k …` is refused by every shell.
        let error = kubectl.run(&["get", "pods"]).await.unwrap_err().to_string();
        assert!(error.starts_with("kubectl get pods failed: "), "{error}");
    }
}
