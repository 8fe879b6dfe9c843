//! YAML, strictly: what operators write is honoured or refused, and each problem says where it is.
//!
//! [`parse`] makes a tree in which every key and value knows its [`Place`]. [`Fields`] takes a mapping apart key by key, and
//! refuses those that nobody asked for. [`Problems`] collects what is wrong, so that as much as possible is said at once.
//! `docs/adr/0004` says why.
//!
//! ```
//! use claw_core::yaml::{self, Fields};
//!
//! let (documents, mut problems) = yaml::parse("limits.yaml", b"pods: 3\nnodse: 1\n", "a limit").unwrap();
//! let mut fields = Fields::open(&documents[0], "", &mut problems).unwrap();
//! let pods = fields.optional("pods", |node, _, _| Some(node.value.json()));
//! fields.optional("nodes", |node, _, _| Some(node.value.json()));
//! fields.finish();
//! assert_eq!(pods, Some(3.into()));
//! let error = problems.or(()).unwrap_err();
//! assert_eq!(error.to_string(), "limits.yaml:2:1: unknown key `nodse`; did you mean `nodes`?");
//! ```

mod decode;
mod node;
mod problem;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub use decode::{
    Fields, boolean, invalid, join, list, mapping, namespace, namespaces, text, texts, unique, word,
    wrong_type,
};
pub use node::{Node, Value, quoted};
pub use problem::{DefinitionError, Located, Place, Problem, ProblemKind, Problems, did_you_mean, gather};

/// Largest file in bytes. The longest real definition is some hundred times smaller.
pub const MAX_BYTES: usize = 1 << 20;

/// The bytes of the file at `path`, no more than [`MAX_BYTES`] and one. Blocks while it reads.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, DefinitionError> {
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that a larger file is seen to be larger without being read.
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    outcome.map_err(|error| {
        unreadable(
            &path.display().to_string(),
            format!("the file cannot be read ({error})"),
            "check its name and its permissions",
        )
    })?;
    Ok(bytes)
}

/// The documents in `bytes`; `file` is the name that problems are reported under. `wanted` is what a document is to hold,
/// for the remedy when there is none.
///
/// # Errors
/// When the bytes are too many, no text, or no document at all. What is no YAML is among the problems.
pub fn parse(file: &str, bytes: &[u8], wanted: &str) -> Result<(Vec<Node>, Problems), DefinitionError> {
    if bytes.len() > MAX_BYTES {
        return Err(unreadable(
            file,
            format!("the file is larger than {MAX_BYTES} bytes"),
            "split it, or check that it is a definition at all",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        unreadable(
            file,
            format!("the file is no UTF-8 text from byte {} on", error.valid_up_to()),
            "save it as UTF-8, or check that it is a definition at all",
        )
    })?;
    let mut problems = Problems::of(file);
    let nodes = node::documents(text, &mut problems).unwrap_or_default();
    if nodes.is_empty() && problems.is_empty() {
        return Err(unreadable(
            file,
            "the file has no document".to_owned(),
            &format!("write {wanted}"),
        ));
    }
    Ok((nodes, problems))
}

fn unreadable(file: &str, message: String, remedy: &str) -> DefinitionError {
    DefinitionError::one(Problem {
        file: file.to_owned(),
        place: None,
        kind: ProblemKind::Unreadable,
        path: String::new(),
        message,
        remedy: remedy.to_owned(),
    })
}
