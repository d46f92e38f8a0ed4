//! Messages on a stream: a `Content-Length` head, an empty line, JSON. Bounded, and undisturbed by what is no message.

use lsp_server::Message;
use std::io::{BufRead, Read};

/// The longest message that is read, in bytes: a rule of 1 MiB, escaped, fits in. A longer one is skipped.
const MESSAGE_BYTES_MAX: u64 = 16 << 20;

/// The longest line of a head.
const HEAD_LINE_BYTES_MAX: u64 = 4 << 10;

/// What came.
pub(super) enum Incoming {
    Message(Message),
    /// Something else; says what.
    Garbage(String),
}

/// Reads the next message; `None` at the end of the stream.
///
/// # Errors
/// Where the stream cannot be read.
pub(super) fn read(stream: &mut impl BufRead) -> std::io::Result<Option<Incoming>> {
    let mut length: Option<u64> = None;
    loop {
        let mut line = Vec::new();
        if stream.by_ref().take(HEAD_LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            let Some(length) = length.take() else { continue };
            return body(stream, length).map(Some);
        }
        let line = String::from_utf8_lossy(line);
        // Other fields mean nothing to us, and what is none is skipped until one comes.
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
}

fn body(stream: &mut impl BufRead, length: u64) -> std::io::Result<Incoming> {
    if length > MESSAGE_BYTES_MAX {
        std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink())?;
        return Ok(Incoming::Garbage(format!("a message of {length} bytes was skipped")));
    }
    let mut text = Vec::new();
    stream.by_ref().take(length).read_to_end(&mut text)?;
    Ok(match serde_json::from_slice(&text) {
        Ok(message) => Incoming::Message(message),
        Err(error) => Incoming::Garbage(format!("a message could not be read: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_between_what_is_none() {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#;
        let mut stream = b"\r\n\r\nwhat?\r\nContent-Length: x\r\n\r\nContent-Length: 3\r\n\r\n{]}".to_vec();
        stream.extend(format!("content-length:{}\r\nOther: 1\r\n\r\n{request}", request.len()).into_bytes());
        stream.extend(b"Content-Length: 99999999999999999\r\n\r\nshort");
        let mut stream = stream.as_slice();
        assert!(matches!(read(&mut stream).unwrap(), Some(Incoming::Garbage(_))));
        let Some(Incoming::Message(Message::Request(request))) = read(&mut stream).unwrap() else {
            panic!("no request")
        };
        assert_eq!(request.method, "shutdown");
        assert!(matches!(read(&mut stream).unwrap(), Some(Incoming::Garbage(_))));
        assert!(read(&mut stream).unwrap().is_none());
    }
}
