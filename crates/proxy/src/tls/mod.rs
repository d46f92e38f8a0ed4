//! TLS with clients and nodes: rustls on sockets. What is shown and asked for is the catalog's; whose certificate is good
//! is rustls's to say.
//!
//! ```text
//! catalog ── settings: one ServerConfig a virtual server, one ClientConfig a pool, built when a worker pins a catalog
//! accept ── handshake: the client's hello ─▶ virtual server of its name ─▶ ServerConfig ─▶ TlsStream, TlsFacts
//! dial   ── node: ClientConfig of the pool ─▶ TlsStream
//! ```

pub(crate) mod handshake;
pub(crate) mod settings;
mod stream;

pub use stream::TlsStream;

/// How HTTP/2 is called in handshakes.
pub(crate) const ALPN_HTTP2: &str = "h2";
