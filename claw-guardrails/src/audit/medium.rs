//! What a log is written to.

use std::fs::File;
use std::io::Write as _;

/// Storage that only grows. A trait so that full and failing disks can be tried.
pub(super) trait Medium: Send {
    /// Adds bytes at the end. After an error some of them may be there.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()>;

    /// Returns when everything that was added survives a power failure.
    fn sync(&mut self) -> std::io::Result<()>;

    /// Cuts everything after the first `len` bytes off.
    fn cut(&mut self, len: u64) -> std::io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> std::io::Result<()> {
        self.set_len(len)?;
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_a_file_is_gone_and_the_next_bytes_take_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&path).unwrap();
        Medium::append(&mut file, b"one\ntwo").unwrap();
        Medium::cut(&mut file, 4).unwrap();
        Medium::append(&mut file, b"three\n").unwrap();
        Medium::sync(&mut file).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\nthree\n");
    }
}
