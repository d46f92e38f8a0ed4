//! `SetEnvIf` and its kin, `SetEnv`, `UnsetEnv`.

use crate::Variable;
use crate::directive::{self, Attribute, EnvironmentSetting, Regex, SetEnvIfTest};
use crate::expand::{self, Matched, Places};
use crate::expression::Expression;
use crate::known::{Known, Names, Need, known};
use crate::request::Request;
use pattern::{Groups, Pattern};
use std::sync::Arc;

/// A `SetEnvIf`, compiled.
#[derive(Debug)]
pub(crate) struct SetEnvIf {
    test: Test,
    settings: Vec<EnvironmentSetting>,
}

#[derive(Debug)]
enum Test {
    Attribute {
        attribute: Attribute,
        /// Of [`Attribute::NamedLike`], what names are like.
        names: Option<Arc<Pattern>>,
        pattern: Arc<Pattern>,
        /// The pattern is a plain text: then `$1` in values is plain text too.
        is_plain: bool,
    },
    Expression(Arc<Expression>),
}

/// The name of an attribute and the value that was found for it.
pub(crate) type Looked = (Vec<u8>, Vec<u8>);

/// A variable that is set or not for every request.
#[derive(Debug)]
pub(crate) enum Fixed {
    Set(Vec<u8>, Vec<u8>),
    Unset(Vec<u8>),
}

impl SetEnvIf {
    pub(crate) fn new(written: &directive::SetEnvIf) -> Self {
        let test = match &written.test {
            SetEnvIfTest::Expression(expression) => Test::Expression(Arc::clone(&expression.read)),
            SetEnvIfTest::Attribute(attribute, regex) => Test::Attribute {
                names: match attribute {
                    Attribute::NamedLike(names) => Some(Arc::clone(&names.compiled)),
                    _ => None,
                },
                attribute: attribute.clone(),
                pattern: Arc::clone(&regex.compiled),
                is_plain: is_plain(regex),
            },
        };
        Self { test, settings: written.settings.clone() }
    }

    /// Sets what it sets. `last` is the value that the directive before this one looked at: Apache does not look again
    /// for the next directive with the same attribute, not even if the variable of that name was changed in between.
    pub(crate) fn apply(&self, request: &mut Request<'_>, last: &mut Option<Looked>) -> Known<()> {
        let (matched, is_plain) = match self.matched(request, last) {
            Ok(None) => return Ok(()),
            Ok(Some(found)) => found,
            Err(Need::Unknown(names)) => {
                self.obscure(&names, request);
                return Ok(());
            }
            Err(need) => return Err(need),
        };
        let places = Places { rule: matched, cond: Matched::Nothing };
        for setting in &self.settings {
            match setting {
                EnvironmentSetting::Unset(name) => request.variables.unset(name),
                EnvironmentSetting::Set(name, value) if value.text.first() == Some(&b'!') => {
                    request.variables.unset(name);
                }
                EnvironmentSetting::Set(name, value) if is_plain || value.text.is_empty() => {
                    // `name=` is as good as `name`
                    let value = if value.text.is_empty() { b"1".to_vec() } else { value.text.clone() };
                    request.variables.set(name, Ok(value));
                }
                EnvironmentSetting::Set(name, value) => {
                    let value = match expand::text(request, &value.parts, &places) {
                        Ok(text) => Ok(text),
                        Err(Need::Unknown(names)) => Err(names),
                        Err(need) => return Err(need),
                    };
                    request.variables.set(name, value);
                }
            }
        }
        Ok(())
    }

    /// What the test found, and whether its pattern is a plain text; `None` where it fails.
    fn matched(
        &self,
        request: &mut Request<'_>,
        last: &mut Option<Looked>,
    ) -> Known<Option<(Matched, bool)>> {
        let (attribute, names, pattern, is_plain) = match &self.test {
            Test::Expression(expression) => {
                *last = None;
                let mut matched = Matched::default();
                let holds = expression.holds(request, &mut matched)?;
                let is_plain = matches!(matched, Matched::Nothing);
                return Ok(holds.then_some((matched, is_plain)));
            }
            Test::Attribute { attribute, names, pattern, is_plain } => (attribute, names, pattern, *is_plain),
        };
        let value = match (&last, attribute) {
            (Some((name, value)), Attribute::Named(own)) if name.eq_ignore_ascii_case(own) => value.clone(),
            _ => value(attribute, names.as_deref(), request)?,
        };
        *last = match attribute {
            Attribute::Named(name) => Some((name.clone(), value.clone())),
            _ => None,
        };
        let mut groups = Groups::default();
        let found = request.searched(pattern.find_at(&value, 0, &mut groups))?;
        Ok(found
            .then_some((if is_plain { Matched::Nothing } else { Matched::Text(value, groups) }, is_plain)))
    }

    /// Nobody knows whether it applies: what it would set is unknown from here on.
    fn obscure(&self, names: &Names, request: &mut Request<'_>) {
        for setting in &self.settings {
            match setting {
                EnvironmentSetting::Set(name, _) => request.variables.set(name, Err(names.clone())),
                EnvironmentSetting::Unset(name) => {
                    // what is not set stays so
                    if !matches!(request.variables.get(name), Ok(None)) {
                        request.variables.set(name, Err(names.clone()));
                    }
                }
            }
        }
    }
}

fn value(attribute: &Attribute, names: Option<&Pattern>, request: &Request<'_>) -> Known<Vec<u8>> {
    let fixed = |variable| request.fixed(variable).map(std::borrow::Cow::into_owned);
    match attribute {
        Attribute::RemoteAddr => fixed(Variable::RemoteAddr),
        Attribute::RemoteHost => fixed(Variable::RemoteHost),
        Attribute::ServerAddr => fixed(Variable::ServerAddr),
        Attribute::RequestMethod => fixed(Variable::RequestMethod),
        Attribute::RequestProtocol => fixed(Variable::ServerProtocol),
        Attribute::RequestUri => Ok(request.uri.clone()),
        Attribute::Oid(_) => Ok(Vec::new()),
        Attribute::Named(name) => match request.field(name)? {
            Some(value) => Ok(value.into_owned()),
            None => Ok(request.variables.get(name)?.unwrap_or_default().to_vec()),
        },
        Attribute::NamedLike(written) => {
            let shown = || format!("%{{HTTP:{}}}", String::from_utf8_lossy(&written.text));
            let all = known(request.facts.field_names(), shown)?;
            // the last that is like it, as Apache walks through all of them
            let last =
                all.iter().rev().find(|name| names.is_some_and(|like| like.is_match(name).unwrap_or(false)));
            match last {
                Some(name) => Ok(request.field(name)?.unwrap_or_default().into_owned()),
                None => Ok(Vec::new()),
            }
        }
    }
}

/// Whether Apache takes a pattern for a plain text: no sign of a pattern stands in it without a backslash, and a
/// backslash stands before such signs only.
fn is_plain(regex: &Regex) -> bool {
    let mut bytes = regex.text.iter();
    while let Some(byte) = bytes.next() {
        let is_sign = |byte: &u8| b"^.$|()[]*+?{}".contains(byte);
        if *byte == b'\\' {
            match bytes.next() {
                Some(escaped) if is_sign(escaped) || *escaped == b'\\' => {}
                _ => return false,
            }
        } else if is_sign(byte) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_signs_is_a_plain_text() {
        let plain = |text: &str| {
            is_plain(&Regex {
                text: text.as_bytes().to_vec(),
                ignores_case: false,
                span: source::Span { start: 0, end: 0 },
                compiled: Arc::new(Pattern::new(text.as_bytes(), pattern::Case::Sensitive).unwrap()),
            })
        };
        assert!(plain("target"));
        assert!(plain("target\\.html"));
        assert!(!plain("target.html"));
        assert!(!plain("(t)arget"));
        assert!(!plain("\\d"));
    }
}
