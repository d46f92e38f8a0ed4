//! WebSockets to nodes of HTTP/2: what HTTP/1.1 asks with `Upgrade` goes as extended CONNECT on a connection that is
//! shared (RFC 8441), where the node's settings allow it, and its success comes back as `101`.
//!
//! The node sees no key, so the proof that one was read is made here.

use super::head;
use super::onward::NodeStream;
use h2::ext::Protocol;
use http::{Method, Request};
use http2::websocket::is_key;
use http2::{Malformed, WrittenRequest, write_opened_websocket};
use message::{Known, RequestHead};

const KEY: &[u8] = b"sec-websocket-key";

/// Whether this asks for a WebSocket and nothing else, and in such a way that nothing is left for the node to refuse
/// which it does not see. Anything else is for a node of HTTP/1.1 to judge.
pub(crate) fn is_asked_for(head: &RequestHead) -> bool {
    let fields = head.fields();
    let (mut protocols, mut keys) = (fields.all_known(Known::Upgrade), fields.all(KEY));
    head.method() == b"GET"
        && protocols.next().is_some_and(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
        && protocols.next().is_none()
        && keys.next().is_some_and(is_key)
        && keys.next().is_none()
}

/// What proves to the client that its key was read.
pub(super) fn accept(written: &WrittenRequest<'_>) -> Option<String> {
    let (_, key) = written.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(KEY))?;
    Some(http2::websocket::accept(std::str::from_utf8(key).ok()?))
}

/// A handshake that was written for a node, as extended CONNECT.
pub(super) fn onward(written: &WrittenRequest<'_>, scheme: &str) -> Option<Request<()>> {
    let mut request = head::onward(written, scheme, false)?;
    *request.method_mut() = Method::CONNECT;
    request.headers_mut().remove("sec-websocket-key");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    Some(request)
}

/// That the node has opened the tunnel, as text.
pub(super) fn written_response(
    accept: &str,
    head: &http::response::Parts,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    write_opened_websocket(accept, head::lines(&head.headers), out)
}

impl NodeStream {
    /// Whether the node takes WebSockets on this connection, once its settings have come.
    pub(crate) async fn takes_websockets(&self) -> bool {
        self.line.ledger.settings().await;
        let takes = self.line.takes_websockets() == Some(true);
        if !takes {
            self.line.note_no_websockets();
        }
        takes
    }
}
