//! The laws of shaping, and stories that show them.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing to unwrap has failed")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "numbers of tests are small"
)]

mod bandwidth;
mod fluid;
mod rate_laws;
mod rate_order;
mod rate_stories;
mod spare;
