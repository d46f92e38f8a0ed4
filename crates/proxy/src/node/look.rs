//! One look of a monitor at a node. It says nothing of any client.

use super::announce::{Behalf, announce};
use super::connect::{Dial, secure};
use crate::errands::Desk;
use crate::wire::Wire;
use engine::catalog::{Expected, HttpLook, Look, Node, Pool, ProxyHeader};
use http1::{BodyDecoder, BodyEvent, BodyKind, Decoded, Limits, RequestMethod, decode_response};
use message::ResponseHead;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of a body, or of what a node says, that are looked at.
const HEARD_BYTES_MAX: usize = 64 << 10;
/// Bytes read at once.
const PIECE_BYTES: usize = 8 << 10;
/// Interim answers before a real one must come.
const INTERIM_MAX: usize = 16;

/// Looks; its caller gives it time.
///
/// # Errors
/// Why the node is not as the monitor wants it, for the operator.
pub(super) async fn look<D: Dial>(
    (dial, desk): (&D, &Desk),
    (pool, node): (&Pool, &Node),
    wanted: &Look,
) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot connect: {error}");
    let mut stream = dial.dial(node).await.map_err(cannot)?;
    if pool.proxy_protocol != ProxyHeader::Off {
        let own = own_ends(pool.proxy_protocol, &stream);
        announce(&mut stream, pool.proxy_protocol, own).await.map_err(cannot)?;
    }
    let tls = match wanted {
        Look::Connect => return Ok(()),
        Look::Tls if pool.tls.is_none() => return Err("the pool speaks no TLS to its nodes".to_owned()),
        _ => pool.tls.as_deref(),
    };
    if let Some(tls) = tls {
        let secured = secure((dial, desk), stream, (node, tls, false)).await;
        stream = secured.map_err(|error| format!("TLS cannot be spoken: {error}"))?;
    }
    match wanted {
        Look::Connect | Look::Tls => Ok(()),
        Look::Http(wanted) => ask(&mut stream, node, wanted).await,
        Look::Tcp { write, expect } => converse(&mut stream, write, expect.as_ref()).await,
    }
}

/// For whom a look speaks: nobody. In version 1 it names its own ends: Apache 2.4 does not take a line that names none.
fn own_ends(version: ProxyHeader, stream: &impl Wire) -> Option<Behalf> {
    let (client, local) = stream.ends().filter(|_| version == ProxyHeader::V1)?;
    Some(Behalf { client, local, connection: 0 })
}

async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    node: &Node,
    wanted: &HttpLook,
) -> Result<(), String> {
    let host = wanted.host.as_deref().unwrap_or(&node.name);
    let request = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tidegate-monitor\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        wanted.method, wanted.path,
    );
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut heard = Vec::new();
    let mut head = ResponseHead::default();
    let method = RequestMethod::of(wanted.method.as_bytes());
    let mut interims = 0;
    let (limits, body) = loop {
        let limits = Limits::default();
        match decode_response(&heard, &limits, method, &mut head) {
            Ok(Decoded::Partial) => {
                if more(stream, &mut heard).await.map_err(broken)? == 0 {
                    return Err("it closed before it had answered".to_owned());
                }
            }
            Ok(Decoded::Complete { consumed, body }) => {
                heard.drain(..consumed);
                if head.status() >= 200 {
                    break (limits, body);
                }
                interims += 1;
                if interims > INTERIM_MAX {
                    return Err("it sends interim answers only".to_owned());
                }
            }
            Err(bad) => return Err(format!("its answer is malformed: {}", bad.code())),
        }
    };
    let status = head.status().to_string();
    if !wanted.status.is_met_by(status.as_bytes()) {
        return Err(format!("it answered with {status}"));
    }
    let Some(expected) = &wanted.body else { return Ok(()) };
    let text = body_of(stream, heard, (body, &limits)).await?;
    if expected.is_met_by(&text) { Ok(()) } else { Err("its page is not as expected".to_owned()) }
}

/// The body, or its first part.
async fn body_of(
    stream: &mut (impl AsyncRead + Unpin),
    mut heard: Vec<u8>,
    (kind, limits): (BodyKind, &Limits),
) -> Result<Vec<u8>, String> {
    let mut decoder = BodyDecoder::new(kind, limits);
    let mut text = Vec::new();
    loop {
        match decoder.decode(&heard).map_err(|bad| format!("its body is malformed: {}", bad.code()))? {
            BodyEvent::Data { start, end, consumed } => {
                text.extend_from_slice(heard.get(start..end).unwrap_or_default());
                heard.drain(..consumed);
                if text.len() >= HEARD_BYTES_MAX {
                    text.truncate(HEARD_BYTES_MAX);
                    return Ok(text);
                }
            }
            BodyEvent::End { .. } => return Ok(text),
            BodyEvent::NeedMore { consumed } => {
                heard.drain(..consumed);
                if more(stream, &mut heard).await.map_err(broken)? == 0 {
                    return decoder.at_eof().map(|()| text).map_err(|_| "its body was cut".to_owned());
                }
            }
        }
    }
}

async fn converse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    write: &[u8],
    expect: Option<&Expected>,
) -> Result<(), String> {
    stream.write_all(write).await.map_err(broken)?;
    let Some(expect) = expect else { return Ok(()) };
    let mut heard = Vec::new();
    loop {
        let count = more(stream, &mut heard).await.map_err(broken)?;
        if expect.is_met_by(&heard) {
            return Ok(());
        }
        if count == 0 || heard.len() >= HEARD_BYTES_MAX {
            return Err("what it says is not as expected".to_owned());
        }
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), heard: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = vec![0; PIECE_BYTES];
    let count = stream.read(&mut piece).await?;
    heard.extend_from_slice(piece.get(..count).unwrap_or_default());
    Ok(count)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> String {
    format!("the connection broke: {error}")
}
