//! Searches that look at eight bytes at a time. Each answers an offset; one at or past the end of the input says that
//! the input ended before anything was found.
#![warn(clippy::indexing_slicing)]

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES * 0x80;
const STEP: usize = 8;

/// Where the next byte of that kind stands, from `at` on.
#[inline]
pub(crate) fn find<const BYTE: u8>(input: &[u8], mut at: usize) -> usize {
    loop {
        let hits = equal_to(word_at(input, at), BYTE);
        if hits != 0 {
            return at + first(hits);
        }
        at += STEP;
        if at >= input.len() {
            return input.len();
        }
    }
}

/// Where the value that starts at `at` ends: at the first control byte that is not HTAB.
#[inline]
pub(crate) fn value_end(input: &[u8], mut at: usize) -> usize {
    loop {
        let hits = controls(word_at(input, at));
        if hits == 0 {
            at += STEP;
            continue;
        }
        at += first(hits);
        if input.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// Where the request target that starts at `at` ends: at the first byte that is not visible ASCII, or at `#`.
#[inline]
pub(crate) fn target_end(input: &[u8], mut at: usize) -> usize {
    loop {
        let word = word_at(input, at);
        let hits = below(word, 0x21) | equal_to(word, b'#') | ((word | word.wrapping_add(ONES)) & HIGH);
        if hits != 0 {
            return at + first(hits);
        }
        at += STEP;
    }
}

/// The eight bytes from `at` on, the first one lowest. What lies past the end reads as NUL, at which every search for
/// the end of something stops.
#[inline]
fn word_at(input: &[u8], at: usize) -> u64 {
    match input.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(input, at),
    }
}

/// Less than eight bytes are left.
fn last_word(input: &[u8], at: usize) -> u64 {
    let left = input.len().saturating_sub(at);
    if left == 0 {
        return 0;
    }
    if let Some(chunk) = input.last_chunk() {
        return u64::from_le_bytes(*chunk) >> ((STEP - left) * 8);
    }
    input.iter().skip(at).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
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

#[inline]
const fn controls(word: u64) -> u64 {
    below(word, b' ') | equal_to(word, 0x7f)
}

/// The place of the first byte with its high bit set, 0 to 7.
#[inline]
const fn first(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(input: &[u8], at: usize, stops: impl Fn(u8) -> bool) -> usize {
        input.iter().skip(at).position(|&byte| stops(byte)).map_or(input.len(), |found| at + found)
    }

    /// Every byte at every place, behind and in front of bytes that borrow and carry reach.
    #[test]
    fn searches_agree_with_plain_loops() {
        for length in 1..20 {
            for place in 0..length {
                for byte in 0..=255u8 {
                    for around in [b'a', b'!', 0x80, 0xff, b'~', b' '] {
                        let mut input = vec![around; length];
                        if let Some(put) = input.get_mut(place) {
                            *put = byte;
                        }
                        for at in [0, place, length.min(place + 1)] {
                            let ends = value_end(&input, at).min(length);
                            let control = |byte: u8| byte != b'\t' && (byte < b' ' || byte == 0x7f);
                            assert_eq!(ends, plain(&input, at, control), "{input:?} from {at}");
                            let ends = target_end(&input, at).min(length);
                            let foreign = |byte: u8| !(0x21..=0x7e).contains(&byte) || byte == b'#';
                            assert_eq!(ends, plain(&input, at, foreign), "{input:?} from {at}");
                            assert_eq!(find::<b':'>(&input, at), plain(&input, at, |byte| byte == b':'));
                            assert_eq!(find::<b' '>(&input, at), plain(&input, at, |byte| byte == b' '));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn past_the_end_nothing_is_found() {
        assert_eq!((find::<b':'>(b"", 0), value_end(b"", 0), target_end(b"", 0)), (0, 0, 0));
        assert_eq!((value_end(b"a\t\t", 3), target_end(b"abc", 3)), (3, 3));
    }
}
