//! A stream under TLS. What is accepted of a write is in the socket: neither a time-out nor a pace is told of bytes that
//! still lie here.

use crate::wire::Wire;
use rustls::Connection;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Read from the socket at once, at most.
const READ_BYTES_MAX: usize = 64 * 1024;
/// And at least, however little is asked for: a record's header and a short record. What this brings beyond the room is
/// kept by rustls.
const READ_BYTES_MIN: usize = 512;

/// Bytes under TLS on a stream of bytes.
pub struct TlsStream<S: Wire> {
    stream: S,
    session: Connection,
    /// Bytes that the writer offered, that are encrypted, and of which it was not told yet: some wait for the socket.
    held: usize,
    /// Bytes that can be read without the socket.
    readable: usize,
    /// The other side has said that it sends no more.
    has_ended: bool,
    /// We have said so; or nobody is to be told.
    is_farewell_said: bool,
}

impl<S: Wire> TlsStream<S> {
    /// A session whose handshake is still to be made, or under way.
    pub(crate) fn new(stream: S, session: Connection) -> Self {
        Self { stream, session, held: 0, readable: 0, has_ended: false, is_farewell_said: false }
    }

    /// What was agreed on.
    pub(crate) fn session(&self) -> &Connection {
        &self.session
    }

    /// Takes in what was read from the socket before.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.session.read_tls(&mut bytes)?;
            self.process()?;
        }
        Ok(())
    }

    /// Goes on with the handshake; ready when it is over. Gives how many bytes have come for it since the last time.
    pub(crate) fn poll_handshake(
        &mut self,
        context: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        loop {
            if ready!(self.poll_send(context)).is_err() && self.session.is_handshaking() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(taken));
            }
            let mut raw = [MaybeUninit::<u8>::uninit(); 4096];
            let mut room = ReadBuf::uninit(&mut raw);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut room))?;
            taken += room.filled().len();
            if room.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if taken > most {
                return Poll::Ready(Err(io::Error::other("the handshake is too long")));
            }
            if let Err(error) = self.feed(room.filled()) {
                // The other side is told why, if that can be done at once.
                let _told = self.poll_send(context);
                return Poll::Ready(Err(error));
            }
        }
    }

    fn process(&mut self) -> io::Result<()> {
        let state = self
            .session
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.readable = state.plaintext_bytes_to_read();
        self.has_ended |= state.peer_has_closed();
        Ok(())
    }

    /// Hands decrypted bytes over. `None`: there are none.
    fn deliver(&mut self, room: &mut ReadBuf<'_>) -> Option<io::Result<()>> {
        match self.session.reader().read(room.initialize_unfilled()) {
            Ok(count) => {
                room.advance(count);
                self.readable = self.readable.saturating_sub(count);
                Some(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Reads from the socket once, decrypts, and hands over what there is room for.
    #[expect(
        clippy::large_stack_arrays,
        reason = "nothing is written to it but what comes: it costs nothing"
    )]
    fn poll_take(&mut self, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut raw = [MaybeUninit::<u8>::uninit(); READ_BYTES_MAX];
        let most = room.remaining().clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let mut encrypted = ReadBuf::uninit(raw.get_mut(..most).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut encrypted))?;
        let mut rest = encrypted.filled();
        if rest.is_empty() {
            // The end of the socket: the reader will say whether it was announced.
            self.session.read_tls(&mut rest)?;
            return Poll::Ready(self.process());
        }
        while !rest.is_empty() {
            self.session.read_tls(&mut rest)?;
            if let Err(error) = self.process() {
                // The other side is told why, if that can be done at once.
                let _told = self.poll_send(context);
                return Poll::Ready(Err(error));
            }
            if self.readable > 0 && room.remaining() > 0 {
                let before = room.filled().len();
                if let Some(Err(error)) = self.deliver(room)
                    && room.filled().len() == before
                {
                    return Poll::Ready(Err(error));
                }
            }
        }
        if self.session.wants_write() {
            // Answers of the protocol itself; what does not fit goes with the next write or read.
            let _later = self.poll_send(context);
        }
        Poll::Ready(Ok(()))
    }

    /// Until the socket has taken all that is encrypted.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut socket = Socket { stream: &mut self.stream, context };
            match self.session.write_tls(&mut socket) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts what `offer` gives to the writer, unless earlier bytes still wait, and is ready when the socket has it all.
    /// Whoever is told to wait offers the same bytes again, or more.
    fn poll_write_all(
        &mut self,
        context: &mut Context<'_>,
        offered: usize,
        offer: impl FnOnce(&mut dyn Write) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.held == 0 {
            ready!(self.poll_send(context))?;
            self.held = offer(&mut self.session.writer())?;
        }
        ready!(self.poll_send(context))?;
        let told = self.held.min(offered);
        self.held -= told;
        Poll::Ready(Ok(told))
    }
}

impl<S: Wire> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = room.filled().len();
        loop {
            if let Some(delivered) = this.deliver(room) {
                return Poll::Ready(delivered);
            }
            ready!(this.poll_take(context, room))?;
            if room.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: Wire> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_all(context, bytes.len(), |writer| writer.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = pieces.iter().map(|piece| piece.len()).sum();
        self.get_mut().poll_write_all(context, offered, |writer| writer.write_vectored(pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_farewell_said {
            this.is_farewell_said = true;
            this.session.send_close_notify();
        }
        ready!(this.poll_send(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl<S: Wire> Wire for TlsStream<S> {
    fn break_off(&mut self) {
        // Without the farewell, the other side knows that something is missing.
        self.is_farewell_said = true;
        self.stream.break_off();
    }

    fn has_ended_unread(&self) -> bool {
        self.stream.has_ended_unread()
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.readable > 0 || self.has_ended { Poll::Ready(()) } else { self.stream.poll_readable(context) }
    }

    fn mark(&self, tos: u8) {
        self.stream.mark(tos);
    }

    fn buffer_little(&self, is_little: bool) {
        self.stream.buffer_little(is_little);
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.stream.ends()
    }

    fn agreed_on_http2(&self) -> bool {
        self.session.alpn_protocol() == Some(b"h2")
    }
}

impl<S: Wire> Drop for TlsStream<S> {
    fn drop(&mut self) {
        // An orderly end is announced; where the socket does not take it at once, there is nobody left to wait.
        if !self.is_farewell_said && !self.session.is_handshaking() {
            self.session.send_close_notify();
            let _best_effort = self.poll_send(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// The stream as rustls writes to it.
struct Socket<'a, 'c, S> {
    stream: &'a mut S,
    context: &'a mut Context<'c>,
}

impl<S: Wire> Write for Socket<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.stream).poll_write(self.context, bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.stream).poll_write_vectored(self.context, pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_would_block(written: Poll<io::Result<usize>>) -> io::Result<usize> {
    match written {
        Poll::Ready(written) => written,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
