//! HTTP/1.1 with clients and nodes.

pub(crate) mod body;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod forward;
pub(crate) mod node_side;
pub(crate) mod refuse;
pub(crate) mod tunnel;
