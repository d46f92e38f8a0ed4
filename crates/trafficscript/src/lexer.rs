//! Text to tokens with spans. Never fails: what is no word becomes a [`TokenKind::Wrong`] and a diagnostic.
#![warn(clippy::indexing_slicing)]

use crate::token::{Keyword, Mark, Token, TokenKind};
use source::{Diagnostic, DiagnosticId, Source, Span};
use std::sync::Arc;

/// What the lexer made of a text.
pub(crate) struct Lexed {
    /// At least one; the last one is [`TokenKind::End`].
    pub(crate) tokens: Vec<Token>,
    /// Comments with their `#`, without the newline.
    pub(crate) comments: Vec<Span>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Cuts a text into tokens.
pub(crate) fn lex(source: &Arc<Source>) -> Lexed {
    let lexed = Lexed { tokens: Vec::new(), comments: Vec::new(), diagnostics: Vec::new() };
    let mut lexer = Lexer { source, bytes: source.bytes(), at: 0, first_long_string: None, out: lexed };
    lexer.run();
    lexer.out
}

struct Lexer<'a> {
    source: &'a Arc<Source>,
    bytes: &'a [u8],
    at: usize,
    /// The first string that runs over several lines: where a quote is missing at the end, it may be this one's.
    first_long_string: Option<Span>,
    out: Lexed,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Comes along when text is copied from a web page.
const NO_BREAK_SPACE: &[u8] = b"\xc2\xa0";
const TYPOGRAPHIC_QUOTES: [&[u8]; 4] = ["“".as_bytes(), "”".as_bytes(), "‘".as_bytes(), "’".as_bytes()];

impl Lexer<'_> {
    fn run(&mut self) {
        if self.looking_at(BYTE_ORDER_MARK) {
            self.at += BYTE_ORDER_MARK.len();
        }
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b'\x0b' | b'\x0c' => self.at += 1,
                b'#' => self.comment(),
                b'"' | b'\'' => self.string(byte),
                b'$' => self.variable(),
                b'0'..=b'9' => self.number(),
                byte if is_name_start(byte) => self.name(),
                _ if self.looking_at(NO_BREAK_SPACE) => self.at += NO_BREAK_SPACE.len(),
                _ => self.mark_or_wrong(),
            }
            debug_assert!(self.at > start, "every round reads something");
        }
        let end = offset(self.bytes.len());
        self.out.tokens.push(Token { kind: TokenKind::End, span: Span::new(end, end) });
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn looking_at(&self, text: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.out.tokens.push(Token { kind, span: self.since(start) });
    }

    fn since(&self, start: usize) -> Span {
        Span::new(offset(start), offset(self.at))
    }

    fn wrong(&mut self, start: usize, id: &'static str, message: impl Into<String>, help: &str) {
        let span = self.since(start);
        let diagnostic = Diagnostic::error(DiagnosticId(id), message).at(self.source, span, "").help(help);
        self.out.diagnostics.push(diagnostic);
        self.push(TokenKind::Wrong, start);
    }

    fn comment(&mut self) {
        let start = self.at;
        self.skip_while(|byte| byte != b'\n');
        let mut span = self.since(start);
        if self.slice(start, self.at).ends_with(b"\r") {
            span.end -= 1;
        }
        self.out.comments.push(span);
    }

    fn variable(&mut self) {
        let start = self.at;
        self.at += 1;
        self.skip_while(is_name_part);
        match self.slice(start + 1, self.at) {
            [digit @ b'1'..=b'9'] => {
                let number = digit - b'0';
                self.push(TokenKind::Capture(number), start);
            }
            [first, ..] if is_name_start(*first) => self.push(TokenKind::Variable, start),
            [] => self.wrong(start, "bad-variable", "a `$` without a name", "write `$name`"),
            _ => self.wrong(
                start,
                "bad-variable",
                "a variable's name cannot begin with a digit",
                "only `$1` to `$9` exist; other names begin with a letter",
            ),
        }
    }

    fn number(&mut self) {
        let start = self.at;
        if self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X')) {
            self.at += 2;
            self.skip_while(|byte| byte.is_ascii_hexdigit());
            let value = parse_integer(self.slice(start + 2, self.at), 16);
            return self.finish_number(start, value.map(TokenKind::Integer));
        }
        self.skip_while(|byte| byte.is_ascii_digit());
        let mut is_double = false;
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|next| next.is_ascii_digit()) {
            is_double = true;
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        if let Some(length) = self.exponent_length() {
            is_double = true;
            self.at += length;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let text = self.slice(start, self.at);
        let kind = if is_double {
            let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            value.filter(|value: &f64| value.is_finite()).map(TokenKind::Double)
        } else {
            parse_integer(text, 10).map(TokenKind::Integer)
        };
        self.finish_number(start, kind);
    }

    /// The length of `e`, sign and first digit, if they stand here.
    fn exponent_length(&self) -> Option<usize> {
        if !matches!(self.peek(0), Some(b'e' | b'E')) {
            return None;
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        self.peek(1 + sign).filter(u8::is_ascii_digit).map(|_| 2 + sign)
    }

    fn finish_number(&mut self, start: usize, kind: Option<TokenKind>) {
        if self.peek(0).is_some_and(is_name_part) {
            self.skip_while(is_name_part);
            self.wrong(
                start,
                "bad-number",
                "letters stand right behind a number",
                "quote it if it is a text",
            );
        } else if let Some(kind) = kind {
            self.push(kind, start);
        } else {
            let help =
                "integers have 64 bits with a sign; write it as a text if it is no number to count with";
            self.wrong(start, "bad-number", "this number is too large or has no digits", help);
        }
    }

    fn name(&mut self) {
        let start = self.at;
        self.skip_while(is_name_part);
        let first = self.slice(start, self.at);
        let keyword =
            Keyword::ALL.iter().find(|keyword| first.eq_ignore_ascii_case(keyword.text().as_bytes()));
        let next_is_name =
            |lexer: &Self| lexer.peek(0) == Some(b'.') && lexer.peek(1).is_some_and(is_name_start);
        if let Some(keyword) = keyword {
            let joins = next_is_name(self) && !matches!(keyword, Keyword::True | Keyword::False);
            if !joins {
                return self.keyword(*keyword, start);
            }
        }
        while next_is_name(self) {
            self.at += 1;
            self.skip_while(is_name_part);
        }
        self.push(TokenKind::Name, start);
    }

    fn keyword(&mut self, keyword: Keyword, start: usize) {
        if self.slice(start, self.at) != keyword.text().as_bytes() {
            let message = format!("`{}` is written in lower case", keyword.text());
            let span = self.since(start);
            let diagnostic =
                Diagnostic::error(DiagnosticId("keyword-case"), message).at(self.source, span, "");
            self.out.diagnostics.push(diagnostic);
        }
        self.push(TokenKind::Keyword(keyword), start);
    }

    fn mark_or_wrong(&mut self) {
        let start = self.at;
        if self.looking_at(b"//") || self.looking_at(b"/*") {
            self.skip_while(|byte| byte != b'\n');
            return self.wrong(start, "wrong-comment", "this is no comment", "comments start with `#`");
        }
        let first = self.bytes.get(start);
        let begins_so = |mark: &&Mark| mark.text().as_bytes().first() == first;
        if let Some(mark) =
            Mark::ALL.iter().filter(begins_so).find(|mark| self.looking_at(mark.text().as_bytes()))
        {
            self.at += mark.text().len();
            return self.push(TokenKind::Mark(*mark), start);
        }
        if TYPOGRAPHIC_QUOTES.iter().any(|quote| self.looking_at(quote)) {
            self.skip_typographic_string();
            let message = "typographic quotes do not make a string";
            return self.wrong(start, "typographic-quote", message, "write plain quotes: \" or '");
        }
        self.at += 1;
        self.skip_while(|byte| byte >= 0x80 || byte.is_ascii_control() && !byte.is_ascii_whitespace());
        self.wrong(
            start,
            "unexpected-character",
            "this character has no meaning here",
            "remove it, or quote it",
        );
    }

    /// To the closing quote in the same line, so that one wrong pair of quotes is one mistake.
    fn skip_typographic_string(&mut self) {
        let is_quote = |rest: &[u8]| TYPOGRAPHIC_QUOTES.iter().any(|quote| rest.starts_with(quote));
        let opening = "“".len();
        let rest = self.bytes.get(self.at + opening..).unwrap_or_default();
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let closing = (0..line.len()).find(|at| is_quote(line.get(*at..).unwrap_or_default()));
        self.at += closing.map_or(opening, |at| opening + at + opening);
    }

    fn string(&mut self, quote: u8) {
        let start = self.at;
        self.at += 1;
        let mut value = Vec::new();
        let mut kept: Option<Span> = None;
        loop {
            let Some(byte) = self.peek(0) else { return self.unterminated(start) };
            match byte {
                _ if byte == quote => break,
                b'\\' => {
                    let before = self.at;
                    if !self.escape(quote, &mut value) && kept.is_none() {
                        kept = Some(Span::new(offset(before), offset(before + 2)));
                    }
                }
                _ => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if self.first_long_string.is_none() && self.slice(start, self.at).contains(&b'\n') {
            self.first_long_string = Some(self.since(start));
        }
        if let Some(span) = kept {
            let message = "unknown escape in a double-quoted string; the backslash is kept";
            let help = "write `\\\\` for a backslash, or use single quotes, where a backslash is itself";
            let warning = Diagnostic::warning(DiagnosticId("unknown-escape"), message);
            self.out.diagnostics.push(warning.at(self.source, span, "").help(help));
        }
        self.push(TokenKind::String(value.into()), start);
    }

    /// Reads a backslash and what belongs to it. False if it is none that we know and both characters are kept.
    fn escape(&mut self, quote: u8, value: &mut Vec<u8>) -> bool {
        let Some(next) = self.peek(1) else {
            self.at += 1;
            return true; // the string is unterminated, which is said anyway
        };
        let continuation = if next == b'\n' { 2 } else { 3 };
        if next == b'\n' || next == b'\r' && self.peek(2) == Some(b'\n') {
            self.at += continuation;
            return true;
        }
        if quote == b'\'' {
            if next == b'\'' {
                value.push(b'\'');
                self.at += 2;
            } else {
                value.push(b'\\');
                self.at += 1;
            }
            return true;
        }
        let (bytes, length) = self.known_escape(next);
        if bytes.is_empty() {
            value.extend([b'\\', next]);
            self.at += 2;
            return false;
        }
        value.extend(bytes);
        self.at += length;
        true
    }

    /// The bytes an escape stands for, and its length in the text; no bytes if it is unknown.
    fn known_escape(&self, next: u8) -> (Vec<u8>, usize) {
        let simple = match next {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'v' => 0x0b,
            b'"' | b'\'' | b'\\' => next,
            b'x' => return self.digits(2, 2, 16).map_or_else(Default::default, |v| (byte_of(v), 4)),
            b'0'..=b'3' => return self.digits(1, 3, 8).map_or_else(Default::default, |v| (byte_of(v), 4)),
            b'u' => return self.digits(2, 4, 16).map_or_else(Default::default, |v| (utf8_of(v), 6)),
            b'U' => return self.digits(2, 8, 16).map_or_else(Default::default, |v| (utf8_of(v), 10)),
            _ => return Default::default(),
        };
        (vec![simple], 2)
    }

    /// The number that exactly `count` digits `ahead` of here make.
    fn digits(&self, ahead: usize, count: usize, radix: u32) -> Option<u32> {
        let text = self.bytes.get(self.at + ahead..self.at + ahead + count)?;
        text.iter().try_fold(0_u32, |value, byte| {
            let digit = char::from(*byte).to_digit(radix)?;
            value.checked_mul(radix)?.checked_add(digit)
        })
    }

    /// The quote never comes: the string is taken to end with its line, so that what follows is read too.
    fn unterminated(&mut self, start: usize) {
        let line = self.bytes.get(start..).unwrap_or_default().split(|byte| *byte == b'\n').next();
        self.at = start + line.map_or(1, <[u8]>::len).max(1);
        let span = self.since(start);
        let message = "this string is never closed";
        let mut diagnostic = Diagnostic::error(DiagnosticId("unterminated-string"), message);
        diagnostic = diagnostic.at(self.source, span, "opened here");
        if let Some(long) = self.first_long_string {
            let text = "or is the closing quote of this one missing? it runs over several lines";
            diagnostic = diagnostic.at(self.source, long, text);
        }
        self.out.diagnostics.push(diagnostic);
        self.push(TokenKind::Wrong, start);
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn parse_integer(digits: &[u8], radix: u32) -> Option<i64> {
    i64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// Empty if the value is no byte.
fn byte_of(value: u32) -> Vec<u8> {
    u8::try_from(value).map(|byte| vec![byte]).unwrap_or_default()
}

/// Empty if the value is no character.
fn utf8_of(value: u32) -> Vec<u8> {
    char::from_u32(value).map(|c| c.to_string().into_bytes()).unwrap_or_default()
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let lexed = lex(&Arc::new(Source::new("r", text)));
        assert!(lexed.diagnostics.is_empty(), "{text}: {:?}", lexed.diagnostics);
        lexed.tokens.into_iter().map(|token| token.kind).filter(|kind| *kind != TokenKind::End).collect()
    }

    fn strings(text: &str) -> Vec<Vec<u8>> {
        let of = |kind| if let TokenKind::String(value) = kind { Some(value.to_vec()) } else { None };
        kinds(text).into_iter().filter_map(of).collect()
    }

    fn ids(text: &str) -> Vec<&'static str> {
        lex(&Arc::new(Source::new("r", text))).diagnostics.iter().map(|diagnostic| diagnostic.id.0).collect()
    }

    #[test]
    fn a_dot_belongs_to_a_number_only_if_a_digit_follows() {
        let text = |bytes: &str| TokenKind::String(bytes.as_bytes().into());
        let dot = TokenKind::Mark(Mark::Dot);
        assert_eq!(kinds("2.\"x\""), [TokenKind::Integer(2), dot.clone(), text("x")]);
        assert_eq!(
            kinds("$4.\"x\".$3"),
            [TokenKind::Capture(4), dot.clone(), text("x"), dot.clone(), TokenKind::Capture(3)]
        );
        assert_eq!(
            kinds("3.25 0x1F 1e3"),
            [TokenKind::Double(3.25), TokenKind::Integer(31), TokenKind::Double(1000.0)]
        );
        assert_eq!(kinds("1.true"), [TokenKind::Integer(1), dot, TokenKind::Keyword(Keyword::True)]);
    }

    #[test]
    fn the_longest_dotted_name_is_one_token_and_keywords_do_not_swallow_the_dot() {
        assert_eq!(kinds("rate.use.noQueue rate.use"), [TokenKind::Name, TokenKind::Name]);
        assert_eq!(
            kinds("true.string.len"),
            [TokenKind::Keyword(Keyword::True), TokenKind::Mark(Mark::Dot), TokenKind::Name]
        );
        assert_eq!(kinds("iffy foreach_ $if"), [TokenKind::Name, TokenKind::Name, TokenKind::Variable]);
    }

    #[test]
    fn double_quotes_know_escapes_and_single_quotes_do_not() {
        assert_eq!(strings(r#" "\n\r\t\"\'\\" "#), [b"\n\r\t\"'\\".to_vec()]);
        assert_eq!(strings(r#" "\201\110\x41\u00e4" "#), [b"\x81HA\xc3\xa4".to_vec()]);
        assert_eq!(
            strings(r"'^192\.168\.' 'it\'s' '\n'"),
            [b"^192\\.168\\.".to_vec(), b"it's".to_vec(), b"\\n".to_vec()]
        );
    }

    #[test]
    fn strings_run_over_lines_and_a_backslash_joins_them() {
        assert_eq!(
            strings("'a\nb' \"a\\\n b\" 'a\\\nb' \"a\\\r\nb\" \"a\\n\\\nb\""),
            [b"a\nb".to_vec(), b"a b".to_vec(), b"ab".to_vec(), b"ab".to_vec(), b"a\nb".to_vec()]
        );
    }

    #[test]
    fn there_is_no_interpolation_and_a_hash_sign_in_a_string_is_no_comment() {
        assert_eq!(strings("\"cost $1 # not a comment\" # a comment"), [b"cost $1 # not a comment".to_vec()]);
    }

    #[test]
    fn an_unknown_escape_is_kept_and_warned_of_once_in_a_string() {
        let lexed = lex(&Arc::new(Source::new("r", r#""\d+\.\w""#)));
        assert_eq!(lexed.tokens[0].kind, TokenKind::String(br"\d+\.\w".as_slice().into()));
        assert_eq!(lexed.diagnostics.len(), 1);
        assert_eq!(lexed.diagnostics[0].id.0, "unknown-escape");
        assert_eq!(ids(r#""\x4" "\400" "\ud800""#), ["unknown-escape"; 3]);
    }

    #[test]
    fn what_is_no_word_is_said_once() {
        assert_eq!(ids("$a = “b”;"), ["typographic-quote"]);
        assert_eq!(ids("$a = 1; // no\n/* no */"), ["wrong-comment", "wrong-comment"]);
        assert_eq!(
            ids("$10 $ 10px 99999999999999999999 @"),
            ["bad-variable", "bad-variable", "bad-number", "bad-number", "unexpected-character"]
        );
        assert_eq!(ids("If"), ["keyword-case"]);
        assert_eq!(ids("$a = \"b\n$c = 1;"), ["unterminated-string"]);
    }
}
