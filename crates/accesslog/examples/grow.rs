//! Makes a big log of a small one: the same visitors many times over, under other addresses and at other times, in time
//! order. `grow SMALL BIG BYTES`; the same arguments give the same file.
#![expect(clippy::print_stdout, reason = "a tool for measurements: what it prints is its result")]

use accesslog::{LogTime, recognise};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error;
use std::io::{BufWriter, Write as _};

/// Copies of the small log that run beside one another.
const COPIES: u64 = 75;

/// Seconds between the beginnings of two copies.
const APART_SECONDS: i64 = 37;

/// One line of the small log.
struct Part<'a> {
    unix_seconds: i64,
    client: &'a str,
    before_time: &'a str,
    after_time: &'a str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [small, big, bytes] = arguments.as_slice() else { return Err("grow SMALL BIG BYTES".into()) };
    let wanted: u64 = bytes.parse()?;
    let text = String::from_utf8(std::fs::read(small)?)?;
    if recognise(text.as_bytes()).is_empty() {
        return Err("the lines of this log are of no layout that is known".into());
    }
    let mut parts: Vec<Part<'_>> = text.lines().filter_map(part).collect();
    parts.sort_by_key(|part| part.unix_seconds);
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Err("no lines".into()) };
    let span_seconds = last.unix_seconds - first.unix_seconds + i64::try_from(COPIES)? * APART_SECONDS + 1;
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(big)?);
    let (mut written, mut lines) = (0, 0_u64);
    let mut line = Vec::new();
    for span in 0.. {
        let mut next: BinaryHeap<Reverse<(i64, u64, usize)>> = (0..COPIES)
            .map(|copy| Reverse((parts[0].unix_seconds + copy.cast_signed() * APART_SECONDS, copy, 0)))
            .collect();
        while let Some(Reverse((at, copy, index))) = next.pop() {
            let part = &parts[index];
            line.clear();
            write_client(part.client, span * COPIES + copy, &mut line);
            line.extend_from_slice(part.before_time.as_bytes());
            let time =
                LogTime { unix_seconds: at + span.cast_signed() * span_seconds, utc_offset_seconds: 0 };
            time.write_clf(&mut line);
            line.extend_from_slice(part.after_time.as_bytes());
            line.push(b'\n');
            out.write_all(&line)?;
            written += line.len() as u64;
            lines += 1;
            if written >= wanted {
                out.flush()?;
                println!("{written} bytes, {lines} lines");
                return Ok(());
            }
            if let Some(following) = parts.get(index + 1) {
                next.push(Reverse((at + following.unix_seconds - part.unix_seconds, copy, index + 1)));
            }
        }
    }
    Ok(())
}

fn part(line: &str) -> Option<Part<'_>> {
    let open = line.find('[')?;
    let close = open + line[open..].find(']')? + 1;
    let (client, before_time) = line[..open].split_at(line.find(' ')?);
    let unix_seconds = LogTime::parse_clf(line.as_bytes().get(open..close)?)?.unix_seconds;
    Some(Part { unix_seconds, client, before_time, after_time: &line[close..] })
}

/// Another address for each copy; one in twenty is IPv6.
fn write_client(client: &str, copy: u64, out: &mut Vec<u8>) {
    let mut mixed = copy.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for byte in client.bytes() {
        mixed = (mixed ^ u64::from(byte)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 29;
    }
    let parts = mixed.to_le_bytes();
    // Writing to a vector cannot fail.
    drop(if mixed.is_multiple_of(20) {
        write!(out, "2001:db8:{:x}:{:x}::{:x}", parts[0], parts[1], mixed >> 48)
    } else {
        write!(out, "{}.{}.{}.{}", parts[0] % 223 + 1, parts[1], parts[2], parts[3])
    });
}
