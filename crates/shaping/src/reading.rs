//! Numbers for those who look on.

use crate::{BandwidthClass, BandwidthClassId, RateClass, RateClassId, SpareReading};

/// How many waiting contexts a reading of a class names.
pub(crate) const NAMED_MAX: usize = 32;

/// All live state of a registry in numbers, each class at one moment, not all at the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings {
    /// Rate classes in the order of their ids.
    pub rates: Vec<RateReading>,
    /// Bandwidth classes in the order of their ids.
    pub bandwidths: Vec<BandwidthReading>,
    /// Tickets that wait, in all classes together.
    pub tickets_waiting: usize,
}

/// A rate class in numbers. At any time `backlog` is `entered` − `started` − `withdrawn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateReading {
    /// Which class.
    pub id: RateClassId,
    /// Its name; a class that is no longer named keeps its last.
    pub name: String,
    /// Whether it can be found by its name.
    pub is_named: bool,
    /// Its settings.
    pub class: RateClass,
    /// Starts in the last whole second since the origin.
    pub starts_per_second: u64,
    /// Who waits, in all contexts.
    pub backlog: u64,
    /// Who was let in, to start or to wait, since the registry was made.
    pub entered: u64,
    /// Who started.
    pub started: u64,
    /// Who left the queue without starting.
    pub withdrawn: u64,
    /// Who was not let in.
    pub refused: u64,
    /// Who had to leave a queue without starting, to make room or because the wait grew too long; among the withdrawn.
    pub displaced: u64,
    /// How often [`Registry::try_start`](crate::Registry::try_start) said no.
    pub declined: u64,
    /// Contexts held now, those that could be forgotten among them.
    pub contexts: usize,
    /// Contexts forgotten because they equalled fresh ones.
    pub forgotten: u64,
    /// How often somebody was sent to the shared context `(other)` because the table was full of live ones.
    pub overflowed: u64,
    /// Contexts in which somebody waits, with how many, the longest queues first; at most 32. The empty name is the one
    /// context of all who name none.
    pub waiting: Vec<(Box<[u8]>, u32)>,
    /// Where the class admits by spare capacity.
    pub spare: Option<SpareReading>,
}

/// A bandwidth class in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BandwidthReading {
    /// Which class.
    pub id: BandwidthClassId,
    /// Its name; a class that is no longer named keeps its last.
    pub name: String,
    /// Whether it can be found by its name.
    pub is_named: bool,
    /// Its settings.
    pub class: BandwidthClass,
    /// Bytes granted since the registry was made.
    pub bytes: u64,
    /// Transfers in the class, with demand or without.
    pub flows: u64,
}
