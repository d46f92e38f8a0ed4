//! Lanes that have one share together: those of one client, or all of them.
//!
//! Each group has a clock of its own. It runs at the pace of the outer clock, times what the group counts for, divided by
//! what its hungry lanes count for, and is brought up to date only when the group is looked at: a lane that asks, or falls silent, moves its own group's clock
//! and nobody else's.

use super::weight::{Weight, Weights};
use crate::client::ClientNetwork;
use core::num::NonZeroU64;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_client: BTreeMap<ClientNetwork, u32>,
    all: Vec<Group>,
    free: Vec<u32>,
    /// What the groups with a hungry lane count for together.
    pub(crate) hungry: u64,
}

#[derive(Debug, Default)]
struct Group {
    client: ClientNetwork,
    lanes: u64,
    weights: Weights,
    /// What it counts for beside other groups: as much as the weightiest of its lanes.
    weight: u64,
    /// What its hungry lanes count for together.
    hungry: u64,
    /// What each hungry lane may have had, in nano-bytes for each unit of its weight.
    clock: u128,
    /// What the outer clock showed when this one was last brought up to date.
    seen: u128,
    /// What did not divide.
    rest: u64,
}

impl Groups {
    /// One lane more for a client; the number of its group.
    pub(crate) fn join(&mut self, client: ClientNetwork, weight: Weight, outer: u128) -> u32 {
        let Self { by_client, all, free, .. } = self;
        let number = *by_client.entry(client).or_insert_with(|| {
            let fresh = Group { client, ..Group::default() };
            if let Some(number) = free.pop() {
                if let Some(place) = all.get_mut(to_usize(number)) {
                    *place = fresh;
                }
                return number;
            }
            all.push(fresh);
            u32::try_from(all.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(group) = all.get_mut(to_usize(number)) {
            group.lanes = group.lanes.saturating_add(1);
            group.weights.add(weight);
        }
        self.weigh(number, outer);
        number
    }

    /// Finds anew what a group counts for.
    fn weigh(&mut self, number: u32, outer: u128) {
        self.settle(number, outer);
        let Some(group) = self.all.get_mut(to_usize(number)) else { return };
        let weight = group.weights.greatest().max(1);
        let was = core::mem::replace(&mut group.weight, weight);
        if group.hungry > 0 {
            self.hungry = self.hungry.saturating_sub(was).saturating_add(weight);
        }
    }

    /// One lane less, which is not hungry.
    pub(crate) fn leave(&mut self, number: u32, weight: Weight, outer: u128) {
        let Some(group) = self.all.get_mut(to_usize(number)) else { return };
        group.weights.remove(weight);
        self.weigh(number, outer);
        let Some(group) = self.all.get_mut(to_usize(number)) else { return };
        group.lanes = group.lanes.saturating_sub(1);
        if group.lanes == 0 {
            self.by_client.remove(&group.client);
            self.free.push(number);
        }
    }

    pub(crate) fn clock(&self, number: u32) -> u128 {
        self.all.get(to_usize(number)).map_or(0, |group| group.clock)
    }

    /// Brings a group's clock up to date.
    pub(crate) fn settle(&mut self, number: u32, outer: u128) {
        let Some(group) = self.all.get_mut(to_usize(number)) else { return };
        let income = outer.saturating_sub(group.seen).saturating_mul(u128::from(group.weight));
        group.seen = outer;
        let Some(sharers) = NonZeroU64::new(group.hungry).filter(|_| income > 0) else { return };
        let income = u64::try_from(income).unwrap_or(u64::MAX).saturating_add(group.rest);
        group.clock = group.clock.saturating_add(u128::from(income / sharers));
        group.rest = income % sharers;
    }

    /// One hungry lane more; the group is up to date.
    pub(crate) fn enroll(&mut self, number: u32, weight: Weight, outer: u128) {
        let Some(group) = self.all.get_mut(to_usize(number)) else { return };
        if group.hungry == 0 {
            self.hungry = self.hungry.saturating_add(group.weight);
            group.seen = outer;
        }
        group.hungry = group.hungry.saturating_add(weight.wide().get());
    }

    /// One hungry lane less, if it has one; the group is up to date. What did not divide, if it was the last.
    pub(crate) fn dismiss(&mut self, number: u32, weight: Weight) -> u64 {
        let Some(group) = self.all.get_mut(to_usize(number)).filter(|group| group.hungry > 0) else {
            return 0;
        };
        group.hungry = group.hungry.saturating_sub(weight.wide().get());
        if group.hungry > 0 {
            return 0;
        }
        self.hungry = self.hungry.saturating_sub(group.weight);
        core::mem::take(&mut group.rest)
    }

    /// Gives each hungry lane of a group so much for each unit of its weight.
    pub(crate) fn give(&mut self, number: u32, nano_bytes: u64) {
        if let Some(group) = self.all.get_mut(to_usize(number)) {
            group.clock = group.clock.saturating_add(u128::from(nano_bytes));
        }
    }

    /// What a lane of this weight has in this group, itself among the hungry.
    pub(crate) fn share_with(&self, number: u32, weight: Weight) -> Share {
        let Some(group) = self.all.get(to_usize(number)) else { return Share::ALL };
        let groups = self.hungry.saturating_add(if group.hungry == 0 { group.weight } else { 0 });
        let lanes = group.hungry.saturating_add(weight.wide().get());
        // one client alone, or no clients: only what is inside counts
        let (groups, own) = if groups == group.weight { (1, 1) } else { (groups, group.weight) };
        Share {
            all: NonZeroU64::new(groups.saturating_mul(lanes)).unwrap_or(NonZeroU64::MIN),
            own: NonZeroU64::new(own.saturating_mul(weight.wide().get())).unwrap_or(NonZeroU64::MIN),
        }
    }
}

/// A part of what is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) all: NonZeroU64,
    pub(crate) own: NonZeroU64,
}

impl Share {
    const ALL: Self = Self { all: NonZeroU64::MIN, own: NonZeroU64::MIN };

    /// How many equal lanes there would have to be for each to have as much, in whole numbers.
    pub(crate) fn sharers(self) -> NonZeroU64 {
        let nearest = self.all.get().saturating_add(self.own.get() / 2) / self.own;
        NonZeroU64::new(nearest).unwrap_or(NonZeroU64::MIN)
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
