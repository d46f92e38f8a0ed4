//! The environment of a request: variables that directives set and test.

use crate::known::{Known, Names, Need};
use crate::limits::VARIABLES_MAX;

/// Names and values in the order in which they were first set. Names are compared without case, as Apache's tables do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    entries: Vec<(Vec<u8>, Value)>,
    is_overflown: bool,
}

#[derive(Clone, Debug)]
enum Value {
    Known(Vec<u8>),
    /// It may be set or not, and to what is unknown.
    Unknown(Names),
}

impl Variables {
    /// The value of a variable; `None` where it is not set.
    pub(crate) fn get(&self, name: &[u8]) -> Known<Option<&[u8]>> {
        match self.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            None => Ok(None),
            Some((_, Value::Known(value))) => Ok(Some(value)),
            Some((_, Value::Unknown(names))) => Err(Need::Unknown(names.clone())),
        }
    }

    /// Sets a variable; a value that is not known is remembered as such. Beyond the bound nothing is added, and that is
    /// remembered.
    pub(crate) fn set(&mut self, name: &[u8], value: Result<Vec<u8>, Names>) {
        let value = value.map_or_else(Value::Unknown, Value::Known);
        if let Some(place) = self.entries.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            place.1 = value;
        } else if self.entries.len() < VARIABLES_MAX {
            self.entries.push((name.to_vec(), value));
        } else {
            self.is_overflown = true;
        }
    }

    /// Whether one found no room.
    pub(crate) fn is_overflown(&self) -> bool {
        self.is_overflown
    }

    /// Adds those of another table whose names are not set; what found no room there finds none here.
    pub(crate) fn add_known(&mut self, others: Self) {
        self.is_overflown |= others.is_overflown;
        for (name, value) in others.into_known() {
            if matches!(self.get(&name), Ok(None)) {
                self.set(&name, Ok(value));
            }
        }
    }

    pub(crate) fn unset(&mut self, name: &[u8]) {
        self.entries.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// What is left of them behind an internal redirect: each under its name with `REDIRECT_` before it.
    pub(crate) fn renamed(self) -> Self {
        let mut renamed =
            Self { entries: Vec::with_capacity(self.entries.len()), is_overflown: self.is_overflown };
        for (name, value) in self.entries {
            let name = [b"REDIRECT_".as_slice(), &name].concat();
            renamed.set(
                &name,
                match value {
                    Value::Known(value) => Ok(value),
                    Value::Unknown(names) => Err(names),
                },
            );
        }
        renamed
    }

    /// Those whose values are known.
    pub(crate) fn into_known(self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.entries
            .into_iter()
            .filter_map(|(name, value)| match value {
                Value::Known(value) => Some((name, value)),
                Value::Unknown(_) => None,
            })
            .collect()
    }
}
