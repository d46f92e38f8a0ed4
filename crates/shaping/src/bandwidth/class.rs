//! What an operator says of a bandwidth class, and the class as it lives.

use super::fair::Fair;
use super::pace::Terms;
use super::weight::Weight;
use crate::client::ClientNetwork;
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
    /// Between whom it is divided equally.
    pub division: Division,
    /// How many bytes at the head of a transfer go unshaped, where its owner asks for that; see
    /// [`Flow::with_head`](crate::Flow::with_head).
    pub head_bytes: u64,
}

/// Between whom a limit is divided equally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Division {
    /// Between transfers: who has more of them has more.
    #[default]
    Transfers,
    /// Between clients, and what a client has between his transfers: more of them gain nothing. Means nothing where each
    /// connection has the limit for itself.
    Clients,
}

/// Who makes a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// The client connection; counts where the class is shared by connection.
    pub connection: u64,
    /// The client; counts where the class is divided between clients.
    pub client: ClientNetwork,
    /// What the transfer counts for beside the others, where several share. Of a client it is his greatest that counts beside
    /// other clients.
    pub weight: Weight,
}

/// Who shares the maximum of a bandwidth class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// All transfers of the class together.
    Machine,
    /// The transfers of one connection together; every connection may reach the maximum.
    Connection,
}

/// Who shares, and between whom it is divided.
pub(crate) type Shape = (Sharing, Division);

/// The class as it lives. Its settings are read at every grant, so that an edit acts on running transfers.
pub(crate) struct LiveBandwidthClass {
    rate: AtomicU64,
    /// 0: machine, 1: connection.
    sharing: AtomicU64,
    /// 0: between transfers, 1: between clients.
    division: AtomicU64,
    head_bytes: AtomicU64,
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
            division: AtomicU64::new(0),
            head_bytes: AtomicU64::new(0),
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
        self.division.store(u64::from(class.division == Division::Clients), Ordering::Relaxed);
        self.head_bytes.store(class.head_bytes, Ordering::Relaxed);
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

    /// Who shares the limit now, and between whom it is divided.
    #[inline]
    pub(crate) fn shape(&self) -> Shape {
        let by_clients = self.division.load(Ordering::Relaxed) != 0;
        (self.sharing(), if by_clients { Division::Clients } else { Division::Transfers })
    }

    pub(crate) fn head_bytes(&self) -> u64 {
        self.head_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn said(&self) -> BandwidthClass {
        let (sharing, division) = self.shape();
        let (bytes_per_second, head_bytes) = (self.bytes_per_second(), self.head_bytes());
        BandwidthClass { bytes_per_second, sharing, division, head_bytes }
    }

    /// The division a transfer of `party` belongs to, and its lane there.
    pub(crate) fn join(&self, shape: Shape, party: Party, now: u64) -> (Arc<Mutex<Fair>>, u32) {
        let all_in_one = ClientNetwork::default();
        match shape {
            (Sharing::Machine, division) => {
                let group = if division == Division::Clients { party.client } else { all_in_one };
                (Arc::clone(&self.machine), lock(&self.machine).join(group, party.weight, now))
            }
            (Sharing::Connection, _) => {
                let mut connections = lock(&self.connections);
                let fair = connections.entry(party.connection).or_default();
                let lane = lock(fair).join(all_in_one, party.weight, now);
                (Arc::clone(fair), lane)
            }
        }
    }

    pub(crate) fn leave(&self, shape: Shape, connection: u64, fair: &Mutex<Fair>, lane: u32) {
        if shape.0 == Sharing::Machine {
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
