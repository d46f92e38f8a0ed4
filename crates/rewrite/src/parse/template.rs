//! Texts to templates.

use super::lines::Line;
use crate::directive::{Named, Template, TemplatePart};
use crate::names;
use source::Span;
use std::ops::Range;

/// How deep maps may stand in keys of maps; deeper ones are text.
const MAPS_NESTED_MAX: usize = 8;

/// A range of a line as `mod_rewrite` expands it.
pub(super) fn rewrite_template(line: &Line, range: Range<usize>) -> Template {
    let text = line.slice(range.clone());
    let place = |part: Range<usize>| line.span(range.start + part.start..range.start + part.end);
    let parts = Expander { text, place: &place }.parts(0..text.len(), MAPS_NESTED_MAX);
    Template { parts, span: line.span(range.clone()), text: text.to_vec() }
}

/// A text with `$0` to `$9` only, as `SetEnvIf` and `RedirectMatch` fill it in: `\` takes the meaning of what follows.
pub(crate) fn substitution_template(text: &[u8], span: Span) -> Template {
    let mut parts = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    // Without a `$`, Apache takes the text as it is, with its `\`.
    let plain = !text.contains(&b'$');
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied();
        match (byte, next) {
            (b'$', Some(digit @ b'0'..=b'9')) => {
                bytes.next();
                parts.push(TemplatePart::RuleGroup(digit - b'0', span));
            }
            (b'\\', Some(next)) if !plain => {
                bytes.next();
                literal(&mut parts, &[next]);
            }
            _ => literal(&mut parts, &[byte]),
        }
    }
    Template { parts, span, text: text.to_vec() }
}

fn literal(parts: &mut Vec<TemplatePart>, bytes: &[u8]) {
    match parts.last_mut() {
        _ if bytes.is_empty() => {}
        Some(TemplatePart::Literal(text)) => text.extend_from_slice(bytes),
        _ => parts.push(TemplatePart::Literal(bytes.to_vec())),
    }
}

struct Expander<'a> {
    text: &'a [u8],
    place: &'a dyn Fn(Range<usize>) -> Span,
}

impl Expander<'_> {
    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }

    fn parts(&self, range: Range<usize>, maps_left: usize) -> Vec<TemplatePart> {
        let mut parts = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let rest = self.slice(at..range.end);
            at += match rest {
                [b'\\', next, ..] => {
                    literal(&mut parts, &[*next]);
                    2
                }
                [b'$' | b'%', b'{', ..] => self.place_in_curlies(&mut parts, at..range.end, maps_left),
                [sign @ (b'$' | b'%'), digit @ b'0'..=b'9', ..] => {
                    let group = if *sign == b'$' { TemplatePart::RuleGroup } else { TemplatePart::CondGroup };
                    parts.push(group(digit - b'0', (self.place)(at..at + 2)));
                    2
                }
                [byte, ..] => {
                    literal(&mut parts, &[*byte]);
                    1
                }
                [] => 1,
            };
        }
        parts
    }

    /// `%{...}` or `${...}`; how many bytes it took. What is not closed is text.
    fn place_in_curlies(
        &self,
        parts: &mut Vec<TemplatePart>,
        range: Range<usize>,
        maps_left: usize,
    ) -> usize {
        let inner_start = range.start + 2;
        let Some(length) = closing_curly(self.slice(inner_start..range.end)) else {
            literal(parts, self.slice(range.start..inner_start));
            return 2;
        };
        let inner = inner_start..inner_start + length;
        let whole = range.start..inner.end + 1;
        let span = (self.place)(whole.clone());
        if self.text.get(range.start) == Some(&b'%') {
            parts.push(TemplatePart::Variable(Named::new(self.slice(inner)), span));
            return whole.len();
        }
        let Some(colon) = find_outside(self.slice(inner.clone()), b':').filter(|_| maps_left > 0) else {
            literal(parts, self.slice(range.start..inner_start));
            return 2;
        };
        let key = inner.start + colon + 1..inner.end;
        let bar = find_outside(self.slice(key.clone()), b'|');
        let (key, default) = match bar {
            Some(bar) => (key.start..key.start + bar, key.start + bar + 1..key.end),
            None => (key.clone(), key.end..key.end),
        };
        parts.push(TemplatePart::Map {
            map: self.slice(inner.start..inner.start + colon).to_vec(),
            key: self.parts(key, maps_left - 1),
            default: self.parts(default, maps_left - 1),
            span,
        });
        whole.len()
    }
}

/// Where the `}` is that closes what is open at the start.
fn closing_curly(text: &[u8]) -> Option<usize> {
    find_outside(text, b'}')
}

/// Where a byte is that is in no other curlies; every `{` opens some, also without a sign before it.
fn find_outside(text: &[u8], wanted: u8) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            byte if *byte == wanted && depth == 0 => return Some(at),
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

impl Named {
    /// What stands between `%{` and `}`; letters of both cases are the same, but not in the name of a variable or field.
    pub fn new(text: &[u8]) -> Self {
        if let Some(name) = after(text, b"LA-U:") {
            return Self::AheadByUrl(Box::new(Self::of_now(name)));
        }
        if let Some(name) = after(text, b"LA-F:") {
            return Self::AheadByFile(Box::new(Self::of_now(name)));
        }
        Self::of_now(text)
    }

    fn of_now(text: &[u8]) -> Self {
        if let Some(name) = after(text, b"ENV:") {
            return Self::Environment(name.to_vec());
        }
        if let Some(name) = after(text, b"SSL:") {
            return Self::Ssl(name.to_vec());
        }
        if let Some(name) = after(text, b"HTTP:") {
            return Self::Field(name.to_vec());
        }
        Self::plain(text)
    }

    fn plain(text: &[u8]) -> Self {
        let name = text.to_ascii_uppercase();
        match names::shared(&name) {
            Some(named) => named,
            None if EMPTY.contains(&name.as_slice()) => Self::Empty,
            None => Self::Unknown(text.to_vec()),
        }
    }
}

fn after<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
}

/// Names of rules only, that have no value while rules run here.
const EMPTY: [&[u8]; 4] = [b"SCRIPT_URL", b"SCRIPT_URI", b"REQUEST_STATUS", b"LOG_ID"];

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;
    use source::Source;

    fn parts(text: &str) -> Vec<TemplatePart> {
        let source = Source::new("t", text);
        let line = Lines::new(&source).next().unwrap();
        rewrite_template(&line, 0..line.text.len()).parts
    }

    fn text(text: &str) -> TemplatePart {
        TemplatePart::Literal(text.into())
    }

    #[test]
    fn places_escapes_and_what_only_looks_like_them() {
        let at = |start, end| Span::new(start, end);
        assert_eq!(
            parts(r"/a$1\$2%3%{http_host}"),
            [
                text("/a"),
                TemplatePart::RuleGroup(1, at(2, 4)),
                text("$2"),
                TemplatePart::CondGroup(3, at(7, 9)),
                TemplatePart::Variable(Named::Field(b"Host".to_vec()), at(9, 21)),
            ]
        );
        assert_eq!(parts(r"%{open $ % 5% ${x} \"), [text(r"%{open $ % 5% ${x} \")]);
        assert_eq!(
            parts("%{ENV:X-y}"),
            [TemplatePart::Variable(Named::Environment(b"X-y".to_vec()), at(0, 10))]
        );
    }

    #[test]
    fn a_maps_key_and_default_are_templates_themselves() {
        let found = parts("${low:${up:%{HTTP_HOST}}|no$1}");
        let TemplatePart::Map { map, key, default, .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!((map.as_slice(), default.len()), (b"low".as_slice(), 2));
        assert!(matches!(&key[0], TemplatePart::Map { map, .. } if map == b"up"));
    }
}
