//! Stories over in-memory streams on paused time, and over loopback where the system's sockets matter.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bodies;
mod clients;
mod directory;
mod errands;
mod http2;
mod http2_abuse;
mod http2_conformance;
mod http2_downgrade;
mod http2_kit;
mod http2_leaving;
mod kit;
mod limits;
mod loopback;
mod marks;
mod misbehaving;
mod neighbours;
mod node_http2;
mod node_http2_abuse;
mod node_websockets;
mod nodes;
mod origin;
mod pacing;
mod pools;
mod rules;
mod settings;
mod spare;
mod spooled;
mod strict;
mod tls;
mod waiting;
