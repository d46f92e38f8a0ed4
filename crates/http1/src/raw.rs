//! Below both kinds of head: where the slices of `httparse` lie, and what it tolerates and we do not.
#![warn(clippy::indexing_slicing)]

use std::ops::Range;

use memchr::memchr;

use crate::BadSyntax;

/// Where `part`, a slice of `whole`, lies in it.
#[inline]
pub(crate) fn range_of(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

/// The (name, value) ranges of parsed fields in `head`.
#[inline]
pub(crate) fn ranges<'a>(
    head: &'a [u8],
    fields: &'a [httparse::Header<'a>],
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + 'a {
    fields.iter().map(|field| (range_of(head, field.name.as_bytes()), range_of(head, field.value)))
}

/// `httparse` takes LF for CR LF. `all_whole` says that each field line is known to end with CR LF (nearly always: one
/// blank before the value and none behind it). Else: each line ends where the next one starts, so looking in front of
/// each name and at the end finds every bare LF.
#[inline]
pub(crate) fn check_line_ends(
    head: &[u8],
    fields: &[httparse::Header<'_>],
    all_whole: bool,
) -> Result<(), BadSyntax> {
    let ends_line = |end: usize| head.get(..end).and_then(<[u8]>::last_chunk) == Some(b"\r\n");
    let all = all_whole || fields.iter().all(|field| ends_line(range_of(head, field.name.as_bytes()).start));
    if all && head.ends_with(b"\r\n\r\n") { Ok(()) } else { Err(BadSyntax::BareLf) }
}

/// Whether an LF without CR stands among the bytes so far: then no more bytes can mend the head.
pub(crate) fn has_bare_lf(mut head: &[u8]) -> bool {
    while let Some(lf) = memchr(b'\n', head) {
        if lf == 0 || head.get(lf - 1) != Some(&b'\r') {
            return true;
        }
        head = head.get(lf + 1..).unwrap_or_default();
    }
    false
}

/// After `httparse` has refused: the exact reason, for the log. Walks the lines up to the first bad one; `first_line`
/// says whether the first is a request or status line, not a field. `None`: the fault is in that first line's shape.
#[cold]
pub(crate) fn diagnose(head: &[u8], first_line: bool) -> Option<BadSyntax> {
    let mut rest = head;
    let mut is_field = !first_line;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest);
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        rest = end.and_then(|lf| rest.get(lf + 1..)).unwrap_or_default();
        let body = match (end, line.strip_suffix(b"\r")) {
            (Some(_), None) => {
                return bad_bytes(line).or(Some(BadSyntax::BareLf));
            }
            (_, Some(body)) => body,
            (None, None) => line,
        };
        if body.is_empty() && end.is_some() {
            return None;
        }
        let found = bad_bytes(body).or_else(|| if is_field { bad_field(body) } else { None });
        if found.is_some() {
            return found;
        }
        if !is_field && end.is_some() && !is_first_line_shaped(body) {
            return None;
        }
        is_field = true;
    }
    None
}

fn is_first_line_shaped(line: &[u8]) -> bool {
    line.starts_with(b"HTTP/") || line.split(|&byte| byte == b' ').count() == 3
}

fn bad_bytes(line: &[u8]) -> Option<BadSyntax> {
    line.iter().find_map(|&byte| match byte {
        b'\r' => Some(BadSyntax::BareCr),
        0 => Some(BadSyntax::Nul),
        b'\t' => None,
        0x01..=0x1f | 0x7f => Some(BadSyntax::Control),
        _ => None,
    })
}

fn bad_field(line: &[u8]) -> Option<BadSyntax> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some(BadSyntax::Folded);
    }
    let Some(colon) = memchr(b':', line) else { return Some(BadSyntax::Name) };
    let name = line.get(..colon).unwrap_or_default();
    match name {
        [] => Some(BadSyntax::EmptyName),
        [.., b' ' | b'\t'] => Some(BadSyntax::BlankBeforeColon),
        _ if !message::is_token(name) => Some(BadSyntax::Name),
        _ => None,
    }
}
