//! The node side: making connections, keeping idle ones for the next request, and looking after nodes.

pub(crate) mod announce;
pub(crate) mod connect;
pub(crate) mod idle;
mod look;
pub(crate) mod names;
pub(crate) mod watcher;
pub(crate) mod wire;
