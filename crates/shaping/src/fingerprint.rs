//! 128-bit keyed fingerprints of contexts: SipHash-1-3 with the wide output.
//!
//! Keyed, so that nobody outside can choose contexts that meet in one place; 128 bits, so that two contexts never
//! meet by chance and the context itself need not be kept. The key is injected: two runs with one key agree.

/// The fingerprint of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) [u64; 2]);

impl Fingerprint {
    /// Takes the fingerprint of `bytes`, however many.
    pub(crate) fn of(key: [u64; 2], bytes: &[u8]) -> Self {
        let mut state = State::new(key);
        let mut blocks = bytes.chunks_exact(8);
        for block in &mut blocks {
            state.absorb(block.try_into().map_or(0, u64::from_le_bytes));
        }
        let length = u64::from(bytes.len().to_le_bytes()[0]);
        state.absorb(word_of(blocks.remainder()) | (length << 56));
        state.finish()
    }
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    fn new(key: [u64; 2]) -> Self {
        let [k0, k1] = key;
        Self {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
        }
    }

    #[inline]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v2 = self.v2.rotate_left(32);
    }

    #[inline]
    fn absorb(&mut self, block: u64) {
        self.v3 ^= block;
        self.round();
        self.v0 ^= block;
    }

    fn finish(mut self) -> Fingerprint {
        self.v2 ^= 0xee;
        self.round();
        self.round();
        self.round();
        let first = self.v0 ^ self.v1 ^ self.v2 ^ self.v3;
        self.v1 ^= 0xdd;
        self.round();
        self.round();
        self.round();
        Fingerprint([first, self.v0 ^ self.v1 ^ self.v2 ^ self.v3])
    }
}

/// A short unkeyed hash for names that the operator chose; what traffic looks up is never stored, so it cannot crowd.
pub(crate) fn hash_of_name(name: &[u8]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15_u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mut blocks = name.chunks_exact(8);
    for block in &mut blocks {
        mix(block.try_into().map_or(0, u64::from_le_bytes));
    }
    mix(word_of(blocks.remainder()));
    mix(u64::try_from(name.len()).unwrap_or(u64::MAX));
    hash ^ (hash >> 29)
}

/// Up to seven bytes as a number, the first the lowest: four at once where there are four.
#[inline]
fn word_of(bytes: &[u8]) -> u64 {
    let (low, rest, shift) = match bytes.split_first_chunk::<4>() {
        Some((low, rest)) => (u64::from(u32::from_le_bytes(*low)), rest, 32),
        None => (0, bytes, 0),
    };
    let high = match *rest {
        [a, b, c, ..] => u64::from(a) | (u64::from(b) << 8) | (u64::from(c) << 16),
        [a, b] => u64::from(a) | (u64::from(b) << 8),
        [a] => u64::from(a),
        [] => 0,
    };
    low | (high << shift)
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn every_length_and_every_byte_of_the_last_block_counts() {
        let bytes: Vec<u8> = (1..=24).collect();
        let mut seen = Vec::new();
        for length in 0..=bytes.len() {
            let whole = bytes[..length].to_vec();
            seen.push(Fingerprint::of([1, 2], &whole).0);
            for at in 0..length {
                let mut other = whole.clone();
                other[at] ^= 0x80;
                seen.push(Fingerprint::of([1, 2], &other).0);
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn the_key_and_every_byte_count() {
        let of = |key, text: &str| Fingerprint::of(key, text.as_bytes());
        assert_eq!(of([1, 2], "referer.example"), of([1, 2], "referer.example"));
        assert_ne!(of([1, 2], "referer.example"), of([1, 3], "referer.example"));
        assert_ne!(of([1, 2], "a"), of([1, 2], "a\0"));
        assert_ne!(of([1, 2], ""), of([1, 2], "\0"));
        assert_ne!(of([1, 2], "abcdefgh"), of([1, 2], "abcdefgi"));
    }
}
