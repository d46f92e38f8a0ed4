//! What an operator says of a bandwidth class, and the class as it lives.

use super::fair::Fair;
use super::pace::Terms;
use crate::rate::live::lock;
use core::num::NonZeroU64;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Settings of a bandwidth class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandwidthClass {
    /// How many bytes may go in a second. (Operators write kilobits: 1 kbit/s is 125 bytes a second.)
    pub bytes_per_second: NonZeroU64,
    /// Who shares that.
    pub sharing: Sharing,
}

/// Who shares the maximum of a bandwidth class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// All transfers of the class together.
    Machine,
    /// The transfers of one connection together; every connection may reach the maximum.
    Connection,
}

/// The class as it lives. Its settings are read at every grant, so that an edit acts on running transfers.
pub(crate) struct LiveBandwidthClass {
    rate: AtomicU64,
    /// 0: machine, 1: connection.
    sharing: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) flows: AtomicU64,
    /// Transfers of all classes together.
    crowd: Arc<AtomicU64>,
    machine: Arc<Mutex<Fair>>,
    /// One division for each connection that has transfers.
    connections: Mutex<HashMap<u64, Arc<Mutex<Fair>>>>,
}

impl LiveBandwidthClass {
    pub(crate) fn new(class: &BandwidthClass, crowd: &Arc<AtomicU64>) -> Self {
        let this = Self {
            rate: AtomicU64::new(0),
            sharing: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            flows: AtomicU64::new(0),
            crowd: Arc::clone(crowd),
            machine: Arc::new(Mutex::new(Fair::default())),
            connections: Mutex::new(HashMap::new()),
        };
        this.adopt(class);
        this
    }

    pub(crate) fn adopt(&self, class: &BandwidthClass) {
        self.rate.store(class.bytes_per_second.get(), Ordering::Relaxed);
        self.sharing.store(u64::from(class.sharing == Sharing::Connection), Ordering::Relaxed);
    }

    /// One transfer more.
    pub(crate) fn count_in(&self) {
        self.flows.fetch_add(1, Ordering::Relaxed);
        self.crowd.fetch_add(1, Ordering::Relaxed);
    }

    /// One transfer less.
    pub(crate) fn count_out(&self) {
        self.flows.fetch_sub(1, Ordering::Relaxed);
        self.crowd.fetch_sub(1, Ordering::Relaxed);
    }

    /// What a grant goes by now.
    #[inline]
    pub(crate) fn terms(&self) -> Terms {
        Terms { rate: self.bytes_per_second(), crowd: self.crowd.load(Ordering::Relaxed) }
    }

    #[inline]
    fn bytes_per_second(&self) -> NonZeroU64 {
        NonZeroU64::new(self.rate.load(Ordering::Relaxed)).unwrap_or(NonZeroU64::MIN)
    }

    #[inline]
    pub(crate) fn sharing(&self) -> Sharing {
        if self.sharing.load(Ordering::Relaxed) == 0 { Sharing::Machine } else { Sharing::Connection }
    }

    pub(crate) fn said(&self) -> BandwidthClass {
        BandwidthClass { bytes_per_second: self.bytes_per_second(), sharing: self.sharing() }
    }

    /// The division a transfer of `connection` belongs to, and its lane there.
    pub(crate) fn join(&self, sharing: Sharing, connection: u64, now: u64) -> (Arc<Mutex<Fair>>, u32) {
        match sharing {
            Sharing::Machine => (Arc::clone(&self.machine), lock(&self.machine).join(now)),
            Sharing::Connection => {
                let mut connections = lock(&self.connections);
                let fair = connections.entry(connection).or_default();
                let lane = lock(fair).join(now);
                (Arc::clone(fair), lane)
            }
        }
    }

    pub(crate) fn leave(&self, sharing: Sharing, connection: u64, fair: &Mutex<Fair>, lane: u32) {
        if sharing == Sharing::Machine {
            lock(fair).leave(lane);
            return;
        }
        // the table is locked first, as in `join`: else a joiner could get a division that is being dropped
        let mut connections = lock(&self.connections);
        let mut division = lock(fair);
        division.leave(lane);
        if division.is_empty() {
            connections.remove(&connection);
        }
    }
}
