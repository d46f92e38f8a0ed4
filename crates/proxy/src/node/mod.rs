//! The node side: making connections, and keeping idle ones for the next request.

pub(crate) mod connect;
pub(crate) mod idle;
