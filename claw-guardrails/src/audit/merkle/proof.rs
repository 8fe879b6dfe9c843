//! Checking proofs: RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use serde::{Deserialize, Serialize};

use super::TreeHash;

/// A proof does not prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The numbers do not fit together: the leaf is outside of the tree, the tree shrank, or there are too few or too many
    /// hashes.
    #[error("the proof does not fit trees of these sizes; it was altered, or belongs to another checkpoint")]
    Shape,
    /// The hashes lead to another root.
    #[error(
        "the proof leads to another root; record, proof or checkpoint was altered, or one belongs to another log"
    )]
    Root,
}

/// Proof that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Which leaf, from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The subtrees beside the way from the leaf to the root, from below.
    pub hashes: Vec<TreeHash>,
}

impl InclusionProof {
    /// Checks that the tree with `root` has `leaf` at its place.
    pub fn verify(&self, leaf: &TreeHash, root: &TreeHash) -> Result<(), ProofError> {
        if self.index >= self.size {
            return Err(ProofError::Shape);
        }
        let (mut at, mut last) = (self.index, self.size.saturating_sub(1));
        let mut hash = *leaf;
        for beside in &self.hashes {
            if last == 0 {
                return Err(ProofError::Shape);
            }
            if at & 1 == 1 || at == last {
                hash = TreeHash::node(beside, &hash);
                // A subtree that is the last of its level, and alone, is taken up as it is.
                let alone = if at & 1 == 0 { at.trailing_zeros() } else { 0 };
                (at, last) = (shift(at, alone), shift(last, alone));
            } else {
                hash = TreeHash::node(&hash, beside);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        match (last, hash == *root) {
            (0, true) => Ok(()),
            (0, false) => Err(ProofError::Root),
            _ => Err(ProofError::Shape),
        }
    }
}

/// Proof that a tree is the beginning of a later one: nothing of it was altered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// How many leaves the earlier tree has.
    pub old: u64,
    /// How many leaves the later tree has.
    pub new: u64,
    /// The subtrees that make both.
    pub hashes: Vec<TreeHash>,
}

impl ConsistencyProof {
    /// Checks that the tree with `new_root` begins with the tree with `old_root`.
    pub fn verify(&self, old_root: &TreeHash, new_root: &TreeHash) -> Result<(), ProofError> {
        let same = |a: &TreeHash, b: &TreeHash| if a == b { Ok(()) } else { Err(ProofError::Root) };
        if self.old > self.new {
            return Err(ProofError::Shape);
        }
        if self.old == self.new || self.old == 0 {
            if !self.hashes.is_empty() {
                return Err(ProofError::Shape);
            }
            let wanted = if self.old == self.new {
                *new_root
            } else {
                TreeHash::empty()
            };
            return same(old_root, &wanted);
        }
        // An earlier tree that is perfect is a subtree itself, and left out of the proof.
        let mut hashes = self.hashes.iter();
        let first = if self.old.is_power_of_two() {
            Some(old_root)
        } else {
            hashes.next()
        };
        let Some(first) = first else {
            return Err(ProofError::Shape);
        };
        let (mut at, mut last) = (self.old.saturating_sub(1), self.new.saturating_sub(1));
        let complete = at.trailing_ones();
        (at, last) = (shift(at, complete), shift(last, complete));
        let (mut old, mut new) = (*first, *first);
        for beside in hashes {
            if last == 0 {
                return Err(ProofError::Shape);
            }
            if at & 1 == 1 || at == last {
                old = TreeHash::node(beside, &old);
                new = TreeHash::node(beside, &new);
                let alone = if at & 1 == 0 { at.trailing_zeros() } else { 0 };
                (at, last) = (shift(at, alone), shift(last, alone));
            } else {
                new = TreeHash::node(&new, beside);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        if last != 0 {
            return Err(ProofError::Shape);
        }
        same(&old, old_root)?;
        same(&new, new_root)
    }
}

/// A number without its last `by` bits, which may be all of them.
fn shift(number: u64, by: u32) -> u64 {
    number.checked_shr(by).unwrap_or(0)
}
