//! `Header`, `RequestHeader`.

use super::known::Known;
use super::reader::Reader;
use super::words::{Word, Words};
use crate::directive::{
    DirectiveKind, HeaderChange, HeaderCondition, HeaderDirective, HeaderSide, HeaderValue, HeaderValuePart,
};

const ACTIONS: [&str; 10] =
    ["set", "append", "merge", "add", "setifempty", "unset", "edit", "edit*", "echo", "note"];

pub(super) fn header(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let line = words.line;
    let mut all = words.all();
    let is_request = known.name == "RequestHeader";
    let mut side = if is_request { HeaderSide::Request } else { HeaderSide::Response };
    if !is_request && let Some(first) = all.first() {
        if first.text.eq_ignore_ascii_case(b"always") {
            side = HeaderSide::ResponseAlways;
            all.remove(0);
        } else if first.text.eq_ignore_ascii_case(b"onsuccess") {
            all.remove(0);
        }
    }
    let mut all = all.into_iter();
    let action = all.next();
    let action_name = action.as_ref().map(|word| word.text.to_ascii_lowercase()).unwrap_or_default();
    let known_action = ACTIONS.iter().any(|known| known.as_bytes() == action_name);
    if !known_action || (is_request && matches!(action_name.as_slice(), b"echo" | b"note")) {
        let span = action.map_or(line.whole(), |word| word.span);
        let written = String::from_utf8_lossy(&action_name);
        let near = source::nearest(&written, ACTIONS);
        let help = near.filter(|near| *near != written).map_or_else(
            || format!("there are {}", ACTIONS.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        reader.error(
            "wrong-arguments",
            format!("`{}` knows no such action", known.name),
            (span, "not an action"),
            help,
        );
        return None;
    }
    let rest: Vec<Word> = all.collect();
    if rest.iter().any(|word| word.text.starts_with(b"#")) && rest.len() > 2 {
        let comment = rest.iter().find(|word| word.text.starts_with(b"#"))?;
        reader.trailing_comment(known.name, comment.span);
        return None;
    }
    let takes = match action_name.as_slice() {
        b"unset" | b"echo" => 0,
        b"edit" | b"edit*" => 2,
        _ => 1,
    };
    if rest.len() < takes + 1 && !(takes == 0 && action_name == b"unset") {
        let what = format!(
            "`{} {}` needs a name{}",
            known.name,
            String::from_utf8_lossy(&action_name),
            ["", " and a value", ", a pattern and a replacement"].get(takes).copied().unwrap_or_default()
        );
        reader.error("wrong-arguments", what, (line.whole(), "something is missing"), known.help());
        return None;
    }
    let (name_span, mut name) = rest.first().map(|word| (word.span, word.text.clone()))?;
    if name.ends_with(b":") {
        name.pop();
    }
    if action_name != b"echo" && !is_field_name(&name) {
        let what = "no field can have this name; Apache answers 500 where it is to be sent";
        let help = "names are of letters, digits, `-` and `_`";
        reader.error("wrong-arguments", what, (name_span, "not a name"), help);
        return None;
    }
    let values = rest.get(1..=takes).unwrap_or_default();
    let condition = condition(reader, known, rest.get(takes + 1..).unwrap_or_default())?;
    let change = change(reader, &action_name, (&rest[0], values))?;
    let directive = HeaderDirective { side, name, name_span, change, condition };
    Some(DirectiveKind::Header(Box::new(directive)))
}

fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn change(reader: &mut Reader<'_>, action: &[u8], (name, values): (&Word, &[Word])) -> Option<HeaderChange> {
    match (action, values) {
        (b"unset", _) => Some(HeaderChange::Unset),
        (b"echo", _) => Some(HeaderChange::Echo(reader.regex(&name.text, name.span, true)?)),
        (b"note", [value]) => Some(HeaderChange::Note(value.text.clone())),
        (b"edit" | b"edit*", [pattern, replacement]) => {
            let regex = reader.regex(&pattern.text, pattern.span, false)?;
            let value = read_value(reader, replacement)?;
            Some(if action == b"edit" {
                HeaderChange::Edit(regex, value)
            } else {
                HeaderChange::EditAll(regex, value)
            })
        }
        (_, [value]) => {
            let value = read_value(reader, value)?;
            Some(match action {
                b"append" => HeaderChange::Append(value),
                b"merge" => HeaderChange::Merge(value),
                b"add" => HeaderChange::Add(value),
                b"setifempty" => HeaderChange::SetIfEmpty(value),
                _ => HeaderChange::Set(value),
            })
        }
        _ => None,
    }
}

fn condition(reader: &mut Reader<'_>, known: &Known, words: &[Word]) -> Option<HeaderCondition> {
    let [word, more @ ..] = words else { return Some(HeaderCondition::None) };
    if let Some(extra) = more.first() {
        let what = format!("`{}` has too many arguments", known.name);
        reader.error(
            "wrong-arguments",
            what,
            (extra.span, "one too many"),
            "a value with blanks in it needs quotes",
        );
        return None;
    }
    if word.text.eq_ignore_ascii_case(b"early") {
        let what = "`early` is for the server's configuration: in a folder's file the directive does nothing";
        reader.warning("wrong-arguments", what, (word.span, "too late"), "take the word out");
        return Some(HeaderCondition::Never);
    }
    if let Some(expression) = word.text.strip_prefix(b"expr=") {
        return Some(HeaderCondition::Expression(reader.expression(expression, word.span)?));
    }
    match word.text.strip_prefix(b"env=") {
        Some([b'!', name @ ..]) if !name.is_empty() => Some(HeaderCondition::NoEnvironment(name.to_vec())),
        Some(name) if !name.is_empty() => Some(HeaderCondition::Environment(name.to_vec())),
        Some(_) => {
            reader.error(
                "wrong-arguments",
                "`env=` names no variable",
                (word.span, "which?"),
                "write env=NAME",
            );
            None
        }
        None => {
            let shown = String::from_utf8_lossy(&word.text).into_owned();
            let what = format!("`{shown}` is neither a part of the value nor a condition");
            let help = "quote a value with blanks in it; conditions are env=NAME, env=!NAME and expr=...";
            reader.error("wrong-arguments", what, (word.span, "one too many"), help);
            None
        }
    }
}

/// A value: text with places, or an expression.
fn read_value(reader: &mut Reader<'_>, word: &Word) -> Option<HeaderValue> {
    if let Some(expression) = word.text.strip_prefix(b"expr=") {
        return Some(HeaderValue::Expression(reader.expression_text(expression, word.span)?));
    }
    if let Some(parts) = format(&word.text) {
        return Some(HeaderValue::Format(parts));
    }
    let help = "write %% for a percent sign; places are %t, %D, %l, %i, %b, %{NAME}e and %{NAME}s";
    let what = "a `%` in a value begins a place, and this is none that Apache knows";
    reader.error("wrong-arguments", what, (word.span, "not a place"), help);
    None
}

fn format(text: &[u8]) -> Option<Vec<HeaderValuePart>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            literal(&mut parts, *first);
            rest = tail;
            continue;
        }
        let (part, tail) = match tail {
            // A `%` at the end is itself.
            [] | [b'%', ..] => {
                literal(&mut parts, b'%');
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            [b'{', inner @ ..] => {
                let end = inner.iter().position(|byte| *byte == b'}')?;
                let name = inner.get(..end)?.to_vec();
                match inner.get(end + 1)? {
                    b'e' => (HeaderValuePart::Environment(name), inner.get(end + 2..)?),
                    b's' => (HeaderValuePart::Ssl(name), inner.get(end + 2..)?),
                    _ => return None,
                }
            }
            [b't', tail @ ..] => (HeaderValuePart::Time, tail),
            [b'D', tail @ ..] => (HeaderValuePart::Duration, tail),
            [letter @ (b'l' | b'i' | b'b'), tail @ ..] => (HeaderValuePart::Load(*letter), tail),
            _ => return None,
        };
        parts.push(part);
        rest = tail;
    }
    Some(parts)
}

fn literal(parts: &mut Vec<HeaderValuePart>, byte: u8) {
    match parts.last_mut() {
        Some(HeaderValuePart::Literal(text)) => text.push(byte),
        _ => parts.push(HeaderValuePart::Literal(vec![byte])),
    }
}
