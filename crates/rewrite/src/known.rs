//! What is known, what is not, and what has to be asked first.

use crate::{Excess, Fact, Question};
use std::rc::Rc;

/// A value, or why there is none yet.
pub(crate) type Known<T> = Result<T, Need>;

/// Why an evaluation cannot go on as it is.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// It hangs on facts that nobody can know.
    Unknown(Names),
    /// It hangs on answers.
    Ask(Vec<Question>),
    /// A bound was reached.
    TooMuch(Excess),
}

/// Names of facts, as operators write them; without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(Rc<Vec<String>>);

impl Names {
    pub(crate) fn one(name: impl Into<String>) -> Self {
        Self(Rc::new(vec![name.into()]))
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut all = self.0.as_ref().clone();
        for name in other.0.iter() {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        Self(Rc::new(all))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Need {
    pub(crate) fn unknown(name: impl Into<String>) -> Self {
        Self::Unknown(Names::one(name))
    }
}

/// The value of a fact; `name` is asked for what to call it only if it is not known.
pub(crate) fn known<T>(fact: Fact<T>, name: impl FnOnce() -> String) -> Known<T> {
    match fact {
        Fact::Known(value) => Ok(value),
        // a value that can be found out comes without a question of its own: the caller knows when to look again
        Fact::Asked | Fact::Unknown => Err(Need::unknown(name())),
    }
}

/// Kleene's three values: `None` where it hangs on something unknown.
pub(crate) fn tri(value: Known<bool>) -> Result<Result<bool, Names>, Need> {
    match value {
        Ok(value) => Ok(Ok(value)),
        Err(Need::Unknown(names)) => Ok(Err(names)),
        Err(need) => Err(need),
    }
}

/// Both, by Kleene: false if one is false, whatever the other.
pub(crate) fn both(left: Known<bool>, right: impl FnOnce() -> Known<bool>) -> Known<bool> {
    match tri(left)? {
        Ok(false) => Ok(false),
        Ok(true) => right(),
        Err(names) => match tri(right())? {
            Ok(false) => Ok(false),
            Ok(true) => Err(Need::Unknown(names)),
            Err(more) => Err(Need::Unknown(names.and(&more))),
        },
    }
}

/// One of the two, by Kleene: true if one is true, whatever the other.
pub(crate) fn either(left: Known<bool>, right: impl FnOnce() -> Known<bool>) -> Known<bool> {
    both(left.map(|value| !value), || right().map(|value| !value)).map(|value| !value)
}
