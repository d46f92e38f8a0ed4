//! Hashes: with an injected seed where whoever writes requests could choose what collides.

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use std::hash::Hasher;

/// The seed of all tables of a run. What comes out does not hang on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The hash of a name in a group.
    pub(super) fn of_name(self, group: u16, name: &[u8]) -> u64 {
        let mut hasher = self.hasher(u64::from(group));
        hasher.write(name);
        hasher.finish()
    }

    /// The hash of numbers.
    pub(super) fn of_numbers(self, one: u64, two: u64, three: u64) -> u64 {
        let mut hasher = self.hasher(0);
        hasher.write_u64(one);
        hasher.write_u64(two);
        hasher.write_u64(three);
        hasher.finish()
    }

    fn hasher(self, salt: u64) -> impl Hasher {
        FoldHasher::with_seed(self.0 ^ salt, SharedSeed::global_fixed())
    }
}

/// By which clients are drawn when not all can be kept: the same in every run, on any number of cores. One client in
/// 2ⁿ has a lot of n or more.
pub(super) fn lot(client: &[u8]) -> u8 {
    let mut hasher = FoldHasher::with_seed(0, SharedSeed::global_fixed());
    hasher.write(client);
    u8::try_from(hasher.finish().leading_zeros()).unwrap_or(u8::MAX)
}
