//! Searches that look at eight bytes at a time. Each answers an offset; the length of the input says that nothing was
//! found.
#![warn(clippy::indexing_slicing)]

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES * 0x80;
const STEP: usize = 8;

/// Where the first byte of that kind stands.
#[inline]
pub(crate) fn find<const BYTE: u8>(input: &[u8]) -> usize {
    search(input, |word| equal_to(word, BYTE))
}

/// Where a value ends: at the first control byte that is not HTAB.
#[inline]
pub(crate) fn value_end(input: &[u8]) -> usize {
    // Cheap and nearly exact: adding one carries out of 0xff and may take a byte behind it for DEL.
    let end = search(input, |word| (word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES)) & !word & HIGH);
    if input.get(end) == Some(&b'\r') { end } else { unusual_value_end(input, end) }
}

/// Where a request target ends: at the first byte that is not visible ASCII, or at `#`.
#[inline]
pub(crate) fn target_end(input: &[u8]) -> usize {
    search(input, |word| below(word, 0x21) | equal_to(word, b'#') | ((word | word.wrapping_add(ONES)) & HIGH))
}

/// All before `from` is sound; looks again at what stands there.
#[cold]
fn unusual_value_end(input: &[u8], from: usize) -> usize {
    let is_end = |&byte: &u8| byte != b'\t' && (byte < b' ' || byte == 0x7f);
    input.iter().skip(from).position(is_end).map_or(input.len(), |found| from + found)
}

#[inline]
fn search(input: &[u8], hits_in: impl Fn(u64) -> u64) -> usize {
    let mut rest = input;
    while let Some((chunk, next)) = rest.split_first_chunk() {
        let hits = hits_in(u64::from_le_bytes(*chunk));
        if hits != 0 {
            return input.len() - rest.len() + first(hits);
        }
        rest = next;
    }
    search_last(input, rest.len(), hits_in)
}

/// The last bytes, less than eight.
#[cold]
#[inline(never)]
fn search_last(input: &[u8], rest_len: usize, hits_in: impl Fn(u64) -> u64) -> usize {
    let start = input.len() - rest_len;
    let hits = hits_in(last_word(input, input.get(start..).unwrap_or_default()));
    input.len().min(start + first(hits))
}

/// The up to seven bytes of `rest`, the end of `input`, lowest first; what lies past the end reads as NUL.
#[inline]
fn last_word(input: &[u8], rest: &[u8]) -> u64 {
    match input.last_chunk() {
        _ if rest.is_empty() => 0,
        Some(chunk) => u64::from_le_bytes(*chunk) >> ((STEP - rest.len()) * 8),
        None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

// Each of these has the high bit set in the bytes looked for. Subtracting may borrow from the byte above one that was
// found, so that only the first of several is exact — and only the first is used.

#[inline]
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGH
}

#[inline]
const fn equal_to(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// The place of the first byte with its high bit set, 0 to 7; 8 where there is none.
#[inline]
const fn first(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(input: &[u8], stops: impl Fn(u8) -> bool) -> usize {
        input.iter().position(|&byte| stops(byte)).unwrap_or(input.len())
    }

    /// Every byte at every place, behind and in front of bytes that borrow and carry reach.
    #[test]
    fn searches_agree_with_plain_loops() {
        let control = |byte: u8| byte != b'\t' && (byte < b' ' || byte == 0x7f);
        let foreign = |byte: u8| !(0x21..=0x7e).contains(&byte) || byte == b'#';
        for length in 0..20 {
            for place in 0..=length {
                for byte in 0..=255u8 {
                    for around in [b'a', b'!', 0x80, 0xff, b'~', b' ', b'\t'] {
                        let mut input = vec![around; length];
                        if let Some(put) = input.get_mut(place) {
                            *put = byte;
                        }
                        assert_eq!(value_end(&input), plain(&input, control), "{input:?}");
                        assert_eq!(target_end(&input), plain(&input, foreign), "{input:?}");
                        assert_eq!(find::<b':'>(&input), plain(&input, |byte| byte == b':'), "{input:?}");
                        assert_eq!(find::<b' '>(&input), plain(&input, |byte| byte == b' '), "{input:?}");
                    }
                }
            }
        }
    }
}
