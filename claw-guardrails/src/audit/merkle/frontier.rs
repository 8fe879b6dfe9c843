//! The right edge of a tree: all that is needed to add leaves and to know the root.

use serde::Serialize;

use super::TreeHash;

/// A tree that grows, of which only the roots of its perfect subtrees are kept: at most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Frontier {
    size: u64,
    /// From left to right, which is from the largest to the smallest: one for each bit that is set in `size`.
    peaks: Vec<TreeHash>,
}

impl Frontier {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of so many leaves with these perfect subtrees, from left to right. `None` when they cannot be its own: there
    /// is one for each bit that is set in `size`.
    pub fn from_peaks(size: u64, peaks: Vec<TreeHash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its perfect subtrees, from left to right.
    pub fn peaks(&self) -> &[TreeHash] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        self.push_subtree(0, leaf);
    }

    /// Adds a perfect subtree of 2^`level` leaves. The size has to be a multiple of that.
    pub(super) fn push_subtree(&mut self, level: u32, root: TreeHash) {
        let mut root = root;
        // As with adding to a binary number: each bit that is carried is a subtree that is completed.
        let carried = (self.size >> level).trailing_ones();
        for _ in 0..carried {
            if let Some(left) = self.peaks.pop() {
                root = TreeHash::node(&left, &root);
            }
        }
        self.peaks.push(root);
        self.size = self.size.saturating_add(1_u64.checked_shl(level).unwrap_or(0));
    }

    /// The root of the tree.
    pub fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return TreeHash::empty();
        };
        peaks.fold(*last, |right, left| TreeHash::node(left, &right))
    }
}
