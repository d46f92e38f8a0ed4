//! The only room with sockets and a clock: drives one engine transaction for each request.
//!
//! It must not know the admin interface, the analyser or the command line; what is decided about a request is the
//! engine's.
//!
//! ```text
//! Running ── commands ──▶ worker 0 .. n, one thread each, nothing shared on the way of a request
//!                          ├ listener   accepts (a socket of its own, SO_REUSEPORT)
//!                          ├ front      what stands before the first head of a connection
//!                          ├ tls        handshakes with clients and nodes, streams under TLS
//!                          ├ http       connection ─▶ exchange ─▶ engine::Transaction
//!                          ├ http2      connection ─▶ streams, each ─▶ exchange
//!                          ├ errands    what rules have done in the world while they wait
//!                          ├ housekeeping   memory, and what is told once in a while
//!                          ├ node       connect, idle connections of its own; one watcher for all looks after nodes
//!                          ├ timers     time-outs, one cell a connection
//!                          └ log lines ──▶ log_writer, one thread for all
//! ```
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! # fn catalog() -> engine::Catalog { engine::Catalog::default() }
//! let (clock, wakes) = (proxy::Clock::system(), proxy::Wakes::new());
//! let shared = engine::Shared::new(catalog(), &Default::default(), Box::new(wakes.clone()), clock.now());
//! let running = proxy::Proxy::start(shared, (wakes, clock), proxy::Options::for_this_machine()).unwrap();
//! running.stop(Duration::from_secs(30));
//! ```

mod buffers;
mod clock;
mod errands;
mod front;
mod housekeeping;
mod http;
mod http2;
mod listener;
mod log_writer;
mod messages;
mod node;
mod pulse;
mod server;
mod spool;
mod timers;
mod tls;
mod wakes;
mod wire;
mod worker;

pub use clock::Clock;
pub use errands::{Looked, Lookup, look_at_file};
#[doc(hidden)]
pub use front::proxy_header::{BadProxyHeader, Told, decode_proxy_header};
pub use listener::{ListenError, ListeningSockets};
pub use log_writer::LogOpenError;
#[doc(hidden)]
pub use node::announce::{Behalf, write_proxy_header};
pub use node::connect::{Dial, NodeSocket, Tcp};
pub use node::watcher::Watcher;
pub use pulse::Pulse;
pub use server::{Hurry, Options, Prepared, Proxy, Running, StartError};
pub use spool::is_in_memory;
pub use tls::TlsStream;
pub use wakes::Wakes;
pub use wire::{Either, Wire};
pub use worker::{Ends, Worker, WorkerSettings};
