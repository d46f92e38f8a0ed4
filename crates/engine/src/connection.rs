//! What outlives a transaction: the client's connection.

use std::cell::Cell;
use std::net::SocketAddr;

/// What the shell knows of a connection when it accepts it.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFacts {
    /// Unique while the process lives; also the key of bandwidth classes that are shared by connection.
    pub id: u64,
    /// The other end of the socket (a proxy in front of us, or the client itself).
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Whether the client side is encrypted.
    pub tls: bool,
}

/// One client connection. Held as `Rc<Connection>` by the shell and by every transaction on it (one after the
/// other in HTTP/1.1, several at once later), on one worker.
#[derive(Debug)]
pub struct Connection {
    facts: ConnectionFacts,
    /// Bit `n`: the rule attached at place `n` has run here (`run = "first"`); request rules and response rules.
    ran: [Cell<u64>; 2],
}

impl Connection {
    /// A connection that has carried nothing yet.
    pub fn new(facts: ConnectionFacts) -> Self {
        Self { facts, ran: [Cell::new(0), Cell::new(0)] }
    }

    /// What was known at accept.
    pub fn facts(&self) -> &ConnectionFacts {
        &self.facts
    }

    /// Whether the attachment at `place` of the given list (0 request, 1 response) runs here for the first time,
    /// and notes that it has. Places beyond 63 count as new each time.
    pub(crate) fn is_first_run(&self, list: usize, place: usize) -> bool {
        let (Some(cell), Some(bit)) =
            (self.ran.get(list), 1_u64.checked_shl(u32::try_from(place).unwrap_or(64)))
        else {
            return true;
        };
        let first = cell.get() & bit == 0;
        cell.set(cell.get() | bit);
        first
    }
}
