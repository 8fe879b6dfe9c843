//! Making proofs in one pass over the leaves.
//!
//! The hashes of a proof are roots over ranges of leaves that are known beforehand and do not overlap. Each is summed up in
//! a frontier of its own while its leaves go by.

use std::ops::Range;

use super::{ConsistencyProof, Frontier, InclusionProof, TreeHash};

/// A proof cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unprovable {
    /// The tree does not have the leaf.
    #[error("a tree of {size} records has no record {index}; records are counted from 0")]
    Outside {
        /// The leaf.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The earlier tree is the larger one.
    #[error("a tree of {old} records did not grow to one of {new}")]
    Shrunk {
        /// Size of the earlier tree.
        old: u64,
        /// Size of the later tree.
        new: u64,
    },
    /// The leaves that are needed are not there any more.
    #[error("the records before {first} are gone; only what is after them can be proved")]
    Gone {
        /// The first leaf that is there.
        first: u64,
    },
    /// The log ended before the tree was complete.
    #[error("the log has {found} records, and the tree has {wanted}")]
    Short {
        /// How many leaves there were.
        found: u64,
        /// How many were needed.
        wanted: u64,
    },
}

/// Makes an [`InclusionProof`]. Give it the leaves of the tree in order.
#[derive(Clone, Debug)]
pub struct InclusionProver {
    index: u64,
    ranges: Ranges,
}

impl InclusionProver {
    /// A proof that the leaf `index` is in the tree of the first `size` leaves. The first leaves may be gone: `start` is the
    /// tree of those.
    pub fn new(index: u64, size: u64, start: &Frontier) -> Result<Self, Unprovable> {
        if index >= size {
            return Err(Unprovable::Outside { index, size });
        }
        if index < start.size() {
            return Err(Unprovable::Gone { first: start.size() });
        }
        let mut ranges = Vec::new();
        path(index, 0..size, &mut ranges);
        Ok(Self {
            index,
            ranges: Ranges::new(ranges, size, start),
        })
    }

    /// The next leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        self.ranges.push(leaf);
    }

    /// The proof.
    pub fn finish(self) -> Result<InclusionProof, Unprovable> {
        let (index, size) = (self.index, self.ranges.size);
        self.ranges
            .finish()
            .map(|hashes| InclusionProof { index, size, hashes })
    }
}

/// Makes a [`ConsistencyProof`]. Give it the leaves of the later tree in order.
#[derive(Clone, Debug)]
pub struct ConsistencyProver {
    old: u64,
    ranges: Ranges,
}

impl ConsistencyProver {
    /// A proof that the first `old` leaves of the tree of `new` leaves are those of the tree of `old` leaves. The first leaves
    /// may be gone: `start` is the tree of those.
    pub fn new(old: u64, new: u64, start: &Frontier) -> Result<Self, Unprovable> {
        if old > new {
            return Err(Unprovable::Shrunk { old, new });
        }
        if old < start.size() && old != 0 {
            return Err(Unprovable::Gone { first: start.size() });
        }
        let mut ranges = Vec::new();
        // An empty tree is the beginning of every other, and a tree that of itself: nothing needs to be shown.
        if old != 0 && old != new {
            subproof(old, 0..new, true, &mut ranges);
        }
        Ok(Self {
            old,
            ranges: Ranges::new(ranges, new, start),
        })
    }

    /// The next leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        self.ranges.push(leaf);
    }

    /// The proof.
    pub fn finish(self) -> Result<ConsistencyProof, Unprovable> {
        let (old, new) = (self.old, self.ranges.size);
        self.ranges
            .finish()
            .map(|hashes| ConsistencyProof { old, new, hashes })
    }
}

/// Where a tree of the leaves in `range` is parted: after the largest power of two that is less than their number.
fn split(range: &Range<u64>) -> u64 {
    let count = range.end.saturating_sub(range.start);
    let left = count.saturating_sub(1).checked_ilog2().unwrap_or(0);
    range.start.saturating_add(1 << left)
}

/// RFC 6962, section 2.1.1: the subtrees beside the way from a leaf to the root, from below.
fn path(index: u64, range: Range<u64>, out: &mut Vec<Range<u64>>) {
    if range.end.saturating_sub(range.start) <= 1 {
        return;
    }
    let middle = split(&range);
    if index < middle {
        path(index, range.start..middle, out);
        out.push(middle..range.end);
    } else {
        path(index, middle..range.end, out);
        out.push(range.start..middle);
    }
}

/// RFC 6962, section 2.1.2: the subtrees that make both the earlier and the later tree.
fn subproof(old: u64, range: Range<u64>, complete: bool, out: &mut Vec<Range<u64>>) {
    if old == range.end {
        if !complete {
            out.push(range);
        }
        return;
    }
    let middle = split(&range);
    if old <= middle {
        subproof(old, range.start..middle, complete, out);
        out.push(middle..range.end);
    } else {
        subproof(old, middle..range.end, false, out);
        out.push(range.start..middle);
    }
}

/// Roots over ranges of leaves.
#[derive(Clone, Debug)]
struct Ranges {
    /// In the order of the proof.
    parts: Vec<(Range<u64>, Frontier)>,
    /// How many leaves the tree has, and how many went by.
    size: u64,
    seen: u64,
}

impl Ranges {
    fn new(ranges: Vec<Range<u64>>, size: u64, start: &Frontier) -> Self {
        let mut parts: Vec<_> = ranges.into_iter().map(|range| (range, Frontier::new())).collect();
        let mut at = 0_u64;
        let levels = (0..u64::BITS)
            .rev()
            .filter(|level| start.size() >> level & 1 == 1);
        for (level, peak) in levels.zip(start.peaks()) {
            // A perfect subtree lies within one range, or within none: what is proved comes after it.
            if let Some((_, frontier)) = parts.iter_mut().find(|(range, _)| range.contains(&at)) {
                frontier.push_subtree(level, *peak);
            }
            at = at.saturating_add(1 << level);
        }
        Self {
            parts,
            size,
            seen: start.size(),
        }
    }

    fn push(&mut self, leaf: TreeHash) {
        let at = self.seen;
        if let Some((_, frontier)) = self.parts.iter_mut().find(|(range, _)| range.contains(&at)) {
            frontier.push(leaf);
        }
        self.seen = at.saturating_add(1);
    }

    fn finish(self) -> Result<Vec<TreeHash>, Unprovable> {
        if self.seen < self.size {
            return Err(Unprovable::Short {
                found: self.seen,
                wanted: self.size,
            });
        }
        Ok(self.parts.iter().map(|(_, frontier)| frontier.root()).collect())
    }
}
