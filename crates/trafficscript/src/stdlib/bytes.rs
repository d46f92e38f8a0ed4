//! Numbers and addresses as bytes of a protocol, and bytes put into others.

use super::address::address;
use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.intToBytes", "A number as bytes, the highest first.",
            (Param::integer("number", "The number."),
             Param::integer("width", "How many bytes: 1, 2 or 4; 4 unless told.").optional()),
            String, Pure,
            ["string.hexencode( string.intToBytes( 258 ) )" => "00000102",
             "string.hexencode( string.intToBytes( -2, 2 ) )" => "FFFE"],
            "The lowest bytes of a number that has more. Another width is a warning and the empty string.",
            |call| {
                let bytes = call.integer(0).to_be_bytes();
                let width = call.optional_integer(1).unwrap_or(4);
                let shown = match width {
                    1 | 2 | 4 => usize::try_from(width).ok().and_then(|width| bytes.get(bytes.len() - width..)),
                    _ => None,
                };
                if shown.is_none() {
                    call.warn("string.intToBytes makes 1, 2 or 4 bytes");
                }
                shown.unwrap_or(&[]).into()
            }
        ),
        row!(
            "string.bytesToInt", "The number that bytes stand for, the highest first.",
            (Param::string("string", "1, 2 or 4 bytes.")),
            Integer, Pure, ["string.bytesToInt( \"\\x01\\x02\" )" => "258", "string.bytesToInt( \"\\xff\\xff\\xff\\xff\" )" => "4294967295"],
            "Never below 0. Another number of bytes is a warning and 0.",
            |call| {
                let text = call.bytes(0);
                if !matches!(text.len(), 1 | 2 | 4) {
                    call.warn("string.bytesToInt takes 1, 2 or 4 bytes");
                    return 0.into();
                }
                text.iter().fold(0, |value, byte| value << 8 | i64::from(*byte)).into()
            }
        ),
        row!(
            "string.intToHex", "A number in hexadecimal.",
            (Param::integer("number", "The number.")),
            String, Pure, ["string.intToHex( 51966 )" => "0000cafe"],
            "At least eight digits, in lower case; sixteen for a number below 0 (two's complement).",
            |call| format!("{:08x}", call.integer(0)).into()
        ),
        row!(
            "string.hexToInt", "The first hexadecimal number in a string.",
            (Param::string("string", "The string.")),
            Integer, Pure,
            ["string.hexToInt( \"0xCAFE\" )" => "51966", "string.hexToInt( \"-ff\" )" => "-255", "string.hexToInt( \"xyz\" )" => "0"],
            "`0x` and a `-` may stand before it. Of more than sixteen digits the last sixteen count. 0 if there is none.",
            |call| hex_to_int(&call.bytes(0)).into()
        ),
        row!(
            "string.intToBER", "A number as a BER compressed integer.",
            (Param::integer("number", "The number, 0 or more.")),
            String, Pure, ["string.hexencode( string.intToBER( 200 ) )" => "8148"],
            "Seven bits a byte, the highest first; all bytes but the last have their highest bit set. A number below 0 is \
             a warning and the empty string.",
            int_to_ber
        ),
        row!(
            "string.BERToInt", "The number of a BER compressed integer.",
            (Param::string("string", "The bytes; those behind its end do not count.")),
            Integer, Pure, ["string.BERToInt( \"\\201\\110\" )" => "200"],
            "One without an end, or with more than 63 bits, is a warning and 0.",
            |call| {
                let number = ber_to_int(&call.bytes(0));
                if number.is_none() {
                    call.warn("string.BERToInt is given no BER compressed integer");
                }
                number.unwrap_or(0).into()
            }
        ),
        row!(
            "string.dottedToBytes", "An address as bytes, the highest first.",
            (Param::string("address", "An IPv4 or IPv6 address.")),
            String, Pure, ["string.hexencode( string.dottedToBytes( \"10.1.2.3\" ) )" => "0A010203"],
            "4 or 16 bytes. What is no address is a warning and the empty string.",
            |call| match address(&call.bytes(0)) {
                Some(IpAddr::V4(address)) => address.octets().as_slice().into(),
                Some(IpAddr::V6(address)) => address.octets().as_slice().into(),
                None => {
                    call.warn("string.dottedToBytes is given no address");
                    "".into()
                }
            }
        ),
        row!(
            "string.bytesToDotted", "The address that bytes stand for.",
            (Param::string("string", "4 or 16 bytes.")),
            String, Pure, ["string.bytesToDotted( \"\\x0a\\x01\\x02\\x03\" )" => "10.1.2.3"],
            "Spelt as `string.normalizeIPAddress` does. Another number of bytes is a warning and the empty string.",
            |call| {
                let text = call.bytes(0);
                if let Ok(octets) = <[u8; 4]>::try_from(&*text) {
                    return Ipv4Addr::from(octets).to_string().into();
                }
                if let Ok(octets) = <[u8; 16]>::try_from(&*text) {
                    return super::address::shortened(Ipv6Addr::from(octets)).into();
                }
                call.warn("string.bytesToDotted takes 4 or 16 bytes");
                "".into()
            }
        ),
        row!(
            "string.insertBytes", "A string with another put into it.",
            (Param::string("string", "The string."), Param::string("insertion", "What to put into it."),
             Param::integer("offset", "Before which byte, from 0; the length puts it at the end.")),
            String, Pure,
            ["string.insertBytes( \"abcd\", \"--\", 2 )" => "ab--cd", "string.insertBytes( \"ab\", \"-\", 2 )" => "ab-"],
            "Unchanged, if the offset is below 0 or beyond the end.",
            |call| {
                let (text, insertion) = (call.string(0), call.bytes(1));
                let Some((front, back)) = offset(call).and_then(|at| text.split_at_checked(at)) else {
                    return text.into();
                };
                if text.len().saturating_add(insertion.len()) > call.memory_left() {
                    return Answer::Fault(call.out_of_memory());
                }
                [front, &*insertion, back].concat().into()
            }
        ),
        row!(
            "string.replaceBytes", "A string with some of its bytes written over.",
            (Param::string("string", "The string."), Param::string("replacement", "What to write."),
             Param::integer("offset", "The first byte to write over, from 0.")),
            String, Pure,
            ["string.replaceBytes( \"abcd\", \"XY\", 1 )" => "aXYd", "string.replaceBytes( \"abcd\", \"XYZ\", 3 )" => "abcX"],
            "As long as it was: what is too much is left out. Unchanged, if the offset is below 0 or beyond the end.",
            |call| {
                let (text, replacement) = (call.string(0), call.bytes(1));
                let Some(tail) = offset(call).and_then(|at| text.len().checked_sub(at)) else { return text.into() };
                if replacement.is_empty() || tail == 0 {
                    return text.into();
                }
                let mut bytes = text.to_vec();
                for (to, from) in bytes.iter_mut().skip(text.len() - tail).zip(replacement.iter()) {
                    *to = *from;
                }
                bytes.into()
            }
        ),
    ]
}

fn offset<H: Host>(call: &Call<'_, H>) -> Option<usize> {
    usize::try_from(call.integer(2)).ok()
}

fn hex_to_int(text: &[u8]) -> i64 {
    let Some(start) = text.iter().position(u8::is_ascii_hexdigit) else { return 0 };
    let (before, mut digits) = text.split_at(start);
    if let [b'0', b'x' | b'X', rest @ ..] = digits
        && rest.first().is_some_and(u8::is_ascii_hexdigit)
    {
        digits = rest;
    }
    let value = digits
        .iter()
        .map_while(|byte| char::from(*byte).to_digit(16))
        .fold(0_i64, |value, digit| value << 4 | i64::from(digit));
    if before.ends_with(b"-") { value.wrapping_neg() } else { value }
}

fn int_to_ber<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let Ok(number) = u64::try_from(call.integer(0)) else {
        call.warn("string.intToBER is given a number below 0");
        return "".into();
    };
    let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
    let bytes: Vec<u8> = (0..groups)
        .rev()
        .map(|group| {
            let seven = u8::try_from(number >> (group * 7) & 0x7f).unwrap_or(0);
            if group == 0 { seven } else { seven | 0x80 }
        })
        .collect();
    bytes.into()
}

fn ber_to_int(text: &[u8]) -> Option<i64> {
    let mut value: i64 = 0;
    for byte in text {
        if value > i64::MAX >> 7 {
            return None;
        }
        value = value << 7 | i64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hexadecimal_number_is_found_where_it_begins() {
        for (text, number) in [
            ("", 0),
            ("0x", 0),
            ("zz 1F", 31),
            ("-0x10", -16),
            ("0xg", 0),
            ("ffffffffffffffff", -1),
            ("1ffffffffffffffff", -1),
            ("8000000000000000", i64::MIN),
        ] {
            assert_eq!(hex_to_int(text.as_bytes()), number, "{text}");
        }
    }

    #[test]
    fn a_compressed_integer_has_an_end_and_63_bits() {
        assert_eq!(ber_to_int(b"\x00"), Some(0));
        assert_eq!(ber_to_int(b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), Some(i64::MAX));
        assert_eq!(ber_to_int(b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00"), None);
        assert_eq!((ber_to_int(b""), ber_to_int(b"\x81")), (None, None));
        assert_eq!(ber_to_int(&[0x80; 1000]), None);
    }
}
