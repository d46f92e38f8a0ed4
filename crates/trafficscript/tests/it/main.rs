//! Rules from their text to what they do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod examples;
mod faults;
mod kit;
mod limits;
mod patterns;
mod seeds;
mod values;
mod waiting;
