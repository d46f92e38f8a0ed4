//! From the text of a `LogFormat` to its pieces.

use super::letters::{self, Found};
use super::{BadFormat, FORMAT_BYTES_MAX};
use crate::directive::{Directive, Piece, Statuses};

/// What becomes of a letter that is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    IsRefused,
    /// Apache's modules may add letters and names.
    IsSkipped,
}

/// Reads the whole text of a format that we are to write.
pub(super) fn parse(text: &str) -> Result<Box<[Piece]>, BadFormat> {
    parse_with(text, Unknown::IsRefused)
}

/// Reads the whole text.
pub(super) fn parse_with(text: &str, unknown: Unknown) -> Result<Box<[Piece]>, BadFormat> {
    if text.len() > FORMAT_BYTES_MAX {
        let why = format!("this format is longer than {FORMAT_BYTES_MAX} bytes");
        return Err(BadFormat { at: FORMAT_BYTES_MAX, why, help: None });
    }
    let mut reader = Reader { text, at: 0, unknown };
    let mut pieces = Vec::new();
    let mut literal = Literal::default();
    while let Some(byte) = reader.peek() {
        let start = reader.at;
        match byte {
            b'%' if reader.text[start + 1..].starts_with('%') => {
                reader.at += 2;
                literal.push(b'%', start);
            }
            b'%' => {
                literal.finish(start, &mut pieces);
                pieces.push(reader.directive()?);
            }
            b'\\' => literal.push(reader.escaped(), start),
            _ => {
                reader.at += 1;
                literal.push(byte, start);
            }
        }
    }
    literal.finish(reader.at, &mut pieces);
    Ok(pieces.into())
}

/// Text between directives, gathered.
#[derive(Default)]
struct Literal {
    bytes: Vec<u8>,
    at: usize,
}

impl Literal {
    fn push(&mut self, byte: u8, at: usize) {
        if self.bytes.is_empty() {
            self.at = at;
        }
        self.bytes.push(byte);
    }

    fn finish(&mut self, end: usize, pieces: &mut Vec<Piece>) {
        if !self.bytes.is_empty() {
            let directive = Directive::Literal(std::mem::take(&mut self.bytes).into());
            pieces.push(Piece { directive, only_for: None, at: self.at, end });
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    unknown: Unknown,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The byte that a backslash and what follows stand for; before anything unknown it stands for itself, as in
    /// Apache.
    fn escaped(&mut self) -> u8 {
        self.at += 1;
        let meant = match self.peek() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(byte @ (b'"' | b'\\')) => byte,
            _ => return b'\\',
        };
        self.at += 1;
        meant
    }

    /// One directive, from its percent sign to its letter. Modifiers may stand in any order before the letter.
    fn directive(&mut self) -> Result<Piece, BadFormat> {
        let start = self.at;
        self.at += 1;
        let mut argument = None;
        let mut statuses = Vec::new();
        let mut all_but = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'!' => all_but = !all_but,
                // There is one request here, not a chain of internal redirects: first and last are the same.
                b'<' | b'>' | b',' => {}
                b'{' => {
                    argument = Some(self.argument()?);
                    continue;
                }
                b'0'..=b'9' => {
                    statuses.push(self.status()?);
                    continue;
                }
                _ => return self.letter(start, argument, condition(statuses, all_but)),
            }
            self.at += 1;
        }
        let help = "write the percent sign itself as \"%%\"".to_owned();
        Err(BadFormat { at: start, why: "this directive has no letter".to_owned(), help: Some(help) })
    }

    fn argument(&mut self) -> Result<Argument<'a>, BadFormat> {
        let open = self.at;
        let inner = &self.text[open + 1..];
        let Some(length) = inner.find('}') else {
            let why = "this brace is not closed".to_owned();
            return Err(BadFormat { at: open, why, help: Some("add \"}\" and a letter".to_owned()) });
        };
        self.at = open + length + 2;
        Ok(Argument { text: &inner[..length], at: open + 1 })
    }

    fn status(&mut self) -> Result<u16, BadFormat> {
        let rest = &self.text[self.at..];
        let digits = rest.find(|other: char| !other.is_ascii_digit()).unwrap_or(rest.len());
        let status = rest[..digits].parse().ok().filter(|status| (100..1_000).contains(status));
        let bad = || BadFormat {
            at: self.at,
            why: format!("\"{}\" is no status", &rest[..digits.min(20)]),
            help: Some("statuses have three digits, with commas between them".to_owned()),
        };
        let status = status.ok_or_else(bad)?;
        self.at += digits;
        Ok(status)
    }

    fn letter(
        &mut self,
        start: usize,
        argument: Option<Argument<'_>>,
        only_for: Option<Statuses>,
    ) -> Result<Piece, BadFormat> {
        let found = letters::find(self.text, self.at, argument);
        let letter = self.text[self.at..].chars().next().filter(char::is_ascii_alphabetic);
        let Found { directive, length } = match (found, letter) {
            (Err(_), Some(_)) if self.unknown == Unknown::IsSkipped => {
                Found { directive: Directive::Unknowable(""), length: 1 }
            }
            (found, _) => found?,
        };
        self.at += length;
        Ok(Piece { directive, only_for, at: start, end: self.at })
    }
}

/// What stands between braces.
#[derive(Clone, Copy)]
pub(super) struct Argument<'a> {
    pub(super) text: &'a str,
    /// Where it begins in the format, in bytes.
    pub(super) at: usize,
}

/// No status listed means no condition, with or without `!`; so does Apache.
fn condition(listed: Vec<u16>, all_but: bool) -> Option<Statuses> {
    (!listed.is_empty()).then(|| Statuses { listed: listed.into(), all_but })
}
