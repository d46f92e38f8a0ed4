//! Lanes that have one share together: those of one client, or all of them.
//!
//! Each group has a clock of its own. It runs at the pace of the outer clock, divided by the group's hungry lanes, and is
//! brought up to date only when the group is looked at: a lane that asks, or falls silent, moves its own group's clock
//! and nobody else's.

use crate::client::ClientNetwork;
use core::num::NonZeroU64;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_client: BTreeMap<ClientNetwork, u32>,
    all: Vec<Group>,
    free: Vec<u32>,
    /// How many groups have a hungry lane.
    pub(crate) hungry: u64,
}

#[derive(Debug, Default)]
struct Group {
    client: ClientNetwork,
    lanes: u64,
    hungry: u64,
    /// What each hungry lane may have had, in nano-bytes.
    clock: u128,
    /// What the outer clock showed when this one was last brought up to date.
    seen: u128,
    /// What did not divide.
    rest: u64,
}

impl Groups {
    /// One lane more for a client; the number of its group.
    pub(crate) fn join(&mut self, client: ClientNetwork) -> u32 {
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
        }
        number
    }

    /// One lane less, which is not hungry.
    pub(crate) fn leave(&mut self, number: u32) {
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
        let income = outer.saturating_sub(group.seen);
        group.seen = outer;
        let Some(sharers) = NonZeroU64::new(group.hungry).filter(|_| income > 0) else { return };
        let income = u64::try_from(income).unwrap_or(u64::MAX).saturating_add(group.rest);
        group.clock = group.clock.saturating_add(u128::from(income / sharers));
        group.rest = income % sharers;
    }

    /// One hungry lane more; the group is up to date.
    pub(crate) fn enroll(&mut self, number: u32, outer: u128) {
        let Some(group) = self.all.get_mut(to_usize(number)) else { return };
        if group.hungry == 0 {
            self.hungry = self.hungry.saturating_add(1);
            group.seen = outer;
        }
        group.hungry = group.hungry.saturating_add(1);
    }

    /// One hungry lane less, if it has one; the group is up to date. What did not divide, if it was the last.
    pub(crate) fn dismiss(&mut self, number: u32) -> u64 {
        let Some(group) = self.all.get_mut(to_usize(number)).filter(|group| group.hungry > 0) else {
            return 0;
        };
        group.hungry = group.hungry.saturating_sub(1);
        if group.hungry > 0 {
            return 0;
        }
        self.hungry = self.hungry.saturating_sub(1);
        core::mem::take(&mut group.rest)
    }

    /// Gives each hungry lane of a group so much.
    pub(crate) fn give(&mut self, number: u32, nano_bytes: u64) {
        if let Some(group) = self.all.get_mut(to_usize(number)) {
            group.clock = group.clock.saturating_add(u128::from(nano_bytes));
        }
    }

    /// How many equal lanes there would have to be for each to have what a lane of this group has, itself among the hungry.
    pub(crate) fn sharers_with(&self, number: u32) -> NonZeroU64 {
        let inside = self.all.get(to_usize(number)).map_or(0, |group| group.hungry);
        let groups = self.hungry.saturating_add(u64::from(inside == 0));
        NonZeroU64::MIN.saturating_add(groups.saturating_mul(inside.saturating_add(1)).saturating_sub(1))
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
