//! Signed notes, as C2SP `signed-note` has them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::key::{Signer, VerifierKey};

/// What a line with a signature begins with: an em dash and a space.
pub(super) const DASH: &str = "\u{2014} ";
/// Most signatures of a note that are looked at.
const MOST_SIGNATURES: usize = 100;

/// A text is not a note, or not one that is signed as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It does not have the form.
    #[error("it is not a signed note: text, an empty line, and a line `— name signature` for each signature")]
    Form,
    /// Its text is no checkpoint.
    #[error("its text is not a checkpoint: the lines origin, number of records, root in base64")]
    NoCheckpoint,
    /// None of its signatures is by a key that is trusted.
    #[error("it is not signed by the key that was expected")]
    UnknownKey,
    /// A signature is not that of the text.
    #[error("its signature does not fit its text: one of the two was altered")]
    BadSignature,
}

/// A text with signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// The text, with its last line feed.
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    /// Four bytes of the key's hash, and the signature.
    bytes: Vec<u8>,
}

impl SignedNote {
    /// Signs a text that ends with a line feed and has no empty line.
    pub(super) fn sign(text: String, signer: &Signer) -> Self {
        let mut bytes = signer.verifier().hash().to_vec();
        bytes.extend(signer.sign(text.as_bytes()));
        let name = signer.verifier().name().to_owned();
        Self {
            text,
            signatures: vec![Signature { name, bytes }],
        }
    }

    /// Reads a note. Its signatures are not looked at yet.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, rest) = note
            .split_at_checked(at.saturating_add(1))
            .ok_or(NoteError::Form)?;
        let lines = rest
            .strip_prefix('\n')
            .and_then(|rest| rest.strip_suffix('\n'))
            .ok_or(NoteError::Form)?;
        let odd = |c: char| c.is_control() && c != '\n';
        let signatures: Vec<_> = lines
            .split('\n')
            .map(signature)
            .collect::<Option<_>>()
            .ok_or(NoteError::Form)?;
        if text.len() < 2 || text.contains(odd) || signatures.len() > MOST_SIGNATURES {
            return Err(NoteError::Form);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text, with its last line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks that one of the keys signed the text. Returns that key. Signatures by other keys are passed over; a wrong
    /// one by a key that is given is an error, whatever else is there.
    pub fn verify<'a>(&self, keys: &'a [VerifierKey]) -> Result<&'a VerifierKey, NoteError> {
        let mut signed = None;
        for Signature { name, bytes } in &self.signatures {
            let Some((hash, signature)) = bytes.split_first_chunk::<4>() else {
                return Err(NoteError::Form);
            };
            let Some(key) = keys.iter().find(|key| key.name() == name && key.hash() == *hash) else {
                continue;
            };
            if !key.verify(self.text.as_bytes(), signature) {
                return Err(NoteError::BadSignature);
            }
            signed = Some(key);
        }
        signed.ok_or(NoteError::UnknownKey)
    }
}

/// The note as it is written.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, bytes } in &self.signatures {
            writeln!(f, "{DASH}{name} {}", BASE64.encode(bytes))?;
        }
        Ok(())
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = BASE64.decode(encoded).ok()?;
    (!name.is_empty() && !name.contains('+') && bytes.len() > 4).then(|| Signature {
        name: name.to_owned(),
        bytes,
    })
}
