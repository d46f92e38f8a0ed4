//! The rules that look at a transaction when it is over.

use super::{Origin, RulesStep, Transaction};
use crate::decision::RateResult;
use crate::host::{Completion, Stage};
use crate::time::Now;

/// How the answer got out, as the shell saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// To its end, if there was one at all.
    Whole,
    /// It was broken off in the middle.
    Cut,
}

impl Transaction {
    /// Whether [`Self::complete`] has anything to do.
    #[inline]
    pub fn has_completion_rules(&self) -> bool {
        !self.virtual_server().completion_rules.is_empty()
    }

    /// Runs the completion rules. Called once, when nothing is sent any more and the log line is written: they change
    /// nothing and wait for nothing. What they log is among [`Self::messages`], what they decide in [`Self::record`].
    pub fn complete(&mut self, ending: Ending, now: Now) {
        if !self.has_completion_rules() {
            return;
        }
        self.host.now = now;
        self.host.completion = Some(self.completion(ending));
        self.host.end = None;
        self.rules.begin(Stage::Completion);
        if !matches!(self.rules.go_on(&mut self.host), RulesStep::Over) {
            // No function of this stage waits; one that did would wait for ever.
            debug_assert!(false, "a completion rule waits");
            self.rules.end_run();
            self.host.withdraw(RateResult::Left);
            self.host.waiting = None;
        }
        self.host.end = None;
    }

    fn completion(&self, ending: Ending) -> Completion {
        match (self.origin, ending) {
            (Origin::ClientLeft, _) => Completion::ClientClosed,
            (Origin::Nobody | Origin::Undecided, _) => Completion::Discarded,
            (Origin::Error(word), _) => Completion::of_error(word),
            (Origin::Node | Origin::Rule | Origin::Htaccess | Origin::Secured, Ending::Whole) => {
                Completion::Complete
            }
            (Origin::Node | Origin::Rule | Origin::Htaccess | Origin::Secured, Ending::Cut) => {
                Completion::ServerClosed
            }
        }
    }
}
