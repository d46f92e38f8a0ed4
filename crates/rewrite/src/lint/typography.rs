//! Characters that a word processor or a blog's engine put in the place of what was typed.

use super::{Doubts, each_scope, refusal, rules_of};
use crate::directive::{RewriteRule, Substitution};
use source::Span;

/// The length of the invisible character a text begins with, if it begins with one: blanks Apache does not know, and
/// marks of no width.
pub(crate) fn invisible_at(text: &[u8]) -> Option<usize> {
    match text {
        // In UTF-8: no-break space, soft hyphen.
        [0xc2, 0xa0 | 0xad, ..] => Some(2),
        // Blanks of the general punctuation, marks of direction and of no width, the wide blank, the byte order mark.
        [0xef, 0xbb, 0xbf, ..]
        | [0xe2, 0x80, 0x80..=0x8f | 0xa8..=0xaf, ..]
        | [0xe2, 0x81, 0x9f | 0xa0, ..]
        | [0xe3, 0x80, 0x80, ..] => Some(3),
        _ => None,
    }
}

/// Where the first invisible character of a text stands.
pub(crate) fn first_invisible(text: &[u8]) -> Option<usize> {
    (0..text.len()).find(|at| text.get(*at..).is_some_and(|rest| invisible_at(rest).is_some()))
}

/// What a dash or minus looks like in files: hyphens and bars of other lengths, and their names in HTML.
const DASHES: [&str; 12] = [
    "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2015}", "\u{2212}", "&#8211;", "&#8212;",
    "&ndash;", "&mdash;", "&minus;",
];

/// Whether a text is a dash and nothing else.
pub(super) fn is_dash(text: &[u8]) -> bool {
    // One byte: the dashes of Windows' own code.
    DASHES.iter().any(|dash| dash.as_bytes() == text) || matches!(text, [0x96 | 0x97])
}

/// Quotes that are none to Apache.
pub(super) const QUOTES: [(&str, &str); 12] = [
    ("\u{201c}", "\""),
    ("\u{201d}", "\""),
    ("\u{201e}", "\""),
    ("\u{2033}", "\""),
    ("\u{2018}", "'"),
    ("\u{2019}", "'"),
    ("\u{2032}", "'"),
    ("&#8220;", "\""),
    ("&#8221;", "\""),
    ("&ldquo;", "\""),
    ("&rdquo;", "\""),
    ("&#8217;", "'"),
];

/// Characters that a page wrote by their names.
pub(super) const ENTITIES: [(&str, &str); 8] = [
    ("&gt;", ">"),
    ("&lt;", "<"),
    ("&amp;", "&"),
    ("&quot;", "\""),
    ("&#039;", "'"),
    ("&#39;", "'"),
    ("&nbsp;", " "),
    ("&#160;", " "),
];

pub(super) fn check(doubts: &mut Doubts<'_>) {
    let file = doubts.file;
    each_scope(&file.directives, &mut |scope| {
        for rule in rules_of(scope) {
            dash(doubts, rule);
        }
        for directive in scope {
            let mut start = directive.name.end;
            // A directive may be joined of several lines, comments are none of it.
            while let Some((span, rest)) = next_odd(doubts, Span::new(start, directive.span.end)) {
                odd(doubts, span);
                start = rest;
            }
        }
    });
    // Conditions belong to their rule, which stands below them.
    each_scope(&file.directives, &mut |scope| {
        for condition in rules_of(scope).flat_map(|rule| &rule.conditions) {
            let mut start = condition.span.start;
            while let Some((span, rest)) = next_odd(doubts, Span::new(start, condition.span.end)) {
                odd(doubts, span);
                start = rest;
            }
        }
    });
}

/// `–` for `-`
fn dash(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let Substitution::Template(template) = &rule.substitution else { return };
    if !is_dash(&template.text) {
        return;
    }
    let help = "write the ordinary minus sign: `-`; `check --fix typography` shows the change";
    let Some(status) = refusal(rule) else {
        let what = "a dash stands where `-` is meant; Apache takes it for the path to go to";
        return doubts.error("dash-for-hyphen", what, (template.span, "not a minus sign"), help);
    };
    let what =
        format!("a dash stands where `-` is meant; it works by luck, for a {status} looks at no target");
    doubts.warning("dash-for-hyphen", what, (template.span, "not a minus sign"), help);
}

/// The first odd thing in a range: where it stands, and where to go on.
fn next_odd(doubts: &Doubts<'_>, span: Span) -> Option<(Span, u32)> {
    let text = doubts.file.source.slice(span);
    let is_text = std::str::from_utf8(text).is_ok();
    for at in 0..text.len() {
        let rest = text.get(at..)?;
        let length = odd_length(rest).or_else(|| (!is_text && rest.starts_with(&[0xa0])).then_some(1));
        if let Some(length) = length {
            let start = span.start + u32::try_from(at).ok()?;
            let end = start + u32::try_from(length).ok()?;
            return Some((Span::new(start, end), end));
        }
    }
    None
}

fn odd_length(rest: &[u8]) -> Option<usize> {
    let names = QUOTES.iter().chain(&ENTITIES).map(|(name, _)| name.as_bytes());
    invisible_at(rest).or_else(|| names.filter(|name| rest.starts_with(name)).map(<[u8]>::len).next())
}

fn odd(doubts: &mut Doubts<'_>, span: Span) {
    let text = doubts.file.source.slice(span).to_vec();
    if invisible_at(&text).is_some() || text == [0xa0] {
        let what = "an invisible character that is no blank to Apache sticks to what stands beside it";
        let help = "write an ordinary blank, or nothing; `check --fix typography` shows the change";
        return doubts.error("invisible-blank", what, (span, "no ordinary blank"), help);
    }
    let shown = String::from_utf8_lossy(&text).into_owned();
    if let Some((_, plain)) = QUOTES.iter().find(|(quote, _)| quote.as_bytes() == text) {
        let what = format!(
            "`{shown}` is no quote to Apache: it is a part of the word, and a pattern with it never matches"
        );
        let help = format!("write {plain}; `check --fix typography` shows the change");
        return doubts.error("curly-quotes", what, (span, "not a quote"), help);
    }
    let plain = ENTITIES.iter().find(|(name, _)| name.as_bytes() == text).map_or(" ", |(_, plain)| *plain);
    let what =
        format!("`{shown}` is how a page of HTML writes a character; Apache takes it letter by letter");
    let help = format!("write `{plain}`; `check --fix typography` shows the change");
    doubts.error("html-entity", what, (span, "written for a browser"), help);
}
