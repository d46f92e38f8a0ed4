//! Where a message ends: the one question two readers must never answer differently.
#![warn(clippy::indexing_slicing)]

use message::{Fields, Known, Version};

use crate::BadFraming;

/// How the body after a head is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// No body follows, and no framing field promises one (in a request), or the message never has one.
    None,
    /// So many bytes follow, at most 2^63 − 1; 0 where `Content-Length: 0` was said.
    Length(u64),
    /// Chunks follow, then trailers.
    Chunked,
    /// Responses only: all until the connection ends.
    UntilClose,
}

/// Reads the framing fields; [`BodyKind::None`] where there are none.
///
/// # Errors
/// They can be read in two ways, or in none.
#[inline]
pub fn framing_of(fields: &Fields, version: Version) -> Result<BodyKind, BadFraming> {
    match (fields.has(Known::ContentLength), fields.has(Known::TransferEncoding)) {
        (false, false) => Ok(BodyKind::None),
        (true, true) => Err(BadFraming::LengthAndCoding),
        (true, false) => {
            let mut values = fields.all_known(Known::ContentLength);
            let value = values.next().unwrap_or_default();
            if values.next().is_some() || value.contains(&b',') {
                return Err(BadFraming::LengthRepeated);
            }
            parse_length(value).map(BodyKind::Length).ok_or(BadFraming::LengthInvalid)
        }
        (false, true) => {
            if version == Version::Http10 {
                return Err(BadFraming::CodingOnHttp10);
            }
            let mut values = fields.all_known(Known::TransferEncoding);
            let value = values.next().unwrap_or_default();
            if values.next().is_some() || value.contains(&b',') {
                return Err(BadFraming::CodingList);
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadFraming::CodingUnsupported);
            }
            Ok(BodyKind::Chunked)
        }
    }
}

/// 1 to 19 digits and nothing else, up to 2^63 − 1 (which nineteen digits cannot push past `u64`).
fn parse_length(value: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 19;
    if value.is_empty() || value.len() > DIGITS_MAX {
        return None;
    }
    let mut length = 0u64;
    for &byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        length = length * 10 + u64::from(byte - b'0');
    }
    i64::try_from(length).is_ok().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_digits_only_and_fits_63_bits() {
        assert_eq!(parse_length(b"0"), Some(0));
        assert_eq!(parse_length(b"0005"), Some(5));
        assert_eq!(parse_length(b"9223372036854775807"), Some(i64::MAX as u64));
        for bad in
            ["", "+5", "-5", "5 ", " 5", "0x5", "5.0", "9223372036854775808", "18446744073709551616", "5a"]
        {
            assert_eq!(parse_length(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_length(&[b'0'; 20]), None);
    }
}
