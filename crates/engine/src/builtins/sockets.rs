//! `net.dns.*`, `tcp.*` and `udp.sendTo`: names and sockets.

use super::{LIVE, row};
use crate::errand::{Errand, ErrandError, ErrandKind, Family};
use crate::host::{Host, go, refused};
use crate::limits;
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use trafficscript::{Answer, Builtin, Call, Param};

const NAME: Param = Param::string("host", "A host name.");
const SOCKET: Param = Param::integer("socket", "What `tcp.connect` gave.");
const TIMEOUT: Param =
    Param::integer("timeout", "Milliseconds until it is given up; 30,000 without it.").optional();

/// Bytes that `tcp.read` gives where the rule does not say how many.
const READ_BYTES: usize = 64 << 10;

pub(super) const ROWS: [Builtin<Host>; 8] = [
    row!(
        "net.dns.resolveHost", "The IPv4 address of a host name.",
        (NAME),
        String, LIVE, Waits, "world resolve www.example -> 192.0.2.7",
        [
            "net.dns.resolveHost( \"www.example\" )" => "192.0.2.7",
            "net.dns.resolveHost( \"nobody.example\" )" => "",
            "net.dns.resolveHost( \"192.0.2.1\" )" => "192.0.2.1",
        ],
        "Asks the machine's resolver, as other programs do; the first address if there are several. Empty where the \
         name has none, or after 30 seconds. An address is its own. Looking up a name needs no entry in `[outgoing]`.",
        |call| resolve(call, Family::V4),
    ),
    row!(
        "net.dns.resolveHost6", "The IPv6 address of a host name.",
        (NAME),
        String, LIVE, Waits, "world resolve www.example -> 2001:db8::7",
        ["net.dns.resolveHost6( \"www.example\" )" => "2001:db8::7"],
        "As `net.dns.resolveHost`.",
        |call| resolve(call, Family::V6),
    ),
    row!(
        "net.dns.resolveIP", "The host name of an address.",
        (Param::string("ip", "An address.")),
        String, LIVE, Waits, "world resolve 192.0.2.7 -> www.example",
        [
            "net.dns.resolveIP( \"192.0.2.7\" )" => "www.example",
            "net.dns.resolveIP( \"192.0.2.8\" )" => "192.0.2.8",
        ],
        "What the address's own zone says, which its owner writes as they like. The address itself where there is none, or \
         after 30 seconds; empty with a warning for what is no address.",
        |call| {
            let text = call.string(0);
            match address(&text) {
                Some(address) => go(call, Errand::ResolveAddress { address }, limits::ERRAND_TIME),
                None => no_address(call, ErrandKind::Resolve, &text),
            }
        },
    ),
    row!(
        "tcp.connect", "Opens a TCP connection.",
        (Param::string("ip", "An address."), Param::integer("port", "Its port."), TIMEOUT),
        Integer, LIVE, Waits, "world connect 192.0.2.25:25 -> \"220 mail\\r\\n\"",
        [
            "tcp.read( tcp.connect( \"192.0.2.25\", 25 ), 3 )" => "220",
            "tcp.connect( \"192.0.2.26\", 25 )" => "0",
        ],
        "The value is the number of the connection, for `tcp.read`, `tcp.write` and `tcp.close`; `$1` is empty. Where \
         it cannot be opened the value is 0 and `$1` says why. The connection is closed when the request is over; a \
         request may have 16 of them. Where it may go stands in the catalog's `[outgoing]`; what is not allowed is a \
         warning and fails as above.",
        connect,
    ),
    row!(
        "tcp.read", "Reads from a TCP connection.",
        (SOCKET, Param::integer("maximum", "Bytes at most; 64 KiB without it.").optional(), TIMEOUT),
        String, LIVE, Waits, "world connect 192.0.2.25:25 -> \"220 mail\\r\\n\"",
        ["$s = tcp.connect( \"192.0.2.25\", 25 ); $t = tcp.read( $s, 100 ) . \"[\" . tcp.read( $s ) . \"]\"; $1 = $t;" => "220 mail\r\n[]"],
        "Gives what is there, up to the maximum (4 MiB at the most), and waits only while there is nothing. Empty at \
         the end of the stream, with an empty `$1`; empty after a failure or when the time is over, and `$1` says \
         which.",
        read,
    ),
    row!(
        "tcp.write", "Writes to a TCP connection.",
        (SOCKET, Param::string("data", "What is sent, at most 4 MiB."), TIMEOUT),
        Integer, LIVE, Waits, "world connect 192.0.2.25:25 -> \"\"",
        ["tcp.write( tcp.connect( \"192.0.2.25\", 25 ), \"QUIT\\r\\n\" )" => "6"],
        "The value is the number of bytes, all of them; `$1` is empty. After a failure, or when the time is over \
         before all was taken, the value is 0, `$1` says why, and how much was sent is not known.",
        |call| {
            let (socket, data, time) = (socket(call), call.bytes(1).into_owned(), milliseconds(call, 2));
            go(call, Errand::Write { socket, data }, time)
        },
    ),
    row!(
        "tcp.close", "Closes a TCP connection.",
        (SOCKET),
        Truth, LIVE, Waits, "world connect 192.0.2.25:25 -> \"\"",
        [
            "tcp.close( tcp.connect( \"192.0.2.25\", 25 ) )" => "1",
            "tcp.close( 5 )" => "0",
        ],
        "1; 0 with a warning, and a text in `$1`, where there is no such connection.",
        |call| {
            let socket = socket(call);
            go(call, Errand::Close { socket }, limits::ERRAND_TIME)
        },
    ),
    row!(
        "udp.sendTo", "Sends a UDP datagram.",
        (Param::string("host", "A host name or an address."), Param::integer("port", "Its port."),
         Param::string("data", "What is sent, at most 65,507 bytes.")),
        Truth, LIVE, Waits, "world send log.example:514",
        [
            "udp.sendTo( \"log.example\", 514, \"<14>hello\" )" => "1",
            "udp.sendTo( \"log.example\", 0, \"x\" )" => "0",
        ],
        "1 when it has been sent, which does not mean that it has arrived; 0 where it could not be, and `$1` says why. \
         Where it may go stands in the catalog's `[outgoing]`; what is not allowed is a warning and fails as above.",
        send,
    ),
];

fn resolve(call: &mut Call<'_, Host>, family: Family) -> Answer {
    let name = call.string(0);
    if let Some(address) = address(&name) {
        let fits = address.is_ipv4() == (family == Family::V4);
        return if fits { address.to_string().into() } else { "".into() };
    }
    let name = String::from_utf8_lossy(&name).to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
    if !crate::catalog::is_host_name(&name) {
        let why = "a host name has letters, digits, hyphens and dots".to_owned();
        return refused(call, ErrandKind::Resolve, ErrandError::Refused(why));
    }
    go(call, Errand::Resolve { name, family }, limits::ERRAND_TIME)
}

fn connect(call: &mut Call<'_, Host>) -> Answer {
    let text = call.string(0);
    let Some(address) = address(&text) else { return no_address(call, ErrandKind::Connect, &text) };
    let Some(port) = port(call) else { return no_port(call, ErrandKind::Connect) };
    let time = milliseconds(call, 2);
    go(call, Errand::Connect { address: SocketAddr::new(address, port) }, time)
}

fn read(call: &mut Call<'_, Host>) -> Answer {
    let socket = socket(call);
    let bytes_max = match call.optional_integer(1) {
        Some(count) if count > 0 => usize::try_from(count).unwrap_or(usize::MAX),
        _ => READ_BYTES,
    };
    let bytes_max = bytes_max.min(limits::ERRAND_ANSWER_BYTES_MAX);
    let time = milliseconds(call, 2);
    go(call, Errand::Read { socket, bytes_max }, time)
}

fn send(call: &mut Call<'_, Host>) -> Answer {
    let host = call.string(0);
    let host = match address(&host) {
        Some(address) => address.to_string(),
        None => String::from_utf8_lossy(&host).to_ascii_lowercase(),
    };
    if host.parse::<IpAddr>().is_err() && !crate::catalog::is_host_name(&host) {
        let why = "udp.sendTo takes a host name or an address".to_owned();
        return refused(call, ErrandKind::Datagram, ErrandError::Refused(why));
    }
    let Some(port) = port(call) else { return no_port(call, ErrandKind::Datagram) };
    let data = call.bytes(2).into_owned();
    if data.len() > limits::DATAGRAM_BYTES_MAX {
        let why = format!("a datagram holds at most {} bytes", limits::DATAGRAM_BYTES_MAX);
        return refused(call, ErrandKind::Datagram, ErrandError::TooMuch(why));
    }
    go(call, Errand::Datagram { host, port, data }, limits::ERRAND_TIME)
}

fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

fn port(call: &Call<'_, Host>) -> Option<u16> {
    u16::try_from(call.integer(1)).ok().filter(|port| *port != 0)
}

/// A number that no connection has stands for what is none.
fn socket(call: &Call<'_, Host>) -> u32 {
    u32::try_from(call.integer(0)).unwrap_or(0)
}

fn milliseconds(call: &Call<'_, Host>, at: usize) -> Duration {
    match call.optional_integer(at) {
        Some(count) if count > 0 => Duration::from_millis(u64::try_from(count).unwrap_or(u64::MAX)),
        _ => limits::ERRAND_TIME,
    }
}

fn no_address(call: &mut Call<'_, Host>, kind: ErrandKind, text: &[u8]) -> Answer {
    let why = format!("\"{}\" is no address", String::from_utf8_lossy(text));
    refused(call, kind, ErrandError::Refused(why))
}

fn no_port(call: &mut Call<'_, Host>, kind: ErrandKind) -> Answer {
    refused(call, kind, ErrandError::Refused("a port is between 1 and 65535".to_owned()))
}
