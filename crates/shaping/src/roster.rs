//! A list that only grows: what it holds keeps its number and its place for good, and is read without a lock.

use std::sync::OnceLock;

/// Blocks of 32, 64, 128 … places; the last ends beyond `u32::MAX / 64`.
const BLOCKS: usize = 22;
const FIRST_BLOCK_BITS: u32 = 5;

pub(crate) struct Roster<T> {
    blocks: [OnceLock<Box<[OnceLock<T>]>>; BLOCKS],
}

impl<T> Roster<T> {
    pub(crate) const fn new() -> Self {
        Self { blocks: [const { OnceLock::new() }; BLOCKS] }
    }

    /// What has the number `id`, if anything has.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        let (block, offset) = locate(id);
        self.blocks.get(block)?.get()?.get(offset)?.get()
    }

    /// Puts `item` at the number `id`, once; `None` if the roster ends before it. The caller counts the numbers.
    pub(crate) fn put(&self, id: u32, item: T) -> Option<&T> {
        let (block, offset) = locate(id);
        let block_size = 1_usize << FIRST_BLOCK_BITS << block;
        let places =
            self.blocks.get(block)?.get_or_init(|| (0..block_size).map(|_| OnceLock::new()).collect());
        Some(places.get(offset)?.get_or_init(|| item))
    }

    /// All, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..u32::MAX).map_while(|id| Some((id, self.get(id)?)))
    }
}

/// Block and place of a number: shifted by the size of the first block, the highest bit names the block.
#[inline]
fn locate(id: u32) -> (usize, usize) {
    let shifted = u64::from(id).saturating_add(1 << FIRST_BLOCK_BITS);
    let bits = shifted.ilog2();
    let block = bits.saturating_sub(FIRST_BLOCK_BITS);
    (
        usize::try_from(block).unwrap_or(usize::MAX),
        usize::try_from(shifted ^ (1 << bits)).unwrap_or(usize::MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::Roster;

    #[test]
    fn numbers_keep_their_items_across_blocks() {
        let roster = Roster::new();
        for id in 0..200 {
            assert_eq!(roster.put(id, id), Some(&id));
        }
        assert_eq!(roster.put(7, 99), Some(&7), "a number is given once");
        assert!((0..200).all(|id| roster.get(id) == Some(&id)));
        assert_eq!(roster.get(200), None);
        assert_eq!(roster.iter().count(), 200);
    }
}
