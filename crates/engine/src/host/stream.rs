//! The bytes of a connection that is not HTTP, as rules see, wait for and change them.

use crate::limits;
use pattern::{Groups, Pattern, TooManySteps};
use std::sync::Arc;
use trafficscript::ByteString;

/// One direction: what came in and was not passed on yet.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    bytes: Vec<u8>,
    /// Nothing more will come.
    pub(crate) ended: bool,
    /// Where the request ends that is looked at, if a rule has said so.
    pub(crate) cut: Option<usize>,
}

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What the client sent.
    Client,
    /// What the node sent, or a rule in its place.
    Node,
}

/// What rules over raw bytes work on.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) client: Stream,
    pub(crate) node: Stream,
    /// What the client is to be answered instead of asking a node.
    pub(crate) reply: Option<ByteString>,
    /// What a rule has sent to the client ahead of the rest.
    pub(crate) flushed: Vec<u8>,
    /// A rule wants the node's connection closed.
    pub(crate) close_node: bool,
    /// A rule said where the request ends that is at a node: all of it is known.
    pub(crate) is_delimited: bool,
}

impl Raw {
    pub(crate) fn side(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.client,
            Side::Node => &mut self.node,
        }
    }
}

/// What a rule asks a stream for; it waits until there is an answer.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// The first bytes, so many of them; all there are, without a number.
    Bytes(Option<usize>),
    /// A line from an offset on.
    Line {
        /// What it ends with.
        end: LineEnd,
        /// Where it begins.
        offset: usize,
        /// Whether the end is part of the line.
        with_end: bool,
    },
    /// So many bytes, to be thrown away.
    Skip(usize),
    /// A request of so many bytes.
    EndsAt(usize),
    /// A request up to the end of what a pattern finds.
    EndsWith(Arc<Pattern>),
}

/// What ends a line.
#[derive(Clone, Debug)]
pub(crate) enum LineEnd {
    /// `\n`.
    Newline,
    /// What a pattern finds.
    Pattern(Arc<Pattern>),
}

/// The answer to a [`Want`].
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) value: ByteString,
    /// Behind a line: where the next one begins, for `$1`.
    pub(crate) next: Option<usize>,
    /// What was wanted did not fit into what is held.
    pub(crate) cut_short: bool,
}

impl Answered {
    pub(crate) const CUT_SHORT: &'static str =
        "more was wanted than is held of a connection; what is there is given";
}

/// Searches that a waiting rule has cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Searched(u64);

impl Stream {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Puts other bytes in the place of what is looked at: up to the cut, or all.
    pub(crate) fn replace(&mut self, bytes: &[u8]) {
        let end = self.cut.unwrap_or(self.bytes.len()).min(self.bytes.len());
        self.bytes.splice(..end, bytes.iter().copied());
        self.cut = self.cut.map(|_| bytes.len());
    }

    /// Takes what was looked at: up to the cut, or all.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let end = self.cut.take().unwrap_or(self.bytes.len()).min(self.bytes.len());
        self.take_first(end)
    }

    /// Takes the first bytes, at most so many.
    pub(crate) fn take_first(&mut self, count: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(count.min(self.bytes.len()));
        std::mem::replace(&mut self.bytes, rest)
    }

    /// The answer, if what is there is enough for it or nothing more can come (or be held).
    ///
    /// # Errors
    /// Where looking for it has taken too much.
    pub(crate) fn answer(
        &mut self,
        want: &Want,
        is_last: bool,
        searched: &mut Searched,
    ) -> Result<Option<Answered>, TooManySteps> {
        let is_full = self.bytes.len() >= limits::RAW_HELD_BYTES_MAX;
        // What is behind the cut is another request: it is neither given nor waited for.
        let cut = match want {
            Want::EndsAt(_) | Want::EndsWith(_) => None,
            Want::Bytes(_) | Want::Line { .. } | Want::Skip(_) => self.cut,
        };
        let (held, is_cut) = match cut.and_then(|cut| self.bytes.get(..cut)) {
            Some(request) => (request, true),
            None => (&self.bytes[..], false),
        };
        let is_final = is_last || self.ended || is_full || is_cut;
        let found = found(held, want, searched)?;
        let end = match found {
            Some(end) => end,
            None if is_final => held.len(),
            None => return Ok(None),
        };
        let is_full = is_full && !is_cut;
        let cut_short = found.is_none() && is_full;
        let answered = |value: &[u8], next| Answered { value: ByteString::from(value), next, cut_short };
        Ok(Some(match want {
            Want::Bytes(_) => answered(&held[..end], None),
            Want::Line { end: line_end, offset, with_end } => {
                let line = held.get(*offset..end).unwrap_or_default();
                let line = match (line_end, with_end) {
                    (LineEnd::Newline, false) => line.strip_suffix(b"\n").unwrap_or(line),
                    _ => line,
                };
                answered(line, Some(end.max((*offset).min(held.len()))))
            }
            Want::Skip(_) => {
                self.take_first(end);
                self.cut = self.cut.and_then(|cut| cut.checked_sub(end));
                answered(b"", None)
            }
            Want::EndsAt(_) | Want::EndsWith(_) => {
                // A request of nothing would be followed by itself for ever.
                self.cut = Some(end).filter(|end| *end > 0);
                answered(&self.bytes[..end], None)
            }
        }))
    }
}

/// Where what is wanted ends; `None` if it is not all there.
fn found(bytes: &[u8], want: &Want, searched: &mut Searched) -> Result<Option<usize>, TooManySteps> {
    let there = bytes.len();
    Ok(match want {
        Want::Bytes(None) => (there > 0).then_some(there),
        Want::Bytes(Some(count)) | Want::Skip(count) | Want::EndsAt(count) => {
            (there >= *count).then_some(*count)
        }
        Want::Line { end: LineEnd::Newline, offset, .. } => {
            let rest = bytes.get(*offset..).unwrap_or_default();
            searched.add(rest.len())?;
            memchr::memchr(b'\n', rest).map(|at| offset + at + 1)
        }
        Want::Line { end: LineEnd::Pattern(pattern), offset, .. } => {
            end_of(bytes, pattern, *offset, searched)?
        }
        Want::EndsWith(pattern) => end_of(bytes, pattern, 0, searched)?,
    })
}

/// Where the first find of a pattern ends.
fn end_of(
    bytes: &[u8],
    pattern: &Pattern,
    offset: usize,
    searched: &mut Searched,
) -> Result<Option<usize>, TooManySteps> {
    if offset > bytes.len() {
        return Ok(None);
    }
    searched.add(bytes.len() - offset)?;
    let mut groups = Groups::default();
    if !pattern.find_at(bytes, offset, &mut groups)? {
        return Ok(None);
    }
    let end = groups.whole().end;
    // A find of nothing ends no line, or the same line would be found for ever.
    Ok((end > offset).then_some(end))
}

impl Searched {
    /// Counts a search. A client that sends byte by byte has the rest searched again for each.
    fn add(&mut self, bytes: usize) -> Result<(), TooManySteps> {
        self.0 = self.0.saturating_add(bytes as u64);
        if self.0 > limits::RAW_SEARCHED_BYTES_MAX { Err(TooManySteps) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pattern::Case;

    fn stream(text: &str) -> Stream {
        let mut stream = Stream::default();
        stream.push(text.as_bytes());
        stream
    }

    fn line(offset: usize, with_end: bool) -> Want {
        Want::Line { end: LineEnd::Newline, offset, with_end }
    }

    fn answer(stream: &mut Stream, want: &Want) -> Option<(String, Option<usize>)> {
        let answered = stream.answer(want, false, &mut Searched::default()).unwrap()?;
        Some((answered.value.to_string(), answered.next))
    }

    #[test]
    fn a_line_is_waited_for_until_its_end_or_the_end_of_all() {
        let mut stream = stream("GET a\r\nnext");
        assert_eq!(answer(&mut stream, &line(0, true)), Some(("GET a\r\n".to_owned(), Some(7))));
        assert_eq!(answer(&mut stream, &line(0, false)), Some(("GET a\r".to_owned(), Some(7))));
        assert_eq!(answer(&mut stream, &line(7, true)), None);
        assert_eq!(answer(&mut stream, &line(99, true)), None);
        stream.ended = true;
        assert_eq!(answer(&mut stream, &line(7, true)), Some(("next".to_owned(), Some(11))));
        assert_eq!(answer(&mut stream, &line(99, true)), Some((String::new(), Some(11))));
    }

    #[test]
    fn a_cut_keeps_what_is_behind_it() {
        let mut stream = stream("one.two.");
        let dot = Want::EndsWith(Arc::new(Pattern::new(b"\\.", Case::Sensitive).unwrap()));
        assert_eq!(answer(&mut stream, &dot), Some(("one.".to_owned(), None)));
        assert_eq!(stream.take(), b"one.");
        assert_eq!(answer(&mut stream, &Want::EndsAt(9)), None);
        assert_eq!(answer(&mut stream, &Want::EndsAt(2)), Some(("tw".to_owned(), None)));
        assert_eq!(answer(&mut stream, &Want::Skip(1)), Some((String::new(), None)));
        assert_eq!((stream.take(), stream.bytes()), (b"w".to_vec(), &b"o."[..]));
    }

    #[test]
    fn what_cannot_be_held_is_given_as_it_is_and_searching_has_an_end() {
        let mut stream = Stream::default();
        stream.push(&vec![b'x'; limits::RAW_HELD_BYTES_MAX]);
        let mut searched = Searched::default();
        let answered = stream.answer(&line(0, true), false, &mut searched).unwrap().unwrap();
        assert!(answered.cut_short && answered.value.len() == limits::RAW_HELD_BYTES_MAX);
        let again = (0..1_000).map(|_| stream.answer(&line(0, true), false, &mut searched));
        assert!(again.into_iter().any(|outcome| outcome.is_err()));
    }
}
