//! From PCRE's spelling to that of the `regex` crate: the same meaning on bytes, or an error.
//!
//! Every byte that could mean something else over there is written as `\xHH`.

use super::PatternError;
use std::fmt::Write as _;

/// Stands for `$` until it is known what becomes of it; no other non-ASCII character is ever written.
const DOLLAR: char = '\u{20ac}';

pub(super) struct Translated {
    text: String,
    pub(super) has_dollar: bool,
    /// It has look-around, back-references, possessive or atomic parts.
    pub(super) needs_backtracking: bool,
}

impl Translated {
    /// The pattern with this in the place of `$`.
    pub(super) fn with_dollar(&self, dollar: &str) -> String {
        self.text.replace(DOLLAR, dollar)
    }
}

pub(super) fn translate(pattern: &[u8]) -> Result<Translated, PatternError> {
    let mut translator = Translator {
        rest: pattern,
        out: Translated {
            text: String::with_capacity(pattern.len() + 16),
            has_dollar: false,
            needs_backtracking: false,
        },
        is_multi_line: false,
        is_extended: false,
        groups: memchr::memchr_iter(b'(', pattern).count(),
    };
    while let Some(byte) = translator.next() {
        translator.item(byte)?;
    }
    Ok(translator.out)
}

struct Translator<'a> {
    rest: &'a [u8],
    out: Translated,
    /// `(?m)` was seen: `$` is the end of a line.
    is_multi_line: bool,
    /// `(?x)` was seen: blanks and comments do not count.
    is_extended: bool,
    /// At most this many groups.
    groups: usize,
}

fn unsupported<T>(what: &str) -> Result<T, PatternError> {
    Err(PatternError(format!("{what} is not supported")))
}

impl Translator<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, wanted: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn write(&mut self, text: &str) {
        self.out.text.push_str(text);
    }

    /// A byte that means itself.
    fn literal(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            self.out.text.push(char::from(byte));
        } else {
            let _ = write!(self.out.text, "\\x{byte:02X}");
        }
    }

    fn dollar(&mut self) {
        self.out.has_dollar = true;
        self.out.text.push(DOLLAR);
    }

    fn item(&mut self, byte: u8) -> Result<(), PatternError> {
        match byte {
            b'\\' => return self.escape(),
            b'[' => return self.class(),
            b'(' => return self.group(),
            b'*' | b'+' | b'?' => {
                self.out.text.push(char::from(byte));
                self.after_quantifier();
            }
            b'{' => self.brace(),
            b'$' if !self.is_multi_line => self.dollar(),
            b'.' | b'^' | b'$' | b'|' | b')' => self.out.text.push(char::from(byte)),
            b'#' if self.is_extended => while self.next().is_some_and(|byte| byte != b'\n') {},
            _ if self.is_extended && (byte.is_ascii_whitespace() || byte == 0x0b) => {}
            _ => self.literal(byte),
        }
        Ok(())
    }

    fn after_quantifier(&mut self) {
        if self.skip(b"?") {
            self.write("?");
        } else if self.skip(b"+") {
            self.write("+");
            self.out.needs_backtracking = true;
        }
    }

    /// `{3}`, `{3,}`, `{3,5}`; anything else is a plain brace.
    fn brace(&mut self) {
        let length = self.rest.iter().position(|byte| *byte == b'}').unwrap_or(0);
        let (inside, _) = self.rest.split_at(length);
        let mut parts = inside.splitn(2, |byte| *byte == b',');
        let is_count =
            parts.next().is_some_and(|least| !least.is_empty() && least.iter().all(u8::is_ascii_digit))
                && parts.next().is_none_or(|most| most.iter().all(u8::is_ascii_digit));
        if !is_count {
            return self.literal(b'{');
        }
        let text: String = inside.iter().map(|byte| char::from(*byte)).collect();
        self.rest = self.rest.get(length + 1..).unwrap_or(&[]);
        let _ = write!(self.out.text, "{{{text}}}");
        self.after_quantifier();
    }

    fn group(&mut self) -> Result<(), PatternError> {
        if self.rest.starts_with(b"*") {
            return unsupported("a verb such as (*FAIL)");
        }
        if !self.skip(b"?") {
            self.write("(");
            return Ok(());
        }
        if self.skip(b"#") {
            while self.next().is_some_and(|byte| byte != b')') {}
            return Ok(());
        }
        if self.skip(b":") {
            self.write("(?:");
            return Ok(());
        }
        for start in ["=", "!", "<=", "<!", ">"] {
            if self.skip(start.as_bytes()) {
                self.out.needs_backtracking = true;
                let _ = write!(self.out.text, "(?{start}");
                return Ok(());
            }
        }
        if self.skip(b"P=") {
            return self.named_reference(b')');
        }
        for (start, end) in [(&b"P<"[..], b'>'), (b"<", b'>'), (b"'", b'\'')] {
            if self.skip(start) {
                let name = self.name(end)?;
                let _ = write!(self.out.text, "(?P<{name}>");
                return Ok(());
            }
        }
        self.flags()
    }

    /// `(?i)`, `(?i-s:…`
    fn flags(&mut self) -> Result<(), PatternError> {
        let mut flags = String::new();
        let mut is_on = true;
        loop {
            match self.next() {
                Some(b'-') => {
                    is_on = false;
                    flags.push('-');
                }
                Some(b'x') => self.is_extended = is_on,
                Some(flag @ (b'i' | b'm' | b's' | b'U')) => {
                    self.is_multi_line |= flag == b'm' && is_on;
                    flags.push(char::from(flag));
                }
                Some(end @ (b')' | b':')) => {
                    let flags = flags.trim_end_matches('-');
                    match (end, flags.is_empty()) {
                        (b')', true) => {}
                        (_, true) => self.write("(?:"),
                        _ => {
                            let _ = write!(self.out.text, "(?{flags}{}", char::from(end));
                        }
                    }
                    return Ok(());
                }
                _ => return unsupported("this kind of (?…) group"),
            }
        }
    }

    fn name(&mut self, end: u8) -> Result<String, PatternError> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some(byte) if byte == end && !name.is_empty() => return Ok(name),
                Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => name.push(char::from(byte)),
                _ => return Err(PatternError("a group's name is not closed".to_owned())),
            }
        }
    }

    fn named_reference(&mut self, end: u8) -> Result<(), PatternError> {
        let name = self.name(end)?;
        self.out.needs_backtracking = true;
        let _ = write!(self.out.text, "\\k<{name}>");
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let Some(byte) = self.next() else {
            return Err(PatternError("it ends with a backslash".to_owned()));
        };
        match byte {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'b' | b'B' | b'A' | b'z' => {
                let _ = write!(self.out.text, "\\{}", char::from(byte));
            }
            b'Z' => self.dollar(),
            b'h' => self.write(r"[\t \xA0]"),
            b'H' => self.write(r"[^\t \xA0]"),
            b'v' => self.write(r"[\n\x0B\x0C\r]"),
            b'V' => self.write(r"[^\n\x0B\x0C\r]"),
            b'N' => self.write(r"[^\n]"),
            b'R' => self.write(r"(?:\r\n|[\n\x0B\x0C\r])"),
            b'C' => self.write("(?s:.)"),
            b'Q' => {
                while !self.skip(b"\\E")
                    && let Some(byte) = self.next()
                {
                    self.literal(byte);
                }
            }
            b'E' => {}
            b'K' => {
                self.out.needs_backtracking = true;
                self.write("\\K");
            }
            b'k' if self.skip(b"<") => return self.named_reference(b'>'),
            b'k' if self.skip(b"{") => return self.named_reference(b'}'),
            b'G' | b'X' | b'p' | b'P' | b'k' | b'g' | b'u' | b'L' | b'l' | b'U' => {
                return unsupported(&format!("\\{}", char::from(byte)));
            }
            b'1'..=b'9' if self.is_reference(byte) => self.reference(byte),
            _ => {
                let byte = self.character(byte)?;
                self.literal(byte);
            }
        }
        Ok(())
    }

    /// One digit is a reference to a group; more are, if there are that many groups, else an octal code.
    fn is_reference(&self, first: u8) -> bool {
        match self.rest.first() {
            Some(second @ b'0'..=b'9') => {
                usize::from(first - b'0') * 10 + usize::from(second - b'0') <= self.groups
            }
            _ => true,
        }
    }

    fn reference(&mut self, first: u8) {
        self.out.needs_backtracking = true;
        let _ = write!(self.out.text, "(?:\\{}", char::from(first));
        if let Some(second @ b'0'..=b'9') = self.rest.first().copied() {
            self.next();
            self.out.text.push(char::from(second));
        }
        self.write(")");
    }

    /// The one byte an escape stands for, inside a class or outside.
    fn character(&mut self, byte: u8) -> Result<u8, PatternError> {
        Ok(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'f' => 0x0c,
            b'a' => 0x07,
            b'e' => 0x1b,
            b'c' => match self.next() {
                Some(letter) => letter.to_ascii_uppercase() ^ 0x40,
                None => return Err(PatternError("\\c is not followed by a letter".to_owned())),
            },
            b'x' if self.skip(b"{") => {
                let value = self.digits(16, 8);
                match (self.skip(b"}"), u8::try_from(value)) {
                    (true, Ok(value)) => value,
                    _ => return unsupported("a character beyond \\x{ff}"),
                }
            }
            b'x' => u8::try_from(self.digits(16, 2)).unwrap_or(0),
            b'0'..=b'7' => {
                let value = u32::from(byte - b'0');
                let before = self.rest.len();
                let more = self.digits(8, 2);
                let digits = u32::try_from(before - self.rest.len()).unwrap_or(0);
                u8::try_from((value * 8_u32.pow(digits) + more) & 0xff).unwrap_or(0)
            }
            _ => byte,
        })
    }

    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut value: u32 = 0;
        for _ in 0..most {
            let Some(digit) = self.rest.first().and_then(|byte| char::from(*byte).to_digit(radix)) else {
                break;
            };
            self.next();
            value = value.saturating_mul(radix).saturating_add(digit);
        }
        value
    }

    fn class(&mut self) -> Result<(), PatternError> {
        self.write("[");
        if self.skip(b"^") {
            self.write("^");
        }
        let mut is_first = true;
        // Whether the item before could begin a range.
        let mut can_begin_range = false;
        loop {
            let Some(byte) = self.next() else {
                return Err(PatternError("a character class is not closed".to_owned()));
            };
            match byte {
                b']' if !is_first => break,
                b'[' if self.posix_class() => can_begin_range = false,
                b'-' if can_begin_range && self.range_follows() => {
                    self.write("-");
                    let end = match self.next() {
                        Some(b'\\') => match self.next() {
                            Some(b'b') => 0x08,
                            Some(escaped) => self.character(escaped)?,
                            None => b'\\',
                        },
                        Some(plain) => plain,
                        None => b'-',
                    };
                    self.literal(end);
                    can_begin_range = false;
                }
                b'\\' => can_begin_range = self.class_escape()?,
                plain => {
                    self.literal(plain);
                    can_begin_range = true;
                }
            }
            is_first = false;
        }
        self.write("]");
        Ok(())
    }

    /// After `-`: whether a single character comes, and not the class's end or a set of characters.
    fn range_follows(&self) -> bool {
        match self.rest {
            [] | [b']', ..] | [b'[', b':', ..] => false,
            [b'\\', set, ..] => !b"dDwWsShHvVNRpPQE".contains(set),
            _ => true,
        }
    }

    fn posix_class(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix(b":") else { return false };
        let Some(length) = inside.windows(2).position(|two| two == b":]") else { return false };
        let (name, after) = inside.split_at(length);
        if !name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'^') {
            return false;
        }
        let name: String = name.iter().map(|byte| char::from(*byte)).collect();
        let _ = write!(self.out.text, "[:{name}:]");
        self.rest = after.get(2..).unwrap_or(&[]);
        true
    }

    /// Says whether it was a single character.
    fn class_escape(&mut self) -> Result<bool, PatternError> {
        let Some(byte) = self.next() else {
            return Err(PatternError("it ends with a backslash".to_owned()));
        };
        match byte {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' => {
                let _ = write!(self.out.text, "\\{}", char::from(byte));
            }
            b'h' => self.write(r"\t\x20\xA0"),
            b'v' => self.write(r"\n\x0B\x0C\r"),
            b'b' => {
                self.literal(0x08);
                return Ok(true);
            }
            b'H' | b'V' | b'N' | b'R' | b'p' | b'P' | b'X' | b'Q' | b'u' => {
                return unsupported(&format!("\\{} in a character class", char::from(byte)));
            }
            b'E' => {}
            _ => {
                let byte = self.character(byte)?;
                self.literal(byte);
                return Ok(true);
            }
        }
        Ok(false)
    }
}
