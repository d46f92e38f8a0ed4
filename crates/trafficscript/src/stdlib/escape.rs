//! Text made safe for URLs and HTML, and back.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use std::io::Write as _;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.escape", "A string with blanks, control characters and `%` percent-encoded.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.escape( \"100% of it\\n\" )" => "100%25%20of%20it%0A"],
            "Bytes up to 32 and `%` become `%` and two hexadecimal digits; all others stay.",
            |call| rewritten(call, |byte| byte > 32 && byte != b'%', percent)
        ),
        row!(
            "string.unescape", "A string with what is percent-encoded decoded.",
            (Param::string("string", "The string.")),
            String, Changes,
            ["string.unescape( \"a%20b%u00e9\" ) . \"!\"" => "a bé!", "string.unescape( \"50%G0\" )" => "50_G0"],
            "`%XX` is a byte, `%uXXXX` a character in UTF-8 (two that belong together are one). Where digits are not as \
             they should be, `_` takes the place of the `%` and `$1` is set to 0; otherwise `$1` stays as it was. `+` is \
             no blank.",
            unescape
        ),
        row!(
            "string.urlencode", "A string as it may stand in a URL.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.urlencode( \"a b/c?d=1~\" )" => "a%20b%2Fc%3Fd%3D1%7E"],
            "All but ASCII letters, digits, `.`, `-` and `_` becomes `%` and two hexadecimal digits.",
            |call| rewritten(call, is_plain, percent)
        ),
        row!(
            "string.urlencodeexceptreserved", "A URL with what may not stand in it percent-encoded.",
            (Param::string("string", "The URL.")),
            String, Pure,
            ["string.urlencodeexceptreserved( \"http://a.example/b c?d=%20\" )" => "http://a.example/b%20c?d=%20"],
            "As `string.urlencode`, but `%` and the reserved characters of RFC 3986 (`:/?#[]@!$&'()*+,;=`) stay.",
            |call| rewritten(call, |byte| is_plain(byte) || b":/?#[]@!$&'()*+,;=%".contains(&byte), percent)
        ),
        row!(
            "string.htmlencode", "A string as it may stand in HTML.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.htmlencode( \"<a href=\\\"x\\\">R&B</a>\" )" => "&lt;a href=&quot;x&quot;&gt;R&amp;B&lt;/a&gt;",
             "string.htmlencode( \"a\\n\" )" => "a&#x0A;"],
            "`<`, `>`, `\"` and `&` become entities, control characters hexadecimal ones. `'` stays: put values of \
             attributes in `\"`.",
            |call| rewritten(call, |byte| byte >= 32 && !b"<>\"&\x7f".contains(&byte), entity)
        ),
        row!(
            "string.htmldecode", "A string with the entities of HTML decoded.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.htmldecode( \"&lt;b&gt; &quot;R&amp;B&quot; &#65;&#x42;\" )" => "<b> \"R&B\" AB"],
            "`&lt;`, `&gt;`, `&quot;`, `&amp;`, `&apos;`, `&nbsp;` and numbers, `&#65;` or `&#x41;`, which give UTF-8. What \
             is no entity stays as it is.",
            htmldecode
        ),
    ]
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_".contains(&byte)
}

fn percent(out: &mut Vec<u8>, byte: u8) {
    // Writing to memory does not fail.
    let _ = write!(out, "%{byte:02X}");
}

fn entity(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'<' => out.extend_from_slice(b"&lt;"),
        b'>' => out.extend_from_slice(b"&gt;"),
        b'"' => out.extend_from_slice(b"&quot;"),
        b'&' => out.extend_from_slice(b"&amp;"),
        control => {
            let _ = write!(out, "&#x{control:02X};");
        }
    }
}

/// A string with some of its bytes written otherwise; the string itself where none is.
fn rewritten<H: Host>(call: &mut Call<'_, H>, stays: fn(u8) -> bool, put: fn(&mut Vec<u8>, u8)) -> Answer {
    let text = call.string(0);
    let Some(first) = text.iter().position(|byte| !stays(*byte)) else { return text.into() };
    let room = call.memory_left();
    let (before, rest) = text.split_at(first);
    let mut out = Vec::with_capacity(text.len() + 16);
    out.extend_from_slice(before);
    for byte in rest {
        if stays(*byte) {
            out.push(*byte);
        } else {
            put(&mut out, *byte);
        }
        if out.len() > room {
            return Answer::Fault(call.out_of_memory());
        }
    }
    out.into()
}

fn unescape<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let text = call.string(0);
    let mut out = Vec::with_capacity(text.len());
    let mut rest: &[u8] = &text;
    let mut is_whole = true;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = unescaped(escaped, &mut out).unwrap_or_else(|| {
            is_whole = false;
            out.push(b'_');
            escaped.get(1..).unwrap_or(&[])
        });
    }
    if !is_whole {
        call.captures().set(1, 0);
    }
    if out.is_empty() && rest.len() == text.len() {
        return text.into();
    }
    out.extend_from_slice(rest);
    out.into()
}

/// Decodes what begins with `%`, and gives what follows; `None` where its digits are not as they should be.
fn unescaped<'a>(escaped: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let [b'%', rest @ ..] = escaped else { return None };
    if let [b'u' | b'U', ..] = rest {
        let (character, after) = character(escaped)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        return Some(after);
    }
    let (byte, after) = number(rest, 2)?;
    out.push(u8::try_from(byte).ok()?);
    Some(after)
}

/// `%uXXXX`, or two of them where the first says so.
fn character(escaped: &[u8]) -> Option<(char, &[u8])> {
    fn unit(escaped: &[u8]) -> Option<(u32, &[u8])> {
        let [b'%', b'u' | b'U', digits @ ..] = escaped else { return None };
        number(digits, 4)
    }
    let (first, after) = unit(escaped)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, after));
    }
    let (second, after) = unit(after)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(code)?, after))
}

/// So many hexadecimal digits, and what follows.
fn number(text: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (shown, after) = text.split_at_checked(digits)?;
    let mut value = 0;
    for byte in shown {
        value = value * 16 + char::from(*byte).to_digit(16)?;
    }
    Some((value, after))
}

fn htmldecode<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let text = call.string(0);
    let mut rest: &[u8] = &text;
    let mut out = Vec::new();
    while let Some(at) = memchr::memchr(b'&', rest) {
        let (plain, encoded) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (character, after) = decoded(encoded).unwrap_or(('&', encoded.get(1..).unwrap_or(&[])));
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = after;
    }
    if out.is_empty() {
        return text.into();
    }
    out.extend_from_slice(rest);
    out.into()
}

/// The character of an entity, and what follows it.
fn decoded(encoded: &[u8]) -> Option<(char, &[u8])> {
    /// `&#x10FFFF;` with a few zeros in front; what is longer is none, so that no `;` is looked for far away.
    const LONGEST: usize = 16;
    let head = encoded.get(1..encoded.len().min(LONGEST))?;
    let length = memchr::memchr(b';', head)?;
    let (name, _) = head.split_at(length);
    let after = encoded.get(length + 2..).unwrap_or(&[]);
    let character = match name {
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"amp" => '&',
        b"apos" => '\'',
        b"nbsp" => '\u{a0}',
        [b'#', b'x' | b'X', digits @ ..] => coded(digits, 16)?,
        [b'#', digits @ ..] => coded(digits, 10)?,
        _ => return None,
    };
    Some((character, after))
}

fn coded(digits: &[u8], radix: u32) -> Option<char> {
    if !digits.iter().all(|byte| char::from(*byte).is_digit(radix)) {
        return None;
    }
    char::from_u32(u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_escapes_that_belong_together_are_one_character_and_half_a_one_is_none() {
        assert_eq!(character(b"%ud83d%ude00!"), Some(('\u{1f600}', &b"!"[..])));
        assert_eq!(character(b"%u20AC"), Some(('\u{20ac}', &b""[..])));
        for bad in [&b"%ud83d"[..], b"%ud83d%u0041", b"%ude00%ud83d", b"%u12", b"%u12G4", b"%u+041"] {
            assert_eq!(character(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn only_whole_entities_are_decoded() {
        assert_eq!(decoded(b"&amp;x"), Some(('&', &b"x"[..])));
        assert_eq!(decoded(b"&#233;"), Some(('\u{e9}', &b""[..])));
        for bad in
            [&b"&"[..], b"&amp", b"&;", b"&#;", b"&#x;", b"&#xD800;", b"&#+65;", b"&#99999999;", b"& lt;"]
        {
            assert_eq!(decoded(bad), None, "{}", bad.escape_ascii());
        }
    }
}
