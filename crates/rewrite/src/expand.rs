//! Texts with places: `$1`, `%1`, `%{NAME}`, `${map:key|default}`.

use crate::Excess;
use crate::directive::TemplatePart;
use crate::escape::{BackReferenceEscape, escape_back_reference};
use crate::known::{Known, Names, Need};
use crate::limits::EXPANDED_MAX;
use crate::request::Request;
use pattern::Groups;
use std::borrow::Cow;

/// What a pattern matched.
#[derive(Clone, Debug, Default)]
pub(crate) enum Matched {
    /// Nothing, or a pattern with `!`: all groups are empty.
    #[default]
    Nothing,
    /// This text, and where its groups are.
    Text(Vec<u8>, Groups),
    /// A text that nobody knows.
    Unknown(Names),
}

impl Matched {
    pub(crate) fn group(&self, group: u8) -> Known<&[u8]> {
        match self {
            Self::Nothing => Ok(b""),
            Self::Text(text, groups) => {
                let range = groups.get(usize::from(group)).unwrap_or_default();
                Ok(text.get(range).unwrap_or_default())
            }
            Self::Unknown(names) => Err(Need::Unknown(names.clone())),
        }
    }
}

/// What the places `$1` and `%1` are filled with.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// `$0` to `$9`
    pub(crate) rule: Matched,
    /// `%0` to `%9`
    pub(crate) cond: Matched,
}

/// Who put the first `?` into a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuestionMark {
    /// There is none.
    None,
    /// The author of the rule.
    Written,
    /// The request: a group or a variable held it. Apache refuses that (403) without `UnsafeAllow3F`.
    Inserted,
}

impl QuestionMark {
    fn meet(&mut self, text: &[u8], by: Self) {
        if *self == Self::None && text.contains(&b'?') {
            *self = by;
        }
    }
}

/// An expansion under way.
struct Expansion<'e> {
    places: &'e Places,
    escape: Option<&'e BackReferenceEscape>,
    question_mark: QuestionMark,
}

/// A text that is looked at and not kept: borrowed where it is one piece.
pub(crate) fn subject<'s>(
    request: &'s mut Request<'_>,
    parts: &'s [TemplatePart],
    places: &Places,
) -> Known<Cow<'s, [u8]>> {
    match parts {
        [] => Ok(Cow::Borrowed(b"")),
        [TemplatePart::Literal(text)] => Ok(Cow::Borrowed(text)),
        [TemplatePart::Variable(named, _)] => request.value(named),
        _ => text(request, parts, places).map(Cow::Owned),
    }
}

/// A text.
pub(crate) fn text(request: &mut Request<'_>, parts: &[TemplatePart], places: &Places) -> Known<Vec<u8>> {
    let mut expansion = Expansion { places, escape: None, question_mark: QuestionMark::None };
    expansion.run(request, parts)
}

/// A text whose groups are escaped, and who put the first `?` into it.
pub(crate) fn escaped(
    request: &mut Request<'_>,
    parts: &[TemplatePart],
    places: &Places,
    escape: &BackReferenceEscape,
) -> Known<(Vec<u8>, QuestionMark)> {
    let escape = escape.is_on().then_some(escape);
    let mut expansion = Expansion { places, escape, question_mark: QuestionMark::None };
    let text = expansion.run(request, parts)?;
    Ok((text, expansion.question_mark))
}

impl Expansion<'_> {
    fn run(&mut self, request: &mut Request<'_>, parts: &[TemplatePart]) -> Known<Vec<u8>> {
        let mut out = Vec::new();
        for part in parts {
            match part {
                TemplatePart::Literal(text) => {
                    self.question_mark.meet(text, QuestionMark::Written);
                    out.extend_from_slice(text);
                }
                TemplatePart::RuleGroup(group, _) => self.group(self.places.rule.group(*group)?, &mut out),
                TemplatePart::CondGroup(group, _) => self.group(self.places.cond.group(*group)?, &mut out),
                TemplatePart::Variable(named, _) => {
                    let value = request.value(named)?;
                    self.question_mark.meet(&value, QuestionMark::Inserted);
                    out.extend_from_slice(&value);
                }
                TemplatePart::Map { map, key, default, .. } => {
                    let key = self.run(request, key)?;
                    let site = request.site;
                    let found = site.map(map).and_then(|map| map.get(&key, |bound| request.draw(bound)));
                    match found {
                        Some(value) => out.extend_from_slice(&value),
                        None => out.extend_from_slice(&self.run(request, default)?),
                    }
                }
            }
            if out.len() > EXPANDED_MAX {
                return Err(Need::TooMuch(Excess::Text));
            }
        }
        Ok(out)
    }

    fn group(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let text = match self.escape {
            Some(escape) => Cow::Owned(escape_back_reference(text, escape)),
            None => Cow::Borrowed(text),
        };
        self.question_mark.meet(&text, QuestionMark::Inserted);
        out.extend_from_slice(&text);
    }
}
