//! `SetEnvIf` and its kin, `SetEnv`, `UnsetEnv`, `PassEnv`.

use super::arguments::between;
use super::known::Known;
use super::reader::Reader;
use super::substitution_template;
use super::words::{Word, Words};
use crate::directive::{Attribute, DirectiveKind, EnvironmentSetting, SetEnvIf, SetEnvIfTest};

pub(super) fn set_env_if(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = words.all();
    let [name, pattern, settings @ ..] = all.as_slice() else { return missing(reader, known, words) };
    if name.text.is_empty() || pattern.text.is_empty() || settings.is_empty() {
        return missing(reader, known, words);
    }
    let attribute = attribute(reader, name)?;
    matched(reader, known, attribute, (pattern, settings))
}

pub(super) fn browser_match(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = words.all();
    let [pattern, settings @ ..] = all.as_slice() else { return missing(reader, known, words) };
    if pattern.text.is_empty() || settings.is_empty() {
        return missing(reader, known, words);
    }
    matched(reader, known, Attribute::Named(b"User-Agent".to_vec()), (pattern, settings))
}

fn matched(
    reader: &mut Reader<'_>,
    known: &Known,
    attribute: Attribute,
    (pattern, settings): (&Word, &[Word]),
) -> Option<DirectiveKind> {
    let regex = reader.regex(&pattern.text, pattern.span, ignores_case(known))?;
    let settings = settings.iter().map(setting).collect();
    let test = SetEnvIfTest::Attribute(attribute, regex);
    Some(DirectiveKind::SetEnvIf(Box::new(SetEnvIf { test, settings })))
}

pub(super) fn set_env_if_expression(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = words.all();
    let [expression, settings @ ..] = all.as_slice() else { return missing(reader, known, words) };
    if settings.is_empty() {
        return missing(reader, known, words);
    }
    let test = SetEnvIfTest::Expression(reader.expression(&expression.text, expression.span)?);
    let settings = settings.iter().map(setting).collect();
    Some(DirectiveKind::SetEnvIf(Box::new(SetEnvIf { test, settings })))
}

fn missing(reader: &mut Reader<'_>, known: &Known, words: &Words<'_>) -> Option<DirectiveKind> {
    let what = format!("`{}` lacks an argument, or one of them is empty", known.name);
    reader.error("wrong-arguments", what, (words.line.whole(), "something is missing"), known.help());
    None
}

fn ignores_case(known: &Known) -> bool {
    known.name.ends_with("NoCase")
}

/// What a name stands for. A name with other characters than letters, digits, `-` and `_` is a pattern.
fn attribute(reader: &mut Reader<'_>, word: &Word) -> Option<Attribute> {
    let lower = word.text.to_ascii_lowercase();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    Some(match lower.as_slice() {
        b"remote_addr" => Attribute::RemoteAddr,
        b"remote_host" => Attribute::RemoteHost,
        b"server_addr" => Attribute::ServerAddr,
        b"request_method" => Attribute::RequestMethod,
        b"request_protocol" => Attribute::RequestProtocol,
        b"request_uri" => Attribute::RequestUri,
        [b'o', b'i', b'd', b'(', .., b')'] => {
            Attribute::Oid(word.text.get(4..word.text.len() - 1).unwrap_or_default().trim_ascii().to_vec())
        }
        name if name.iter().all(is_plain) => Attribute::Named(word.text.clone()),
        // names of fields have no case
        _ => Attribute::NamedLike(reader.regex(&word.text, word.span, true)?),
    })
}

/// `name`, `name=value`, `!name`
fn setting(word: &Word) -> EnvironmentSetting {
    let text = word.text.as_slice();
    let (name, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, b"1".as_slice()),
    };
    match name {
        [b'!', name @ ..] => EnvironmentSetting::Unset(name.to_vec()),
        name => EnvironmentSetting::Set(name.to_vec(), substitution_template(value, word.span)),
    }
}

pub(super) fn set_env(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let mut all = between(reader, known, words, (1, 2))?.into_iter().map(|word| word.text);
    Some(DirectiveKind::SetEnv(all.next()?, all.next().unwrap_or_default()))
}

pub(super) fn unset_env(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = between(reader, known, words, (1, usize::MAX))?;
    Some(DirectiveKind::UnsetEnv(all.into_iter().map(|word| word.text).collect()))
}

pub(super) fn pass_env(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<DirectiveKind> {
    let all = between(reader, known, words, (1, usize::MAX))?;
    Some(DirectiveKind::PassEnv(all.into_iter().map(|word| word.text).collect()))
}
