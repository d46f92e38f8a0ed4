//! Field lines: one walk that finds names and values, refuses what may not stand in them, and fills a head.
//!
//! Everything is read from left to right and refused at the first byte that cannot be part of a sound head, so what is
//! refused, taken or waited for does not depend on how much has come.
#![warn(clippy::indexing_slicing)]

use message::{Known, Line, Lines, is_token};

use crate::words::{find, value_end};

/// Why a walk stopped before the end of what it reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// All is well so far; more bytes are needed.
    NeedMore,
    /// A byte stands where it may not; `diagnose` tells which.
    Bad,
    /// One more line than allowed begins.
    TooManyFields,
}

/// Reads field lines up to and with the empty line, and answers the bytes taken.
#[inline]
pub(crate) fn read_fields(input: &[u8], fields_max: usize, lines: &mut Lines<'_>) -> Result<usize, Stop> {
    let mut at = 0;
    loop {
        if input.get(at) == Some(&b'\r') {
            return end_of_line(input, at);
        }
        if lines.len() >= fields_max && at < input.len() {
            return Err(Stop::TooManyFields);
        }
        let colon = find::<b':'>(input, at);
        let name = input.get(at..colon).unwrap_or_default();
        let known = Known::of(name);
        // A name that is known holds no bad byte.
        if colon >= input.len() || (known == Known::Other && !is_token(name)) {
            return Err(bad_name(input, at));
        }
        let mut start = colon + 1;
        let is_usual = input.get(start) == Some(&b' ');
        start += usize::from(is_usual);
        while is_blank(input.get(start)) {
            start += 1;
        }
        let end = value_end(input, start);
        let next = end_of_line(input, end)?;
        let mut trimmed = end;
        while trimmed > start && is_blank(input.get(trimmed - 1)) {
            trimmed -= 1;
        }
        let is_whole = is_usual && start == colon + 2 && trimmed == end;
        lines.push(Line { name: at..colon, value: start..trimmed, known, is_whole });
        at = next;
    }
}

/// The offset behind the CR LF that must stand at `at`.
#[inline]
pub(crate) fn end_of_line(input: &[u8], at: usize) -> Result<usize, Stop> {
    match input.get(at..).and_then(<[u8]>::first_chunk) {
        Some(b"\r\n") => Ok(at + 2),
        Some(_) => Err(Stop::Bad),
        None => Err(cut_end_of_line(input, at)),
    }
}

#[cold]
fn cut_end_of_line(input: &[u8], at: usize) -> Stop {
    if matches!(input.get(at), None | Some(b'\r')) { Stop::NeedMore } else { Stop::Bad }
}

/// A name without colon so far, or one with a colon and a bad byte.
#[cold]
fn bad_name(input: &[u8], at: usize) -> Stop {
    let rest = input.get(at..).unwrap_or_default();
    if rest.is_empty() || is_token(rest) { Stop::NeedMore } else { Stop::Bad }
}

#[inline]
fn is_blank(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b' ' | b'\t'))
}
