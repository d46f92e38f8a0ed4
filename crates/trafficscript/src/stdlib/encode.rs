//! Bytes as text and back: base64, hexadecimal.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Takes what it is given: with or without `=`, and with bits left over at the end.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.base64encode", "A string in base64.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.base64encode( \"user:secret\" )" => "dXNlcjpzZWNyZXQ="],
            "With `+`, `/` and `=`, on one line.",
            |call| {
                let text = call.bytes(0);
                if text.len() / 3 * 4 > call.memory_left() {
                    return Answer::Fault(call.out_of_memory());
                }
                FORGIVING.encode(&text).into()
            }
        ),
        row!(
            "string.base64decode", "What a string in base64 stands for.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.base64decode( \"dXNlcjpzZWNyZXQ=\" )" => "user:secret", "string.base64decode( \"YW\\nJj\" )" => "abc"],
            "It ends at the first `=`; other bytes that are none of base64 are passed over. `=` at the end may be missing, \
             and a letter that is too much is left out.",
            base64decode
        ),
        row!(
            "string.hexencode", "The bytes of a string in hexadecimal.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.hexencode( \"az\\xff\" )" => "617AFF"],
            "Two digits a byte, in upper case.",
            hexencode
        ),
        row!(
            "string.hexdecode", "The bytes that hexadecimal digits stand for.",
            (Param::string("string", "Two digits for each byte, in either case.")),
            String, Pure, ["string.hexdecode( \"617a\" )" => "az"],
            "It does not check what it is given: what is no digit counts as 0, and a digit that is too much is left out.",
            |call| {
                let text = call.bytes(0);
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
                let bytes: Vec<u8> =
                    text.as_chunks().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect();
                bytes.into()
            }
        ),
    ]
}

fn base64decode<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let text = call.bytes(0);
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut letters: Vec<u8> =
        text.iter().copied().take_while(|byte| *byte != b'=').filter(is_of_base64).collect();
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    // Nothing is left that could be wrong.
    FORGIVING.decode(letters).unwrap_or_default().into()
}

fn hexencode<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let text = call.bytes(0);
    if text.len().saturating_mul(2) > call.memory_left() {
        return Answer::Fault(call.out_of_memory());
    }
    let digit = |half: u8| b"0123456789ABCDEF".get(usize::from(half)).copied().unwrap_or(b'0');
    let digits: Vec<u8> = text.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    digits.into()
}
