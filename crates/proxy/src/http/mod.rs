//! HTTP/1.1 with clients and nodes.

pub(crate) mod body;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod forward;
mod forwarded;
mod hold;
pub(crate) mod intake;
pub(crate) mod node_side;
mod pace;
mod passing;
mod places;
mod reach;
pub(crate) mod refuse;
mod spooled;
mod streaming;
pub(crate) mod tunnel;
