//! The Merkle tree over the records of a log, as RFC 6962 has it (and RFC 9162 after it).
//!
//! - A leaf is SHA-256(`00` ‖ data), a node SHA-256(`01` ‖ left ‖ right), an empty tree SHA-256 of nothing.
//! - The data of a leaf are the 32 bytes of a record's hash. So a receipt is enough to have a record proved, and a record
//!   that was read need not be hashed twice.
//!
//! A [`Frontier`] has the root of what was added, in memory for one hash a level. Proofs are made in one pass over the
//! leaves, in as little memory; checking one takes the proof alone.

mod frontier;
mod proof;
mod prover;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use frontier::Frontier;
pub use proof::{ConsistencyProof, InclusionProof, ProofError};
pub use prover::{ConsistencyProver, InclusionProver, Unprovable};

/// A hash of the tree: a leaf, a node or a root. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// The hash of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The root of a tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of the leaf that holds `data`.
    pub fn leaf(data: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update([0])
                .chain_update(data)
                .finalize()
                .into(),
        )
    }

    /// The hash of the leaf of a record, by the record's hash of 64 hexadecimal digits; `None` when it is not one.
    pub fn of_record(hash: &str) -> Option<Self> {
        bytes_of(hash).map(|bytes| Self::leaf(&bytes))
    }

    /// The hash of the node over two others.
    pub fn node(left: &Self, right: &Self) -> Self {
        let hash = Sha256::new()
            .chain_update([1])
            .chain_update(left.0)
            .chain_update(right.0);
        Self(hash.finalize().into())
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&claw_core::digest::hex(&self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits, in lower case")]
pub struct ParseHashError;

impl FromStr for TreeHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes_of(text).map(Self).ok_or(ParseHashError)
    }
}

impl Serialize for TreeHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TreeHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What 64 hexadecimal digits in lower case say.
fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
