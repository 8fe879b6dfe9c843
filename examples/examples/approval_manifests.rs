//! Writes the manifests that approvals by `kubectl` take: the kind, the admission policy, the roles.
//!
//! ```text
//! cargo run --example approval_manifests -- FOLDER [NAMESPACE ACCOUNT...]
//! ```
//!
//! Without a namespace they are those of `deploy/`.

use std::error::Error;
use std::path::Path;

use claw_k8s::approval::{Wall, definition};

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let (folder, namespace, accounts) = match given.as_slice() {
        [folder] => (folder, "claw", vec!["openclaw-agent", "openclaw-agent-writer"]),
        [folder, namespace, accounts @ ..] if !accounts.is_empty() => (
            folder,
            namespace.as_str(),
            accounts.iter().map(String::as_str).collect(),
        ),
        _ => return Err("usage: approval_manifests FOLDER [NAMESPACE ACCOUNT...]".into()),
    };
    let wall = Wall::new(
        namespace,
        accounts.into_iter().map(|account| (namespace, account)),
    )?;
    for (name, text) in [
        ("crd-approval.yaml", definition()?),
        ("vap-approval.yaml", wall.policy()?),
        ("rbac-approval.yaml", wall.roles()?),
    ] {
        std::fs::write(Path::new(folder).join(name), text)?;
    }
    Ok(())
}
