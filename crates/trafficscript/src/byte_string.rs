//! Strings of the language: bytes, cheap to copy.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Longest string that needs no allocation, in bytes.
const INLINE_MAX: usize = 22;

/// A string of bytes. Up to 22 bytes are kept inside; longer ones are a range of shared bytes, so a copy or a slice
/// of a long string costs a reference count. Never longer than `u32::MAX` bytes (what is beyond is cut).
#[derive(Clone)]
pub struct ByteString(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Short),
    Shared { start: u32, length: u32, bytes: Arc<Vec<u8>> },
}

/// Kept together, so that a copy is one move.
#[derive(Clone, Copy)]
struct Short {
    length: u8,
    bytes: [u8; INLINE_MAX],
}

impl ByteString {
    /// The empty string.
    pub const EMPTY: Self = Self(Repr::Inline(Short { length: 0, bytes: [0; INLINE_MAX] }));

    /// All bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(Short { length, bytes }) => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Repr::Shared { start, length, bytes } => {
                let start = *start as usize;
                bytes.get(start..start + *length as usize).unwrap_or(&[])
            }
        }
    }

    /// The bytes of a range; what is beyond the end is cut.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let all = self.as_bytes();
        let end = range.end.min(all.len());
        let begin = range.start.min(end);
        match &self.0 {
            Repr::Shared { start, bytes, .. } if end - begin > INLINE_MAX => Self(Repr::Shared {
                start: start.saturating_add(narrow(begin)),
                length: narrow(end - begin),
                bytes: Arc::clone(bytes),
            }),
            _ => Self::from(all.get(begin..end).unwrap_or(&[])),
        }
    }

    /// Adds bytes at the end; in place where nobody else holds the string.
    pub fn append(&mut self, more: &[u8]) {
        if more.is_empty() {
            return;
        }
        match &mut self.0 {
            Repr::Inline(Short { length, bytes }) => {
                let used = usize::from(*length);
                if let Some(free) = bytes.get_mut(used..used + more.len()) {
                    free.copy_from_slice(more);
                    *length = u8::try_from(used + more.len()).unwrap_or(*length);
                    return;
                }
            }
            Repr::Shared { start, length, bytes } => {
                let end = *start as usize + *length as usize;
                if end == bytes.len()
                    && u32::try_from(end + more.len()).is_ok()
                    && let Some(own) = Arc::get_mut(bytes)
                {
                    own.extend_from_slice(more);
                    *length = narrow(own.len()) - *start;
                    return;
                }
            }
        }
        let old = self.as_bytes();
        let mut joined = Vec::with_capacity((old.len() + more.len()).next_power_of_two().max(64));
        joined.extend_from_slice(old);
        joined.extend_from_slice(more);
        *self = Self::from(joined);
    }

    /// How many bytes of memory would be freed with this string; 0 where somebody else shares them.
    pub(crate) fn owned_bytes(&self) -> usize {
        match &self.0 {
            Repr::Shared { bytes, .. } if Arc::strong_count(bytes) == 1 => bytes.len(),
            _ => 0,
        }
    }

    /// Length of a string that is not kept inside, else 0: what work on it is worth counting.
    #[inline]
    pub(crate) fn shared_length(&self) -> u32 {
        match &self.0 {
            Repr::Inline(_) => 0,
            Repr::Shared { length, .. } => *length,
        }
    }
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Default for ByteString {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<&[u8]> for ByteString {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE_MAX {
            return Self::from(bytes.to_vec());
        }
        let mut inline = [0; INLINE_MAX];
        for (to, from) in inline.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(Repr::Inline(Short { length: u8::try_from(bytes.len()).unwrap_or(0), bytes: inline }))
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_MAX {
            return Self::from(bytes.as_slice());
        }
        Self(Repr::Shared { start: 0, length: narrow(bytes.len()), bytes: Arc::new(bytes) })
    }
}

impl<const N: usize> From<&[u8; N]> for ByteString {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for ByteString {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl Deref for ByteString {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for ByteString {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for ByteString {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for ByteString {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ByteString {}

impl PartialOrd for ByteString {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByteString {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for ByteString {
    fn hash<S: std::hash::Hasher>(&self, state: &mut S) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl fmt::Display for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_takes_no_more_room_than_a_vector() {
        assert_eq!(size_of::<ByteString>(), 24);
    }

    #[test]
    fn slices_and_appends_equal_those_of_a_vector_around_the_inline_limit() {
        for length in 0..60 {
            let plain: Vec<u8> = (0..length).collect();
            let text = ByteString::from(plain.as_slice());
            assert_eq!(text.as_bytes(), plain.as_slice());
            for cut in 0..=plain.len() {
                let (mut front, back) = (text.slice(0..cut), text.slice(cut..usize::MAX));
                assert_eq!((&*front, &*back), plain.split_at(cut));
                front.append(&back);
                assert_eq!(front, text);
            }
        }
    }

    #[test]
    fn appending_to_one_copy_leaves_the_other_as_it_was() {
        let mut one = ByteString::from("a string that is longer than twenty-two bytes");
        let other = one.clone();
        one.append(b"!");
        assert!(one.ends_with(b"bytes!") && other.ends_with(b"bytes"));
    }
}
