//! Regular expressions: the PCRE dialect on bytes, searched in linear time wherever the pattern allows it.
//!
//! Three engines, the cheapest that can do it:
//!
//! ```text
//! literals with lazy gaps between    chain       a few substring searches
//! no look-around, no back-reference  regex       linear time
//! the rest                           fancy-regex backtracking, steps counted; too many are an error
//! ```
//!
//! Rules and `.htaccess` files are searched with it; it must not know either.
//!
//! ```
//! use pattern::{Case, Groups, Pattern};
//!
//! let pattern = Pattern::new(br"://(.*?)/", Case::Sensitive).unwrap();
//! let mut groups = Groups::default();
//! assert_eq!(pattern.find_at(b"http://a.example/x", 0, &mut groups), Ok(true));
//! assert_eq!(groups.get(1), Some(7..16));
//! ```

mod chain;
mod translate;

use chain::Chain;
use std::fmt;
use std::ops::Range;

/// Longest pattern, in bytes as written.
const LENGTH_MAX: usize = 16 << 10;

/// Compiled size of one pattern, in bytes.
const SIZE_MAX: usize = 1 << 20;

/// Compiled size of a pattern with look-around or back-references, in the engine's instructions.
const PROGRAM_MAX: usize = 1 << 16;

/// Steps of one search of a pattern with look-around or back-references.
const STEPS_MAX: usize = 500_000;

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

/// What newlines are to `.` and `$`. Inline flags (`(?s)`, `(?m)`) work on top of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newlines {
    /// `.` does not match one, `$` also matches before one that ends the subject: PCRE without options.
    EndLines,
    /// They are bytes like all others: PCRE with `DOTALL` and `DOLLAR_ENDONLY`, Apache's default since 2.4.30.
    AreBytes,
}

/// How a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// How letters are compared.
    pub case: Case,
    /// What newlines are.
    pub newlines: Newlines,
}

impl From<Case> for Dialect {
    /// PCRE without options.
    fn from(case: Case) -> Self {
        Self { case, newlines: Newlines::EndLines }
    }
}

/// A compiled regular expression.
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
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

/// A search with look-around or back-references took too many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySteps;

impl fmt::Display for TooManySteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a search took more than {STEPS_MAX} steps")
    }
}

impl std::error::Error for TooManySteps {}

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
    /// Where it is wrong, uses what is not supported, is longer than 16 KiB, or would grow beyond 1 MiB.
    pub fn new(pattern: &[u8], dialect: impl Into<Dialect>) -> Result<Self, PatternError> {
        Self::bounded(pattern, dialect, SIZE_MAX)
    }

    /// The same with a bound of one's own for its compiled size, in bytes; for patterns that traffic has a part in.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn bounded(
        pattern: &[u8],
        dialect: impl Into<Dialect>,
        size_max: usize,
    ) -> Result<Self, PatternError> {
        if pattern.len() > LENGTH_MAX {
            return Err(PatternError(format!("it is longer than {LENGTH_MAX} bytes")));
        }
        let dialect = dialect.into();
        match Chain::parse(pattern, dialect) {
            Some(chain) => {
                Ok(Self { case: dialect.case, groups: chain.groups(), engine: Engine::Chain(chain) })
            }
            None => Self::without_chain(pattern, dialect, size_max),
        }
    }

    /// The same, never as a chain.
    fn without_chain(pattern: &[u8], dialect: Dialect, size_max: usize) -> Result<Self, PatternError> {
        let case = dialect.case;
        let translated = translate::translate(pattern, dialect.newlines)?;
        if translated.needs_backtracking {
            let regex = backtracking(&translated.exact(), case, size_max)?;
            return Ok(Self { case, groups: regex.captures_len() - 1, engine: Engine::Backtracking(regex) });
        }
        let main = regex::bytes::RegexBuilder::new(&translated.plain())
            .unicode(false)
            .case_insensitive(case == Case::Insensitive)
            .size_limit(size_max)
            .dfa_size_limit(size_max)
            .build()
            .map_err(|error| PatternError(short(&error.to_string())))?;
        let before_newline = if translated.minds_last_newline {
            Some(backtracking(&translated.exact(), case, size_max)?)
        } else {
            None
        };
        Ok(Self { case, groups: main.captures_len() - 1, engine: Engine::Linear { main, before_newline } })
    }

    /// Whether a search may try one place in many ways; else it takes time in proportion to the subject.
    pub fn backtracks(&self) -> bool {
        matches!(self.engine, Engine::Backtracking(_))
    }

    /// How letters are compared.
    #[inline]
    pub fn case(&self) -> Case {
        self.case
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
        match &self.engine {
            // where it matches need not be found out
            Engine::Linear { main, before_newline }
                if before_newline.is_none() || !subject.ends_with(b"\n") =>
            {
                Ok(main.is_match(subject))
            }
            _ => self.find_at(subject, 0, &mut Groups::default()),
        }
    }
}

fn backtracking(pattern: &str, case: Case, size: usize) -> Result<Box<fancy_regex::Regex>, PatternError> {
    fancy_regex::RegexBuilder::new(pattern)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .case_insensitive(case == Case::Insensitive)
        .backtrack_limit(STEPS_MAX)
        .delegate_size_limit(size)
        .delegate_dfa_size_limit(size)
        .max_prog_size(PROGRAM_MAX)
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
