//! How a node is: what its answers, its failures and its monitors say of it.

use super::state::{MemberState, NodeState};
use super::{NodeIndex, Observed};
use crate::catalog::{EjectOn, MonitorId, NodeWish, Pool};
use crate::error::{ErrorKind, TransactionError};
use shaping::Tick;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What an event made of a node, for whoever tells the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// It is thought of as before.
    Nothing,
    /// It answered after it had failed.
    Back,
    /// It is left alone for so long, for its bad answers.
    Ejected(Duration),
}

/// What a monitor's looks made of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The monitor is satisfied.
    Well,
    /// It is not.
    Failed,
}

impl Pool {
    /// An attempt at the node failed: it could not be reached, or gave no usable answer.
    pub fn failed(&self, index: NodeIndex, error: TransactionError, now: Tick) -> Turned {
        let (Some(state), Some(member)) = (self.state(index), self.member(index)) else {
            return Turned::Nothing;
        };
        member.failures.fetch_add(1, Ordering::Relaxed);
        if !matches!(error.kind, ErrorKind::NodeBadResponse(_)) {
            state.failures.fetch_add(1, Ordering::Relaxed);
            if !self.node_fail_time.is_zero() {
                state.failed_at.store(now.nanos().saturating_add(1), Ordering::Relaxed);
            }
        }
        self.bad_answer(member, now)
    }

    /// The node answered with this status, so long after it was asked.
    #[inline]
    pub fn answered(&self, index: NodeIndex, (status, took): (u16, Duration), now: Tick) -> Turned {
        let (Some(state), Some(member)) = (self.state(index), self.member(index)) else {
            return Turned::Nothing;
        };
        let is_bad = match self.ejection.errors_are {
            EjectOn::Failures => false,
            EjectOn::GatewayErrors => matches!(status, 502..=504),
            EjectOn::ServerErrors => status >= 500,
        };
        let is_back = state.failed_at.load(Ordering::Relaxed) != 0 && self.clear_failure(state, now);
        if is_bad {
            return self.bad_answer(member, now);
        }
        // A node that fails fast must not be taken for a fast one.
        if status < 500 {
            state.measure(took, now);
        }
        if member.errors.load(Ordering::Relaxed) != 0 {
            member.errors.store(0, Ordering::Relaxed);
        }
        if is_back { Turned::Back } else { Turned::Nothing }
    }

    /// True for one of those who saw it answer.
    #[cold]
    fn clear_failure(&self, state: &NodeState, now: Tick) -> bool {
        let is_back = state.failed_at.swap(0, Ordering::Relaxed) != 0;
        if is_back {
            state.well_since.store(now.nanos().max(1), Ordering::Relaxed);
            self.live.queue.wake_first();
        }
        is_back
    }

    /// One more in a row; at the last of them the node is left alone, as long as others may be asked.
    #[cold]
    fn bad_answer(&self, member: &MemberState, now: Tick) -> Turned {
        let errors = member.errors.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.ejection.errors == 0 || errors < self.ejection.errors || member.is_ejected(now) {
            return Turned::Nothing;
        }
        // One at a time: two workers that each see room for one more must not eject two.
        let _ejecting = self.live.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        if member.is_ejected(now) || !self.may_eject_one_more(now) {
            return Turned::Nothing;
        }
        let over = member.ejected_until.load(Ordering::Relaxed);
        let in_row = member.ejections_in_row.load(Ordering::Relaxed);
        let before = self.ejected_for(in_row);
        // Who has been well for as long as it was left alone begins anew.
        let is_in_row = over != 0 && now.since(Tick::from_nanos(over)) < before;
        let in_row = if is_in_row { in_row.saturating_add(1) } else { 1 };
        let length = self.ejected_for(in_row);
        member.errors.store(0, Ordering::Relaxed);
        member.ejections_in_row.store(in_row, Ordering::Relaxed);
        member.ejections.fetch_add(1, Ordering::Relaxed);
        member.ejected_until.store(now.saturating_add(length).nanos(), Ordering::Relaxed);
        Turned::Ejected(length)
    }

    fn ejected_for(&self, in_row: u32) -> Duration {
        self.ejection.time.saturating_mul(in_row.max(1)).min(self.ejection.time_max)
    }

    fn may_eject_one_more(&self, now: Tick) -> bool {
        let active = || self.members.iter().zip(&self.live.members);
        let active = || active().filter(|(said, _)| said.state == NodeWish::Active);
        let ejected = active().filter(|(_, member)| member.is_ejected(now)).count() + 1;
        ejected * 100 <= active().count() * self.ejection.percent_max as usize
    }

    /// Whether nothing speaks against asking the node: its last attempt did not fail, its monitors are satisfied, it
    /// is not ejected and has an address.
    pub(crate) fn is_well(&self, index: NodeIndex, now: Tick) -> bool {
        let (Some(state), Some(member)) = (self.state(index), self.member(index)) else { return false };
        state.failed_at.load(Ordering::Relaxed) == 0
            && member.found_failed.load(Ordering::Relaxed) == 0
            && !member.is_ejected(now)
            && !state.is_unresolved.load(Ordering::Relaxed)
    }

    /// How the node is.
    pub fn condition(&self, index: NodeIndex, now: Tick) -> Observed {
        let wish = self.members.get(index.index()).map_or(NodeWish::Disabled, |member| member.state);
        let (Some(state), Some(member)) = (self.state(index), self.member(index)) else {
            return Observed::Disabled;
        };
        match wish {
            NodeWish::Disabled => Observed::Disabled,
            _ if state.is_unresolved.load(Ordering::Relaxed) => Observed::Unresolved,
            _ if member.found_failed.load(Ordering::Relaxed) != 0 => Observed::FoundFailed,
            _ if state.failed_at.load(Ordering::Relaxed) != 0 => Observed::Failed,
            _ if member.is_ejected(now) => Observed::Ejected,
            NodeWish::Draining => Observed::Draining,
            NodeWish::Active if self.ramp(index, now) < 1_000 => Observed::Starting,
            NodeWish::Active => Observed::Active,
        }
    }

    /// Whether no node is well and none is to be tried again: time for the failure pool.
    pub(crate) fn is_down(&self, now: Tick) -> bool {
        self.indexes().all(|index| {
            let is_active = self.members.get(index.index()).is_some_and(|it| it.state == NodeWish::Active);
            let is_due = || {
                self.state(index).and_then(|state| state.failed_tick()).is_some_and(|failed| {
                    now.since(failed) >= self.node_fail_time
                        && self.member(index).is_some_and(|member| {
                            member.found_failed.load(Ordering::Relaxed) == 0 && !member.is_ejected(now)
                        })
                })
            };
            !is_active || !(self.is_well(index, now) || is_due())
        })
    }

    /// What a monitor's looks at the node have come to; whether that is news.
    pub fn found(&self, index: NodeIndex, monitor: MonitorId, found: Found, now: Tick) -> bool {
        let Some(member) = self.member(index) else { return false };
        let Some(at) = self.monitors.iter().position(|of| *of == monitor) else { return false };
        let bit = u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at)).unwrap_or(0);
        match found {
            Found::Failed => member.found_failed.fetch_or(bit, Ordering::Relaxed) & bit == 0,
            Found::Well => {
                let before = member.found_failed.fetch_and(!bit, Ordering::Relaxed);
                if before == bit {
                    member.well_since.store(now.nanos().max(1), Ordering::Relaxed);
                    self.live.queue.wake_first();
                }
                before & bit != 0
            }
        }
    }

    /// Whether the node's name has an address; whether that is news.
    pub fn resolved(&self, index: NodeIndex, has_address: bool) -> bool {
        self.state(index)
            .is_some_and(|state| state.is_unresolved.swap(!has_address, Ordering::Relaxed) == has_address)
    }

    pub(super) fn state(&self, index: NodeIndex) -> Option<&Arc<NodeState>> {
        self.live.states.get(index.index())
    }

    pub(super) fn member(&self, index: NodeIndex) -> Option<&Arc<MemberState>> {
        self.live.members.get(index.index())
    }
}
