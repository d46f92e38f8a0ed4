//! What can go wrong with a transaction, whose fault it is, whether to try again, and the one place that says what
//! the client gets.

/// The kinds of failure, as the shell sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The node refused the connection, or could not be reached.
    NodeRefused,
    /// The node did not accept within `max_connect_time`.
    NodeConnectTimeout,
    /// The node sent no response head within `max_reply_time`.
    NodeTimeout,
    /// The node closed before a response head was complete.
    NodeClosed,
    /// The node's response could not be understood without guessing; the text names why.
    NodeBadResponse(&'static str),
    /// The pool has no node that could be tried.
    NoNode,
    /// All nodes of the pool had as many requests as they may, and there was no place in the queue, or none in time.
    NodesBusy,
    /// The client sent a request body whose framing is wrong.
    ClientBody,
    /// The client stopped sending its request body, or sent it more slowly than it may.
    ClientStalled,
    /// The client's request body is longer than its protection class lets it be.
    ClientBodyTooLong,
    /// The transaction took longer than the virtual server's limit.
    TransactionTimeout,
}

/// Whose mistake it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Client,
    /// A node's.
    Node,
}

/// How much of the request had been sent when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not a byte was sent to the node.
    NothingSent,
    /// Some was sent, and the request has no body (so that it can be sent again from the start).
    SentWithoutBody,
    /// Part of a body was sent; it cannot be sent again.
    SentBody,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionError {
    /// What happened.
    pub kind: ErrorKind,
    /// How far the request had got.
    pub progress: Progress,
}

impl TransactionError {
    /// Whose fault.
    pub fn side(self) -> Side {
        match self.kind {
            ErrorKind::ClientBody
            | ErrorKind::ClientStalled
            | ErrorKind::ClientBodyTooLong
            | ErrorKind::TransactionTimeout => Side::Client,
            _ => Side::Node,
        }
    }

    /// Whether another node may be tried with the same request: the failure is the node's, and either nothing was
    /// sent, or sending the method twice does no harm (RFC 9110, 9.2.2) and there is no body to send again.
    /// A node that answered nonsense or took too long is not asked twice: it may have acted.
    pub fn may_retry(self, is_idempotent: bool) -> bool {
        match self.kind {
            ErrorKind::NodeConnectTimeout => self.progress == Progress::NothingSent,
            ErrorKind::NodeRefused | ErrorKind::NodeClosed => self.may_repeat(is_idempotent),
            _ => false,
        }
    }

    /// Whether the request can be sent once more as far as it alone is asked: nothing of it was sent, or there is no
    /// body to send again and sending it twice does no harm.
    pub fn may_repeat(self, is_idempotent: bool) -> bool {
        match self.progress {
            Progress::NothingSent => true,
            Progress::SentWithoutBody => is_idempotent,
            Progress::SentBody => false,
        }
    }

    /// The answer the client gets: status and the sentence in its body.
    pub(crate) fn answer(self) -> (u16, &'static str) {
        match self.kind {
            ErrorKind::NodeRefused | ErrorKind::NodeClosed | ErrorKind::NodeBadResponse(_) => {
                (502, "The server behind this site did not give a usable answer.")
            }
            ErrorKind::NodeConnectTimeout | ErrorKind::NodeTimeout => {
                (504, "The server behind this site did not answer in time.")
            }
            ErrorKind::NoNode => (503, "No server is ready for this site. Please try again in a moment."),
            ErrorKind::NodesBusy => (503, "All servers of this site are busy. Please try again shortly."),
            ErrorKind::ClientBody => (400, "The request body could not be read."),
            ErrorKind::ClientStalled => (408, "The rest of the request did not come in time."),
            ErrorKind::ClientBodyTooLong => (413, "The body of the request is too long."),
            ErrorKind::TransactionTimeout => (503, "The request took too long."),
        }
    }

    /// The word for logs and decision records.
    pub fn word(self) -> &'static str {
        match self.kind {
            ErrorKind::NodeRefused => "node-refused",
            ErrorKind::NodeConnectTimeout => "node-connect-timeout",
            ErrorKind::NodeTimeout => "node-timeout",
            ErrorKind::NodeClosed => "node-closed",
            ErrorKind::NodeBadResponse(_) => "node-bad-response",
            ErrorKind::NoNode => "no-node",
            ErrorKind::NodesBusy => "nodes-busy",
            ErrorKind::ClientBody => "client-body",
            ErrorKind::ClientStalled => "client-stalled",
            ErrorKind::ClientBodyTooLong => "client-body-too-long",
            ErrorKind::TransactionTimeout => "transaction-timeout",
        }
    }
}

/// RFC 9110, 9.2.2: the methods whose effect is the same once or twice.
pub(crate) fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE" | b"TRACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_twice_only_where_that_does_no_harm() {
        let error = |kind, progress| TransactionError { kind, progress };
        assert!(error(ErrorKind::NodeRefused, Progress::NothingSent).may_retry(is_idempotent(b"POST")));
        assert!(error(ErrorKind::NodeClosed, Progress::SentWithoutBody).may_retry(is_idempotent(b"GET")));
        assert!(!error(ErrorKind::NodeClosed, Progress::SentWithoutBody).may_retry(is_idempotent(b"POST")));
        assert!(!error(ErrorKind::NodeClosed, Progress::SentBody).may_retry(is_idempotent(b"PUT")));
        assert!(!error(ErrorKind::NodeTimeout, Progress::SentWithoutBody).may_retry(is_idempotent(b"GET")));
    }
}
