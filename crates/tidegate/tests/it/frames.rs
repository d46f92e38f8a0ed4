//! HTTP/2 as bytes, over real sockets: a client that writes whatever frames it likes.

use crate::kit::PATIENCE;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Name and value of a field.
pub(crate) type Line<'a> = (&'a [u8], &'a [u8]);

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A string of HPACK, not packed.
pub(crate) fn string(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if text.len() < 127 {
        bytes.push(u8::try_from(text.len()).unwrap());
    } else {
        bytes.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap());
    }
    bytes.extend_from_slice(text);
    bytes
}

/// Fields as literals, whatever bytes they hold.
pub(crate) fn block(fields: &[Line<'_>]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| [vec![0], string(name), string(value)].concat()).collect()
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Whether it is the head of an answer with status 200.
    pub(crate) fn is_ok(&self) -> bool {
        // Changes of the table's size may come first.
        self.payload.iter().find(|&&byte| byte & 0xe0 != 0x20) == Some(&0x88)
    }
}

/// A client in the clear that has sent its preface and empty settings.
pub(crate) struct RawClient(TcpStream);

impl RawClient {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self(stream);
        client.say(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat());
        client
    }

    /// Whoever is told to go away is no longer read, so this may fail.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        let _closed = self.0.write_all(bytes);
    }

    /// The next frame; `None` at the end of the connection. Settings and PINGs are acknowledged.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut header = [0; 9];
        self.0.read_exact(&mut header).ok()?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) & 0x7fff_ffff;
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        let came = Frame { kind: header[3], flags: header[4], stream, payload };
        match (came.kind, came.flags & ACK) {
            (SETTINGS, 0) => self.say(&frame(SETTINGS, ACK, 0, &[])),
            (PING, 0) => self.say(&frame(PING, ACK, 0, &came.payload)),
            _ => {}
        }
        Some(came)
    }

    /// What became of a stream: whether it was answered with 200, with anything else or not at all.
    pub(crate) fn is_answered(&mut self, stream: u32) -> bool {
        while let Some(frame) = self.next() {
            match frame.kind {
                HEADERS if frame.stream == stream => return frame.is_ok(),
                RST_STREAM if frame.stream == stream => return false,
                GOAWAY => return false,
                _ => {}
            }
        }
        false
    }
}
