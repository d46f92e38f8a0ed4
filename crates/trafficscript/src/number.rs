//! Numbers from text and back.

use crate::value::Number;

/// The longest numeric prefix: blanks, a sign, digits, and a `.` if a digit follows it. With a `.` it is a double;
/// without digits it is 0; integers beyond 64 bits become the nearest that fits.
pub(crate) fn prefix(text: &[u8]) -> Number {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let text = text.get(blanks..).unwrap_or(&[]);
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits.get(whole) == Some(&b'.') {
        let fraction = digits.iter().skip(whole + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if fraction > 0 {
            let shown = digits.get(..whole + 1 + fraction).unwrap_or(&[]);
            let value: f64 =
                std::str::from_utf8(shown).ok().and_then(|shown| shown.parse().ok()).unwrap_or(0.0);
            return Number::Double(if negative { -value } else { value });
        }
    }
    let mut value: i64 = 0;
    // With more than nineteen digits besides leading zeros it stays at the end of its range.
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count().min(whole);
    for byte in digits.iter().take(whole).skip(zeros).take(20) {
        let digit = i64::from(byte - b'0');
        value = value.saturating_mul(10);
        value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
    }
    Number::Integer(value)
}

/// To the nearest integer, halves away from zero, clipped to 64 bits; not-a-number is 0.
pub(crate) fn round(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` clips, which is what is wanted")]
    let rounded = value.round() as i64;
    rounded
}

/// As C's `%.6g`.
pub(crate) fn format_short(value: f64) -> String {
    const DIGITS: i32 = 6;
    if !value.is_finite() {
        return if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // The exponent is read off after rounding, as C does: 999999.5 has one digit more than 999999.
    let scientific = format!("{:.*e}", 5, value);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..DIGITS).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_trailing_zeros(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
    without_trailing_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_c_writes_them_with_six_digits() {
        let rows = [
            (2.71829, "2.71829"),
            (0.5, "0.5"),
            (1.75, "1.75"),
            (-3.0, "-3"),
            (1.0 / 3.0, "0.333333"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (999_999.5, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_012_34, "1.234e-05"),
            (1e100, "1e+100"),
            (-0.0, "0"),
        ];
        for (value, text) in rows {
            assert_eq!(format_short(value), text);
        }
    }

    #[test]
    fn the_longest_numeric_prefix_counts() {
        assert_eq!(prefix(b" \t-12x"), Number::Integer(-12));
        assert_eq!(prefix(b"10, 2.71828"), Number::Integer(10));
        assert_eq!(prefix(b"5."), Number::Integer(5));
        assert_eq!(prefix(b".5"), Number::Double(0.5));
        assert_eq!(prefix(b"!!!"), Number::Integer(0));
        assert_eq!(prefix(b"-99999999999999999999"), Number::Integer(i64::MIN));
        assert_eq!(prefix(b"-9223372036854775808"), Number::Integer(i64::MIN));
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!([round(2.5), round(-2.5), round(2.4), round(f64::NAN)], [3, -3, 2, 0]);
        assert_eq!(round(1e300), i64::MAX);
    }
}
