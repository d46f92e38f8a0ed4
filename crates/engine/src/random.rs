//! The random bytes of one transaction: from the seed of the process, never from the system, so that a replay with
//! the same seed draws the same.

use crate::request_id::RequestId;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What fills the half of the key that the seed does not.
const PURPOSE: [u8; 16] = *b"random for rules";

/// A stream of its own for each request: ChaCha20 keyed with the seed, the request's identity as its nonce. Set up
/// at the first draw: most rules draw nothing.
#[derive(Default)]
pub(crate) struct Random(Option<Box<ChaCha20Rng>>);

impl Random {
    /// Fills `out` with the next bytes of the stream.
    pub(crate) fn fill(&mut self, seed: [u64; 2], id: RequestId, out: &mut [u8]) {
        let stream = self.0.get_or_insert_with(|| {
            let mut key = [0; 32];
            let [first, second] = seed.map(u64::to_le_bytes);
            for (to, from) in key.iter_mut().zip(first.into_iter().chain(second).chain(PURPOSE)) {
                *to = from;
            }
            let mut stream = ChaCha20Rng::from_seed(key);
            stream.set_stream(id.0);
            Box::new(stream)
        });
        stream.fill_bytes(out);
    }
}

impl std::fmt::Debug for Random {
    /// Nothing of what will be drawn.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: [u64; 2], id: u64, lengths: &[usize]) -> Vec<u8> {
        let mut random = Random::default();
        let mut all = Vec::new();
        for length in lengths {
            let mut part = vec![0; *length];
            random.fill(seed, RequestId(id), &mut part);
            all.extend(part);
        }
        all
    }

    #[test]
    fn the_same_seed_and_request_draw_the_same_and_any_other_something_else() {
        let bytes = drawn([1, 2], 7, &[64]);
        assert_eq!(bytes, drawn([1, 2], 7, &[64]));
        for other in [drawn([1, 2], 8, &[64]), drawn([1, 3], 7, &[64]), drawn([0, 2], 7, &[64])] {
            assert_ne!(bytes, other);
        }
    }

    #[test]
    fn what_was_drawn_is_not_drawn_again() {
        let bytes = drawn([1, 2], 7, &[16, 16]);
        assert_ne!(bytes.get(..16), bytes.get(16..));
    }
}
