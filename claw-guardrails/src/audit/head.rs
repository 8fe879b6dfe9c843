//! The head of a log: how far it goes, kept beside it or elsewhere.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a head is read until it stays as it is, and how long is between two looks: far longer than writing it takes.
const LOOKS: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(1);

/// Size of a head file in bytes. It never changes, so that overwriting it in place cannot lose it.
const SIZE: usize = 512;

/// How far a log goes. Kept outside the log it shows when records were cut off its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Which log. Empty where only the rest was kept: the hash tells the log as well.
    pub log: String,
    /// How many records it has.
    pub records: u64,
    /// Hash of the last record, or of the header when there is none.
    pub hash: String,
}

/// A text is not a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head is the number of records, a colon, and the hash of 64 hexadecimal digits, as `audit verify` prints it"
)]
pub struct ParseHeadError;

/// Reads `RECORDS:HASH`.
impl FromStr for Head {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (records, hash) = text.split_once(':').ok_or(ParseHeadError)?;
        let digits = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
        if !digits(records, |byte| byte.is_ascii_digit())
            || !digits(hash, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            || hash.len() != 64
        {
            return Err(ParseHeadError);
        }
        Ok(Self {
            log: String::new(),
            records: records.parse().map_err(|_| ParseHeadError)?,
            hash: hash.to_owned(),
        })
    }
}

impl Head {
    /// Reads a head from a file: the one beside a log, or a copy of it that was kept elsewhere. `None` when there is none,
    /// or when it is blank.
    pub fn read(path: impl AsRef<Path>) -> std::io::Result<Option<Self>> {
        read(path.as_ref())
    }
}

/// Written as `RECORDS:HASH`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.records, self.hash)
    }
}

/// Where the head file of the log at `log` lies: `audit.jsonl` → `audit.jsonl.head`.
pub fn head_path(log: &Path) -> PathBuf {
    super::beside(log, ".head")
}

/// Reads a head file. `None` when there is none, or when it is blank: a power failure left it so before its first content
/// was on disk.
///
/// The file of a log that is in use is overwritten in place, and a look may fall into that: it is read until two looks
/// find the same. Where they never do, the last one counts.
pub(super) fn read(path: &Path) -> std::io::Result<Option<Head>> {
    let Some(mut text) = bytes(path)? else {
        return Ok(None);
    };
    for _ in 0..LOOKS {
        std::thread::sleep(BETWEEN);
        match bytes(path)? {
            Some(again) if again == text => break,
            Some(again) => text = again,
            None => return Ok(None),
        }
    }
    if text.iter().all(|byte| matches!(byte, 0 | b' ' | b'\n')) {
        return Ok(None);
    }
    let head = serde_json::from_slice(&text)
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    Ok(Some(head))
}

fn bytes(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::with_capacity(SIZE);
    file.take(SIZE as u64 + 1).read_to_end(&mut text)?;
    Ok(Some(text))
}

/// A head file that is overwritten in place.
#[derive(Debug)]
pub(super) struct HeadFile(File);

impl HeadFile {
    /// Opens or creates the file, writes `head` and forces it to disk.
    pub(super) fn create(path: &Path, head: &Head) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        super::files::private(&mut options);
        let mut file = Self(options.open(path)?);
        file.write(head)?;
        file.0.set_len(SIZE as u64)?;
        file.sync()?;
        Ok(file)
    }

    /// Overwrites the file without forcing it to disk: it may lag behind the log after a power failure.
    pub(super) fn write(&mut self, head: &Head) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(head).map_err(std::io::Error::other)?;
        if text.len() >= SIZE {
            return Err(std::io::Error::other("the name of the log is too long"));
        }
        text.resize(SIZE - 1, b' ');
        text.push(b'\n');
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(&text)
    }

    /// Forces the file to disk.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
}
