//! The segments of a log as they are at one moment, of a log in use as well.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::chain::read_header;
use super::checkpoint::VerifierKey;
use super::entry::Header;
use super::files::is_at;
use super::lines::{Next, next_line};
use super::segments::{next_path, sealed_segments};
use super::verification::Part;
use super::verify::{VerifyError, failed};

/// How many sealed segments are held open, from the first: an open file can be read when it is deleted. Those after them are
/// opened when it is their turn.
const HELD: usize = 256;
/// How often the list of segments is made anew because one of it was deleted.
const TRIES: u32 = 10;

/// The segments of a log, from the first that is there to the current one.
pub(super) struct Segments {
    sealed: Vec<(u64, PathBuf, Option<File>)>,
    path: PathBuf,
    current: File,
    /// How long the current one was, in bytes.
    length: u64,
    headers: Vec<Header>,
}

impl Segments {
    /// Opens the log at `path`. What is sealed from now on is read as the current segment; what is deleted is read all the
    /// same.
    pub(super) fn open(path: &Path) -> Result<Self, VerifyError> {
        let current = open_current(path).map_err(failed(path))?;
        let header = header_in(&current).map_err(failed(path))?;
        let mut tries = TRIES;
        let (sealed, mut headers) = loop {
            tries -= 1;
            match open_sealed(path, header.as_ref()) {
                // Deleted between the list and the look at it.
                Err(error) if error.kind() == ErrorKind::NotFound && tries > 0 => {}
                found => break found.map_err(failed(path))?,
            }
        };
        headers.extend(header);
        // After the list, so that the note is there that says what is missing in it.
        let length = current.metadata().map_err(failed(path))?.len();
        Ok(Self {
            sealed,
            path: path.to_owned(),
            current,
            length,
            headers,
        })
    }

    /// Whether the current segment still is the current one.
    pub(super) fn is_current(&self) -> std::io::Result<bool> {
        is_at(&self.current, &self.path)
    }

    /// The public keys that the headers name.
    pub(super) fn keys(&self) -> Vec<VerifierKey> {
        let mut keys: Vec<VerifierKey> = Vec::new();
        for key in self.headers.iter().filter_map(|header| header.key.parse().ok()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// The header of the first segment that is there.
    pub(super) fn first(&self) -> Option<&Header> {
        self.headers.first()
    }

    /// Reads one after the other. The third argument is how long the segment was, if it may have grown since.
    pub(super) fn read(
        self,
        mut each: impl FnMut(Part, BufReader<&File>, Option<u64>) -> std::io::Result<()>,
    ) -> Result<(), VerifyError> {
        const BUFFER: usize = 256 * 1024;
        for (index, path, held) in self.sealed {
            let file = match held {
                Some(file) => file,
                None => File::open(&path).map_err(failed(&path))?,
            };
            let reader = BufReader::with_capacity(BUFFER, &file);
            each(Part::Sealed(index), reader, None).map_err(failed(&path))?;
        }
        let reader = BufReader::with_capacity(BUFFER, &self.current);
        each(Part::Current, reader, Some(self.length)).map_err(failed(&self.path))
    }
}

/// Opens the segment that is written. For a moment, or after a crash in it, the log has no name, and what is to have it lies
/// beside.
fn open_current(path: &Path) -> std::io::Result<File> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        for path in [path, &next_path(path)] {
            match File::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        if tries == 0 {
            return File::open(path);
        }
    }
}

type Sealed = (Vec<(u64, PathBuf, Option<File>)>, Vec<Header>);

/// The sealed segments before the one with that header, and their headers.
fn open_sealed(path: &Path, current: Option<&Header>) -> std::io::Result<Sealed> {
    let (mut found, mut headers) = (Vec::new(), Vec::new());
    for (index, path) in sealed_segments(path)? {
        if current.is_some_and(|header| index >= header.segment) {
            continue;
        }
        let file = File::open(&path)?;
        headers.extend(header_in(&file)?);
        let held = (found.len() < HELD).then_some(file);
        found.push((index, path, held));
    }
    Ok((found, headers))
}

/// The header in a file, which is read from its beginning afterwards; `None` when its first line is none.
fn header_in(mut file: &File) -> std::io::Result<Option<Header>> {
    let mut line = Vec::new();
    let next = next_line(&mut BufReader::new(file), &mut line)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(match next {
        Next::Line => read_header(&line).map(|(header, ..)| header),
        _ => None,
    })
}
