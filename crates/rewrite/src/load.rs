//! Directives to what runs: what a pattern is wanted for, and which tests are equal.

use crate::directive::Named;
use crate::directive::{CondTest, Regex, Template, TemplatePart};
use crate::ways::TestId;
use pattern::{Dialect, Groups, Newlines, Pattern, TooManySteps};
use std::collections::HashMap;
use std::sync::Arc;

/// Tests that were met, so that equal ones get one number.
#[derive(Debug, Default)]
pub(crate) struct Tests(HashMap<String, TestId>);

impl Tests {
    /// The number of a test that looks only at what does not change while a request is evaluated.
    pub(crate) fn id(&mut self, subject: &Template, test: &CondTest) -> Option<TestId> {
        let is_fixed = |part: &TemplatePart| match part {
            TemplatePart::Literal(_) => true,
            TemplatePart::Variable(named, _) => matches!(named, Named::Of(_) | Named::Field(_)),
            _ => false,
        };
        if !subject.parts.iter().all(is_fixed) {
            return None;
        }
        let test = match test {
            CondTest::Regex(regex) => format!("~{} {:?}", regex.ignores_case, regex.text),
            CondTest::Text(comparison, with) => format!("t{comparison:?} {with:?}"),
            CondTest::Number(comparison, with) => format!("n{comparison:?} {with}"),
            _ => return None,
        };
        let next = TestId::try_from(self.0.len()).ok()?;
        Some(*self.0.entry(format!("{:?} {test}", subject.text)).or_insert(next))
    }
}

/// What a pattern is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whether it matches.
    Answer,
    /// What its groups matched, too.
    Groups,
}

/// A pattern that is made for what is wanted of it.
#[derive(Debug)]
pub(crate) enum Search {
    /// It matches everything.
    Always,
    Answer(Arc<Pattern>),
    Groups(Arc<Pattern>),
}

impl Search {
    pub(crate) fn new(regex: &Regex, wanted: Wanted) -> Self {
        if wanted == Wanted::Groups {
            return Self::Groups(Arc::clone(&regex.compiled));
        }
        let essence = essence(&regex.text);
        if essence.is_empty() {
            return Self::Always;
        }
        if essence.len() == regex.text.len() {
            return Self::Answer(Arc::clone(&regex.compiled));
        }
        let dialect = Dialect { case: regex.compiled.case(), newlines: Newlines::AreBytes };
        let shorter = Pattern::new(essence, dialect).map(Arc::new);
        Self::Answer(shorter.unwrap_or_else(|_| Arc::clone(&regex.compiled)))
    }

    /// Whether it matches; the groups only if they were wanted.
    pub(crate) fn finds(&self, text: &[u8], groups: &mut Groups) -> Result<bool, TooManySteps> {
        match self {
            Self::Always => Ok(true),
            Self::Answer(pattern) => pattern.is_match(text),
            Self::Groups(pattern) => pattern.find_at(text, 0, groups),
        }
    }
}

/// A pattern without the gaps at its ends (`.*`), which change where it matches and not whether. Newlines are bytes like
/// others to `.`; where parts of a pattern could change that, it stays whole.
fn essence(pattern: &[u8]) -> &[u8] {
    let holds = |what: &[u8]| pattern.windows(2).any(|pair| pair == what);
    if holds(b"(?") || holds(b"(*") || holds(b"\\Q") {
        return pattern;
    }
    let mut rest = pattern;
    while let Some(behind) = rest.strip_prefix(b"^.*").or_else(|| rest.strip_prefix(b".*")) {
        rest = match behind.first() {
            Some(b'?') if !matches!(behind.get(1), Some(b'?' | b'*' | b'+' | b'{')) => {
                behind.get(1..).unwrap_or_default()
            }
            Some(b'?' | b'*' | b'+' | b'{') => break,
            _ => behind,
        };
    }
    while let Some(before) =
        [b".*?$".as_slice(), b".*$", b".*?", b".*"].iter().find_map(|gap| rest.strip_suffix(*gap))
    {
        // a full stop behind a backslash is none that matches anything
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 {
            break;
        }
        rest = before;
    }
    // what is left where all was a gap
    if matches!(rest, b"^" | b"$") { b"" } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gaps_at_the_ends_are_not_searched_for() {
        for (written, kept) in [
            (".*", ""),
            ("^.*$", ""),
            ("/audio/.*", "/audio/"),
            (".*the.*", "the"),
            (".*?a.*?", "a"),
            (".*+a", ".*+a"),
            ("a\\.*", "a\\.*"),
            ("a\\\\.*", "a\\\\"),
            ("(?i).*a", "(?i).*a"),
            (".*a|b.*", "a|b"),
            ("^(.*)$", "^(.*)$"),
        ] {
            assert_eq!(String::from_utf8_lossy(essence(written.as_bytes())), kept, "{written}");
        }
    }

    proptest! {
        #[test]
        fn the_essence_matches_what_the_pattern_matches(pattern in "[.*?^$ab|\\\\()\\[\\]+{}2]{0,10}", text in "[ab.\n*]{0,6}") {
            let dialect = Dialect { case: pattern::Case::Sensitive, newlines: Newlines::AreBytes };
            if let (Ok(whole), Ok(part)) =
                (Pattern::new(pattern.as_bytes(), dialect), Pattern::new(essence(pattern.as_bytes()), dialect))
            {
                prop_assert_eq!(whole.is_match(text.as_bytes()), part.is_match(text.as_bytes()));
            }
        }
    }
}
