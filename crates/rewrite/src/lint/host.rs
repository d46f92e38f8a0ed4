//! Names of hosts in patterns, and what such a pattern lets through.

use crate::directive::Regex;

/// A pattern that is meant to recognise a host.
pub(super) struct HostPattern<'r> {
    regex: &'r Regex,
    /// The name without escapes, as it is written: `a.example`.
    pub(super) name: String,
    /// A part of the name that the pattern asks for before it: `www.`
    asks_for_www: bool,
    /// A dot of the name stands without `\`.
    pub(super) has_bare_dot: bool,
}

impl<'r> HostPattern<'r> {
    /// The host a pattern speaks of: what stands behind `://`, else the longest name in it.
    pub(super) fn of(regex: &'r Regex) -> Option<Self> {
        let text = String::from_utf8_lossy(&regex.text);
        let start = text.find("://").or_else(|| text.find(":\\/\\/").map(|at| at + 2)).map_or(0, |at| at + 3);
        let rest = text.get(start..)?;
        let (name, has_bare_dot) = if start > 0 { first_name(skip_groups(rest)) } else { longest_name(rest) };
        if name.bytes().filter(u8::is_ascii_alphabetic).count() < 3 {
            return None;
        }
        let asks_for_www = name.len() > 4 && name.as_bytes()[..4].eq_ignore_ascii_case(b"www.");
        let name = if asks_for_www { name[4..].to_owned() } else { name };
        Some(Self { regex, name, asks_for_www, has_bare_dot })
    }

    fn matches(&self, referer: &str) -> bool {
        self.regex.compiled.is_match(referer.as_bytes()).unwrap_or(false)
    }

    /// The page of another site that passes, because the name stands anywhere in it.
    pub(super) fn passes_anywhere(&self) -> Option<String> {
        let prefix = if self.asks_for_www { "www." } else { "" };
        let urls = [
            format!("https://evil.example/?u={prefix}{}", self.name),
            format!("https://evil.example/?u=https://{prefix}{}/", self.name),
        ];
        urls.into_iter().find(|url| self.matches(url))
    }

    /// The page of another site that passes, because more may follow the name.
    pub(super) fn passes_longer(&self) -> Option<String> {
        let prefix = if self.asks_for_www { "www." } else { "" };
        let urls = ["https", "http"].map(|scheme| format!("{scheme}://{prefix}{}.evil.example/", self.name));
        urls.into_iter().find(|url| self.matches(url))
    }

    /// Whether pages of the host match, under one of its two usual names and schemes.
    pub(super) fn knows(&self, other: &Self, scheme: &str, www: &str) -> bool {
        self.matches(&format!("{scheme}://{www}{}/page", other.name))
    }

    /// Capitals in the name, where letters of both cases are not the same.
    pub(super) fn has_capitals(&self) -> bool {
        let inline = self.regex.text.starts_with(b"(?i");
        !self.regex.ignores_case && !inline && self.name.bytes().any(|byte| byte.is_ascii_uppercase())
    }
}

/// Behind `(www\.)?`, `([^.]+\.)*` and the like.
fn skip_groups(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with('(') {
        let Some(end) = closing(rest) else { return rest };
        let after = rest.get(end + 1..).unwrap_or_default();
        let Some(after) = after.strip_prefix(['?', '*']) else {
            // A group that must be there: the name begins in it.
            return rest.get(1..).unwrap_or_default().trim_start_matches("?:");
        };
        rest = after;
    }
    rest.trim_start_matches(".*").trim_start_matches("[^/]*").trim_start_matches("[^.]+")
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The name a text begins with, and whether a dot in it is bare. A dot before `*`, `+` or `?` is no dot.
fn first_name(text: &str) -> (String, bool) {
    let mut name = String::new();
    let mut bare = false;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(b'.' | b'-')) => name.push(char::from(bytes.next().unwrap_or(b'.'))),
            (b'.', Some(b'*' | b'+' | b'?' | b'{')) => break,
            (b'.', Some(next)) if next.is_ascii_alphanumeric() && !name.is_empty() => {
                bare = true;
                name.push('.');
            }
            (byte, next) if byte.is_ascii_alphanumeric() || byte == b'-' => {
                if matches!(next, Some(b'*' | b'?')) {
                    break;
                }
                name.push(char::from(byte));
            }
            _ => break,
        }
    }
    let trimmed = name.trim_end_matches(['.', '-']).to_owned();
    (trimmed, bare)
}

fn longest_name(text: &str) -> (String, bool) {
    let mut best = (String::new(), false);
    let mut at = 0;
    while at < text.len() {
        let before_is_name = at > 0
            && text.as_bytes().get(at - 1).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'\\');
        if !before_is_name && let Some(rest) = text.get(at..) {
            let found = first_name(rest);
            if found.0.len() > best.0.len() {
                best = found;
            }
        }
        at += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use pattern::{Case, Pattern};
    use source::Span;
    use std::sync::Arc;

    fn name(text: &str) -> Option<(String, bool)> {
        let compiled = Arc::new(Pattern::new(text.as_bytes(), Case::Sensitive).unwrap());
        let regex = Regex { text: text.into(), ignores_case: false, span: Span::new(0, 0), compiled };
        HostPattern::of(&regex).map(|host| (host.name, host.has_bare_dot))
    }

    #[test]
    fn the_host_in_a_pattern_is_found() {
        let found = |name: &str, bare| Some((name.to_owned(), bare));
        assert_eq!(name(r"^https?://(www\.)?a\.example/"), found("a.example", false));
        assert_eq!(name(r"^http://(.+\.)?a.example/.*$"), found("a.example", true));
        assert_eq!(name(r"^http://www.a.example"), found("a.example", true));
        assert_eq!(name(r".*theDomainInQuestion.*"), found("theDomainInQuestion", false));
        assert_eq!(name(r"(semalt|buttons)\.com"), found("buttons", false));
        assert_eq!(name("^$"), None);
        assert_eq!(name("^https?://"), None);
    }
}
