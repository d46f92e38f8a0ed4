//! Patterns that are literals with lazy gaps between, as rules use them to cut a name out of a header:
//! `.*?://(.*?)/.*`.
//!
//! Why a few substring searches do: neither a gap nor a literal holds a newline, so a match lies within one line
//! (where newlines are bytes like others, the subject is one line).
//! Within a line the earliest place of each literal after the one before is also what backtracking finds: if
//! a literal is not found after the earliest place of its predecessor, it is not found after a later one either.
//! Only a `$` can force the last literal further back, to one known place.

use super::{Case, Dialect, Groups, Newlines};
use memchr::memmem;

/// Longest literal of letters of either case: its search may look at each byte that often.
const CASELESS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Chain {
    newlines: Newlines,
    /// Begins with `^`.
    is_anchored: bool,
    /// A gap stands before the first literal.
    has_leading_gap: bool,
    segments: Vec<Segment>,
    tail: Tail,
    /// Ends with `$`.
    is_end_anchored: bool,
    groups: usize,
    /// Group borders where the match starts, and where it ends.
    start_marks: Vec<Mark>,
    end_marks: Vec<Mark>,
}

/// A literal, with the group borders within and around it.
#[derive(Debug, Default)]
struct Segment {
    literal: Vec<u8>,
    needle: Needle,
    /// Distance from the literal's start, and the border.
    marks: Vec<(u32, Mark)>,
}

#[derive(Debug, Default)]
enum Needle {
    #[default]
    Empty,
    Byte(u8),
    Exact(Box<memmem::Finder<'static>>),
    /// In lower case.
    Caseless,
}

/// What stands after the last literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Nothing,
    /// `.*?`
    Lazy,
    /// `.*`
    Greedy,
}

#[derive(Clone, Copy, Debug)]
enum Mark {
    Open(u8),
    Close(u8),
}

#[derive(Clone, Copy)]
enum Item {
    Literal(u8),
    Lazy,
    Greedy,
    Mark(Mark),
    End,
}

impl Chain {
    /// `None` where the pattern is anything else.
    pub(super) fn parse(pattern: &[u8], dialect: Dialect) -> Option<Self> {
        let (is_anchored, rest) = match pattern {
            [b'^', rest @ ..] => (true, rest),
            all => (false, all),
        };
        let mut chain = Self {
            newlines: dialect.newlines,
            is_anchored,
            has_leading_gap: false,
            segments: Vec::new(),
            tail: Tail::Nothing,
            is_end_anchored: false,
            groups: 0,
            start_marks: Vec::new(),
            end_marks: Vec::new(),
        };
        let (items, groups) = items(rest)?;
        chain.groups = groups;
        for item in items {
            chain.add(item)?;
        }
        if chain.segments.is_empty() && chain.tail == Tail::Nothing {
            return None;
        }
        for segment in &mut chain.segments {
            segment.prepare(dialect.case)?;
        }
        Some(chain)
    }

    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    fn add(&mut self, item: Item) -> Option<()> {
        if self.is_end_anchored {
            return None;
        }
        match item {
            Item::Literal(byte) => match self.tail {
                Tail::Greedy => return None,
                Tail::Lazy => {
                    self.has_leading_gap |= self.segments.is_empty();
                    self.tail = Tail::Nothing;
                    let marks = self.end_marks.drain(..).map(|mark| (0, mark)).collect();
                    self.segments.push(Segment { literal: vec![byte], marks, ..Segment::default() });
                }
                Tail::Nothing if self.segments.is_empty() => {
                    self.segments.push(Segment { literal: vec![byte], ..Segment::default() });
                }
                Tail::Nothing => self.segments.last_mut()?.literal.push(byte),
            },
            Item::Lazy | Item::Greedy if self.tail != Tail::Nothing => return None,
            Item::Lazy => self.tail = Tail::Lazy,
            Item::Greedy => self.tail = Tail::Greedy,
            Item::Mark(mark) if self.tail != Tail::Nothing => self.end_marks.push(mark),
            Item::Mark(mark) => match self.segments.last_mut() {
                Some(segment) => segment.marks.push((super::narrow(segment.literal.len()), mark)),
                None => self.start_marks.push(mark),
            },
            Item::End => self.is_end_anchored = true,
        }
        Some(())
    }

    #[inline]
    pub(super) fn find_at(&self, subject: &[u8], from: usize, groups: &mut Groups) -> bool {
        *groups = Groups::default();
        let mut start = from;
        loop {
            let Some(rest) = subject.get(start..) else { return false };
            let end = match self.newlines {
                Newlines::EndLines => memchr::memchr(b'\n', rest).map_or(subject.len(), |at| start + at),
                Newlines::AreBytes => subject.len(),
            };
            if self.is_anchored && start != 0 {
                return false;
            }
            let is_allowed = !self.is_end_anchored || end + 1 >= subject.len();
            if is_allowed && self.match_line(subject, start, end, groups) {
                return true;
            }
            start = end + 1;
        }
    }

    /// Tries the line, or what is left of it.
    fn match_line(&self, subject: &[u8], from: usize, line_end: usize, groups: &mut Groups) -> bool {
        let mut at = from;
        let mut start = from;
        let is_start_free = !self.has_leading_gap && !self.is_anchored;
        let is_last_fixed = self.is_end_anchored && self.tail == Tail::Nothing;
        for (number, segment) in self.segments.iter().enumerate() {
            let Some(rest) = subject.get(at..line_end) else { return false };
            let is_first_fixed = number == 0 && self.is_anchored && !self.has_leading_gap;
            let found = if is_last_fixed && number + 1 == self.segments.len() {
                let before = rest.len().checked_sub(segment.literal.len());
                before.filter(|&at| segment.is_at(rest, at) && (at == 0 || !is_first_fixed))
            } else if is_first_fixed {
                segment.is_at(rest, 0).then_some(0)
            } else {
                segment.find(rest)
            };
            let Some(found) = found else { return false };
            let here = at + found;
            if number == 0 && is_start_free {
                start = here;
            }
            for (distance, mark) in &segment.marks {
                mark.note(groups, here + *distance as usize);
            }
            at = here + segment.literal.len();
        }
        let end = match self.tail {
            Tail::Nothing => at,
            Tail::Lazy if !self.is_end_anchored => at,
            Tail::Lazy | Tail::Greedy => line_end,
        };
        for mark in &self.start_marks {
            mark.note(groups, start);
        }
        for mark in &self.end_marks {
            mark.note(groups, end);
        }
        groups.set(0, start..end);
        true
    }
}

impl Segment {
    fn prepare(&mut self, case: Case) -> Option<()> {
        let has_letters = self.literal.iter().any(u8::is_ascii_alphabetic);
        self.needle = match self.literal.as_slice() {
            _ if has_letters && case == Case::Insensitive => {
                if self.literal.len() > CASELESS_MAX {
                    return None;
                }
                self.literal.make_ascii_lowercase();
                Needle::Caseless
            }
            [byte] => Needle::Byte(*byte),
            literal => Needle::Exact(Box::new(memmem::Finder::new(literal).into_owned())),
        };
        Some(())
    }

    #[inline]
    fn find(&self, rest: &[u8]) -> Option<usize> {
        match &self.needle {
            Needle::Byte(byte) => memchr::memchr(*byte, rest),
            Needle::Exact(finder) => finder.find(rest),
            Needle::Caseless => find_caseless(rest, &self.literal),
            Needle::Empty => None,
        }
    }

    fn is_at(&self, rest: &[u8], at: usize) -> bool {
        let Some(there) = rest.get(at..).and_then(|rest| rest.get(..self.literal.len())) else {
            return false;
        };
        match self.needle {
            Needle::Caseless => there.eq_ignore_ascii_case(&self.literal),
            _ => there == self.literal,
        }
    }
}

fn find_caseless(rest: &[u8], lower: &[u8]) -> Option<usize> {
    let first = *lower.first()?;
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), rest)
        .take_while(|at| at + lower.len() <= rest.len())
        .find(|&at| rest.get(at..at + lower.len()).is_some_and(|there| there.eq_ignore_ascii_case(lower)))
}

impl Mark {
    #[inline]
    fn note(self, groups: &mut Groups, at: usize) {
        let (Self::Open(group) | Self::Close(group)) = self;
        if let Some(place) = groups.0.get_mut(usize::from(group)) {
            match self {
                Self::Open(_) => place.0 = super::narrow(at),
                Self::Close(_) => place.1 = super::narrow(at),
            }
        }
    }
}

/// The pattern's items, and how many groups it has; `None` where it uses more than a chain can.
fn items(pattern: &[u8]) -> Option<(Vec<Item>, usize)> {
    let mut items = Vec::new();
    let mut groups: u8 = 0;
    let mut open = Vec::new();
    let mut rest = pattern;
    loop {
        let (item, after) = match rest {
            [] => break,
            [b'.', b'*', b'?', after @ ..] => (Item::Lazy, after),
            [b'.', b'*', after @ ..] => (Item::Greedy, after),
            [b'(', b'?' | b'*', ..] => return None,
            [b'(', after @ ..] => {
                groups = groups.checked_add(1)?;
                open.push(groups);
                items.push(Item::Mark(Mark::Open(groups)));
                rest = after;
                continue;
            }
            [b')', after @ ..] => (Item::Mark(Mark::Close(open.pop()?)), after),
            [b'$'] => (Item::End, &[][..]),
            [b'\\', byte, after @ ..] if byte.is_ascii_punctuation() => (Item::Literal(*byte), after),
            [b'\\' | b'.' | b'^' | b'$' | b'|' | b'[' | b'*' | b'+' | b'?' | b'{' | b'\n', ..] => {
                return None;
            }
            [byte, after @ ..] => (Item::Literal(*byte), after),
        };
        if matches!(after, [b'*' | b'+' | b'?' | b'{', ..]) {
            return None;
        }
        items.push(item);
        rest = after;
    }
    open.is_empty().then_some((items, usize::from(groups)))
}
