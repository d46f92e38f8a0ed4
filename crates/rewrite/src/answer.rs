//! `Redirect`, `RedirectMatch`, `ErrorDocument`.

use crate::ErrorDocument;
use crate::directive::{self, DocumentKind, RedirectPlace, Template};
use crate::escape::escape_path;
use crate::expand::{self, Matched, Places};
use crate::expression::StringExpression;
use crate::known::{Known, Need};
use crate::request::Request;
use pattern::{Groups, Pattern};
use source::Span;
use std::sync::Arc;

/// A redirect, compiled.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) by: (usize, Span),
    status: u16,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// All paths.
    All(Option<Arc<StringExpression>>),
    Path {
        path: Vec<u8>,
        target: Option<Vec<u8>>,
    },
    Pattern {
        pattern: Arc<Pattern>,
        target: Option<Template>,
    },
}

/// What a redirect comes to: a status and, of a redirect proper, where to.
pub(crate) type Redirected = (u16, Option<Vec<u8>>);

/// What is answered where a directive says this: Apache makes 500 of what is no status.
fn answered(status: u16) -> u16 {
    if status == 0 || (100..600).contains(&status) { status } else { 500 }
}

impl Redirect {
    pub(crate) fn new(written: &directive::Redirect, by: (usize, Span)) -> Self {
        let kind = match &written.place {
            RedirectPlace::All(target) => Kind::All(target.as_ref().map(|target| Arc::clone(&target.read))),
            RedirectPlace::Below { path, target } => {
                Kind::Path { path: path.clone(), target: target.clone() }
            }
        };
        Self { by, status: answered(written.status), kind }
    }

    pub(crate) fn matching(written: &directive::RedirectMatch, by: (usize, Span)) -> Self {
        let pattern = Arc::clone(&written.pattern.compiled);
        Self {
            by,
            status: answered(written.status),
            kind: Kind::Pattern { pattern, target: written.target.clone() },
        }
    }

    /// Whether it is for all paths: these come before all others.
    pub(crate) fn is_for_all(&self) -> bool {
        matches!(self.kind, Kind::All(_))
    }

    pub(crate) fn apply(&self, request: &mut Request<'_>) -> Known<Option<Redirected>> {
        // Apache takes 0 for its own sign that nothing is to be done.
        if self.status == 0 {
            return Ok(None);
        }
        let target = match &self.kind {
            Kind::All(None) => None,
            Kind::All(Some(target)) => Some(escape_but_query(&target.text(request)?)),
            Kind::Path { path, target } => {
                let Some(length) = common_length(&request.uri, path) else { return Ok(None) };
                let rest = request.uri.get(length..).unwrap_or_default();
                target.as_ref().map(|target| [target.as_slice(), &escape_path(rest)].concat())
            }
            Kind::Pattern { pattern, target } => {
                let mut groups = Groups::default();
                if !request.searched(pattern.find_at(&request.uri, 0, &mut groups))? {
                    return Ok(None);
                }
                match target {
                    None => None,
                    Some(target) => {
                        let rule = Matched::Text(request.uri.clone(), groups);
                        let places = Places { rule, cond: Matched::Nothing };
                        Some(escape_but_query(&expand::text(request, &target.parts, &places)?))
                    }
                }
            }
        };
        if !(300..400).contains(&self.status) {
            return Ok(Some((self.status, None)));
        }
        let mut target = target.unwrap_or_default();
        if target.first() == Some(&b'/') {
            target = [request.own_url()?, target].concat();
        }
        if !is_url(&target) {
            return Ok(Some((500, None)));
        }
        match &request.query {
            Err(_) if target.contains(&b'?') => {}
            Err(names) => return Err(Need::Unknown(names.clone())),
            Ok(Some(query)) if !target.contains(&b'?') => {
                target.push(b'?');
                target.extend_from_slice(query);
            }
            Ok(_) => {}
        }
        Ok(Some((self.status, Some(target))))
    }
}

/// How much of a path a written path takes: whole parts only, and any number of slashes for one.
fn common_length(path: &[u8], written: &[u8]) -> Option<usize> {
    let (mut at, mut in_written) = (0, 0);
    while let Some(byte) = written.get(in_written) {
        if path.get(at) != Some(byte) {
            return None;
        }
        at += 1;
        in_written += 1;
        if *byte == b'/' {
            while written.get(in_written) == Some(&b'/') {
                in_written += 1;
            }
            while path.get(at) == Some(&b'/') {
                at += 1;
            }
        }
    }
    let ends_part = written.last() == Some(&b'/') || matches!(path.get(at), None | Some(b'/'));
    (at > 0 && ends_part).then_some(at)
}

/// Escapes a target up to its query or fragment.
fn escape_but_query(target: &[u8]) -> Vec<u8> {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let (path, rest) = target.split_at(end);
    [escape_path(path).as_slice(), rest].concat()
}

/// Whether a text begins with a scheme and `://`.
fn is_url(text: &[u8]) -> bool {
    let scheme = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    text.get(scheme..).is_some_and(|rest| rest.starts_with(b"://"))
}

/// An error document, compiled.
#[derive(Debug)]
pub(crate) struct Document {
    status: u16,
    kind: Option<(DocumentKind, Arc<StringExpression>)>,
}

impl Document {
    pub(crate) fn new(written: &directive::ErrorDocumentDirective) -> Self {
        let kind = written.kind.zip(written.document.as_ref().map(|document| Arc::clone(&document.read)));
        Self { status: written.status, kind }
    }

    pub(crate) fn value(&self, request: &mut Request<'_>) -> Known<(u16, ErrorDocument)> {
        let Some((kind, text)) = &self.kind else { return Ok((self.status, ErrorDocument::Default)) };
        let text = text.text(request)?;
        let document = match kind {
            DocumentKind::Text => ErrorDocument::Text(text),
            DocumentKind::Path => ErrorDocument::Path(text),
            DocumentKind::Url => ErrorDocument::Url(text),
        };
        Ok((self.status, document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_for_whole_parts_of_a_path() {
        let length = |path: &str, written: &str| common_length(path.as_bytes(), written.as_bytes());
        assert_eq!(length("/a", "/a"), Some(2));
        assert_eq!(length("/a/b", "/a"), Some(2));
        assert_eq!(length("/ab", "/a"), None);
        assert_eq!(length("/d", "/d/"), None);
        assert_eq!(length("/d/x", "/d/"), Some(3));
        assert_eq!(length("/a/b/c", "/a//b"), Some(4));
        assert_eq!(length("/x", "/"), Some(1));
    }
}
