//! Reads a log and folds every value of every line into one number, so that nothing of the reading can be left out:
//! `checksum FILE [LAYOUT]`. What a measurement of reading alone runs.
#![expect(clippy::print_stdout, reason = "a tool for measurements: what it prints is its result")]

use accesslog::{Client, Layout, Line, LineReader, Read, recognise};
use std::error::Error;
use std::io::Read as _;
use std::net::IpAddr;

/// What a log came to.
#[derive(Default)]
struct Sums {
    lines: u64,
    bad: u64,
    bytes: u64,
    checksum: u64,
}

impl Sums {
    fn add(&mut self, line: &Line<'_>) {
        self.lines += 1;
        self.bytes += line.bytes.known().unwrap_or(0);
        let client = match line.client {
            Client::Address(IpAddr::V4(four)) => u64::from(four.to_bits()),
            Client::Address(IpAddr::V6(six)) => {
                six.octets().first_chunk().map_or(0, |high| u64::from_be_bytes(*high))
            }
            Client::Name(name) => name.len() as u64,
        };
        let texts = [line.referer, line.user_agent].map(|said| said.known().map_or(0, |text| ends(text.raw)));
        let parts =
            [client, line.at_unix_micros.cast_unsigned(), u64::from(line.status), ends(line.target.raw)];
        for part in parts.into_iter().chain(texts).chain([ends(line.method)]) {
            self.checksum = (self.checksum.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
}

/// Length and both ends of a text: where a value was found, not what is in it.
fn ends(text: &[u8]) -> u64 {
    let end = |byte: Option<&u8>| u64::from(byte.copied().unwrap_or_default());
    (text.len() as u64) << 16 | end(text.first()) << 8 | end(text.last())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, said) = match arguments.as_slice() {
        [path] => (path, None),
        [path, layout] => (path, Some(Layout::said(layout)?)),
        _ => return Err("checksum FILE [LAYOUT]".into()),
    };
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut held = 0;
    let mut reader = None;
    let mut sums = Sums::default();
    loop {
        let length = file.read(&mut buffer[held..])?;
        held += length;
        let end =
            if length == 0 { held } else { memchr::memrchr(b'\n', &buffer[..held]).map_or(0, |at| at + 1) };
        let text = &buffer[..end];
        let recognised = || recognise(text).into_iter().next().map(|best| best.layout);
        let reader = match &mut reader {
            Some(reader) => reader,
            none => none.insert(LineReader::new(
                &said.clone().or_else(recognised).ok_or("the lines are of no layout that is known")?,
            )),
        };
        let mut start = 0;
        for newline in
            memchr::memchr_iter(b'\n', text).chain((length == 0 && !text.ends_with(b"\n")).then_some(end))
        {
            match reader.read(&text[start..newline]) {
                Read::Line(line) => sums.add(&line),
                Read::Comment => {}
                Read::Bad(_) => sums.bad += 1,
            }
            start = newline + 1;
        }
        buffer.copy_within(end..held, 0);
        held -= end;
        if length == 0 || held == buffer.len() {
            break;
        }
    }
    println!("lines {} bad {} bytes {} checksum {:016x}", sums.lines, sums.bad, sums.bytes, sums.checksum);
    Ok(())
}
