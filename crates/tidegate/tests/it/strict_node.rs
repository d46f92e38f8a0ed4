//! A node that takes HTTP/1.1 apart byte by byte, believes nothing, and records what it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A whole request.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    /// `name: value`, the name in lower case.
    pub(crate) fields: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<String>,
}

/// Whole requests, or what was wrong with one. A request that was cut off is neither: nobody takes it for one.
pub(crate) type Record = Result<Seen, String>;

/// Answers each request with 200 and keeps its connections.
pub(crate) fn strict_node() -> (SocketAddr, Receiver<Record>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            thread::spawn(move || serve(stream, &tell));
        }
    });
    (address, told)
}

fn serve(stream: TcpStream, tell: &Sender<Record>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        match read_request(&mut reader) {
            Ok(None) => return,
            Ok(Some(seen)) => {
                let is_head = seen.line.starts_with("HEAD ");
                let body = if is_head { "" } else { "hi" };
                if tell.send(Ok(seen)).is_err()
                    || write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}").is_err()
                {
                    return;
                }
            }
            Err(why) => {
                let _over = tell.send(Err(why));
                return;
            }
        }
    }
}

/// `None` where the connection ends before a request does.
fn read_request(reader: &mut impl BufRead) -> Result<Option<Seen>, String> {
    let Some(line) = read_line(reader)? else { return Ok(None) };
    let words: Vec<&str> = line.split(' ').collect();
    let is_sound = matches!(words[..], [method, target, "HTTP/1.1"] if is_token(method)
        && !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()));
    if !is_sound {
        return Err(format!("request line {line:?}"));
    }
    let Some(fields) = read_fields(reader)? else { return Ok(None) };
    let of = |name: &str| -> Vec<String> {
        let prefix = format!("{name}: ");
        fields.iter().filter_map(|field| field.strip_prefix(&prefix)).map(str::to_owned).collect()
    };
    if of("host").len() != 1 {
        return Err(format!("hosts in {fields:?}"));
    }
    let mut trailers = Vec::new();
    let body = match (&of("content-length")[..], &of("transfer-encoding")[..]) {
        ([], []) => Some(Vec::new()),
        ([length], []) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            read_exactly(reader, length.parse().map_err(|_| format!("length {length}"))?)
        }
        ([], [coding]) if coding == "chunked" => match read_chunks(reader)? {
            Some((body, behind)) => {
                trailers = behind;
                Some(body)
            }
            None => None,
        },
        _ => return Err(format!("framing in {fields:?}")),
    };
    Ok(body.map(|body| Seen { line, fields, body, trailers }))
}

/// A line without its end, which must be CR LF, with nothing of either (and no NUL) before. `None` at the end.
fn read_line(reader: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut line = Vec::new();
    // A connection that breaks has ended.
    let _broken = reader.read_until(b'\n', &mut line);
    if line.last() != Some(&b'\n') {
        return Ok(None);
    }
    // Bytes beyond ASCII are allowed in values, one by one.
    let text: String = line.iter().map(|&byte| char::from(byte)).collect();
    match text.strip_suffix("\r\n") {
        Some(line) if !line.chars().any(|c| c.is_ascii_control() && c != '\t') => Ok(Some(line.to_owned())),
        _ => Err(format!("line {text:?}")),
    }
}

fn read_fields(reader: &mut impl BufRead) -> Result<Option<Vec<String>>, String> {
    let mut fields = Vec::new();
    while let Some(line) = read_line(reader)? {
        if line.is_empty() {
            return Ok(Some(fields));
        }
        match line.split_once(':') {
            Some((name, value)) if is_token(name) => {
                fields.push(format!("{}: {}", name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])));
            }
            _ => return Err(format!("field {line:?}")),
        }
    }
    Ok(None)
}

type Chunks = Option<(Vec<u8>, Vec<String>)>;

fn read_chunks(reader: &mut impl BufRead) -> Result<Chunks, String> {
    let mut body = Vec::new();
    while let Some(size) = read_line(reader)? {
        let length = usize::from_str_radix(&size, 16).map_err(|_| format!("chunk size {size:?}"))?;
        if length == 0 {
            return Ok(read_fields(reader)?.map(|trailers| (body, trailers)));
        }
        let Some(piece) = read_exactly(reader, length) else { return Ok(None) };
        body.extend_from_slice(&piece);
        match read_line(reader)? {
            Some(end) if end.is_empty() => {}
            Some(end) => return Err(format!("behind a chunk: {end:?}")),
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn read_exactly(reader: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok().map(|()| body)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
