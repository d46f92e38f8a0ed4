//! Tests over the crate's door.

mod downgrade;
