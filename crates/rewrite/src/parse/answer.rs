//! `ErrorDocument`, `Redirect` and its kin.

use super::arguments::{between, exactly, is_status};
use super::known::Known;
use super::reader::Reader;
use super::substitution_template;
use super::words::{Word, Words};
use crate::compare::number;
use crate::directive::{
    DirectiveKind, DocumentKind, ErrorDocumentDirective, Redirect, RedirectMatch, RedirectPlace,
};

pub(super) fn error_document(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let line = words.line;
    // A text with one quote before it is an old form: it goes to the end of the line.
    let all = words.all();
    if let [_, text, _, ..] = all.as_slice()
        && !line.slice(text.inner.start.saturating_sub(1)..text.inner.start).contains(&b'"')
        && !all.iter().any(|word| word.text.starts_with(b"#"))
    {
        let what = "a text of several words needs quotes";
        let help = "quote it: ErrorDocument 404 \"Not here, sorry\"";
        reader.error("wrong-arguments", what, (text.span.to(line.whole()), "several words"), help);
        return None;
    }
    let [status, document] = exactly(reader, known, &mut Words::new(line).after_first())?;
    let number = number(&status.text);
    if !is_status(number) {
        let what = "Apache knows no such status";
        reader.error("wrong-arguments", what, (status.span, "not a status"), known.help());
        return None;
    }
    let status = u16::try_from(number).ok()?;
    if document.text == b"default" {
        let directive = ErrorDocumentDirective { status, document: None, kind: None };
        return Some(DirectiveKind::ErrorDocument(directive));
    }
    let kind = if document.text.starts_with(b"/") {
        DocumentKind::Path
    } else if is_url(&document.text) {
        DocumentKind::Url
    } else {
        DocumentKind::Text
    };
    let document = reader.expression_text(&document.text, document.span)?;
    let directive = ErrorDocumentDirective { status, document: Some(document), kind: Some(kind) };
    Some(DirectiveKind::ErrorDocument(directive))
}

/// `scheme:...`, as `ap_is_url` reads it.
pub(super) fn is_url(text: &[u8]) -> bool {
    let scheme =
        text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let length = scheme.count();
    length > 0 && text.get(length) == Some(&b':')
}

/// The status that a word at the start of a redirect stands for; `None` if it is none.
fn status(word: &Word) -> Option<u16> {
    match word.text.to_ascii_lowercase().as_slice() {
        b"permanent" => Some(301),
        b"temp" => Some(302),
        b"seeother" => Some(303),
        b"gone" => Some(410),
        digits if digits.first().is_some_and(u8::is_ascii_digit) => u16::try_from(number(digits)).ok(),
        _ => None,
    }
}

fn is_redirect(status: u16) -> bool {
    (300..400).contains(&status)
}

pub(super) fn redirect(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = between(reader, known, words, (1, 3))?;
    let (code, rest) = match all.as_slice() {
        [first, rest @ ..] => match status(first) {
            Some(status) => (Some(status), rest),
            None => (None, all.as_slice()),
        },
        [] => return None,
    };
    let status = code.unwrap_or(302);
    let (path, target) = match rest {
        [path, target] => (Some(path), Some(target)),
        [one] if is_redirect(status) => (None, Some(one)),
        [path] => (Some(path), None),
        [] if !is_redirect(status) => (None, None),
        [first, ..] => {
            let help = "it is 301, 302, 303, 307, 308, 410, or permanent, temp, seeother, gone";
            reader.error(
                "wrong-arguments",
                "the first of three arguments is a status",
                (first.span, "not a status"),
                help,
            );
            return None;
        }
        [] => {
            let what = "a redirect needs a target";
            reader.error("wrong-arguments", what, (words.line.whole(), "where to?"), known.help());
            return None;
        }
    };
    if let Some(target) = target {
        check_target(reader, status, path, target)?;
    }
    let place = match (path, target) {
        (Some(path), target) => {
            RedirectPlace::Below { path: path.text.clone(), target: target.map(|target| target.text.clone()) }
        }
        (None, Some(target)) => RedirectPlace::All(Some(reader.expression_text(&target.text, target.span)?)),
        (None, None) => RedirectPlace::All(None),
    };
    Some(DirectiveKind::Redirect(Redirect { status, place }))
}

/// Reports a target that cannot be one.
fn check_target(reader: &mut Reader<'_>, status: u16, path: Option<&Word>, target: &Word) -> Option<()> {
    if !is_redirect(status) {
        let what = format!("a {status} has no target");
        reader.error("wrong-arguments", what, (target.span, "not with this status"), "leave it out");
        return None;
    }
    if path.is_some() && !target.text.starts_with(b"/") && !is_url(&target.text) {
        let what = "the target of a redirect is a URL, or a path that begins with `/`";
        reader.error(
            "wrong-arguments",
            what,
            (target.span, "neither"),
            "write / before it, or https://host/path",
        );
        return None;
    }
    Some(())
}

/// `RedirectTemp`, `RedirectPermanent`
pub(super) fn redirect_fixed(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let [path, target] = exactly(reader, known, words)?;
    let status = if known.name == "RedirectPermanent" { 301 } else { 302 };
    check_target(reader, status, Some(&path), &target)?;
    let place = RedirectPlace::Below { path: path.text, target: Some(target.text) };
    Some(DirectiveKind::Redirect(Redirect { status, place }))
}

pub(super) fn redirect_match(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = between(reader, known, words, (2, 3))?;
    let (code, pattern, target) = match all.as_slice() {
        [code, pattern, target] => {
            let Some(status) = status(code) else {
                let what = "the first of three arguments is a status";
                reader.error("wrong-arguments", what, (code.span, "not a status"), known.help());
                return None;
            };
            (status, pattern, Some(target))
        }
        [first, second] => match status(first) {
            Some(status) if !is_redirect(status) => (status, second, None),
            _ => (302, first, Some(second)),
        },
        _ => return None,
    };
    if let Some(target) = target
        && !is_redirect(code)
    {
        let what = format!("a {code} has no target");
        reader.error("wrong-arguments", what, (target.span, "not with this status"), "leave it out");
        return None;
    }
    let pattern = reader.regex(&pattern.text, pattern.span, false)?;
    let target = target.map(|target| substitution_template(&target.text, target.span));
    Some(DirectiveKind::RedirectMatch(Box::new(RedirectMatch { status: code, pattern, target })))
}
