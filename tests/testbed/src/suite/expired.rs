//! Somebody whose certificate has run out.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Part, Testbed};
use crate::error::Error;
use crate::identities;
use crate::run::RunFolder;

/// Writes a kubeconfig into `folder` whose certificate made its owner an administrator until it ran out.
///
/// Answers `None`, with a line that names `test`, where the testbed is not ours.
///
/// # Errors
/// When the authority cannot be read, or the file not be written.
pub fn expired_kubeconfig(testbed: &Testbed, folder: &Path, test: &str) -> Result<Option<PathBuf>, Error> {
    let Some(run) = testbed.need(Part::Run, test) else {
        return Ok(None);
    };
    let run = RunFolder::look(Path::new(run))?;
    let mut files = Vec::new();
    for (name, content) in ["late.crt", "late.key"]
        .into_iter()
        .zip(identities::expired(&run)?)
    {
        let path = folder.join(name);
        fs::write(&path, content).map_err(Error::io("write", &path))?;
        files.push(path);
    }
    let [certificate, key] = &files[..] else {
        return Ok(None);
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "testbed", "cluster": {
            "server": run.https("apiserver"),
            "certificate-authority-data": identities::authority_base64(&run)?,
        } }],
        "users": [{ "name": "late", "user": { "client-certificate": certificate, "client-key": key } }],
        "contexts": [{ "name": "testbed", "context": { "cluster": "testbed", "user": "late" } }],
        "current-context": "testbed",
    });
    let path = folder.join("late.kubeconfig");
    fs::write(&path, config.to_string()).map_err(Error::io("write", &path))?;
    Ok(Some(path))
}
