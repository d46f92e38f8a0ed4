//! A client connection before its first head: what stands in front of HTTP is taken off, layer by layer.
//!
//! ```text
//! accept ─▶ (PROXY header) ─▶ (TLS) ─▶ HTTP/1 or HTTP/2
//! ```

use crate::node::connect::Tcp;
use crate::worker::{Ends, Worker};
use std::rc::Rc;
use tokio::net::TcpStream;

/// Takes in a client that a listener accepted, and serves it until it is over.
pub(crate) async fn arrive(worker: Rc<Worker<Tcp>>, stream: TcpStream, ends: Ends) {
    worker.serve(stream, ends).await;
}
