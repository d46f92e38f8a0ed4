//! Protection classes: who is served at all, before rules are asked.
//!
//! ```text
//! accept ── ProtectionClass::admit(address) ──▶ Admission, held while the connection lives │ ProtectionRefusal
//! head   ── Transaction::begin ── check ──────▶ rules │ an answer (send_error_page) │ the end of the connection
//! ```
//!
//! Counts are those of the whole machine: one table, whichever worker asks.

mod class;
mod lists;
mod live;
mod table;

pub use class::{Admission, ConnectionLimits, ProtectionClass, ProtectionRefusal, RequestChecks};
pub use lists::{AddressLists, Standing};
pub use live::{ProtectionCounters, ProtectionLive, ProtectionReport};

use shaping::Tick;

impl ProtectionClass {
    /// What the log is to be told of it now, if anything.
    pub fn report(&self, now: Tick) -> Option<ProtectionReport> {
        self.live.report(self.log_time, now)
    }
}
