//! How much may be kept in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that several may share.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<AtomicUsize>);

impl Room {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// A share of it, which is empty as yet.
    pub(super) fn share(&self) -> Share {
        Share {
            room: self.clone(),
            bytes: 0,
        }
    }
}

/// What one has taken of a room. It is given back in the end.
#[derive(Debug)]
pub(super) struct Share {
    room: Room,
    bytes: usize,
}

impl Share {
    /// Takes more, if that much is left.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let taken = self
            .room
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok();
        if taken {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        taken
    }

    pub(super) fn give_back(&mut self) {
        self.room.0.fetch_add(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_take_more_than_there_is_and_give_it_back() {
        let room = Room::of(10);
        let (mut one, mut two) = (room.share(), room.share());
        assert!(one.take(6) && !two.take(5) && two.take(4));
        drop(one);
        assert!(two.take(6) && !two.take(1));
        two.give_back();
        assert!(room.share().take(10));
    }
}
