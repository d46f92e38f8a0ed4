//! Answers: those built here, and what rules change about any.

use super::{Built, ResponseEdit};
use core::time::Duration;
use message::{Known, ResponseHead, Version, reason_of};

/// A small page for a person, with the status in words.
pub(super) fn page(status: u16, sentence: &str) -> Built {
    let reason = reason_of(status);
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status} {reason}</title></head>\n\
         <body><h1>{reason}</h1><p>{sentence}</p></body></html>\n"
    );
    Built {
        status,
        reason: reason.as_bytes().to_vec(),
        content_type: b"text/html; charset=utf-8".to_vec(),
        fields: vec![(b"Cache-Control".to_vec(), b"no-store".to_vec())],
        body: body.into_bytes(),
    }
}

/// 503 with the time after which a place would have been free, in whole seconds, at least one.
pub(super) fn try_later(retry_after: Duration) -> Built {
    let seconds = retry_after.as_millis().div_ceil(1000).max(1);
    let mut built = page(503, "Too many visitors are coming in at this moment. Please try again shortly.");
    built.fields.push((b"Retry-After".to_vec(), seconds.to_string().into_bytes()));
    built
}

/// Writes a built answer's head (with its length) and gives back its body. Fields were checked when they were
/// asked for; one that is not fit is left out rather than sent broken.
pub(super) fn write_head(head: &mut ResponseHead, built: Built) -> Vec<u8> {
    head.clear();
    head.set_version(Version::Http11);
    if head.set_status(built.status, &built.reason).is_err() {
        let _fits = head.set_status(500, reason_of(500).as_bytes());
    }
    let fields = head.fields_mut();
    if !built.content_type.is_empty() {
        let _unfit = fields.set(b"Content-Type", &built.content_type);
    }
    for (name, value) in &built.fields {
        let _unfit = fields.add(name, value);
    }
    if !matches!(built.status, 204 | 304) {
        let _fits = fields.set(b"Content-Length", built.body.len().to_string().as_bytes());
    }
    if matches!(built.status, 204 | 304) { Vec::new() } else { built.body }
}

/// Does to the response what request rules asked for, in order.
pub(super) fn apply(head: &mut ResponseHead, edits: &[ResponseEdit]) {
    for edit in edits {
        apply_one(head, edit);
    }
}

/// Does one change. Names and values were checked when the rule asked for them.
pub(crate) fn apply_one(head: &mut ResponseHead, edit: &ResponseEdit) {
    let fields = head.fields_mut();
    match edit {
        ResponseEdit::Set(name, value) => {
            let _checked = fields.set(name, value);
            if name.eq_ignore_ascii_case(b"Set-Cookie") {
                keep_from_shared_caches(head);
            }
        }
        ResponseEdit::Add(name, value) if name.eq_ignore_ascii_case(b"Set-Cookie") => {
            let _checked = fields.add(name, value);
            keep_from_shared_caches(head);
        }
        ResponseEdit::Add(name, value) => {
            // Another value of a list is appended to it, as the function reference has it.
            match fields.joined(name) {
                Some(old) => {
                    let both = [old.as_ref(), b", ", value].concat();
                    let _checked = fields.set(name, &both);
                }
                None => {
                    let _checked = fields.add(name, value);
                }
            }
        }
        ResponseEdit::Remove(name) => {
            fields.remove(name);
        }
        ResponseEdit::Status(status, reason) => {
            let _checked = head.set_status(*status, reason);
        }
        ResponseEdit::RemoveCookie(name) => {
            fields
                .remove_where(|_, value, known| known == Known::SetCookie && cookie_name(value) == &name[..]);
        }
        ResponseEdit::Cookie { name, pair, attributes, fallback } => {
            let old = fields.all_known(Known::SetCookie).find(|value| cookie_name(value) == &name[..]);
            let attributes = match (attributes, old) {
                (Some(given), _) => given.to_vec(),
                (None, Some(old)) => attributes_of(old).to_vec(),
                (None, None) => fallback.to_vec(),
            };
            fields
                .remove_where(|_, value, known| known == Known::SetCookie && cookie_name(value) == &name[..]);
            let _checked = fields.add(b"Set-Cookie", &[&pair[..], &attributes].concat());
            keep_from_shared_caches(head);
        }
    }
}

/// The name in a `Set-Cookie` value: what stands before the first `=`, without blanks around it.
pub(crate) fn cookie_name(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(line.len());
    line[..end].trim_ascii()
}

/// What follows the pair in a `Set-Cookie` value, from its `;` on.
fn attributes_of(line: &[u8]) -> &[u8] {
    line.iter().position(|byte| *byte == b';').map_or(&[], |at| &line[at..])
}

/// A cookie on an answer that a shared cache keeps would mark everybody behind it, so the answer becomes private.
fn keep_from_shared_caches(head: &mut ResponseHead) {
    let fields = head.fields_mut();
    let Some(old) = fields.joined(b"Cache-Control") else {
        let _fits = fields.add(b"Cache-Control", b"private");
        return;
    };
    let shared = |token: &[u8]| {
        let name = token.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"public") || name.eq_ignore_ascii_case(b"s-maxage")
    };
    let tokens: Vec<&[u8]> =
        old.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty()).collect();
    let is = |name: &[u8]| tokens.iter().any(|token| token.eq_ignore_ascii_case(name));
    if is(b"private") || is(b"no-store") {
        return;
    }
    let mut kept: Vec<&[u8]> = tokens.iter().copied().filter(|token| !shared(token)).collect();
    kept.push(b"private");
    let value = kept.join(&b", "[..]);
    let _fits = fields.set(b"Cache-Control", &value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use trafficscript::ByteString;

    fn head(fields: &[(&str, &str)]) -> ResponseHead {
        let mut head = ResponseHead::new(200, b"OK", Version::Http11).unwrap();
        for (name, value) in fields {
            head.fields_mut().add(name.as_bytes(), value.as_bytes()).unwrap();
        }
        head
    }

    #[test]
    fn a_cookie_replaces_its_namesake_and_makes_the_answer_private() {
        let mut head = head(&[
            ("Set-Cookie", "mark=old; Path=/shop"),
            ("Set-Cookie", "other=1"),
            ("Cache-Control", "public, max-age=60, s-maxage=90"),
        ]);
        let cookie = |name: &str, pair: &str| ResponseEdit::Cookie {
            name: ByteString::from(name),
            pair: ByteString::from(pair),
            attributes: None,
            fallback: b"; Path=/",
        };
        apply(&mut head, &[cookie("mark", "mark=new"), cookie("fresh", "fresh=1")]);
        let cookies: Vec<&[u8]> = head.fields().all(b"set-cookie").collect();
        assert_eq!(cookies, [&b"other=1"[..], b"mark=new; Path=/shop", b"fresh=1; Path=/"]);
        assert_eq!(head.fields().get(b"Cache-Control"), Some(&b"max-age=60, private"[..]));
    }

    #[test]
    fn an_added_field_joins_its_namesake_but_a_cookie_stands_alone() {
        let mut head = head(&[("Vary", "Accept"), ("Set-Cookie", "a=1")]);
        let add =
            |name: &str, value: &str| ResponseEdit::Add(ByteString::from(name), ByteString::from(value));
        apply(&mut head, &[add("vary", "Referer"), add("Set-Cookie", "b=2")]);
        assert_eq!(head.fields().get(b"Vary"), Some(&b"Accept, Referer"[..]));
        assert_eq!(head.fields().all(b"Set-Cookie").count(), 2);
    }

    #[test]
    fn a_cookie_that_is_set_as_a_field_makes_the_answer_private_too() {
        let mut head = head(&[("Cache-Control", "public")]);
        apply(&mut head, &[ResponseEdit::Set(ByteString::from("Set-Cookie"), ByteString::from("a=1"))]);
        assert_eq!(head.fields().get(b"Cache-Control"), Some(&b"private"[..]));
    }

    #[test]
    fn a_visitor_who_must_come_back_is_told_when() {
        let mut head = ResponseHead::default();
        let body = write_head(&mut head, try_later(Duration::from_millis(1200)));
        assert_eq!(head.status(), 503);
        assert_eq!(head.fields().get(b"Retry-After"), Some(&b"2"[..]));
        assert_eq!(head.fields().get(b"Content-Length"), Some(body.len().to_string().as_bytes()));
    }
}
