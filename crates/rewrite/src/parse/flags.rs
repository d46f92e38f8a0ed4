//! Lists of flags: `[R=301,L]`.

use super::arguments::is_status;
use super::lines::{Line, is_blank};
use super::reader::Reader;
use super::rewriting::{has_blank, to_line_end};
use super::template::rewrite_template;
use crate::compare;
use crate::directive::{EscapeBackReferences, Joined, RuleFlag, WrittenFlag};
use std::ops::Range;

/// What the flags of a condition say.
pub(super) struct ConditionFlags {
    pub(super) ignores_case: bool,
    pub(super) joined: Joined,
    pub(super) no_vary: bool,
}

/// One flag: where its name, and where its value stands.
struct Flag {
    name: Range<usize>,
    value: Range<usize>,
}

/// Cuts a list of flags at its commas; `None`, and a report, if it is no list.
fn flags(reader: &mut Reader<'_>, line: &Line, range: Range<usize>) -> Option<Vec<Flag>> {
    let text = line.slice(range.clone());
    if !text.starts_with(b"[") || !text.ends_with(b"]") || text.len() < 2 {
        not_in_brackets(reader, line, range);
        return None;
    }
    let mut found = Vec::new();
    let mut start = range.start + 1;
    let end = range.end - 1;
    while start <= end {
        let comma = line.slice(start..end).iter().position(|byte| *byte == b',').map_or(end, |at| start + at);
        let piece = line.slice(start..comma);
        let before = piece.iter().take_while(|byte| is_blank(**byte)).count();
        let after = piece.iter().rev().take_while(|byte| is_blank(**byte)).count();
        let (from, to) = (start + before, (comma - after.min(piece.len() - before)).max(start + before));
        let equals = line.slice(from..to).iter().position(|byte| *byte == b'=').map(|at| from + at);
        found.push(Flag { name: from..equals.unwrap_or(to), value: equals.map_or(to..to, |at| at + 1..to) });
        start = comma + 1;
    }
    Some(found)
}

fn not_in_brackets(reader: &mut Reader<'_>, line: &Line, range: Range<usize>) {
    let text = line.slice(range.clone());
    let rest = line.slice(range.start..line.text.len());
    if text.starts_with(b"#") {
        return reader.trailing_comment("the arguments", to_line_end(line, range.start));
    }
    if text.starts_with(b"[") && rest.contains(&b']') && has_blank(rest) {
        let closed = range.start + rest.iter().position(|byte| *byte == b']').unwrap_or_default() + 1;
        let list: Vec<u8> =
            line.slice(range.start..closed).iter().copied().filter(|byte| !is_blank(*byte)).collect();
        let help = format!("write {}", String::from_utf8_lossy(&list));
        let what = "a blank ends the list of flags; Apache answers 500 for the whole folder";
        return reader.error(
            "blank-in-flags",
            what,
            (line.span(range.start..closed.max(range.end)), "ends at the blank"),
            help,
        );
    }
    let what = "the third argument is a list of flags in brackets";
    let help = "write [F]; an argument with blanks in it needs quotes";
    reader.error("flags-not-in-brackets", what, (line.span(range), "not in brackets"), help);
}

fn unknown(reader: &mut Reader<'_>, line: &Line, flag: &Flag, known: &[&'static str]) {
    let name = line.slice(flag.name.clone());
    let span = line.span(flag.name.start..flag.value.end);
    if name.is_empty() {
        return reader.error(
            "unknown-flag",
            "a flag is empty",
            (span, "nothing between two commas"),
            "remove the comma",
        );
    }
    let shown = String::from_utf8_lossy(name).into_owned();
    let near = source::nearest(&shown, known.iter().copied());
    let help = near
        .map_or_else(|| format!("there are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
    reader.error("unknown-flag", format!("Apache knows no flag `{shown}` here"), (span, "not a flag"), help);
}

/// The flags of a condition.
pub(super) fn condition_flags(
    reader: &mut Reader<'_>,
    line: &Line,
    range: Range<usize>,
) -> Option<ConditionFlags> {
    let mut said = ConditionFlags::default();
    for flag in flags(reader, line, range)? {
        match line.slice(flag.name.clone()).to_ascii_lowercase().as_slice() {
            b"nc" | b"nocase" => said.ignores_case = true,
            b"or" | b"ornext" => said.joined = Joined::Or,
            b"nv" | b"novary" => said.no_vary = true,
            _ => {
                unknown(reader, line, &flag, &["NC", "OR", "NV"]);
                return None;
            }
        }
    }
    Some(said)
}

const RULE_FLAGS: [&str; 25] = [
    "B",
    "BNP",
    "C",
    "CO",
    "DPI",
    "E",
    "END",
    "F",
    "G",
    "H",
    "L",
    "N",
    "NC",
    "NE",
    "NS",
    "P",
    "PT",
    "QSA",
    "QSD",
    "QSL",
    "R",
    "S",
    "T",
    "BCTLS",
    "UnsafeAllow3F",
];

/// The flags of a rule.
pub(super) fn rule_flags(
    reader: &mut Reader<'_>,
    line: &Line,
    range: Range<usize>,
) -> Option<Vec<WrittenFlag>> {
    let mut said = Vec::new();
    for flag in flags(reader, line, range)? {
        let span = line.span(flag.name.start..flag.value.end);
        match rule_flag(line, &flag) {
            Ok(flag) => said.push(WrittenFlag { span, flag }),
            Err(Wrong::Unknown) => {
                unknown(reader, line, &flag, &RULE_FLAGS);
                return None;
            }
            Err(Wrong::Status) => {
                let help = "a redirect has 301, 302, 303, 307 or 308; 403 and 410 are answered as they are";
                reader.error("unknown-flag", "Apache knows no such status", (span, "not a status"), help);
                return None;
            }
        }
    }
    Some(said)
}

enum Wrong {
    Unknown,
    Status,
}

fn rule_flag(line: &Line, flag: &Flag) -> Result<RuleFlag, Wrong> {
    let value = line.slice(flag.value.clone());
    let template = || rewrite_template(line, flag.value.clone());
    Ok(match line.slice(flag.name.clone()).to_ascii_lowercase().as_slice() {
        b"b" | b"backrefescaping" => RuleFlag::EscapeBackReferences(match value {
            b"" => EscapeBackReferences::All,
            only => EscapeBackReferences::Only(only.to_vec()),
        }),
        b"bctls" => RuleFlag::EscapeBackReferences(EscapeBackReferences::Controls),
        b"bne" => RuleFlag::EscapeBackReferences(EscapeBackReferences::Except(value.to_vec())),
        b"bnp" | b"backrefernoplus" => RuleFlag::EscapeNoPlus,
        b"c" | b"chain" => RuleFlag::Chain,
        b"co" | b"cookie" => RuleFlag::Cookie(template()),
        b"e" | b"env" => RuleFlag::Environment(template()),
        b"end" => RuleFlag::End,
        b"f" | b"forbidden" => RuleFlag::Forbidden,
        b"g" | b"gone" => RuleFlag::Gone,
        b"h" | b"handler" => RuleFlag::Handler(template()),
        b"l" | b"last" => RuleFlag::Last,
        b"n" | b"next" => RuleFlag::Next((!value.is_empty()).then(|| compare::number(value))),
        b"nc" | b"nocase" => RuleFlag::NoCase,
        b"ne" | b"noescape" => RuleFlag::NoEscape,
        b"ns" | b"nosubreq" => RuleFlag::NoSubrequest,
        b"p" | b"proxy" => RuleFlag::Proxy,
        b"pt" | b"passthrough" => RuleFlag::PassThrough,
        b"qsa" | b"qsappend" => RuleFlag::QueryAppend,
        b"qsd" | b"qsdiscard" => RuleFlag::QueryDiscard,
        b"qsl" | b"qslast" => RuleFlag::QueryLast,
        b"r" | b"redirect" => RuleFlag::Redirect(redirect_status(value).ok_or(Wrong::Status)?),
        b"s" | b"skip" => RuleFlag::Skip(compare::number(value)),
        b"t" | b"type" => RuleFlag::Type(template()),
        b"unc" => RuleFlag::Unc,
        b"unsafeallow3f" => RuleFlag::AllowEncodedQuestionMark,
        b"unsafeprefixstat" | b"unsafeprefix_stat" => RuleFlag::AllowPrefixStat,
        // Apache takes anything else that begins with a D, and does nothing.
        [b'd', rest @ ..] if rest.is_empty() || matches!(rest, b"pi" | b"iscardpath") => {
            RuleFlag::DiscardPathInfo
        }
        [b'd', ..] => RuleFlag::Unc,
        _ => return Err(Wrong::Unknown),
    })
}

/// The status of `R=...`; `None` if Apache knows none by the number. A word that it does not know gives 302.
fn redirect_status(value: &[u8]) -> Option<u16> {
    match value.to_ascii_lowercase().as_slice() {
        b"" | b"temp" => Some(302),
        b"permanent" => Some(301),
        b"seeother" => Some(303),
        number if number.first().is_some_and(u8::is_ascii_digit) => {
            let status = compare::number(number);
            u16::try_from(status).ok().filter(|_| is_status(status))
        }
        _ => Some(302),
    }
}
