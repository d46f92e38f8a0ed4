//! Clients of HTTP/2 as a test plays them: one that the library speaks for, and one of raw frames.

use crate::kit::Site;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A connection of a client that keeps the rules.
pub(crate) async fn connect(site: &Site) -> SendRequest<Bytes> {
    let (send, connection) = h2::client::handshake(site.client().stream).await.unwrap();
    tokio::task::spawn_local(async {
        // It ends as the story ends.
        let _ended = connection.await;
    });
    send
}

/// Sends a head; the stream is open for a body.
pub(crate) async fn open(
    client: &mut SendRequest<Bytes>,
    request: Request<()>,
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut client = client.clone().ready().await.unwrap();
    client.send_request(request, false).unwrap()
}

/// Sends a request without body.
pub(crate) async fn ask(client: &mut SendRequest<Bytes>, request: Request<()>) -> ResponseFuture {
    let mut client = client.clone().ready().await.unwrap();
    client.send_request(request, true).unwrap().0
}

/// A request for this target.
pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://site.example{path}"))
}

pub(crate) fn get(path: &str) -> Request<()> {
    request("GET", path).body(()).unwrap()
}

/// All of a body; `None` where it is cut.
pub(crate) async fn body(stream: &mut RecvStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.ok()?;
        stream.flow_control().release_capacity(piece.len()).unwrap();
        all.extend_from_slice(&piece);
    }
    Some(all)
}

/// Status and body of an answer.
pub(crate) async fn answer(response: Response<RecvStream>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = body(&mut response.into_body()).await.unwrap();
    (status, String::from_utf8(body).unwrap())
}

/// A frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error that a RST_STREAM or a GOAWAY tells.
    pub(crate) fn error(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Fields as literals, nothing indexed and nothing compressed, whatever bytes they hold.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in fields.iter().flat_map(|(name, value)| [None, Some(name), Some(value)]) {
        match text {
            None => bytes.push(0),
            Some(text) if text.len() < 127 => {
                bytes.push(u8::try_from(text.len()).unwrap());
                bytes.extend_from_slice(text.as_bytes());
            }
            Some(text) => {
                bytes.push(127);
                let mut rest = text.len() - 127;
                while rest >= 128 {
                    bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                bytes.push(u8::try_from(rest).unwrap());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
    bytes
}

pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "site.example"), (":path", "/a")];

/// What frames go over.
pub(crate) trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Both for S {}

/// A client that says whatever it likes.
pub(crate) struct Raw {
    stream: Box<dyn Both>,
    seen: Vec<u8>,
    next_stream: u32,
}

impl Raw {
    /// Has sent the preface and its settings.
    pub(crate) async fn connect(site: &Site) -> Self {
        Self::over(site.client().stream).await
    }

    /// The same over any stream.
    pub(crate) async fn over(stream: impl Both + 'static) -> Self {
        let mut raw = Self { stream: Box::new(stream), seen: Vec::new(), next_stream: 1 };
        let mut start = http2::PREFACE.to_vec();
        start.extend(frame(SETTINGS, 0, 0, &[]));
        raw.say(&start).await;
        raw
    }

    /// A node that got a connection, has read how it begins, and has sent its settings.
    pub(crate) async fn node(site: &Site) -> Self {
        let mut far = site.node().await;
        assert_eq!(far.exactly(http2::PREFACE.len()).await, http2::PREFACE);
        let seen = far.take_seen();
        let mut raw = Self { stream: Box::new(far.stream), seen, next_stream: 2 };
        raw.say(&frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        // Whoever is told to go away is no longer read.
        let _closed = self.stream.write_all(bytes).await;
    }

    /// The number of a new stream.
    pub(crate) fn number(&mut self) -> u32 {
        let number = self.next_stream;
        self.next_stream += 2;
        number
    }

    /// A request in one frame; its stream.
    pub(crate) async fn ask(&mut self, fields: &[(&str, &str)]) -> u32 {
        let number = self.number();
        self.say(&frame(HEADERS, END_STREAM | END_HEADERS, number, &block(fields))).await;
        number
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut piece = vec![0; 16 * 1024];
        loop {
            if let Some(header) = self.seen.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
                let kind = header[3];
                let stream = u32::from_be_bytes(header[5..9].try_into().unwrap()) & 0x7fff_ffff;
                if self.seen.len() >= 9 + length {
                    let payload = self.seen[9..9 + length].to_vec();
                    self.seen.drain(..9 + length);
                    return Some(Frame { kind, stream, payload });
                }
            }
            match self.stream.read(&mut piece).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.seen.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// The next frame of this kind.
    pub(crate) async fn hear(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await.unwrap();
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// How the connection ends: with which error, if one was told.
    pub(crate) async fn end(&mut self) -> Option<u32> {
        let mut told = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                told = Some(frame.error());
            }
        }
        told
    }

    /// How a stream was refused: `Err` with the error of its reset (or of the connection's end), `Ok` with the first
    /// byte of the answer's head, which tells a usual status.
    pub(crate) async fn outcome(&mut self, stream: u32) -> Result<u8, u32> {
        loop {
            let frame = self.next().await.unwrap();
            match frame.kind {
                RST_STREAM if frame.stream == stream => return Err(frame.error()),
                GOAWAY => return Err(frame.error()),
                HEADERS if frame.stream == stream => return Ok(frame.payload[0]),
                _ => {}
            }
        }
    }
}

/// The `:status` of 200 and 400 as the static table has them.
pub(crate) const STATUS_200: u8 = 0x88;
pub(crate) const STATUS_400: u8 = 0x8c;
