//! What a condition or a text comes to.

use super::{Condition, Function, Likeness, ProtocolPart, UnaryTest, Word, file_question};
use crate::Excess;
use crate::compare::{compares, long};
use crate::directive::Named;
use crate::escape::{escape_path, unescape_or_nothing};
use crate::expand::Matched;
use crate::glob::{self, Slashes};
use crate::known::{Known, Need, both, either, known};
use crate::limits::EXPANDED_MAX;
use crate::request::Request;
use crate::{FileTest, Variable};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use pattern::Groups;
use sha1::{Digest, Sha1};
use std::fmt::Write as _;

pub(super) fn holds(condition: &Condition, request: &mut Request<'_>, matched: &mut Matched) -> Known<bool> {
    match condition {
        Condition::Constant(value) => Ok(*value),
        Condition::Not(inner) => holds(inner, request, matched).map(|value| !value),
        Condition::Both(left, right) => {
            let left = holds(left, request, matched);
            untold_if(is_unknown(&left), request, |request| both(left, || holds(right, request, matched)))
        }
        Condition::Either(left, right) => {
            let left = holds(left, request, matched);
            untold_if(is_unknown(&left), request, |request| either(left, || holds(right, request, matched)))
        }
        Condition::Numbers(comparison, left, right) => {
            let left = long(&text(left, request, matched)?);
            let right = long(&text(right, request, matched)?);
            Ok(compares(*comparison, left.cmp(&right)))
        }
        Condition::Texts(comparison, left, right) => {
            let left = text(left, request, matched)?;
            Ok(compares(*comparison, left.cmp(&text(right, request, matched)?)))
        }
        Condition::Matches { word, pattern, negated } => {
            let subject = match text(word, request, matched) {
                Err(Need::Unknown(names)) => {
                    if pattern.group_count() > 0 {
                        *matched = Matched::Unknown(names.clone());
                    }
                    return Err(Need::Unknown(names));
                }
                other => other?,
            };
            let mut groups = Groups::default();
            let found = request.searched(pattern.find_at(&subject, 0, &mut groups))?;
            if pattern.group_count() > 0 {
                *matched = if found { Matched::Text(subject, groups) } else { Matched::Nothing };
            }
            Ok(found != *negated)
        }
        Condition::In(word, list) => {
            let needle = text(word, request, matched)?;
            let mut found = Ok(false);
            for word in list {
                found = untold_if(is_unknown(&found), request, |request| {
                    either(found, || Ok(text(word, request, matched)? == needle))
                });
                if matches!(found, Ok(true)) {
                    break;
                }
            }
            found
        }
        Condition::InNothing => Ok(false),
        Condition::Test(test, word) => {
            let subject = text(word, request, matched)?;
            passes(*test, subject, request)
        }
        Condition::ClientIn(range) => {
            let client = known(request.facts.client(), || "%{REMOTE_ADDR}".to_owned())?;
            Ok(range.holds(client))
        }
        Condition::AddressIn(word, range) => {
            let address = text(word, request, matched)?;
            let address = std::str::from_utf8(&address).ok().and_then(|text| text.parse().ok());
            Ok(address.is_some_and(|address| range.holds(address)))
        }
        Condition::Like(likeness, left, right) => {
            let left = text(left, request, matched)?;
            Ok(is_like(*likeness, &left, &text(right, request, matched)?))
        }
    }
}

fn is_unknown(holds: &Known<bool>) -> bool {
    matches!(holds, Err(Need::Unknown(_)))
}

/// Whether Apache looks at what stands behind something unknown is unknown, too: of that nothing is told.
fn untold_if<'r, T>(
    is_untold: bool,
    request: &mut Request<'r>,
    look: impl FnOnce(&mut Request<'r>) -> T,
) -> T {
    let mark = request.vary.mark();
    let found = look(request);
    if is_untold {
        request.vary.back_to(mark);
    }
    found
}

/// A field is looked at.
fn tell(name: &[u8], request: &mut Request<'_>) {
    if request.vary.is_told {
        request.vary.add(name);
    }
}

fn passes(test: UnaryTest, subject: Vec<u8>, request: &Request<'_>) -> Known<bool> {
    Ok(match test {
        // of a URL: a request for it would be let through, nothing here forbids one before it is asked for
        UnaryTest::NotEmpty | UnaryTest::UrlAllowed => !subject.is_empty(),
        UnaryTest::Empty => subject.is_empty(),
        UnaryTest::True => {
            let off: [&[u8]; 5] = [b"", b"0", b"off", b"false", b"no"];
            !off.iter().any(|off| subject.eq_ignore_ascii_case(off))
        }
        UnaryTest::File(_) | UnaryTest::FileAllowed if subject.is_empty() => false,
        UnaryTest::File(test) => return request.ask(&file_question(subject, test)),
        UnaryTest::FileAllowed => return request.ask(&file_question(subject, FileTest::Exists)),
    })
}

fn is_like(likeness: Likeness, subject: &[u8], pattern: &[u8]) -> bool {
    match likeness {
        Likeness::Text => glob::matches(pattern, subject, Slashes::AreBytes),
        Likeness::TextIgnoringCase => {
            glob::matches(&pattern.to_ascii_lowercase(), &subject.to_ascii_lowercase(), Slashes::AreBytes)
        }
        Likeness::Path => glob::matches(pattern, subject, Slashes::StandAlone),
    }
}

pub(super) fn text(word: &Word, request: &mut Request<'_>, matched: &mut Matched) -> Known<Vec<u8>> {
    let text = match word {
        Word::Literal(text) => text.clone(),
        Word::Joined(words) => {
            let mut out = Vec::new();
            for word in words {
                out.extend_from_slice(&text(word, request, matched)?);
                if out.len() > EXPANDED_MAX {
                    return Err(Need::TooMuch(Excess::Text));
                }
            }
            out
        }
        Word::Variable(named) => {
            if let Named::Field(name) = named {
                tell(name, request);
            }
            request.value(named)?.into_owned()
        }
        Word::Status => request.status.to_string().into_bytes(),
        Word::Protocol(part) => protocol(&request.fixed(Variable::ServerProtocol)?, *part),
        Word::Group(group) => matched.group(*group)?.to_vec(),
        Word::Call(function, argument) => {
            let argument = text(argument, request, matched)?;
            call(*function, argument, request)?
        }
    };
    Ok(text)
}

/// `HTTP/1.1` as 1001, 1 and 1.
fn protocol(text: &[u8], part: ProtocolPart) -> Vec<u8> {
    let version = text.strip_prefix(b"HTTP/").unwrap_or_default();
    let dot = version.iter().position(|byte| *byte == b'.').unwrap_or(version.len());
    let major = long(version.get(..dot).unwrap_or_default());
    let minor = long(version.get(dot + 1..).unwrap_or_default());
    let value = match part {
        ProtocolPart::Version => major.saturating_mul(1000).saturating_add(minor),
        ProtocolPart::Major => major,
        ProtocolPart::Minor => minor,
    };
    value.to_string().into_bytes()
}

fn call(function: Function, argument: Vec<u8>, request: &mut Request<'_>) -> Known<Vec<u8>> {
    Ok(match function {
        Function::Field => {
            tell(&argument, request);
            request.field(&argument)?.map_or_else(Vec::new, std::borrow::Cow::into_owned)
        }
        Function::FieldUntold => {
            request.field(&argument)?.map_or_else(Vec::new, std::borrow::Cow::into_owned)
        }
        Function::Variable => request.variables.get(&argument)?.unwrap_or_default().to_vec(),
        Function::Nothing => Vec::new(),
        Function::ToLower => argument.to_ascii_lowercase(),
        Function::ToUpper => argument.to_ascii_uppercase(),
        Function::Escape => escape_path(&argument),
        Function::Unescape => unescape_or_nothing(&argument),
        Function::ToBase64 => STANDARD.encode(argument).into_bytes(),
        Function::FromBase64 => STANDARD.decode(argument).unwrap_or_default(),
        Function::Md5 => hex(&Md5::digest(argument)),
        Function::Sha1 => hex(&Sha1::digest(argument)),
    })
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text.into_bytes()
}
