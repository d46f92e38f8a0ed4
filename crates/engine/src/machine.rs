//! What rules may know of the machine and the process. The engine asks nobody: the shell fills it in at the start.

use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The machine and the process, as they were at the start.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Without the domain.
    pub hostname: String,
    /// Empty where the machine has none.
    pub domain: String,
    /// The number of the process.
    pub process: u32,
    /// The whole environment; the catalog says which of it rules may read.
    pub environment: BTreeMap<String, String>,
    /// Where local times are.
    pub time_zone: TimeZone,
    /// Bytes of memory, for limits that are a part of it; `None` where it is not known.
    pub memory_bytes: Option<u64>,
}

impl Default for Machine {
    /// A machine without a name, in GMT: what tests and replay have.
    fn default() -> Self {
        Self {
            hostname: String::new(),
            domain: String::new(),
            process: 0,
            environment: BTreeMap::new(),
            time_zone: TimeZone::UTC,
            memory_bytes: None,
        }
    }
}
