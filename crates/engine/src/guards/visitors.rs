//! Which clients were here lately: two Bloom filters that take turns.

use shaping::{ClientNetwork, Tick};
use std::hash::BuildHasher;
use std::time::Duration;

/// Bits of one filter: 64 KiB.
const BITS: usize = 1 << 19;
/// Clients of one filter; with so many, one in twenty newcomers is taken for somebody who was here.
const CLIENTS_MAX: u32 = 1 << 16;
/// How long one filter takes clients in: a client is new again after this time to twice this time.
const TURN: Duration = Duration::from_mins(30);

/// See the module. Errs towards "was here": a site is then blamed for fewer.
pub(super) struct Visitors {
    hasher: foldhash::quality::FixedState,
    /// Empty until somebody comes.
    filters: [Vec<u64>; 2],
    taken: u32,
    turned_at: Tick,
}

impl Visitors {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = foldhash::quality::FixedState::with_seed(seed);
        Self { hasher, filters: Default::default(), taken: 0, turned_at: Tick::ZERO }
    }

    /// Whether this client was not here lately; from now on it was.
    pub(super) fn is_new(&mut self, client: ClientNetwork, now: Tick) -> bool {
        if self.filters[0].is_empty() {
            self.filters = [vec![0; BITS / 64], vec![0; BITS / 64]];
            self.turned_at = now;
        }
        if self.taken >= CLIENTS_MAX || now.since(self.turned_at) >= TURN {
            self.filters.swap(0, 1);
            self.filters[0].fill(0);
            (self.taken, self.turned_at) = (0, now);
        }
        let hash = self.hasher.hash_one(client);
        let [young, old] = &mut self.filters;
        let places = [place(hash), place(hash.rotate_left(32))];
        let has = |filter: &[u64]| places.iter().all(|(at, bit)| filter[*at] & bit != 0);
        let (is_young, is_old) = (has(young), has(old));
        if !is_young {
            for (at, bit) in places {
                young[at] |= bit;
            }
            self.taken += 1;
        }
        !is_young && !is_old
    }
}

/// A word of a filter and a bit in it.
#[expect(clippy::cast_possible_truncation, reason = "a part of a small number")]
fn place(hash: u64) -> (usize, u64) {
    let bit = (hash & (BITS as u64 - 1)) as usize;
    (bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn client(number: u32) -> ClientNetwork {
        ClientNetwork::of(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn a_client_is_new_once_an_hour_and_few_others_are_taken_for_it() {
        let mut visitors = Visitors::new(7);
        assert!(visitors.is_new(client(1), Tick::ZERO));
        assert!(!visitors.is_new(client(1), Tick::ZERO));
        let new = (1_000..31_000).filter(|number| visitors.is_new(client(*number), Tick::ZERO)).count();
        assert!(new > 29_000, "{new} of 30,000");
        let later = |minutes| Tick::ZERO.saturating_add(Duration::from_mins(minutes));
        assert!(!visitors.is_new(client(1), later(31)), "the other filter has it");
        assert!(visitors.is_new(client(1_000), later(100)), "both were emptied");
    }
}
