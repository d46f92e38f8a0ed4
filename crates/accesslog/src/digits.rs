//! Numbers and addresses as text, without the formatting machinery (a line has a dozen of them).

use std::io::Write as _;
use std::net::IpAddr;

/// Appends a number in decimal.
pub(crate) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    if number < 10 {
        return out.push(b'0' + low_byte(number));
    }
    let mut text = [0; 20];
    let mut at = text.len();
    while number >= 10 {
        let pair = PAIRS[usize::from(low_byte(number % 100))];
        number /= 100;
        at -= 2;
        text[at..at + 2].copy_from_slice(&pair);
    }
    if number > 0 {
        at -= 1;
        text[at] = b'0' + low_byte(number);
    }
    out.extend_from_slice(&text[at..]);
}

/// Appends a number that may be negative.
pub(crate) fn signed(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    decimal(number.unsigned_abs(), out);
}

/// The two digits of a number below 100; of larger ones the last two.
pub(crate) fn pair(number: u8) -> [u8; 2] {
    PAIRS[usize::from(number % 100)]
}

/// Appends a number filled up with zeros on the left to at least `width` digits.
pub(crate) fn padded(number: u64, width: u32, out: &mut Vec<u8>) {
    for digits in (1..width).rev() {
        if number < 10_u64.pow(digits.min(19)) {
            out.push(b'0');
        }
    }
    decimal(number, out);
}

/// Appends an address. An IPv4 address in IPv6 clothing is written as IPv4: it is the same client.
pub(crate) fn address(address: IpAddr, out: &mut Vec<u8>) {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let mut text = [b'.'; 16];
            let mut at = 0;
            for octet in four.octets() {
                let [tens, ones] = pair(octet % 100);
                if octet >= 100 {
                    text[at] = b'0' + octet / 100;
                    at += 1;
                }
                if octet >= 10 {
                    text[at] = tens;
                    at += 1;
                }
                text[at] = ones;
                at += 2;
            }
            out.extend_from_slice(&text[..at - 1]);
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(six) => drop(write!(out, "{six}")),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "callers pass numbers below 100")]
const fn low_byte(number: u64) -> u8 {
    number as u8
}

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0_u8;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_read_as_the_standard_library_writes_them() {
        let edges = [0, 9, 10, 11, 99, 100, 101, 109, 110, 999, 1000, 1001, 65_535, 1_000_000, u64::MAX];
        for number in edges.into_iter().chain(0..2_000) {
            assert_eq!(text(|out| decimal(number, out)), number.to_string());
            assert_eq!(text(|out| padded(number, 6, out)), format!("{number:06}"));
        }
        assert_eq!(text(|out| signed(i64::MIN, out)), i64::MIN.to_string());
    }

    #[test]
    fn addresses_read_as_the_standard_library_writes_them() {
        for octet in 0..=255_u8 {
            let four = Ipv4Addr::new(octet, 255 - octet, 0, octet);
            assert_eq!(text(|out| address(four.into(), out)), four.to_string());
            assert_eq!(text(|out| address(four.to_ipv6_mapped().into(), out)), four.to_string());
        }
        assert_eq!(text(|out| address(Ipv6Addr::LOCALHOST.into(), out)), "::1");
    }
}
