//! The handshake with a client: bounded in time and bytes, told apart from a request in the clear, and counted.

use super::TlsStream;
use super::settings::Served;
use crate::node::connect::Dial;
use crate::timers::{Alarm, Watch};
use crate::wire::Wire;
use crate::worker::{Pinned, Worker};
use engine::TlsFacts;
use rustls::server::{Accepted, Acceptor};
use rustls::{CipherSuite, Connection, HandshakeKind, ProtocolVersion, ServerConnection};
use shaping::Tick;
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::ReadBuf;

/// Bytes that a client may send for its handshake: room for sixteen certificates of its own.
const BYTES_MAX: usize = 96 * 1024;
/// Handshakes under way on one worker; newcomers beyond are closed. A handshake is dear, and a client that begins many
/// pays nothing.
pub(crate) const UNDER_WAY_MAX: usize = 2_048;
/// How often failures are told of, one line for all of the time.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// The first byte of a handshake.
const HANDSHAKE_RECORD: u8 = 22;
/// What a client is told that speaks HTTP where TLS is spoken.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 66\r\n\
    Connection: close\r\n\r\nThis port speaks TLS, and the request came in the clear: https://\n";

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The client left, or never said anything.
    Left,
    /// It took too long.
    TooSlow,
    /// The process stops, or needs the descriptor.
    Stopped,
    /// HTTP in the clear; the client was told.
    Plain,
    /// What came is no TLS that we speak, or the client's certificate is not good.
    Refused(String),
}

/// Makes the handshake with a client, within the time that the watch is set to.
pub(crate) async fn accept<S: Wire, D: Dial>(
    worker: &Worker<D>,
    (mut stream, listen): (S, SocketAddr),
    watch: &Watch,
) -> Result<(TlsStream<S>, TlsFacts), Failed> {
    let Hello { accepted, rest } = read_hello(&mut stream, watch).await?;
    let (served, mut facts) = {
        let pinned = worker.pinned();
        choose(&pinned, &accepted, listen)?
    };
    let session = match accepted.into_connection(Arc::clone(&served.config)) {
        Ok(session) => session,
        Err((error, mut alert)) => {
            tell(&mut stream, |socket| alert.write_all(socket));
            return Err(Failed::Refused(error.to_string()));
        }
    };
    let mut stream = TlsStream::new(stream, Connection::Server(session));
    stream.feed(&rest).map_err(|error| Failed::Refused(error.to_string()))?;
    poll_fn(|context| match stream.poll_handshake(context, BYTES_MAX) {
        Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
        Poll::Ready(Err(error)) => Poll::Ready(Err(of_error(&error))),
        Poll::Pending => watch.poll_alarm(context).map(|alarm| Err(of_alarm(alarm))),
    })
    .await?;
    if let Connection::Server(session) = stream.session() {
        complete(&mut facts, session);
    }
    Ok((stream, facts))
}

/// The client's first message, and what came behind it.
struct Hello {
    accepted: Accepted,
    rest: Vec<u8>,
}

async fn read_hello<S: Wire>(stream: &mut S, watch: &Watch) -> Result<Hello, Failed> {
    let mut acceptor = Acceptor::default();
    let mut taken = 0;
    poll_fn(|context| match poll_hello(context, stream, (&mut acceptor, &mut taken)) {
        Poll::Ready(hello) => Poll::Ready(hello),
        Poll::Pending => watch.poll_alarm(context).map(|alarm| Err(of_alarm(alarm))),
    })
    .await
}

fn poll_hello<S: Wire>(
    context: &mut Context<'_>,
    stream: &mut S,
    (acceptor, taken): (&mut Acceptor, &mut usize),
) -> Poll<Result<Hello, Failed>> {
    loop {
        let mut raw = [0; 4096];
        let mut room = ReadBuf::new(&mut raw);
        let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut room));
        let mut rest = room.filled();
        if read.is_err() || rest.is_empty() {
            return Poll::Ready(Err(Failed::Left));
        }
        if *taken == 0 && rest.first().is_some_and(|first| *first != HANDSHAKE_RECORD && is_text(*first)) {
            tell(stream, |socket| socket.write_all(PLAIN));
            return Poll::Ready(Err(Failed::Plain));
        }
        *taken += rest.len();
        if *taken > BYTES_MAX {
            return Poll::Ready(Err(Failed::Refused("the first message is too long".to_owned())));
        }
        while !rest.is_empty() {
            if let Err(error) = acceptor.read_tls(&mut rest) {
                return Poll::Ready(Err(Failed::Refused(error.to_string())));
            }
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => return Poll::Ready(Ok(Hello { accepted, rest: rest.to_vec() })),
                Err((error, mut alert)) => {
                    tell(stream, |socket| alert.write_all(socket));
                    return Poll::Ready(Err(Failed::Refused(error.to_string())));
                }
            }
        }
    }
}

/// Whether a first byte is that of a method.
const fn is_text(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

/// The settings for this client, and what is known of the handshake already.
fn choose(pinned: &Pinned, accepted: &Accepted, listen: SocketAddr) -> Result<(Served, TlsFacts), Failed> {
    let hello = accepted.client_hello();
    let name = hello.server_name();
    let by_name = name.and_then(|name| pinned.catalog.select(listen, Some(name.as_bytes())));
    let server = by_name.or_else(|| pinned.at_listener(listen)).ok_or(Failed::Stopped)?;
    let served = pinned.tls(server).ok_or(Failed::Stopped)?.clone();
    let certificate = served.chooser.choose(name, hello.signature_schemes()).cloned();
    let server_name = name.map(|name| name.to_ascii_lowercase().into_boxed_str());
    let settings = Some(Arc::clone(&served.tls));
    Ok((served, TlsFacts { server_name, certificate, settings, ..TlsFacts::default() }))
}

/// What the whole handshake told.
fn complete(facts: &mut TlsFacts, session: &ServerConnection) {
    facts.version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    };
    if let Some(suite) = session.negotiated_cipher_suite() {
        (facts.cipher_suite, facts.cipher_bits) = cipher(suite.suite());
    }
    facts.alpn = match session.alpn_protocol() {
        Some(b"h2") => Some("h2"),
        Some(b"http/1.1") => Some("http/1.1"),
        _ => None,
    };
    facts.is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let chain = session.peer_certificates().unwrap_or_default();
    facts.client_chain = chain.iter().map(|certificate| certificate.as_ref().into()).collect();
}

/// The name at the IANA, and the bits of its key.
fn cipher(suite: CipherSuite) -> (&'static str, u16) {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => ("TLS_AES_128_GCM_SHA256", 128),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => ("TLS_AES_256_GCM_SHA384", 256),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => ("TLS_CHACHA20_POLY1305_SHA256", 256),
        other => {
            let name = other.as_str().unwrap_or_default();
            (name, if name.contains("_128_") { 128 } else { 256 })
        }
    }
}

/// Writes what fits into the socket at once: the last word to a client that is not served.
fn tell<S: Wire>(stream: &mut S, say: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut text = Vec::new();
    if say(&mut text).is_ok() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let _best_effort = Pin::new(&mut *stream).poll_write(&mut context, &text);
        let _best_effort = Pin::new(stream).poll_shutdown(&mut context);
    }
}

fn of_error(error: &io::Error) -> Failed {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::Other => Failed::Refused(error.to_string()),
        _ => Failed::Left,
    }
}

fn of_alarm(alarm: Alarm) -> Failed {
    match alarm {
        Alarm::Deadline => Failed::TooSlow,
        Alarm::Reaped | Alarm::Cut => Failed::Stopped,
    }
}

/// Handshakes of one worker: how many are under way, and what is told of those that fail.
#[derive(Default)]
pub(crate) struct Handshakes {
    under_way: Cell<usize>,
    told_again: Cell<Tick>,
    untold: Cell<u64>,
}

impl Handshakes {
    /// One more; `None` where there are too many. It ends when what is returned is dropped.
    pub(crate) fn begin(&self) -> Option<UnderWay<'_>> {
        (self.under_way.get() < UNDER_WAY_MAX).then(|| {
            self.under_way.set(self.under_way.get() + 1);
            UnderWay(self)
        })
    }

    /// Counts a failure, and tells the operator of all since the last time, with this one as an example.
    #[cold]
    pub(crate) fn failed(&self, failed: &Failed, counters: &engine::Counters, now: Tick) {
        counters.tls_handshake_failures.add_one();
        let why = match failed {
            // Whoever looks whether a port is open leaves like that.
            Failed::Stopped | Failed::Left => return,
            Failed::TooSlow => "the client took too long",
            Failed::Plain => {
                counters.tls_plain_requests.add_one();
                "a request came in the clear"
            }
            Failed::Refused(why) => why.as_str(),
        };
        self.untold.set(self.untold.get() + 1);
        if now >= self.told_again.get() {
            self.told_again.set(now.saturating_add(TOLD_EVERY));
            let failures = self.untold.take();
            tracing::info!(target: "tls", failures, why, "handshakes of clients failed");
        }
    }
}

/// A handshake that is under way.
pub(crate) struct UnderWay<'a>(&'a Handshakes);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}
