//! From PCRE's spelling to that of the `regex` crate: the same meaning on bytes, or an error.
//!
//! Every byte that could mean something else over there is written as `\xHH`.

use super::{Newlines, PatternError};
use std::fmt::Write as _;

/// These stand for `$` and for the `^` of `(?m)` until it is known what becomes of them; no other non-ASCII character
/// is ever written.
const DOLLAR: char = '\u{20ac}';
const LINE_START: char = '\u{20ad}';

pub(super) struct Translated {
    text: String,
    /// A newline that ends the subject makes a difference to it.
    pub(super) minds_last_newline: bool,
    /// It has look-around, back-references, possessive or atomic parts.
    pub(super) needs_backtracking: bool,
}

impl Translated {
    /// For subjects that do not end with a newline; `$` is their very end. Needs no look-around.
    pub(super) fn plain(&self) -> String {
        self.text.replace(DOLLAR, r"\z").replace(LINE_START, "(?m:^)")
    }

    /// For every subject: `$` also stands before a newline that ends it, and no line begins behind that newline.
    pub(super) fn exact(&self) -> String {
        self.text.replace(DOLLAR, r"(?=\n?\z)").replace(LINE_START, r"(?:\A|(?m:^)(?!\z))")
    }
}

pub(super) fn translate(pattern: &[u8], newlines: Newlines) -> Result<Translated, PatternError> {
    let mut translator = Translator {
        rest: pattern,
        newlines,
        out: Translated {
            text: String::with_capacity(pattern.len() + 16),
            minds_last_newline: false,
            needs_backtracking: false,
        },
        flags: Flags::default(),
        outer: Vec::new(),
        groups_before: 0,
        groups: memchr::memchr_iter(b'(', pattern).count(),
    };
    if newlines == Newlines::AreBytes {
        translator.write("(?s)");
    }
    while let Some(byte) = translator.next() {
        translator.item(byte)?;
    }
    Ok(translator.out)
}

struct Translator<'a> {
    rest: &'a [u8],
    newlines: Newlines,
    out: Translated,
    flags: Flags,
    /// Those of the groups around, and what kind of group was opened then.
    outer: Vec<(Flags, Kind)>,
    /// Groups that were opened so far.
    groups_before: usize,
    /// At most this many groups.
    groups: usize,
}

/// What the translation itself must know of the inline flags.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// `(?m)`: `^` and `$` are at lines.
    is_multi_line: bool,
    /// `(?x)`: blanks and comments do not count.
    is_extended: bool,
}

/// What a group is to its `|` and its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    /// `(?<=a|b)`, written as `(?:(?<=a)|(?<=b))`: then each alternative may have a length of its own.
    Behind,
    /// `(?<!a|b)`, written as `(?:(?<!a)(?<!b))`.
    NotBehind,
}

const RECURSION: &str = "a pattern that calls itself or one of its groups";

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
        self.out.minds_last_newline = true;
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
            b'$' if !self.flags.is_multi_line => match self.newlines {
                Newlines::EndLines => self.dollar(),
                Newlines::AreBytes => self.write(r"\z"),
            },
            b'^' if self.flags.is_multi_line => {
                self.out.minds_last_newline = true;
                self.out.text.push(LINE_START);
            }
            b')' => {
                let (flags, kind) = self.outer.pop().unwrap_or((self.flags, Kind::Other));
                self.flags = flags;
                self.write(if kind == Kind::Other { ")" } else { "))" });
            }
            b'|' => self.write(match self.outer.last() {
                Some((_, Kind::Behind)) => ")|(?<=",
                Some((_, Kind::NotBehind)) => ")(?<!",
                _ => "|",
            }),
            b'.' | b'^' | b'$' => self.out.text.push(char::from(byte)),
            b'#' if self.flags.is_extended => while self.next().is_some_and(|byte| byte != b'\n') {},
            _ if self.flags.is_extended && (byte.is_ascii_whitespace() || byte == 0x0b) => {}
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

    /// Opens a group; flags that are set in it end with it.
    fn open(&mut self, start: &str) {
        self.open_kind(start, Kind::Other);
    }

    fn open_kind(&mut self, start: &str, kind: Kind) {
        self.write(start);
        self.outer.push((self.flags, kind));
    }

    fn group(&mut self) -> Result<(), PatternError> {
        if self.rest.starts_with(b"*") {
            return unsupported("a verb such as (*FAIL)");
        }
        if !self.skip(b"?") {
            self.groups_before += 1;
            self.open("(");
            return Ok(());
        }
        if self.skip(b"#") {
            while self.next().is_some_and(|byte| byte != b')') {}
            return Ok(());
        }
        if self.skip(b":") {
            self.open("(?:");
            return Ok(());
        }
        for (said, start, kind) in [
            ("=", "(?=", Kind::Other),
            ("!", "(?!", Kind::Other),
            (">", "(?>", Kind::Other),
            ("<=", "(?:(?<=", Kind::Behind),
            ("<!", "(?:(?<!", Kind::NotBehind),
        ] {
            if self.skip(said.as_bytes()) {
                self.out.needs_backtracking = true;
                self.open_kind(start, kind);
                return Ok(());
            }
        }
        if self.skip(b"P=") {
            return self.named_reference(b')');
        }
        if self.skip(b"(") {
            return self.condition();
        }
        for (start, end) in [(&b"P<"[..], b'>'), (b"<", b'>'), (b"'", b'\'')] {
            if self.skip(start) {
                let name = self.name(end)?;
                self.groups_before += 1;
                self.open(&format!("(?P<{name}>"));
                return Ok(());
            }
        }
        match self.rest {
            [b'R' | b'&' | b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] | [b'P', b'>', ..] => {
                unsupported(RECURSION)
            }
            [b'|', ..] => unsupported("(?|…), groups that share a number,"),
            [b'C', ..] => unsupported("a callout"),
            _ => self.inline_flags(),
        }
    }

    /// `(?(1)a|b)`, `(?(<name>)a|b)`
    fn condition(&mut self) -> Result<(), PatternError> {
        let length = self.rest.iter().position(|byte| *byte == b')').unwrap_or(self.rest.len());
        let (said, after) = self.rest.split_at(length);
        let name = match said {
            [b'<', name @ .., b'>'] | [b'\'', name @ .., b'\''] => name,
            [b'?' | b'*' | b'R' | b'V', ..] | b"DEFINE" | [] => {
                return unsupported("a condition that is no group's number or name");
            }
            name => name,
        };
        if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return unsupported("a condition that is no group's number or name");
        }
        let shown: String = name.iter().map(|byte| char::from(*byte)).collect();
        let is_number = name.iter().all(u8::is_ascii_digit);
        self.rest = after.get(1..).unwrap_or(&[]);
        self.out.needs_backtracking = true;
        self.open(&if is_number { format!("(?({shown})") } else { format!("(?(<{shown}>)") });
        Ok(())
    }

    /// `(?i)`, `(?i-s:…`
    fn inline_flags(&mut self) -> Result<(), PatternError> {
        let mut written = String::new();
        let mut is_on = true;
        let mut flags = self.flags;
        loop {
            match self.next() {
                Some(b'-') if is_on => {
                    is_on = false;
                    written.push('-');
                }
                Some(b'x') => flags.is_extended = is_on,
                Some(flag @ (b'i' | b'm' | b's' | b'U')) => {
                    if flag == b'm' {
                        flags.is_multi_line = is_on;
                    }
                    if !written.contains(char::from(flag)) {
                        written.push(char::from(flag));
                    }
                }
                Some(b')') => {
                    let written = written.trim_end_matches('-');
                    if !written.is_empty() {
                        let _ = write!(self.out.text, "(?{written})");
                    }
                    self.flags = flags;
                    return Ok(());
                }
                Some(b':') => {
                    self.open(&format!("(?{}:", written.trim_end_matches('-')));
                    self.flags = flags;
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
            b'v' => self.write(r"[\n\x0B\x0C\r\x85]"),
            b'V' => self.write(r"[^\n\x0B\x0C\r\x85]"),
            b'N' => self.write(r"[^\n]"),
            b'R' => {
                // What it took as one line end is not given back in halves.
                self.out.needs_backtracking = true;
                self.write(r"(?>\r\n|[\n\x0B\x0C\r\x85])");
            }
            b'C' => self.write("(?s:.)"),
            b'Q' => self.quoted(),
            b'E' => {}
            b'K' => {
                self.out.needs_backtracking = true;
                self.write("\\K");
            }
            b'k' if self.skip(b"<") => return self.named_reference(b'>'),
            b'k' if self.skip(b"{") => return self.named_reference(b'}'),
            b'k' if self.skip(b"'") => return self.named_reference(b'\''),
            b'g' => return self.group_reference(),
            b'G' | b'X' | b'p' | b'P' | b'k' | b'u' | b'L' | b'l' | b'U' => {
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

    /// What stands between `\Q` and `\E`, or the rest.
    fn quoted(&mut self) {
        while !self.skip(b"\\E")
            && let Some(byte) = self.next()
        {
            self.literal(byte);
        }
    }

    /// `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`
    fn group_reference(&mut self) -> Result<(), PatternError> {
        if matches!(self.rest, [b'<' | b'\'', ..]) {
            return unsupported(RECURSION);
        }
        let is_closed = self.skip(b"{");
        if is_closed && !matches!(self.rest, [b'-' | b'0'..=b'9', ..]) {
            return self.named_reference(b'}');
        }
        let is_relative = self.skip(b"-");
        let number = usize::try_from(self.digits(10, 5)).unwrap_or(0);
        let number = if is_relative { (self.groups_before + 1).checked_sub(number) } else { Some(number) };
        match number {
            Some(number @ 1..) if number <= self.groups && (!is_closed || self.skip(b"}")) => {
                self.out.needs_backtracking = true;
                let _ = write!(self.out.text, "(?:\\{number})");
                Ok(())
            }
            _ => Err(PatternError("\\g is not followed by the number or name of a group".to_owned())),
        }
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
            b'o' if self.skip(b"{") => {
                let value = self.digits(8, 8);
                match (self.skip(b"}"), u8::try_from(value)) {
                    (true, Ok(value)) => value,
                    _ => return unsupported("a character beyond \\o{377}"),
                }
            }
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
            b'H' => self.write(r"\x00-\x08\x0A-\x1F\x21-\x9F\xA1-\xFF"),
            b'v' => self.write(r"\n\x0B\x0C\r\x85"),
            b'V' => self.write(r"\x00-\x09\x0E-\x84\x86-\xFF"),
            b'Q' => self.quoted(),
            b'b' => {
                self.literal(0x08);
                return Ok(true);
            }
            b'B' | b'N' | b'R' | b'p' | b'P' | b'X' | b'u' => {
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
