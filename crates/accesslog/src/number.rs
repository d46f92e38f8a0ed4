//! Numbers as logs write them.
#![warn(clippy::indexing_slicing)]

/// A number in decimal digits; `None`: anything else, or beyond 64 bits.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let mut number = 0_u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits always fit.
        number = if text.len() < 20 {
            number * 10 + u64::from(digit)
        } else {
            number.checked_mul(10)?.checked_add(u64::from(digit))?
        };
    }
    Some(number)
}

/// The same with a sign.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => 0_i64.checked_sub_unsigned(decimal(digits)?),
        digits => decimal(digits)?.try_into().ok(),
    }
}

/// A number that may have a decimal point and an exponent, times 10 to the `power` (at most 9); what is smaller than one
/// is dropped.
pub(crate) fn scaled(text: &[u8], power: u32) -> Option<u64> {
    let mut power = i64::from(power);
    let mut text = text;
    if let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        let (before, after) = text.split_at(at);
        let exponent = after.get(1..)?;
        power += signed(exponent.strip_prefix(b"+").unwrap_or(exponent))?.clamp(-40, 40);
        text = before;
    }
    let dot = memchr::memchr(b'.', text);
    let (whole, fraction) = match dot {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &b""[..]),
    };
    if whole.is_empty() || (dot.is_some() && fraction.is_empty()) {
        return None;
    }
    let mut number = u128::from(decimal(whole)?);
    for &digit in fraction {
        if !digit.is_ascii_digit() {
            return None;
        }
        if power > -9 && number < u128::from(u64::MAX) {
            number = number * 10 + u128::from(digit - b'0');
            power -= 1;
        }
    }
    let scaled = if power >= 0 {
        number.checked_mul(10_u128.checked_pow(u32::try_from(power).ok()?)?)?
    } else {
        number / 10_u128.checked_pow(u32::try_from(-power).ok()?)?
    };
    scaled.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_last_that_fits() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "-", "18446744073709551616", "1 ", "+1", "999999999999999999999"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"9223372036854775808"), None);
    }

    #[test]
    fn decimals_become_whole_numbers_of_a_smaller_unit() {
        for (text, power, expected) in [
            ("0.008", 6, 8_000),
            ("1687", 3, 1_687_000),
            ("0.001335486", 6, 1_335),
            ("1703373474.8155608", 6, 1_703_373_474_815_560),
            ("1.7033734748155608e+09", 6, 1_703_373_474_815_560),
            ("7e-05", 6, 70),
            ("12.000", 6, 12_000_000),
            ("0.0000000000000000000000000000000000000000000001", 6, 0),
        ] {
            assert_eq!(scaled(text.as_bytes(), power), Some(expected), "{text}");
        }
        for text in
            ["", ".", "1.", ".5", "-1", "1e", "1e99999999999999999999", "99999999999999999999.0", "nan"]
        {
            assert_eq!(scaled(text.as_bytes(), 6), None, "{text}");
        }
    }
}
