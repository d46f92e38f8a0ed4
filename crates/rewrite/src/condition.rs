//! `RewriteCond`: what must hold beside a rule's pattern.

use crate::compare::{compares, number};
use crate::directive::{Comparison, CondTest, Joined, RewriteCond, TemplatePart};
use crate::expand::{self, Matched, Places};
use crate::expression::Expression;
use crate::known::{Known, Need, tri};
use crate::load::{Search, Tests, Wanted};
use crate::request::Request;
use crate::vary;
use crate::ways::TestId;
use crate::{FileTest, Question};
use pattern::Groups;
use std::cmp::Ordering;
use std::sync::Arc;

/// A condition, compiled.
#[derive(Debug)]
pub(crate) struct Condition {
    subject: Vec<TemplatePart>,
    test: Test,
    negated: bool,
    joined: Joined,
    /// Fields of the request that the subject names, unless `NV` keeps them from being told.
    fields: Vec<Vec<u8>>,
    no_vary: bool,
    /// Two conditions that ask the same of what does not change have one number.
    id: Option<TestId>,
}

#[derive(Debug)]
enum Test {
    Search(Search),
    Text { comparison: Comparison, with: Vec<u8>, ignores_case: bool },
    Number(Comparison, i32),
    File(FileTest),
    UrlAllowed,
    FileAllowed,
    Expression(Arc<Expression>),
}

impl Condition {
    pub(crate) fn new(written: &RewriteCond, wanted: Wanted, tests: &mut Tests) -> Self {
        let test = match &written.test {
            // what is matched behind a `!` is not kept
            CondTest::Regex(regex) if written.negated => Test::Search(Search::new(regex, Wanted::Answer)),
            CondTest::Regex(regex) => Test::Search(Search::new(regex, wanted)),
            CondTest::Text(comparison, with) => {
                Test::Text { comparison: *comparison, with: with.clone(), ignores_case: written.ignores_case }
            }
            CondTest::Number(comparison, with) => Test::Number(*comparison, *with),
            CondTest::File(test) => Test::File(*test),
            CondTest::UrlAllowed => Test::UrlAllowed,
            CondTest::FileAllowed => Test::FileAllowed,
            CondTest::Expression(expression) => Test::Expression(Arc::clone(&expression.read)),
        };
        let id = tests.id(&written.subject, &written.test);
        let mut fields = Vec::new();
        if !written.no_vary {
            vary::fields_of(&written.subject.parts, &mut fields);
        }
        Self {
            subject: written.subject.parts.clone(),
            test,
            negated: written.negated,
            joined: written.joined,
            fields,
            no_vary: written.no_vary,
            id,
        }
    }

    /// Whether the test holds, `!` left out; what a pattern matched goes into the places.
    fn holds(&self, request: &mut Request<'_>, places: &mut Places, keeps_groups: bool) -> Known<bool> {
        if let Test::Expression(expression) = &self.test {
            let mut matched = Matched::default();
            let holds = if self.no_vary {
                expression.holds_untold(request, &mut matched)?
            } else {
                expression.holds(request, &mut matched)?
            };
            if holds && !self.negated {
                places.cond = matched;
            }
            return Ok(holds);
        }
        let text = expand::subject(request, &self.subject, places)?;
        let question = match &self.test {
            Test::Search(search) => {
                let mut groups = Groups::default();
                let found = match search.finds(&text, &mut groups) {
                    Ok(found) => found,
                    exhausted => {
                        drop(text);
                        return request.searched(exhausted);
                    }
                };
                if found && !self.negated && keeps_groups {
                    places.cond = Matched::Text(text.into_owned(), groups);
                }
                return Ok(found);
            }
            Test::Text { comparison, with, ignores_case } => {
                return Ok(compares(*comparison, compare_texts(&text, with, *comparison, *ignores_case)));
            }
            Test::Number(comparison, with) => return Ok(compares(*comparison, number(&text).cmp(with))),
            // a request for a path would be let through: nothing here forbids one before it is asked for
            Test::UrlAllowed => return Ok(!text.is_empty()),
            Test::File(_) | Test::FileAllowed if text.is_empty() => return Ok(false),
            Test::File(test) => Question::File { path: text.into_owned(), test: *test },
            Test::FileAllowed => Question::File { path: text.into_owned(), test: FileTest::Exists },
            Test::Expression(_) => return Ok(false),
        };
        request.ask(&question)
    }
}

/// Strings: the shorter is the smaller. Equality, and all comparisons without case, look at no length.
fn compare_texts(text: &[u8], with: &[u8], comparison: Comparison, ignores_case: bool) -> Ordering {
    if ignores_case {
        return text.to_ascii_lowercase().as_slice().cmp(with.to_ascii_lowercase().as_slice());
    }
    match comparison {
        Comparison::Equal | Comparison::NotEqual => text.cmp(with),
        _ => text.len().cmp(&with.len()).then_with(|| text.cmp(with)),
    }
}

/// Whether the conditions of a rule hold.
pub(crate) fn hold(
    conditions: &[Condition],
    request: &mut Request<'_>,
    places: &mut Places,
    keeps_groups: bool,
) -> Known<bool> {
    let mut at = 0;
    let mut fields: Vec<&[u8]> = Vec::new();
    while let Some(condition) = conditions.get(at) {
        let holds = match tri(condition.holds(request, places, keeps_groups))? {
            Ok(holds) => holds,
            Err(names) => {
                let mark = request.vary.mark();
                let decided = decided_anyway(conditions, request, places)?;
                request.vary.back_to(mark);
                if let Some(decided) = decided
                    && !(decided && keeps_groups)
                {
                    return Ok(decided);
                }
                let holds = request.ways.decide(&names, condition.id)?;
                if holds && !condition.negated {
                    places.cond = Matched::Unknown(names);
                }
                holds
            }
        };
        let holds = holds != condition.negated;
        if holds {
            fields.extend(condition.fields.iter().map(Vec::as_slice));
        }
        match (condition.joined, holds) {
            (Joined::And, false) => return Ok(false),
            (Joined::And, true) | (Joined::Or, false) => at += 1,
            (Joined::Or, true) => {
                // the rest of the chain, with the one that ends it
                while conditions.get(at).is_some_and(|condition| condition.joined == Joined::Or) {
                    at += 1;
                }
                at += 1;
            }
        }
    }
    for name in fields {
        // of a field that is not there nothing is told, as in Apache
        if let Ok(Some(_)) = request.field(name) {
            request.vary.add(name);
        }
    }
    // a chain that is left open by `[OR]` on the last line lets the rule apply, as in Apache
    Ok(true)
}

/// What comes of the conditions by Kleene, if it hangs on nothing unknown.
fn decided_anyway(
    conditions: &[Condition],
    request: &mut Request<'_>,
    places: &Places,
) -> Known<Option<bool>> {
    let mut scratch = Places { rule: places.rule.clone(), cond: places.cond.clone() };
    let mut all = Some(true);
    let mut chain = Some(false);
    for (at, condition) in conditions.iter().enumerate() {
        let holds = match condition.holds(request, &mut scratch, true) {
            Ok(holds) => Some(holds != condition.negated),
            Err(Need::Unknown(names)) => {
                scratch.cond = Matched::Unknown(names);
                None
            }
            // it need not be asked to know the rest: what comes of it is open
            Err(Need::Ask(_)) => None,
            Err(need) => return Err(need),
        };
        chain = match (chain, holds) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        if condition.joined == Joined::Or {
            if at + 1 < conditions.len() {
                continue;
            }
            chain = Some(true);
        }
        match chain {
            Some(false) => return Ok(Some(false)),
            None => all = None,
            Some(true) => {}
        }
        chain = Some(false);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_compared_by_length_first() {
        let less = |text: &[u8], with: &[u8]| compare_texts(text, with, Comparison::Less, false);
        assert_eq!(less(b"10", b"9"), Ordering::Greater);
        assert_eq!(less(b"x", b"9"), Ordering::Greater);
        assert_eq!(less(b"", b"0"), Ordering::Less);
        assert_eq!(compare_texts(b"10", b"9", Comparison::Less, true), Ordering::Less);
        assert_eq!(compare_texts(b"ABC", b"abc", Comparison::Equal, true), Ordering::Equal);
    }
}
