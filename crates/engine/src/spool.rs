//! How much of slowed answers may wait in files, counted for the whole process. The files are the shell's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The room that all workers share.
#[derive(Debug, Default)]
pub struct SpoolRoom {
    taken: AtomicU64,
    bytes_max: AtomicU64,
    files: AtomicU64,
}

impl SpoolRoom {
    /// From now on so many bytes may be taken in all. What is taken stays.
    pub(crate) fn limit(&self, bytes_max: u64) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Bytes taken now.
    pub fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Files open now.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// A share for one file, of `bytes_max` bytes at most, with nothing taken yet.
    pub fn share(self: &Arc<Self>, bytes_max: u64) -> SpoolShare {
        self.files.fetch_add(1, Ordering::Relaxed);
        SpoolShare { room: Arc::clone(self), taken: 0, bytes_max }
    }
}

/// What one file has taken of the room. Dropping it gives all back.
#[derive(Debug)]
pub struct SpoolShare {
    room: Arc<SpoolRoom>,
    taken: u64,
    bytes_max: u64,
}

impl SpoolShare {
    /// Takes room for so many bytes more, or none: the file or the room is full.
    #[must_use]
    pub fn take(&mut self, bytes: u64) -> bool {
        let bytes_max = self.room.bytes_max.load(Ordering::Relaxed);
        let fits = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= bytes_max);
        if self.taken.saturating_add(bytes) > self.bytes_max
            || self.room.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err()
        {
            return false;
        }
        self.taken += bytes;
        true
    }
}

impl Drop for SpoolShare {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.taken, Ordering::Relaxed);
        self.room.files.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_bounded_by_its_own_size_and_by_what_others_have_left_and_comes_back() {
        let room = Arc::new(SpoolRoom::default());
        room.limit(100);
        let (mut one, mut other) = (room.share(60), room.share(60));
        assert!(one.take(60));
        assert!(!one.take(1), "it has all that one may have");
        assert!(!other.take(41), "there is no room for more than 40");
        assert!(other.take(40));
        drop(one);
        assert_eq!((room.bytes(), room.files()), (40, 1));
        room.limit(10);
        assert!(!other.take(1), "a smaller room leaves what is taken and gives no more");
        drop(other);
        assert_eq!((room.bytes(), room.files()), (0, 0));
    }
}
