//! Classes: from what was said to the settings that `shaping` works with.

use super::said;
use super::units::BitRate;
use shaping::{BandwidthClass, Division, Order, RateClass, Sharing};
use std::num::NonZeroU32;
use std::time::Duration;

/// An operator's `0` means "no limit" and becomes `None` here, once.
pub(crate) fn rate_class(said: &said::RateClass) -> RateClass {
    let limit = |slot: Option<u32>| slot.and_then(NonZeroU32::new);
    RateClass {
        per_second: limit(said.max_rate_per_second.value().map(|count| count.0)),
        per_minute: limit(said.max_rate_per_minute.value().map(|count| count.0)),
        backlog_max: limit(said.max_queue.value().map(|count| count.0)).map(NonZeroU32::get),
        total_per_second: limit(said.total_per_second.value().map(|count| count.0)),
        total_per_minute: limit(said.total_per_minute.value().map(|count| count.0)),
        order: match said.fair_by.value() {
            Some(said::FairBy::Client) => Order::Clients,
            Some(said::FairBy::Nobody) | None => Order::Arrival,
        },
        spaced: said.spaced.value().is_some_and(|spaced| spaced.0),
        wait_max: said.max_wait.value().map(|length| length.0).filter(|wait| *wait > Duration::ZERO),
        // Known when the pools are.
        spare: None,
    }
}

pub(crate) fn bandwidth_class(said: &said::BandwidthClass) -> Option<BandwidthClass> {
    let bytes_per_second = said.maximum.value().copied().map(BitRate::bytes_per_second)?;
    let sharing = match said.sharing.value()? {
        said::SharingWord::Machine => Sharing::Machine,
        said::SharingWord::Connection => Sharing::Connection,
    };
    let division = match said.fair_by.value()? {
        said::FairBy::Nobody => Division::Transfers,
        said::FairBy::Client => Division::Clients,
    };
    Some(BandwidthClass { bytes_per_second, sharing, division, head_bytes: said.burst.value()?.0 })
}
