//! How much of a folder is read.

/// Bounds on what is read from a folder, so that a broken or hostile one cannot fill memory. Whatever is beyond a
/// bound is left out and named as a [`Problem`](super::Problem).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Files looked at.
    pub files: usize,
    /// Folders within folders.
    pub depth: usize,
    /// Bytes of one file of objects, metrics or records.
    pub file_bytes: u64,
    /// Bytes of all those files together.
    pub total_bytes: u64,
    /// Bytes of one log; of a longer one the end is read.
    pub log_bytes: u64,
    /// Objects.
    pub objects: usize,
    /// Lines of one `.jsonl` file.
    pub lines: usize,
    /// Problems that are named; further ones are counted.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            files: 100_000,
            depth: 16,
            file_bytes: 256 * MIB,
            total_bytes: 2048 * MIB,
            log_bytes: 64 * MIB,
            objects: 500_000,
            lines: 2_000_000,
            problems: 200,
        }
    }
}
