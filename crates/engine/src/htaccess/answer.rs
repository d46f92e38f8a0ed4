//! What `.htaccess` does to fields: of the answer (`Header`, `CO`, `T`), and of the request that goes on
//! (`RequestHeader`).
//!
//! Apache keeps two tables of an answer's fields, and `Header always` reaches only one of them, so that a field of both
//! is sent twice and one of a node cannot be taken away by it. There is one table here.

use super::Judged;
use message::{Fields, RequestHead, ResponseHead, is_field_value};
use rewrite::{Cookie, HeaderAction, HeaderEdit, Outcome, Verdict};

/// They frame the message or belong to the connection, which are ours.
const OURS: [&[u8]; 7] =
    [b"Connection", b"Content-Length", b"Keep-Alive", b"TE", b"Trailer", b"Transfer-Encoding", b"Upgrade"];

/// Does to an answer what was decided for it. `Header` without `always` is for answers of success (2xx), and for 304,
/// which stands for one and has to name the same in Vary (RFC 9110, 15.4.5).
pub(crate) fn apply_to_answer(head: &mut ResponseHead, judged: &Judged) {
    let is_success = (200..300).contains(&head.status());
    let stands_for_success = is_success || head.status() == 304;
    let fields = head.fields_mut();
    if let (true, Some(content_type)) = (is_success, &judged.content_type) {
        let _unfit = fields.set(b"Content-Type", content_type);
    }
    for cookie in &judged.cookies {
        let _unfit = fields.add(b"Set-Cookie", cookie);
    }
    for edit in &judged.edits {
        if edit.always || stands_for_success {
            apply(fields, edit);
        }
    }
}

/// A Location or a cookie that no head can hold (a line feed came out of an expansion) is an error of the server, as in
/// Apache: nobody is sent nowhere, and no half of it reaches the client.
pub(crate) fn refuse_unsendable(outcome: &mut Outcome) {
    let is_bad_cookie = |cookie: &Cookie| !is_field_value(&cookie.field);
    let by = match &outcome.verdict {
        Verdict::Redirect { location, by, .. } if !is_field_value(location) => *by,
        Verdict::Pass { by, .. }
        | Verdict::Status { by, .. }
        | Verdict::Redirect { by, .. }
        | Verdict::Proxy { by, .. }
            if outcome.cookies.iter().any(is_bad_cookie) =>
        {
            *by
        }
        _ => return,
    };
    outcome.verdict = Verdict::Status { status: 500, by };
    outcome.cookies.clear();
}

/// Does to a request what was decided for it.
pub(crate) fn apply_to_request(head: &mut RequestHead, edits: &[HeaderEdit]) {
    for edit in edits {
        apply(head.fields_mut(), edit);
    }
}

/// One change. A value that no head can hold changes nothing.
fn apply(fields: &mut Fields, edit: &HeaderEdit) {
    let HeaderEdit { action, name, value, .. } = edit;
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return;
    }
    // of several fields of one name, Apache looks at the first
    let first = fields.all(name).next().map(<[u8]>::to_vec);
    match (action, first) {
        (HeaderAction::Unset, _) => {
            fields.remove(name);
        }
        (HeaderAction::Edit | HeaderAction::EditAll, None) => {}
        (HeaderAction::Edit | HeaderAction::EditAll, Some(_)) => {
            let edited: Vec<Vec<u8>> = fields.all(name).map(|value| edit.edited(value)).collect();
            put(fields, name, &edited);
        }
        (HeaderAction::Add, _) => {
            let _unfit = fields.add(name, value);
        }
        (HeaderAction::SetIfEmpty, Some(first)) if !first.is_empty() => {}
        (HeaderAction::Merge, Some(first)) if holds(&first, value) => {}
        (HeaderAction::Append | HeaderAction::Merge, Some(first)) if is_field_value(value) => {
            let mut values: Vec<Vec<u8>> = fields.all(name).map(<[u8]>::to_vec).collect();
            if let Some(place) = values.first_mut() {
                *place = if first.is_empty() { value.clone() } else { [&first, &b", "[..], value].concat() };
            }
            put(fields, name, &values);
        }
        (HeaderAction::Set | HeaderAction::SetIfEmpty | HeaderAction::Append | HeaderAction::Merge, _) => {
            let _unfit = fields.set(name, value);
        }
    }
}

/// Puts these values in the place of all of a name; those that no head can hold are left out.
fn put(fields: &mut Fields, name: &[u8], values: &[Vec<u8>]) {
    fields.remove(name);
    for value in values {
        let _unfit = fields.add(name, value);
    }
}

/// Whether a value stands in a list of values.
fn holds(list: &[u8], value: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|part| part.trim_ascii() == value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Version;

    fn edit(always: bool, action: HeaderAction, name: &str, value: &str) -> HeaderEdit {
        HeaderEdit {
            always,
            action,
            name: name.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
            pattern: None,
        }
    }

    fn fields_after(status: u16, edits: Vec<HeaderEdit>) -> Vec<String> {
        let mut head = ResponseHead::new(status, b"", Version::Http11).unwrap();
        head.fields_mut().add(b"Vary", b"Accept, Referer").unwrap();
        head.fields_mut().add(b"Server", b"node").unwrap();
        let mut judged = Judged::default();
        judged.edits = edits;
        judged.cookies = vec![b"seen=1; path=/".to_vec()];
        judged.content_type = Some(b"audio/mpeg".to_vec());
        apply_to_answer(&mut head, &judged);
        let line = |(name, value, _): (&[u8], &[u8], _)| {
            format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        head.fields().iter().map(line).collect()
    }

    #[test]
    fn an_error_gets_its_cookies_and_what_is_always_set() {
        let edits = || {
            vec![
                edit(false, HeaderAction::Set, "X-Good", "1"),
                edit(true, HeaderAction::Set, "X-All", "1"),
                edit(true, HeaderAction::Unset, "server", ""),
                edit(true, HeaderAction::Set, "content-length", "7"),
            ]
        };
        assert_eq!(
            fields_after(403, edits()),
            ["Vary: Accept, Referer", "Set-Cookie: seen=1; path=/", "X-All: 1"]
        );
        assert_eq!(
            fields_after(200, edits()),
            [
                "Vary: Accept, Referer",
                "Content-Type: audio/mpeg",
                "Set-Cookie: seen=1; path=/",
                "X-Good: 1",
                "X-All: 1"
            ]
        );
    }

    #[test]
    fn values_are_appended_merged_added_or_only_filled_in() {
        let edits = vec![
            edit(false, HeaderAction::Merge, "Vary", "Accept"),
            edit(false, HeaderAction::Merge, "Vary", "Cookie"),
            edit(false, HeaderAction::Append, "X-A", "1"),
            edit(false, HeaderAction::Append, "X-A", "2"),
            edit(false, HeaderAction::Add, "X-A", "3"),
            edit(false, HeaderAction::SetIfEmpty, "Server", "mine"),
            edit(false, HeaderAction::SetIfEmpty, "X-B", "mine"),
            edit(false, HeaderAction::Set, "X-C", "a\r\nb"),
        ];
        let fields = fields_after(200, edits);
        assert!(fields.contains(&"Server: node".to_owned()), "{fields:?}");
        assert!(fields.contains(&"Vary: Accept, Referer, Cookie".to_owned()), "{fields:?}");
        assert!(fields.contains(&"X-A: 1, 2".to_owned()), "{fields:?}");
        assert!(
            fields.contains(&"X-A: 3".to_owned()) && fields.contains(&"X-B: mine".to_owned()),
            "{fields:?}"
        );
        assert!(!fields.iter().any(|field| field.starts_with("X-C")), "{fields:?}");
    }
}
