//! Field lines: one walk that finds names and values, refuses what may not stand in them, and fills a head.
//!
//! Everything is read from left to right and refused at the first byte that cannot be part of a sound head, so what is
//! refused, taken or waited for does not depend on how much has come.
#![warn(clippy::indexing_slicing)]

use std::ops::Range;

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
// Not inlined: in a function of its own the loop keeps its state in registers.
#[inline(never)]
pub(crate) fn read_fields(input: &[u8], fields_max: usize, lines: &mut Lines<'_>) -> Result<usize, Stop> {
    let mut rest = input;
    loop {
        if rest.first() == Some(&b'\r') {
            return Ok(input.len() - end_of_line(rest)?.len());
        }
        if lines.len() >= fields_max && !rest.is_empty() {
            return Err(Stop::TooManyFields);
        }
        let Some((name, [_, after @ ..])) = rest.split_at_checked(find::<b':'>(rest)) else {
            return Err(cut_name(rest));
        };
        let known = Known::of(name);
        // A name that is known holds no bad byte.
        if known == Known::Other && !is_token(name) {
            return Err(Stop::Bad);
        }
        let (is_usual, from) = match after {
            [b' ', from @ ..] => (true, from),
            _ => (false, after),
        };
        let (padded, behind) = from.split_at_checked(value_end(from)).unwrap_or((from, &[]));
        let next = end_of_line(behind)?;
        let (start, value_start) = (input.len() - rest.len(), input.len() - from.len());
        let mut line = Line {
            name: start..start + name.len(),
            value: value_start..value_start + padded.len(),
            known,
            is_whole: is_usual,
        };
        if is_padded(padded) {
            line.is_whole = false;
            trim(padded, &mut line.value);
        }
        lines.push(&line);
        rest = next;
    }
}

/// What follows the CR LF that `rest` must start with.
#[inline]
pub(crate) fn end_of_line(rest: &[u8]) -> Result<&[u8], Stop> {
    match rest {
        [b'\r', b'\n', next @ ..] => Ok(next),
        [] | [b'\r'] => Err(Stop::NeedMore),
        _ => Err(Stop::Bad),
    }
}

/// A name without colon so far.
#[cold]
fn cut_name(rest: &[u8]) -> Stop {
    if rest.is_empty() || is_token(rest) { Stop::NeedMore } else { Stop::Bad }
}

/// Whether blanks stand at the ends of what holds no other controls than HTAB.
#[inline]
fn is_padded(value: &[u8]) -> bool {
    matches!((value.first(), value.last()), (Some(..=b' '), _) | (_, Some(..=b' ')))
}

/// Takes the blanks off the ends of a value. One of blanks only becomes empty.
#[cold]
fn trim(value: &[u8], at: &mut Range<usize>) {
    let is_ink = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let last = value.iter().rposition(is_ink).map_or(0, |last| last + 1);
    let first = value.iter().position(is_ink).unwrap_or(0);
    *at = at.start + first..at.start + last;
}
