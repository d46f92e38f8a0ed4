//! Expressions as something to lay out: where operators and brackets let a line break.

use super::layout::Doc;
use super::words::Words;
use crate::token::{Keyword, Mark, TokenKind};

/// From which power on operators are filled into lines; looser ones break all or none.
const FILLED_FROM: u8 = 10;

/// What an expression stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Nothing: a broken line goes one level deeper.
    Nothing,
    /// Brackets, which are deeper already.
    Brackets,
}

/// The words `start..end`, which are one expression (or nothing).
pub(super) fn expression(words: &Words<'_>, start: usize, end: usize, around: Around) -> Doc {
    if start >= end {
        return Doc::All(Vec::new());
    }
    let question = words.find(start, end, Mark::Question);
    let assignment = first(words, start, end, is_assignment);
    if let Some(assignment) = assignment.filter(|at| question.is_none_or(|question| *at < question)) {
        return Doc::All(vec![
            expression(words, start, assignment, around),
            Doc::Blank,
            Doc::Word(assignment),
            Doc::Blank,
            expression(words, assignment + 1, end, around),
        ]);
    }
    if let Some(question) = question {
        return ternary(words, (start, question, end), around);
    }
    let loosest = operators(words, start, end).map(|(_, power)| power).min();
    let Some(power) = loosest else { return operand(words, start, end) };
    let mut parts = Vec::new();
    let mut from = start;
    let mut first_part = None;
    for (at, _) in operators(words, start, end).filter(|(_, found)| *found == power) {
        let left = expression(words, from, at, Around::Nothing);
        match first_part {
            None => first_part = Some(left),
            Some(_) => parts.push(left),
        }
        parts.extend([Doc::Line, Doc::Word(at), Doc::Blank]);
        from = at + 1;
    }
    parts.push(expression(words, from, end, Around::Nothing));
    let rest = if around == Around::Brackets { Doc::All(parts) } else { Doc::Deeper(parts) };
    let all = first_part.into_iter().chain([rest]).collect();
    if power >= FILLED_FROM { Doc::Fill(all) } else { Doc::Group(all) }
}

fn ternary(words: &Words<'_>, (start, question, end): (usize, usize, usize), around: Around) -> Doc {
    let mut open = 0_usize;
    let mut at = question;
    let mut colon = end;
    while at < end {
        if words.is_mark(at, Mark::Question) {
            open += 1;
        } else if words.is_mark(at, Mark::Colon) {
            open = open.saturating_sub(1);
            if open == 0 {
                colon = at;
                break;
            }
        }
        at = words.close_of(at) + 1;
    }
    let arms = vec![
        Doc::Line,
        Doc::Word(question),
        Doc::Blank,
        expression(words, question + 1, colon, Around::Nothing),
        Doc::Line,
        Doc::Word(colon),
        Doc::Blank,
        expression(words, colon + 1, end, Around::Nothing),
    ];
    let arms = if around == Around::Brackets { Doc::All(arms) } else { Doc::Deeper(arms) };
    Doc::Group(vec![expression(words, start, question, Around::Nothing), arms])
}

/// Prefix operators, a value, and what stands behind it.
fn operand(words: &Words<'_>, start: usize, end: usize) -> Doc {
    let mut docs = Vec::new();
    let mut at = start;
    while at < end {
        match words.kind(at) {
            TokenKind::Mark(Mark::OpenRound | Mark::OpenSquare) => {
                docs.push(brackets(words, at));
                at = words.close_of(at);
            }
            _ => docs.push(Doc::Word(at)),
        }
        // `- -1` is not `--1`.
        if at + 1 < end && words.text(at).last() == Some(&b'-') && words.text(at + 1).first() == Some(&b'-') {
            docs.push(Doc::Blank);
        }
        at += 1;
    }
    Doc::All(docs)
}

/// `( … )` or `[ … ]`, from the bracket that opens.
pub(super) fn brackets(words: &Words<'_>, open: usize) -> Doc {
    let close = words.close_of(open);
    if close == open + 1 {
        return Doc::All(vec![Doc::Word(open), Doc::Word(close)]);
    }
    let is_square = words.is_mark(open, Mark::OpenSquare);
    let is_list = is_square && words.find(open + 1, close, Mark::Arrow).is_none();
    let mut items = items(words, open + 1, close, Mark::Comma);
    // A list that begins on a line of its own was laid out by hand.
    let is_broken = is_square && words.get(open + 1).is_some_and(|word| word.begins_line);
    if is_list {
        items = vec![Doc::Fill(items)];
    }
    items.insert(0, Doc::Line);
    let all = vec![Doc::Word(open), Doc::Deeper(items), Doc::Line, Doc::Word(close)];
    if is_broken { Doc::Broken(all) } else { Doc::Group(all) }
}

/// Expressions with a mark between them, and a possible break behind each.
pub(super) fn items(words: &Words<'_>, start: usize, end: usize, separator: Mark) -> Vec<Doc> {
    let mut docs = Vec::new();
    let mut from = start;
    while let Some(at) = words.find(from, end, separator) {
        docs.push(Doc::All(vec![item(words, from, at), Doc::Word(at)]));
        from = at + 1;
        if from < end {
            docs.push(Doc::Line);
        }
    }
    if from < end {
        docs.push(item(words, from, end));
    }
    docs
}

/// A value, or `key => value`.
fn item(words: &Words<'_>, start: usize, end: usize) -> Doc {
    let around = Around::Brackets;
    match words.find(start, end, Mark::Arrow) {
        Some(arrow) => Doc::All(vec![
            expression(words, start, arrow, Around::Nothing),
            Doc::Blank,
            Doc::Word(arrow),
            Doc::Blank,
            expression(words, arrow + 1, end, Around::Nothing),
        ]),
        None => expression(words, start, end, around),
    }
}

fn first(words: &Words<'_>, start: usize, end: usize, wanted: fn(Mark) -> bool) -> Option<usize> {
    let mut at = start;
    while at < end {
        if matches!(words.kind(at), TokenKind::Mark(mark) if wanted(*mark)) {
            return Some(at);
        }
        at = words.close_of(at) + 1;
    }
    None
}

/// The operators between two operands, outside of brackets, with how tight they bind.
fn operators<'w>(words: &'w Words<'_>, start: usize, end: usize) -> impl Iterator<Item = (usize, u8)> + 'w {
    let mut at = start;
    let mut follows_operand = false;
    std::iter::from_fn(move || {
        while at < end {
            let here = at;
            let power = match words.kind(here) {
                TokenKind::Mark(mark) => power(*mark).filter(|_| follows_operand),
                _ => None,
            };
            follows_operand = ends_operand(words.kind(here));
            at = words.close_of(here) + 1;
            if let Some(power) = power {
                return Some((here, power));
            }
        }
        None
    })
}

/// Whether an operator behind this stands between two operands. Brackets are skipped as a whole.
fn ends_operand(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Integer(_)
            | TokenKind::Double(_)
            | TokenKind::String(_)
            | TokenKind::Variable
            | TokenKind::Capture(_)
            | TokenKind::Name
            | TokenKind::Keyword(Keyword::True | Keyword::False)
            | TokenKind::Mark(Mark::OpenRound | Mark::OpenSquare | Mark::Increment | Mark::Decrement)
    )
}

fn is_assignment(mark: Mark) -> bool {
    matches!(
        mark,
        Mark::Assign
            | Mark::AddAssign
            | Mark::SubtractAssign
            | Mark::MultiplyAssign
            | Mark::DivideAssign
            | Mark::RemainderAssign
            | Mark::ConcatAssign
            | Mark::BitAndAssign
            | Mark::BitOrAssign
            | Mark::BitXorAssign
            | Mark::ShiftLeftAssign
            | Mark::ShiftRightAssign
    )
}

fn power(mark: Mark) -> Option<u8> {
    Some(match mark {
        Mark::Or => 2,
        Mark::And => 3,
        Mark::BitOr => 4,
        Mark::BitXor => 5,
        Mark::BitAnd => 6,
        Mark::Equal | Mark::NotEqual => 7,
        Mark::Less | Mark::LessOrEqual | Mark::Greater | Mark::GreaterOrEqual => 8,
        Mark::ShiftLeft | Mark::ShiftRight => 9,
        Mark::Plus | Mark::Minus | Mark::Dot => FILLED_FROM,
        Mark::Star | Mark::Slash | Mark::Percent => 11,
        _ => return None,
    })
}
