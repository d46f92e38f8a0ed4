//! What rules change about a response, kept until there is one.

use crate::catalog::CookieCaching;
use message::{Known, ResponseHead};
use trafficscript::ByteString;

/// A change to the response that a rule asked for before there was one. Fields were checked when asked for.
#[derive(Clone, Debug)]
pub(crate) enum ResponseEdit {
    Set(ByteString, ByteString),
    Add(ByteString, ByteString),
    Remove(ByteString),
    /// Another status, with its words.
    Status(u16, ByteString),
    /// Drops the cookies of this name.
    RemoveCookie(ByteString),
    /// Replaces a cookie of the same name.
    Cookie {
        name: ByteString,
        /// `name=value`, encoded.
        pair: ByteString,
        /// As the rule gave them, each behind `; `; `None`: those of the cookie that is replaced, or `fallback`.
        attributes: Option<ByteString>,
        fallback: &'static [u8],
    },
}

impl ResponseEdit {
    /// Bytes that it adds to a head, at most; none where it only takes away.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Set(name, value) | Self::Add(name, value) => name.len().saturating_add(value.len()),
            Self::Remove(_) | Self::RemoveCookie(_) => 0,
            Self::Status(_, reason) => reason.len(),
            Self::Cookie { pair, attributes, .. } => {
                pair.len().saturating_add(attributes.as_ref().map_or(0, |given| given.len()))
            }
        }
    }
}

/// Does to the response what request rules asked for, in order.
pub(crate) fn apply(head: &mut ResponseHead, edits: &[ResponseEdit], caching: CookieCaching) {
    for edit in edits {
        apply_one(head, edit, caching);
    }
}

/// Does one change. Names and values were checked when the rule asked for them.
pub(crate) fn apply_one(head: &mut ResponseHead, edit: &ResponseEdit, caching: CookieCaching) {
    let fields = head.fields_mut();
    match edit {
        ResponseEdit::Set(name, value) => {
            let _checked = fields.set(name, value);
            if name.eq_ignore_ascii_case(b"Set-Cookie") {
                keep_from_shared_caches(head, caching);
            }
        }
        ResponseEdit::Add(name, value) if name.eq_ignore_ascii_case(b"Set-Cookie") => {
            let _checked = fields.add(name, value);
            keep_from_shared_caches(head, caching);
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
            keep_from_shared_caches(head, caching);
        }
    }
}

/// The name in a `Set-Cookie` value: what stands before the first `=`, without blanks around it.
pub fn cookie_name(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(line.len());
    line[..end].trim_ascii()
}

/// Where the value stands in a `Set-Cookie` value: between the first `=` and the first `;`, without blanks around it.
/// `None` if it has no name.
pub fn cookie_value(line: &[u8]) -> Option<core::ops::Range<usize>> {
    let end = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let pair = line.get(..end)?;
    let from = pair.iter().position(|byte| *byte == b'=')? + 1;
    let value = pair.get(from..)?;
    let blanks = value.len() - value.trim_ascii_start().len();
    Some(from + blanks..from + blanks + value.trim_ascii().len())
}

/// What follows the pair in a `Set-Cookie` value, from its `;` on.
pub(super) fn attributes_of(line: &[u8]) -> &[u8] {
    line.iter().position(|byte| *byte == b';').map_or(&[], |at| &line[at..])
}

/// A cookie on an answer that a shared cache keeps would mark everybody behind it, so the answer becomes private.
pub(super) fn keep_from_shared_caches(head: &mut ResponseHead, caching: CookieCaching) {
    if caching == CookieCaching::Unchanged {
        return;
    }
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
    use message::Version;

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
        let edits = [cookie("mark", "mark=new"), cookie("fresh", "fresh=1")];
        apply(&mut head, &edits, CookieCaching::Private);
        let cookies: Vec<&[u8]> = head.fields().all(b"set-cookie").collect();
        assert_eq!(cookies, [&b"other=1"[..], b"mark=new; Path=/shop", b"fresh=1; Path=/"]);
        assert_eq!(head.fields().get(b"Cache-Control"), Some(&b"max-age=60, private"[..]));
    }

    #[test]
    fn the_value_of_a_cookie_is_found_between_its_name_and_its_attributes() {
        let value = |line: &str| cookie_value(line.as_bytes()).map(|at| line[at].to_owned());
        for (line, expected) in [
            ("a=1", Some("1")),
            ("a = 1 ; Path=/; b=2", Some("1")),
            ("a=x=y;", Some("x=y")),
            ("a=; Path=/", Some("")),
            ("a=  ", Some("")),
            ("a; b=1", None),
            ("", None),
        ] {
            assert_eq!(value(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn an_added_field_joins_its_namesake_but_a_cookie_stands_alone() {
        let mut head = head(&[("Vary", "Accept"), ("Set-Cookie", "a=1")]);
        let add =
            |name: &str, value: &str| ResponseEdit::Add(ByteString::from(name), ByteString::from(value));
        apply(&mut head, &[add("vary", "Referer"), add("Set-Cookie", "b=2")], CookieCaching::Private);
        assert_eq!(head.fields().get(b"Vary"), Some(&b"Accept, Referer"[..]));
        assert_eq!(head.fields().all(b"Set-Cookie").count(), 2);
    }

    #[test]
    fn a_cookie_that_is_set_as_a_field_makes_the_answer_private_too() {
        let mut head = head(&[("Cache-Control", "public")]);
        let edit = ResponseEdit::Set(ByteString::from("Set-Cookie"), ByteString::from("a=1"));
        apply_one(&mut head, &edit, CookieCaching::Unchanged);
        assert_eq!(
            head.fields().get(b"Cache-Control"),
            Some(&b"public"[..]),
            "unless the catalog says otherwise"
        );
        apply_one(&mut head, &edit, CookieCaching::Private);
        assert_eq!(head.fields().get(b"Cache-Control"), Some(&b"private"[..]));
    }
}
