//! Why a head was refused, for the log: asked only after it was.
#![warn(clippy::indexing_slicing)]

use memchr::memchr;

use crate::BadSyntax;

/// Walks the lines of a refused head up to the first bad one. `first_line` says whether the first is a request or
/// status line, not a field. `None`: the fault is in that first line's shape.
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
