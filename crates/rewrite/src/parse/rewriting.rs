//! `mod_rewrite`'s directives.

use super::arguments::{between, exactly};
use super::flags;
use super::known::Known;
use super::lines::is_blank;
use super::reader::Reader;
use super::template::rewrite_template;
use super::words::{RewriteArguments, Word, Words};
use crate::FileTest;
use crate::compare::number;
use crate::directive::{
    Comparison, CondTest, DirectiveKind, Joined, MapError, MapSource, RewriteCond, RewriteMap, RewriteOption,
    RewriteRule, Substitution,
};
use source::Span;
use std::ops::Range;

pub(super) fn engine(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let line = words.line.whole();
    // What follows the first word is not looked at.
    match words.next() {
        Some(word) if word.text.eq_ignore_ascii_case(b"on") => Some(DirectiveKind::RewriteEngine(true)),
        Some(word) if word.text.eq_ignore_ascii_case(b"off") => Some(DirectiveKind::RewriteEngine(false)),
        word => {
            let span = word.map_or(line, |word| word.span);
            reader.error("wrong-arguments", "`RewriteEngine` is On or Off", (span, "neither"), known.help());
            None
        }
    }
}

pub(super) fn base(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let [path] = exactly(reader, known, words)?;
    if path.text.starts_with(b"/") {
        return Some(DirectiveKind::RewriteBase(path.text));
    }
    let help = "write the path of this folder in URLs: RewriteBase /blog/";
    reader.error("wrong-arguments", "`RewriteBase` begins with `/`", (path.span, "no path"), help);
    None
}

const OPTIONS: [(&str, RewriteOption); 11] = [
    ("Inherit", RewriteOption::Inherit),
    ("InheritBefore", RewriteOption::InheritBefore),
    ("InheritDown", RewriteOption::InheritDown),
    ("InheritDownBefore", RewriteOption::InheritDownBefore),
    ("IgnoreInherit", RewriteOption::IgnoreInherit),
    ("AllowNoSlash", RewriteOption::AllowNoSlash),
    ("AllowAnyURI", RewriteOption::AllowAnyUri),
    ("MergeBase", RewriteOption::MergeBase),
    ("IgnoreContextInfo", RewriteOption::IgnoreContextInfo),
    ("LegacyPrefixDocRoot", RewriteOption::LegacyPrefixDocumentRoot),
    ("UnsafePrefixStat", RewriteOption::NoEffect),
];

pub(super) fn options(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let mut options = Vec::new();
    for word in between(reader, known, words, (1, usize::MAX))? {
        options.push(option(reader, &word)?);
    }
    Some(DirectiveKind::RewriteOptions(options))
}

fn option(reader: &mut Reader<'_>, word: &Word) -> Option<RewriteOption> {
    let found = OPTIONS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(&word.text));
    if let Some((_, option)) = found {
        return Some(*option);
    }
    let is_redirects = word.text.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"MaxRedirects="));
    if is_redirects {
        return Some(RewriteOption::NoEffect);
    }
    if word.text.starts_with(b"#") {
        reader.trailing_comment("RewriteOptions", word.span);
        return None;
    }
    let shown = String::from_utf8_lossy(&word.text).into_owned();
    let near = source::nearest(&shown, OPTIONS.iter().map(|(name, _)| *name));
    let help = near.map_or("the usual one is Inherit".to_owned(), |near| format!("did you mean `{near}`?"));
    reader.error(
        "wrong-arguments",
        format!("`RewriteOptions` knows no `{shown}`"),
        (word.span, "unknown"),
        help,
    );
    None
}

/// Two or three arguments; reports what is missing.
fn arguments(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<RewriteArguments> {
    let found = words.rewrite_arguments();
    if found.is_none() {
        let what = format!("`{}` takes two arguments, and flags in brackets", known.name);
        let label = if words.line.text.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            "something is missing, or a quote is not closed"
        } else {
            "something is missing"
        };
        reader.error("wrong-arguments", what, (words.line.whole(), label), known.help());
    }
    found
}

pub(super) fn rule(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let found = arguments(reader, known, words);
    // Conditions before a rule that is wrong are not those of the next one.
    let conditions = std::mem::take(&mut reader.scope().conditions);
    let RewriteArguments { first, second, third } = found?;
    let line = words.line;
    let flags = match third {
        Some(range) => flags::rule_flags(reader, line, range)?,
        None => Vec::new(),
    };
    let ignores_case = flags.iter().any(|flag| matches!(flag.flag, crate::directive::RuleFlag::NoCase));
    let (negated, pattern) = negation(line.slice(first.clone()), first);
    let pattern = reader.regex(line.slice(pattern.clone()), line.span(pattern), ignores_case)?;
    let substitution = if line.slice(second.clone()) == b"-" {
        Substitution::Keep(line.span(second))
    } else {
        Substitution::Template(rewrite_template(line, second))
    };
    let rule = RewriteRule { conditions, negated, pattern, substitution, flags };
    Some(DirectiveKind::RewriteRule(Box::new(rule)))
}

/// A `!` at the start, and what follows it.
fn negation(text: &[u8], range: Range<usize>) -> (bool, Range<usize>) {
    if text.starts_with(b"!") { (true, range.start + 1..range.end) } else { (false, range) }
}

impl Reader<'_> {
    /// A `RewriteCond`.
    pub(super) fn condition(&mut self, words: &mut Words<'_>) -> Option<RewriteCond> {
        let known = super::known::find(b"RewriteCond")?;
        let RewriteArguments { first, second, third } = arguments(self, known, words)?;
        let line = words.line;
        let flags = third.as_ref().map(|range| line.span(range.clone()));
        let said = match third {
            Some(range)
                if let Some(number) = number_apart(line.slice(second.clone()), line.slice(range.clone())) =>
            {
                let what = "the number belongs to the sign before it; apart from it, it is taken for flags";
                let span = line.span(second.start..range.end);
                self.error(
                    "flags-not-in-brackets",
                    what,
                    (span, "two words"),
                    format!("write {number} in one word, or quote both"),
                );
                return None;
            }
            Some(range) => flags::condition_flags(self, line, range)?,
            None => flags::ConditionFlags::default(),
        };
        let subject = rewrite_template(line, first.clone());
        let (negated, rest) = negation(line.slice(second.clone()), second.clone());
        let is_expression = line.slice(first).eq_ignore_ascii_case(b"expr");
        let test = if is_expression {
            CondTest::Expression(self.expression(line.slice(rest.clone()), line.span(rest))?)
        } else {
            match plain_test(line.slice(rest.clone())) {
                Some(test) => test,
                None => CondTest::Regex(self.regex(
                    line.slice(rest.clone()),
                    line.span(rest),
                    said.ignores_case,
                )?),
            }
        };
        Some(RewriteCond {
            span: line.whole(),
            subject,
            negated,
            test,
            pattern: line.span(second),
            ignores_case: said.ignores_case,
            joined: said.joined,
            no_vary: said.no_vary,
            flags,
        })
    }
}

/// `-eq 5`, written as two words; as one.
fn number_apart(pattern: &[u8], next: &[u8]) -> Option<String> {
    let sign = pattern.strip_prefix(b"!").unwrap_or(pattern);
    let is_sign = matches!(sign, b"-eq" | b"-ne" | b"-lt" | b"-le" | b"-gt" | b"-ge");
    let digits = next.strip_prefix(b"-").unwrap_or(next);
    let is_number = digits.first().is_some_and(u8::is_ascii_digit);
    (is_sign && is_number).then(|| String::from_utf8_lossy(&[pattern, next].concat()).into_owned())
}

/// What a pattern tests if it is no regular expression.
fn plain_test(pattern: &[u8]) -> Option<CondTest> {
    let text = |comparison, rest: &[u8]| Some(CondTest::Text(comparison, rest.to_vec()));
    match pattern {
        b"-f" => Some(CondTest::File(FileTest::File)),
        b"-s" => Some(CondTest::File(FileTest::NotEmpty)),
        b"-d" => Some(CondTest::File(FileTest::Directory)),
        b"-x" => Some(CondTest::File(FileTest::Executable)),
        b"-h" | b"-L" | b"-l" => Some(CondTest::File(FileTest::Link)),
        b"-U" => Some(CondTest::UrlAllowed),
        b"-F" => Some(CondTest::FileAllowed),
        [b'-', a, b, rest @ ..] if !rest.is_empty() => {
            let comparison = match (a, b) {
                (b'l', b't') => Comparison::Less,
                (b'l', b'e') => Comparison::LessOrEqual,
                (b'g', b't') => Comparison::Greater,
                (b'g', b'e') => Comparison::GreaterOrEqual,
                (b'e', b'q') => Comparison::Equal,
                (b'n', b'e') => Comparison::NotEqual,
                _ => return None,
            };
            Some(CondTest::Number(comparison, number(rest)))
        }
        // One sign alone is a pattern.
        [_] | [] => None,
        [b'>', b'=', rest @ ..] => text(Comparison::GreaterOrEqual, rest),
        [b'>', rest @ ..] => text(Comparison::Greater, rest),
        [b'<', b'=', rest @ ..] => text(Comparison::LessOrEqual, rest),
        [b'<', rest @ ..] => text(Comparison::Less, rest),
        b"=\"\"" => text(Comparison::Equal, b""),
        [b'=', rest @ ..] => text(Comparison::Equal, rest),
        _ => None,
    }
}

pub(super) fn map(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let all = between(reader, known, words, (2, 3))?;
    let [name, source, ..] = all.as_slice() else { return None };
    let found = match MapSource::read(&source.text) {
        Ok(found) => found,
        Err(MapError::NoFunction) => {
            let help = "there are int:toupper, int:tolower, int:escape and int:unescape";
            reader.error("wrong-arguments", "no such internal map", (source.span, "unknown"), help);
            return None;
        }
        Err(MapError::Runs) => return map_refused(reader, source),
    };
    let what = "Apache takes no `RewriteMap` in an .htaccess; here it is taken";
    let help = "keep it in the server's own configuration if the file is to work there too";
    reader.warning("map-in-htaccess", what, (words.line.whole(), "500 in Apache"), help);
    Some(DirectiveKind::RewriteMap(RewriteMap { name: name.text.clone(), source: found, span: source.span }))
}

fn map_refused(reader: &mut Reader<'_>, source: &Word) -> Option<DirectiveKind> {
    let help = "write its keys and values into a text and use txt:; programs and databases are not run for each request";
    reader.error(
        "map-refused",
        "maps that are programs or databases are not read here",
        (source.span, "not read"),
        help,
    );
    None
}

impl Default for flags::ConditionFlags {
    fn default() -> Self {
        Self { ignores_case: false, joined: Joined::And, no_vary: false }
    }
}

/// Whether a text has a blank in it.
pub(super) fn has_blank(text: &[u8]) -> bool {
    text.iter().any(|byte| is_blank(*byte))
}

/// Where the rest of a line from a place on stands.
pub(super) fn to_line_end(words: &super::lines::Line, from: usize) -> Span {
    words.span(from..words.text.len())
}
