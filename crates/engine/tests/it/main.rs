//! Integration tests of the engine.
#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod guards;
mod htaccess;
mod kinds;
mod memory;
mod records;
mod rule_counters;
mod simulation;
mod spare;
mod spec;
mod translation;
