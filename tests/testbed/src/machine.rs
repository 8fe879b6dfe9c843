//! What the machine has: programs, room on the disk, chance.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Programs of the system that may not be on the path of an ordinary user.
const ALSO: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/local/go/bin"];

/// A program on `path` (the value of `PATH`), or in one of the usual folders.
pub fn program(path: &str, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .chain(ALSO.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// Whether it can be started.
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Fails when less than `needed_mib` is free where `path` lies.
pub fn require_room(path: &Path, needed_mib: u64) -> Result<(), Error> {
    let free_mib = free_mib(path)?;
    if free_mib < needed_mib {
        let path = path.to_owned();
        return Err(Error::DiskLow {
            path,
            free_mib,
            needed_mib,
        });
    }
    Ok(())
}

fn free_mib(path: &Path) -> Result<u64, Error> {
    let existing = path
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let figures = rustix::fs::statvfs(existing)
        .map_err(|error| Error::io("look at the disk of", path)(error.into()))?;
    Ok(figures.f_bavail.saturating_mul(figures.f_frsize) >> 20)
}

/// A secret of `bytes` bytes, as hexadecimal digits.
pub fn secret(bytes: usize) -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut raw = vec![0; bytes];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut raw))
        .map_err(Error::io("read", source))?;
    Ok(hex(&raw))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_said_with_both_numbers() {
        let error = require_room(Path::new("/tmp/not/there/yet"), u64::MAX)
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("{} MiB are needed", u64::MAX)), "{error}");
        require_room(Path::new("/tmp"), 0).unwrap();
    }

    #[test]
    fn programs_are_found_and_folders_are_not() {
        assert!(program("", "sh").is_some());
        assert_eq!(program("/", "tmp"), None);
    }

    #[test]
    fn secrets_differ() {
        let (one, two) = (secret(8).unwrap(), secret(8).unwrap());
        assert_eq!(one.len(), 16);
        assert_ne!(one, two);
    }
}
