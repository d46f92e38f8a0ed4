//! A stream of bytes to a client or a node, and what has been read from it and not yet used.

mod either;

use crate::buffers::{Buffers, Input, Size};
use crate::http2::Stream;
use crate::timers::{Alarm, Watch};
use message::Fields;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::TcpStream;

pub use either::Either;

/// A two-way byte stream. Sockets are; so are the in-memory pipes of tests and replay.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Makes the end of this stream look like an accident to the other side: where a body is delimited by the end
    /// of the connection, an orderly end would say that it is complete.
    fn break_off(&mut self);

    /// Whether the other side is known to have ended the stream, though what it sent before is not read yet. Nobody
    /// is woken by that; who cannot read on asks from time to time.
    fn has_ended_unread(&self) -> bool {
        false
    }

    /// Ready when reading is worth a try; otherwise the task is woken when it is. Always ready where that cannot be
    /// told without reading.
    fn poll_readable(&self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Gives the packets of this stream a type-of-service byte (IPv6: traffic class). Where there are no packets, or
    /// the system refuses, nothing happens: it is a hint to routers.
    fn mark(&self, _tos: u8) {}

    /// From now on little more than what is on its way lies in the system's buffer of this stream; or as much as in that
    /// of any client. Where there is no such buffer nothing happens.
    fn buffer_little(&self, _is_little: bool) {}

    /// Both ends, ours first; `None` where there are no addresses.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        None
    }

    /// Whether the handshake of TLS agreed on HTTP/2.
    fn agreed_on_http2(&self) -> bool {
        false
    }

    /// What came behind a body that has been read to its end.
    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        None
    }

    /// The stream of HTTP/2 that this is, where it is one: heads go there as values, and its bytes are a body's.
    fn http2(&mut self) -> Option<&mut Stream> {
        None
    }

    /// Whether the other side has neither ended the stream nor sent anything that is not read yet. What came is lost.
    fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut room = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self).poll_read(&mut context, &mut room).is_pending()
    }
}

/// What may lie unsent in the system's buffer of a stream that is paced: some packets, so that none has to be waited for.
const UNSENT_BYTES: u32 = 16 * 1024;
/// What may lie unsent in that of any other client. The system by itself takes as much as its buffer may grow to, 2.5 MiB
/// of a client that reads nothing; some hundreds of those use up the memory that it has for TCP (`net.ipv4.tcp_mem`), and
/// then it drops what others are sent.
pub(crate) const UNSENT_BYTES_USUAL: u32 = 128 * 1024;

impl Wire for TcpStream {
    fn buffer_little(&self, is_little: bool) {
        // Not SO_SNDBUF: that would also limit what is on its way, and could not be given back to the system's care.
        let unsent = if is_little { UNSENT_BYTES } else { UNSENT_BYTES_USUAL };
        if let Err(error) = socket2::SockRef::from(self).set_tcp_notsent_lowat(unsent) {
            tracing::debug!(%error, "the system does not bound what lies unsent");
        }
    }

    fn mark(&self, tos: u8) {
        let socket = socket2::SockRef::from(self);
        let is_v6 = self.local_addr().is_ok_and(|address| address.is_ipv6());
        let marked =
            if is_v6 { socket.set_tclass_v6(u32::from(tos)) } else { socket.set_tos_v4(u32::from(tos)) };
        if let Err(error) = marked {
            tracing::debug!(%error, "packets cannot be marked");
        }
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        Some((self.local_addr().ok()?, self.peer_addr().ok()?))
    }

    #[inline]
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        // A stream that failed is readable: reading tells why.
        self.poll_read_ready(context).map(|_| ())
    }

    #[inline]
    fn is_quiet(&mut self) -> bool {
        matches!(self.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    fn break_off(&mut self) {
        // A stream that cannot be told is closed in the ordinary way; there is nothing better to do.
        let _refused = self.set_zero_linger();
    }

    fn has_ended_unread(&self) -> bool {
        let mut readiness = pin!(self.ready(Interest::READABLE));
        match readiness.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }
}

impl Wire for DuplexStream {
    fn break_off(&mut self) {}
}

/// Reads nothing and takes nothing: the sender of what was built here.
impl Wire for tokio::io::Empty {
    fn break_off(&mut self) {}
}

/// Why reading or writing did not go on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other side ended the stream where more was due.
    Ended,
    /// The system says so.
    Io(io::Error),
    /// Its time was up, or it was told to stop.
    Alarm(Alarm),
}

/// A stream with its input.
pub(crate) struct Link<S> {
    pub(crate) stream: S,
    pub(crate) input: Input,
    /// The other side has sent all it will.
    pub(crate) ended: bool,
    /// Nothing was there when it was last asked: who is woken since will find something.
    pub(crate) awaited: bool,
    /// All bytes read from it.
    pub(crate) bytes_read: u64,
}

impl<S: Wire> Link<S> {
    #[inline]
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, input: Input::default(), ended: false, awaited: false, bytes_read: 0 }
    }

    /// Reads once, at most `limit` bytes (if there is room for so many). 0 is the end. While nothing comes, an empty
    /// input holds no memory.
    #[inline]
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffers: &Buffers,
        (size, limit): (Size, usize),
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        // Most of the first looks find nothing: they need no memory.
        if !self.awaited && self.input.is_empty() && self.stream.poll_readable(context).is_pending() {
            self.awaited = true;
            buffers.settle(&mut self.input);
            return Poll::Pending;
        }
        let mut room = ReadBuf::new(self.input.room(buffers, size, limit));
        let read = Pin::new(&mut self.stream).poll_read(context, &mut room);
        let count = room.filled().len();
        self.input.filled(count);
        self.awaited = read.is_pending();
        if count > 0 {
            self.bytes_read += count as u64;
            return Poll::Ready(Ok(count));
        }
        buffers.settle(&mut self.input);
        ready!(read)?;
        self.ended = true;
        Poll::Ready(Ok(0))
    }

    /// [`Self::poll_fill`] with a time-out. Gives what was read: 0 is the end.
    pub(crate) async fn fill(
        &mut self,
        watch: &Watch,
        buffers: &Buffers,
        room: (Size, usize),
    ) -> Result<usize, Broken> {
        poll_fn(|context| match self.poll_fill(context, buffers, room) {
            Poll::Ready(read) => Poll::Ready(read.map_err(Broken::Io)),
            Poll::Pending => watch.poll_alarm(context).map(|alarm| Err(Broken::Alarm(alarm))),
        })
        .await
    }

    /// Writes all of it, with a time-out.
    pub(crate) async fn write_all(&mut self, watch: &Watch, mut bytes: &[u8]) -> Result<(), Broken> {
        poll_fn(|context| {
            while !bytes.is_empty() {
                match Pin::new(&mut self.stream).poll_write(context, bytes) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(Broken::Ended)),
                    Poll::Ready(Ok(count)) => bytes = bytes.get(count..).unwrap_or_default(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Io(error))),
                    Poll::Pending => return watch.poll_alarm(context).map(|alarm| Err(Broken::Alarm(alarm))),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Says that nothing more will be written.
    pub(crate) async fn end_writing(&mut self, watch: &Watch) -> Result<(), Broken> {
        poll_fn(|context| match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Ready(ended) => Poll::Ready(ended.map_err(Broken::Io)),
            Poll::Pending => watch.poll_alarm(context).map(|alarm| Err(Broken::Alarm(alarm))),
        })
        .await
    }
}
