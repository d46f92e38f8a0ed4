//! On which fields of the request an answer hangs: what Apache says in the answer's field `Vary`.
//!
//! mod_rewrite tells of the fields that the conditions of a matching rule named and found; expressions tell of each
//! field that they looked at, whatever came of it (tried on Apache 2.4.71).

use crate::directive::{Named, TemplatePart};
use crate::limits::{VARY_FIELDS_MAX, VARY_NAME_BYTES_MAX};
use crate::{HeaderAction, HeaderEdit};

/// The fields, each once.
#[derive(Debug, Default)]
pub(crate) struct Vary {
    names: Vec<Vec<u8>>,
    /// There were more, or longer ones, than can be told.
    is_incomplete: bool,
    /// An expression is being worked out that tells what it looks at.
    pub(crate) is_told: bool,
}

/// How far a [`Vary`] got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    names: usize,
    is_incomplete: bool,
}

impl Vary {
    /// What cannot be the name of a field is passed over, and `Host`, on which every answer hangs (RFC 9110, 12.5.5).
    pub(crate) fn add(&mut self, name: &[u8]) {
        let is_name = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
        let is_known = || self.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if !is_name || name.eq_ignore_ascii_case(b"Host") || is_known() {
            return;
        }
        if name.len() > VARY_NAME_BYTES_MAX || self.names.len() == VARY_FIELDS_MAX {
            self.is_incomplete = true;
        } else {
            self.names.push(name.to_vec());
        }
    }

    /// How far it got: for [`Vary::back_to`].
    pub(crate) fn mark(&self) -> Mark {
        Mark { names: self.names.len(), is_incomplete: self.is_incomplete }
    }

    /// Forgets what was told since: it was looked at for certainty's sake only, and whether Apache looks at it hangs on
    /// what nobody knows.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.names.truncate(mark.names);
        self.is_incomplete = mark.is_incomplete;
    }

    /// As changes to the answer; those that the files ask for come behind them.
    pub(crate) fn edits(self) -> Vec<HeaderEdit> {
        let edit = |value| HeaderEdit {
            always: false,
            action: HeaderAction::Merge,
            name: b"Vary".to_vec(),
            value,
            pattern: None,
        };
        if self.is_incomplete {
            return vec![edit(b"*".to_vec())];
        }
        self.names.into_iter().map(edit).collect()
    }
}

/// A byte of a field's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The fields that a text names.
pub(crate) fn fields_of(parts: &[TemplatePart], fields: &mut Vec<Vec<u8>>) {
    for part in parts {
        match part {
            TemplatePart::Variable(named, _) => fields.extend(field_of(named)),
            TemplatePart::Map { key, default, .. } => {
                fields_of(key, fields);
                fields_of(default, fields);
            }
            TemplatePart::Literal(_) | TemplatePart::RuleGroup(..) | TemplatePart::CondGroup(..) => {}
        }
    }
}

fn field_of(named: &Named) -> Option<Vec<u8>> {
    match named {
        Named::Field(name) => Some(name.clone()),
        Named::AheadByUrl(named) | Named::AheadByFile(named) => field_of(named),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut vary = Vary::default();
        for name in names {
            vary.add(name);
        }
        vary.edits().into_iter().map(|edit| edit.value).collect()
    }

    #[test]
    fn each_name_is_told_once_and_nothing_else_gets_into_the_field() {
        let names: [&[u8]; 7] = [b"Referer", b"REFERER", b"Host", b"", b"X: 1\r\nEvil", b"a,b", b"X-A"];
        assert_eq!(told(&names), [b"Referer".to_vec(), b"X-A".to_vec()]);
    }

    #[test]
    fn what_cannot_be_told_in_full_is_kept_by_no_cache() {
        let many: Vec<String> = (0..=VARY_FIELDS_MAX).map(|number| format!("X-{number}")).collect();
        let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
        assert_eq!(told(&many), [b"*".to_vec()]);
        assert_eq!(told(&many[1..]).len(), VARY_FIELDS_MAX);
        assert_eq!(told(&[&[b'x'; VARY_NAME_BYTES_MAX + 1]]), [b"*".to_vec()]);
    }
}
