//! The agent that is tested.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use claw_testbed::error::Error;
use serde_json::Value;

use super::cargo::cargo;

/// Builds `claw-agent` as users run it, so that figures mean something, and says where it is.
pub(super) async fn build(program: &Path) -> Result<PathBuf, Error> {
    let output = cargo(program)
        .args([
            "build",
            "--release",
            "--workspace",
            "--bin",
            "claw-agent",
            "--message-format=json-render-diagnostics",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| Error::Io {
            doing: "run",
            path: program.to_owned(),
            source,
        })?;
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .rev()
        .find_map(executable)
        .filter(|_| output.status.success())
        .ok_or_else(|| {
            let why = "the agent does not build; the lines above say why".to_owned();
            Error::Program {
                program: "cargo build --bin claw-agent".to_owned(),
                why,
            }
        })
}

/// The program in one of cargo's messages.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let named = message.pointer("/target/name").and_then(Value::as_str) == Some("claw-agent");
    let path = message.get("executable").and_then(Value::as_str);
    path.filter(|_| named).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_found_among_the_messages_of_cargo() {
        let message = |name: &str| format!(r#"{{"target":{{"name":"{name}"}},"executable":"/t/{name}"}}"#);
        assert_eq!(executable(&message("claw-agent")), Some("/t/claw-agent".into()));
        assert_eq!(executable(&message("other")), None);
        assert_eq!(executable("not json"), None);
    }
}
