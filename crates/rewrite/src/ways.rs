//! Both ways: what hangs on an unknown fact is tried with each answer, and the ends are compared.

use crate::known::{Known, Names, Need};
use crate::limits::DECISIONS_MAX;

/// Two tests with one number are one test: what was decided for the first holds for the second.
pub(crate) type TestId = u32;

/// The way an evaluation goes through the tests that nobody can know.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    decided: Vec<bool>,
    next: usize,
    remembered: Vec<(TestId, bool)>,
    /// Of all that was unknown on any way.
    pub(crate) names: Vec<String>,
}

impl Ways {
    /// The answer to a test on this way.
    ///
    /// # Errors
    /// Where too many were unknown on this way.
    pub(crate) fn decide(&mut self, names: &Names, test: Option<TestId>) -> Known<bool> {
        if let Some((_, answer)) = self.remembered.iter().find(|(id, _)| test == Some(*id)) {
            return Ok(*answer);
        }
        self.note(names);
        if self.next == DECISIONS_MAX {
            return Err(Need::Unknown(names.clone()));
        }
        if self.next == self.decided.len() {
            self.decided.push(false);
        }
        let answer = self.decided.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        if let Some(test) = test {
            self.remembered.push((test, answer));
        }
        Ok(answer)
    }

    pub(crate) fn note(&mut self, names: &Names) {
        for name in names.iter() {
            if !self.names.iter().any(|known| known == name) {
                self.names.push(name.to_owned());
            }
        }
    }

    /// Turns to the next way; false if all were gone.
    pub(crate) fn turn(&mut self) -> bool {
        self.next = 0;
        self.remembered.clear();
        while let Some(answer) = self.decided.pop() {
            if !answer {
                self.decided.push(true);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_tried_once_and_a_test_is_decided_once_on_a_way() {
        let mut ways = Ways::default();
        let name = Names::one("%{HTTP_COOKIE}");
        let mut seen = Vec::new();
        loop {
            let first = ways.decide(&name, Some(1)).unwrap();
            let again = ways.decide(&name, Some(1)).unwrap();
            let second = if first { None } else { Some(ways.decide(&name, Some(2)).unwrap()) };
            assert_eq!(first, again);
            seen.push((first, second));
            if !ways.turn() {
                break;
            }
        }
        assert_eq!(seen, [(false, Some(false)), (false, Some(true)), (true, None)]);
        assert_eq!(ways.names, ["%{HTTP_COOKIE}"]);
    }
}
