//! Text that lies on disk or in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The text of a recorded log or metrics file. Read when it is asked for.
#[derive(Clone, Debug)]
pub struct Content(Place);

#[derive(Clone, Debug)]
enum Place {
    File { path: PathBuf, limit: u64 },
    Memory(Arc<str>),
}

impl Content {
    /// Text in memory.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self(Place::Memory(text.into()))
    }

    /// A file of which at most the last `limit` bytes are read.
    pub fn file(path: impl Into<PathBuf>, limit: u64) -> Self {
        Self(Place::File {
            path: path.into(),
            limit,
        })
    }

    /// The text. Of a file beyond its limit, the whole lines at the end; bytes that are not UTF-8 become `U+FFFD`.
    ///
    /// # Errors
    /// If the file cannot be read any more.
    pub fn read(&self) -> io::Result<Arc<str>> {
        match &self.0 {
            Place::Memory(text) => Ok(Arc::clone(text)),
            Place::File { path, limit } => read_end(path, *limit).map(|bytes| decode(&bytes).into()),
        }
    }

    /// Size in bytes.
    ///
    /// # Errors
    /// If the file is not there any more.
    pub fn bytes(&self) -> io::Result<u64> {
        match &self.0 {
            Place::Memory(text) => Ok(u64::try_from(text.len()).unwrap_or(u64::MAX)),
            Place::File { path, .. } => Ok(std::fs::metadata(path)?.len()),
        }
    }
}

fn read_end(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length <= limit {
        file.take(limit).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    file.take(limit).read_to_end(&mut bytes)?;
    // The first line is most likely not whole.
    if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        bytes.drain(..=end);
    }
    Ok(bytes)
}

/// Text in UTF-8, or in UTF-16 with a byte order mark, as some shells write redirected output.
pub(super) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_with_byte_order_marks() {
        assert_eq!(decode(b"\xEF\xBB\xBFa"), "a");
        assert_eq!(decode(b"\xFF\xFEa\0b\0"), "ab");
        assert_eq!(decode(b"\xFE\xFF\0a\0b"), "ab");
        assert_eq!(decode(b"a\xFFb"), "a\u{FFFD}b");
        assert_eq!(decode(b"\xFF\xFEa\0\x01"), "a");
    }

    #[test]
    fn a_long_file_is_read_from_its_end_in_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        std::fs::write(&path, "first line\nsecond\nthird\n").unwrap();
        assert_eq!(&*Content::file(&path, 12).read().unwrap(), "third\n");
        assert_eq!(
            &*Content::file(&path, 24).read().unwrap(),
            "first line\nsecond\nthird\n"
        );
        assert_eq!(&*Content::file(&path, 0).read().unwrap(), "");
    }
}
