//! The laws of shaping, and stories that show them.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing to unwrap has failed")]

mod bandwidth;
mod rate_laws;
mod rate_stories;
