//! What a log line can say about one request.

use std::borrow::Cow;
use std::net::IpAddr;

/// All that a line can say about one request and its answer, borrowed from whoever holds it.
///
/// An empty `&str` or byte string means "there was none" unless the field says otherwise, and is written as `-`.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// When the first byte of the request arrived: microseconds since 1970, UTC.
    pub arrived_unix_micros: i64,
    /// Local time minus UTC in the log, in seconds; beyond a day it is cut to a day.
    pub utc_offset_seconds: i32,
    /// From arrival to the last byte of the answer (or the end of the connection), in microseconds.
    pub duration_micros: u64,
    /// From arrival to the first byte of the answer, in microseconds; `None` when no byte was sent.
    pub first_byte_micros: Option<u64>,
    /// The client: the socket's peer, or what a trusted proxy in front said.
    pub client_address: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The socket's own peer; differs from the client behind a trusted proxy.
    pub peer_address: IpAddr,
    /// The address the client connected to.
    pub local_address: IpAddr,
    /// The port the client connected to.
    pub local_port: u16,
    /// The user who proved who he is. `Some` of nothing is a user with an empty name, written `""` as Apache does.
    pub user: Option<&'a [u8]>,
    /// The request line as received, without its line end; it may be garbage.
    pub request_line: &'a [u8],
    /// The method, as received.
    pub method: &'a [u8],
    /// The request target as received: a path with query, an absolute URL, `*`, or host and port.
    pub target: &'a [u8],
    /// The protocol, such as `HTTP/1.1`.
    pub protocol: &'a [u8],
    /// The status of the answer (499: the client left, 444: discarded without one); 0 when there was none.
    pub status: u16,
    /// Bytes of body that were really sent, not what was promised.
    pub body_bytes_sent: u64,
    /// All bytes sent to the client, head and chunk framing included.
    pub bytes_sent: u64,
    /// All bytes received from the client, head included.
    pub bytes_received: u64,
    /// The name of the virtual server.
    pub virtual_server: &'a str,
    /// The Host field as received, with its port; `None` when there was no such field.
    pub host: Option<&'a [u8]>,
    /// Number of the client connection, unique within a run.
    pub connection_id: u64,
    /// Which request of its connection this was, counted from 1.
    pub requests_on_connection: u32,
    /// How the connection stood when the answer ended.
    pub connection_state: ConnectionState,
    /// The pool that was chosen.
    pub pool: &'a str,
    /// The node that answered, as address and port.
    pub node: &'a str,
    /// Identity of the request, as the process log and the decision record use it.
    pub request_id: &'a str,
    /// What was decided, in one word.
    pub verdict: &'a str,
    /// The rule, with its line, that decided.
    pub rule: &'a str,
    /// The bandwidth class of the answer.
    pub bandwidth_class: &'a str,
    /// The rate class the request went through (the last one, if there were several).
    pub rate_class: &'a str,
    /// The context within the rate class; empty for none or the class's own.
    pub context: &'a [u8],
    /// Time held back in rate classes, in microseconds.
    pub queue_micros: u64,
    /// Place in the queue on entering, counted from 1; `None` when the request did not wait.
    pub queue_place: Option<u32>,
    /// The marks that the client carried or was given.
    pub marks: &'a str,
    /// How the visitor came to ask: own, link, embed, direct, app, bare, forged.
    pub kind: &'a str,
    /// The environment that `.htaccess` has given the request: names and values. Names are compared with regard to
    /// case, as Apache does.
    pub environment: &'a [(Vec<u8>, Vec<u8>)],
    /// What was agreed on for the client's connection; `None` in the clear.
    pub tls: Option<TlsEntry<'a>>,
    /// The fields of the request.
    pub request_fields: &'a dyn FieldLookup,
    /// The fields of the response.
    pub response_fields: &'a dyn FieldLookup,
}

/// What a TLS handshake told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TlsEntry<'a> {
    /// Such as `TLSv1.3`.
    pub protocol: &'a str,
    /// The cipher suite.
    pub cipher: &'a str,
    /// The name that the client asked for.
    pub server_name: &'a str,
    /// An earlier session was taken up.
    pub is_resumed: bool,
    /// The client showed a certificate, and it is good.
    pub has_client_certificate: bool,
}

/// How a client connection stood when the answer ended (`%X`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// `X`: broken off before the answer was complete.
    Aborted,
    /// `+`: may carry another request.
    KeptAlive,
    /// `-`: closed after the answer.
    Closed,
}

impl ConnectionState {
    /// The letter Apache writes.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Aborted => b'X',
            Self::KeptAlive => b'+',
            Self::Closed => b'-',
        }
    }
}

/// The fields of one head, asked for by name. Names are compared without regard to ASCII case.
pub trait FieldLookup {
    /// The value of a field: the first one, or all of them joined with `, `. `None`: no such field;
    /// `Some` of nothing: present and empty, which a log keeps apart.
    fn field(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;

    /// The value of a cookie. `None`: no such cookie.
    fn cookie(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;
}

/// A head without fields: for answers that never came, and for tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoFields;

impl FieldLookup for NoFields {
    fn field(&self, _name: &[u8]) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn cookie(&self, _name: &[u8]) -> Option<Cow<'_, [u8]>> {
        None
    }
}
