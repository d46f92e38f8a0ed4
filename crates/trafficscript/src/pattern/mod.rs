//! Regular expressions: the PCRE dialect on bytes, searched in linear time wherever the pattern allows it.
//!
//! Three engines, the cheapest that can do it:
//!
//! ```text
//! literals with lazy gaps between    chain       a few substring searches
//! no look-around, no back-reference  regex       linear time
//! the rest                           fancy-regex backtracking, steps counted; too many are a fault
//! ```

mod cache;
mod chain;
mod translate;

use crate::limits::{
    PATTERN_LENGTH_MAX, PATTERN_PROGRAM_MAX, PATTERN_SIZE_MAX, PATTERN_SIZE_RUNNING_MAX, PATTERN_STEPS_COST,
    PATTERN_STEPS_MAX,
};
use chain::Chain;
use std::fmt;
use std::ops::Range;

pub use cache::PatternCache;

/// Whether letters of both cases are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are not.
    Sensitive,
    /// They are: ASCII letters only, bytes have no others.
    Insensitive,
}

impl Case {
    /// What the flags of a function say: an `i` makes letters of both cases the same.
    pub fn of_flags(flags: &[u8]) -> Self {
        if flags.iter().any(|flag| matches!(flag, b'i' | b'I')) { Self::Insensitive } else { Self::Sensitive }
    }
}

/// A compiled regular expression.
///
/// `.` does not match a newline, `$` also matches before a newline that ends the subject; both as in PCRE.
#[derive(Debug)]
pub struct Pattern {
    case: Case,
    groups: usize,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Chain(Chain),
    Linear {
        /// For subjects that do not end with a newline.
        main: regex::bytes::Regex,
        /// For those that do, where that makes a difference: the pattern has a `$`, or lines.
        before_newline: Option<Box<fancy_regex::Regex>>,
    },
    Backtracking(Box<fancy_regex::Regex>),
}

/// Why a pattern cannot be used; states the fact in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub(crate) String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

/// A search with look-around or back-references took too many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySteps;

impl From<TooManySteps> for crate::FaultKind {
    fn from(_: TooManySteps) -> Self {
        Self::PatternSteps
    }
}

/// Where a match and its first nine groups stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups([(u32, u32); 10]);

const NOWHERE: (u32, u32) = (u32::MAX, u32::MAX);

impl Default for Groups {
    fn default() -> Self {
        Self([NOWHERE; 10])
    }
}

impl Groups {
    /// The range of a group, 0 for the whole match; `None` if the group took no part.
    #[inline]
    pub fn get(&self, group: usize) -> Option<Range<usize>> {
        match self.0.get(group) {
            Some(&(start, end)) if start <= end && end != u32::MAX => Some(start as usize..end as usize),
            _ => None,
        }
    }

    /// The whole match.
    pub fn whole(&self) -> Range<usize> {
        self.get(0).unwrap_or(0..0)
    }

    fn set(&mut self, group: usize, range: Range<usize>) {
        if let Some(place) = self.0.get_mut(group) {
            *place = (narrow(range.start), narrow(range.end));
        }
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Where it is wrong, uses what is not supported, is longer than 16 KiB, or would grow too large.
    pub fn new(pattern: &[u8], case: Case) -> Result<Self, PatternError> {
        Self::of_size(pattern, case, PATTERN_SIZE_MAX)
    }

    /// The same with a lower bound for its size, for patterns that are put together while running.
    pub(crate) fn put_together(pattern: &[u8], case: Case) -> Result<Self, PatternError> {
        Self::of_size(pattern, case, PATTERN_SIZE_RUNNING_MAX)
    }

    fn of_size(pattern: &[u8], case: Case, size: usize) -> Result<Self, PatternError> {
        if pattern.len() > PATTERN_LENGTH_MAX {
            return Err(PatternError(format!("it is longer than {PATTERN_LENGTH_MAX} bytes")));
        }
        match Chain::parse(pattern, case) {
            Some(chain) => Ok(Self { case, groups: chain.groups(), engine: Engine::Chain(chain) }),
            None => Self::without_chain(pattern, case, size),
        }
    }

    /// The same, never as a chain.
    fn without_chain(pattern: &[u8], case: Case, size: usize) -> Result<Self, PatternError> {
        let translated = translate::translate(pattern)?;
        if translated.needs_backtracking {
            let regex = backtracking(&translated.exact(), case, size)?;
            return Ok(Self { case, groups: regex.captures_len() - 1, engine: Engine::Backtracking(regex) });
        }
        let main = regex::bytes::RegexBuilder::new(&translated.plain())
            .unicode(false)
            .case_insensitive(case == Case::Insensitive)
            .size_limit(size)
            .dfa_size_limit(size)
            .build()
            .map_err(|error| PatternError(short(&error.to_string())))?;
        let before_newline = if translated.minds_last_newline {
            Some(backtracking(&translated.exact(), case, size)?)
        } else {
            None
        };
        Ok(Self { case, groups: main.captures_len() - 1, engine: Engine::Linear { main, before_newline } })
    }

    /// Whether a search may try one place in many ways.
    pub(crate) fn backtracks(&self) -> bool {
        matches!(self.engine, Engine::Backtracking(_))
    }

    /// How letters are compared.
    #[inline]
    pub fn case(&self) -> Case {
        self.case
    }

    /// Instructions that one more search of what is left of a subject counts as. Linear searches of parts that
    /// overlap are quadratic in sum (a chain looks for the end of the line each time), so long rests are counted as
    /// well: one for 32 KiB.
    pub(crate) fn cost(&self, left: usize) -> u64 {
        match &self.engine {
            Engine::Chain(_) | Engine::Linear { .. } => left as u64 >> 15,
            Engine::Backtracking(_) => PATTERN_STEPS_COST,
        }
    }

    /// How many groups it has.
    pub fn group_count(&self) -> usize {
        self.groups
    }

    /// The leftmost match that starts at `from` or later. On success `groups` says where; else it is unspecified.
    ///
    /// # Errors
    /// Where the search took too many steps.
    #[inline]
    pub fn find_at(&self, subject: &[u8], from: usize, groups: &mut Groups) -> Result<bool, TooManySteps> {
        match &self.engine {
            Engine::Chain(chain) => Ok(chain.find_at(subject, from, groups)),
            _ => self.find_slowly(subject, from, groups),
        }
    }

    fn find_slowly(&self, subject: &[u8], from: usize, groups: &mut Groups) -> Result<bool, TooManySteps> {
        *groups = Groups::default();
        if from > subject.len() {
            return Ok(false);
        }
        match &self.engine {
            Engine::Chain(chain) => Ok(chain.find_at(subject, from, groups)),
            Engine::Linear { before_newline: Some(regex), .. } if subject.ends_with(b"\n") => {
                find_backtracking(regex, subject, from, groups)
            }
            Engine::Linear { main, .. } if self.groups == 0 => {
                let found = main.find_at(subject, from);
                if let Some(found) = found {
                    groups.set(0, found.range());
                }
                Ok(found.is_some())
            }
            Engine::Linear { main, .. } => {
                let Some(found) = main.captures_at(subject, from) else { return Ok(false) };
                for group in 0..=self.groups.min(9) {
                    if let Some(range) = found.get(group) {
                        groups.set(group, range.range());
                    }
                }
                Ok(true)
            }
            Engine::Backtracking(regex) => find_backtracking(regex, subject, from, groups),
        }
    }

    /// Whether it matches anywhere.
    ///
    /// # Errors
    /// Where the search took too many steps.
    pub fn is_match(&self, subject: &[u8]) -> Result<bool, TooManySteps> {
        self.find_at(subject, 0, &mut Groups::default())
    }
}

fn backtracking(pattern: &str, case: Case, size: usize) -> Result<Box<fancy_regex::Regex>, PatternError> {
    fancy_regex::RegexBuilder::new(pattern)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .case_insensitive(case == Case::Insensitive)
        .backtrack_limit(PATTERN_STEPS_MAX)
        .delegate_size_limit(size)
        .delegate_dfa_size_limit(size)
        .max_prog_size(PATTERN_PROGRAM_MAX)
        .build()
        .map(Box::new)
        .map_err(|error| PatternError(short(&error.to_string())))
}

fn find_backtracking(
    regex: &fancy_regex::Regex,
    subject: &[u8],
    from: usize,
    groups: &mut Groups,
) -> Result<bool, TooManySteps> {
    let Some(found) = regex.captures_from_pos(subject, from).map_err(|_| TooManySteps)? else {
        return Ok(false);
    };
    for group in 0..found.len().min(10) {
        if let Some(range) = found.get(group) {
            groups.set(group, range.start()..range.end());
        }
    }
    Ok(true)
}

/// The last line of an engine's message, without its drawing of the (translated) pattern.
fn short(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim().to_owned()
}

#[cfg(test)]
mod tests;
