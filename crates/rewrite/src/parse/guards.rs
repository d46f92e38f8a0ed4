//! Sections that count or do not count for good: `<IfModule>` and its kin.

use super::known;
use super::reader::Reader;
use super::sections::is_section;
use super::words::Words;
use source::Span;
use std::cmp::Ordering;

/// The version of Apache whose ways these are.
const VERSION: [u32; 3] = [2, 4, 71];

/// Whether what stands in such a section counts.
pub(super) fn holds(reader: &mut Reader<'_>, section: &str, words: &mut Words<'_>) -> bool {
    if section == "IfVersion" {
        return version(reader, words);
    }
    let Some(word) = words.next() else { return false };
    let (negated, name) = match word.text.as_slice() {
        [b'!', name @ ..] => (true, name),
        name => (false, name),
    };
    if name.is_empty() {
        return false;
    }
    let is_so = match section {
        "IfModule" => known::has_module(name),
        "IfDirective" => known::find(name).is_some(),
        "IfSection" => is_section(name),
        "IfFile" => {
            let what = "nobody looks for the file of `<IfFile>` here; it counts as missing";
            let help = "write what is meant without the section, or take it out";
            reader.warning("file-not-looked-for", what, (word.span, "taken as missing"), help);
            false
        }
        // Nothing is defined on a command line here.
        _ => false,
    };
    is_so != negated
}

/// `<IfVersion >= 2.4>`
fn version(reader: &mut Reader<'_>, words: &mut Words<'_>) -> bool {
    let span = words.rest_span();
    let all = words.all();
    let (operator, version) = match all.as_slice() {
        [version] => (b"=".as_slice(), version.text.as_slice()),
        [operator, version] => (operator.text.as_slice(), version.text.as_slice()),
        _ => return wrong_version(reader, span),
    };
    let (negated, operator) = match operator {
        [b'!', rest @ ..] => (true, if rest.is_empty() { b"=".as_slice() } else { rest }),
        rest => (false, rest),
    };
    // A pattern between slashes: only its own version could be meant by name.
    if let Some(pattern) = version.strip_prefix(b"/").and_then(|rest| rest.strip_suffix(b"/")) {
        let Some(found) = reader.version_matches(pattern, span) else { return false };
        return found != negated;
    }
    let Some(order) = compare(version) else { return wrong_version(reader, span) };
    let is_so = match operator {
        b"=" | b"==" => order == Ordering::Equal,
        b">" => order == Ordering::Greater,
        b">=" | b"=>" => order != Ordering::Less,
        b"<" => order == Ordering::Less,
        b"<=" | b"=<" => order != Ordering::Greater,
        _ => return wrong_version(reader, span),
    };
    is_so != negated
}

fn wrong_version(reader: &mut Reader<'_>, span: Span) -> bool {
    let help = "it looks so: <IfVersion >= 2.4>, with a blank between the sign and the number";
    reader.error(
        "wrong-arguments",
        "`<IfVersion>` compares with a number such as 2.4 or 2.4.10",
        (span, "not a version"),
        help,
    );
    false
}

/// How this version stands to one that is written; missing parts are 0.
fn compare(written: &[u8]) -> Option<Ordering> {
    let text = std::str::from_utf8(written).ok()?;
    let numbers: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if numbers.len() > VERSION.len() {
        return None;
    }
    let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
    Some(VERSION.cmp(&[at(0), at(1), at(2)]))
}

impl Reader<'_> {
    fn version_matches(&mut self, pattern: &[u8], span: Span) -> Option<bool> {
        let regex = self.regex(pattern, span, false)?;
        let [major, minor, patch] = VERSION;
        let version = format!("{major}.{minor}.{patch}");
        regex.compiled.is_match(version.as_bytes()).ok()
    }
}
