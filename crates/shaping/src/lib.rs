//! Time in, permission out: rate classes and bandwidth classes.
//!
//! A rate class says how many may start in any second and in any minute; who comes too early waits in a queue, one for
//! each context. A bandwidth class says how many bytes may go in a second; its transfers share them fairly. A rate class
//! may also admit by what the nodes of a pool bear ([`SpareClass`]). All live state
//! is in a [`Registry`], which survives every change of settings.
//!
//! This crate must not know HTTP, rules, async or clocks: every function whose answer depends on time is told the time
//! ([`Tick`]), and says when to ask again. Nothing here sleeps or wakes; the caller does, with what [`Wakes`] name.
//!
//! ```text
//!   enter ──▶ Started                               flow ──▶ grant(want) ──▶ bytes to send, and
//!     │                                                        ▲             when to ask again
//!     └─────▶ Queued ──▶ sleep until / woken ──▶ poll ──▶ …    └──── sleep ──────┘
//!                │                                 ├─▶ Started, and whom to wake
//!                └─▶ withdraw ─▶ whom to wake      └─▶ Waiting until …
//! ```
//!
//! ```
//! use shaping::{Bounds, ClientNetwork, Entry, RateClass, Registry, Tick};
//! let registry = Registry::new(Bounds::default(), [1, 2]);
//! let class = RateClass { per_second: core::num::NonZeroU32::new(1), ..RateClass::default() };
//! let _nobody_waits_yet = registry.adopt(&[("slow".to_owned(), class)], &[], Tick::ZERO);
//! let slow = registry.rate_class(b"slow").expect("it was just adopted");
//! let client = ClientNetwork::of("192.0.2.7".parse().expect("an address"));
//! assert_eq!(registry.enter(slow, None, client, Tick::ZERO), Entry::Started);
//! assert!(matches!(registry.enter(slow, None, client, Tick::ZERO), Entry::Queued { place: 0, .. }));
//! ```

#![warn(clippy::arithmetic_side_effects)]

mod bandwidth;
mod client;
mod fingerprint;
mod rate;
mod reading;
mod registry;
mod roster;
mod spare;
mod time;

pub use bandwidth::class::{BandwidthClass, Division, Party, Sharing};
pub use bandwidth::flow::Flow;
pub use bandwidth::fluid::Fluid;
pub use bandwidth::weight::Weight;
pub use bandwidth::{BandwidthClassId, Grant};
pub use client::ClientNetwork;
pub use rate::class::{Order, RateClass};
pub use rate::{Entry, Poll, RateClassId, Refusal, ShadowEntry, Ticket, TicketId, Wakes};
pub use reading::{BandwidthReading, RateReading, Readings};
pub use registry::{Bounds, Registry};
pub use spare::limit::Answered;
pub use spare::order::Rank;
pub use spare::{Entrant, Group, SpareClass, SpareLimits, SpareReading, Way};
pub use time::Tick;
