//! How often the facts of a case were indexed by the thread of a test: it takes as long as the cluster is large.

use std::cell::Cell;

thread_local!(static BUILT: Cell<usize> = const { Cell::new(0) });

pub(super) fn one_more() {
    BUILT.set(BUILT.get() + 1);
}

pub(crate) fn so_far() -> usize {
    BUILT.get()
}
