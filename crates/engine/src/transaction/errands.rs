//! The way of an errand between a transaction and the shell.

use super::{Next, Transaction};
use crate::errand::{Errand, ErrandError, Report};
use crate::host::Waiting;
use crate::time::Now;

impl Transaction {
    /// What is to be done for [`super::Ask::Errand`]; once, then it is the shell's.
    pub fn errand(&mut self) -> Option<Errand> {
        match &mut self.host.waiting {
            Some(Waiting::Errand(on)) => on.take(),
            _ => None,
        }
    }

    /// An errand is done, or has failed: the rule goes on with what came of it. An answer that comes when the rule
    /// waits for something else (or for nothing) is not looked at.
    pub fn errand_done(&mut self, result: Result<Report, ErrandError>, now: Now) -> Next {
        if let Some(Waiting::Errand(on)) = &mut self.host.waiting {
            on.report = Some(result);
        }
        self.advance(now)
    }
}
