//! A request that comes to a pool whose class admits by spare capacity.

use super::Transaction;
use crate::catalog::PoolId;
use crate::error::{ErrorKind, TransactionError};
use crate::nodes::hash;
use crate::spare::SparePlace;
use core::time::Duration;
use shaping::{Answered, Tick};
use visit::{TargetKind, path_of};

/// How a node says that it has too much to do.
const TOO_MUCH: [u16; 2] = [429, 503];

impl Transaction {
    /// The request goes to this pool: its place there, to be held until the node is through with it. `None` where no class
    /// counts. Whoever has not asked is not held up, and counts.
    pub fn spare_place(&mut self, pool: PoolId) -> Option<SparePlace> {
        let held = self.host.spare.take();
        let class = self.host.catalog.pool(pool).live.spare.as_ref()?;
        let held = held.filter(|held| held.is_of(class));
        Some(held.unwrap_or_else(|| SparePlace::passing(&self.host.shared, class.clone())))
    }

    /// A node has answered, after so long.
    pub fn note_pace(&self, place: &SparePlace, (status, took): (u16, Duration), now: Tick) {
        let answered = if TOO_MUCH.contains(&status) { Answered::Refused } else { Answered::After(took) };
        place.answered(self.sort(), answered, now);
    }

    /// A node has not answered.
    pub fn note_failed_pace(&self, place: &SparePlace, failure: TransactionError, now: Tick) {
        if failure.kind == ErrorKind::NodeTimeout {
            place.answered(self.sort(), Answered::Refused, now);
        }
    }

    /// What requests have in common that should take about as long: the method, the kind of thing, and the first folder.
    fn sort(&self) -> u64 {
        let request = &self.host.request;
        let path = path_of(request.target());
        let end = path.iter().skip(1).position(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let folder = path.get(..end).unwrap_or_default();
        let kind = TargetKind::of_path(path).plural();
        hash::hash(folder) ^ hash::mix(hash::hash(kind.as_bytes()) ^ hash::hash(request.method()))
    }
}
