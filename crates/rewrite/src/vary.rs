//! On which fields of the request an answer hangs: what Apache says in the answer's field `Vary`.
//!
//! mod_rewrite tells of the fields that the conditions of a matching rule named and found; expressions tell of each
//! field that they looked at, whatever came of it (tried on Apache 2.4.71).

use crate::directive::{Named, TemplatePart};
use crate::{HeaderAction, HeaderEdit};

/// Fields told of one request, and bytes of a name: an expression may take names out of the request.
const FIELDS_MAX: usize = 32;
const NAME_MAX: usize = 64;

/// The fields, each once.
#[derive(Debug, Default)]
pub(crate) struct Vary {
    names: Vec<Vec<u8>>,
    /// An expression is being worked out that tells what it looks at.
    pub(crate) is_told: bool,
}

impl Vary {
    /// What cannot be the name of a field is passed over, and `Host`, on which every answer hangs (RFC 9110, 12.5.5).
    pub(crate) fn add(&mut self, name: &[u8]) {
        let is_name = !name.is_empty() && name.len() <= NAME_MAX && name.iter().all(|byte| is_token(*byte));
        let is_new = || !self.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is_name && !name.eq_ignore_ascii_case(b"Host") && self.names.len() < FIELDS_MAX && is_new() {
            self.names.push(name.to_vec());
        }
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
