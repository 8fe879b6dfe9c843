//! Cargo within cargo.

use std::path::Path;

use tokio::process::Command;

/// What `cargo run` tells a program about its package. Build scripts look at it, and would take what they built for outdated
/// each time that cargo is called in another way than the time before.
const OF_PACKAGE: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

/// Cargo, as if it was called by a person.
pub(super) fn cargo(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if OF_PACKAGE.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn what_is_told_of_this_package_is_not_passed_on() {
        let command = cargo(Path::new("cargo"));
        let removed: Vec<&OsStr> = command
            .as_std()
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        // Tests are told the same.
        assert!(removed.contains(&OsStr::new("CARGO_PKG_NAME")), "{removed:?}");
        assert!(!removed.contains(&OsStr::new("PATH")));
    }
}
