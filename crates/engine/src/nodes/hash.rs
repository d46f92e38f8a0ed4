//! Which node a key belongs to: rendezvous hashing. Each node draws a number for the key, by its name; the highest
//! wins, in the proportion of the weights. When a node goes, only its own keys move; when one comes, it takes its share
//! from all. There is no ring to build or keep (Thaler and Ravishankar 1998; the weights as of Schindelhauer and
//! Schomaker 2005).

/// FNV-1a, 64 bits: the same for all processes and versions, so that several of us agree on a key's node.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    mix(bytes.iter().fold(0xCBF2_9CE4_8422_2325, step))
}

/// Spreads every bit over all (the finalizer of `SplitMix64`).
pub(crate) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// What a node of this weight draws for a key; the highest wins. `node` is the hash of its name.
pub(crate) fn draw(key: u64, node: u64, weight: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of a hash, and small weights")]
    let (drawn, weight) = (((mix(key ^ node) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64, weight as f64);
    -weight / drawn.ln()
}
