//! Writes a line many times, to count instructions: `valgrind --tool=callgrind one_line combined 1000`.

use std::borrow::Cow;
use std::net::IpAddr;

use accesslog::{ConnectionState, Entry, FieldLookup, Format, NoFields};

struct Visitor;

impl FieldLookup for Visitor {
    fn field(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        match name {
            b"Referer" => Some(Cow::Borrowed(b"http://forum.example/viewtopic.php?f=12&t=4711")),
            b"User-Agent" => Some(Cow::Borrowed(AGENT)),
            _ => None,
        }
    }

    fn cookie(&self, _name: &[u8]) -> Option<Cow<'_, [u8]>> {
        None
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "combined".to_owned());
    let times = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    let Some(format) = Format::named(&name).or_else(|| Format::parse(&name).ok()) else { return };
    let mut out = Vec::with_capacity(4_096);
    let mut total = 0;
    for request in 0..times {
        out.clear();
        format.write(&entry(request), &mut out);
        total += out.len();
    }
    std::hint::black_box(total);
}

fn entry(request: u32) -> Entry<'static> {
    Entry {
        arrived_unix_micros: 1_431_857_103_123_456 + i64::from(request),
        utc_offset_seconds: 7_200,
        duration_micros: 1_234,
        first_byte_micros: Some(900),
        client_address: IpAddr::from([83, 149, 9, 216]),
        client_port: 50_123,
        peer_address: IpAddr::from([83, 149, 9, 216]),
        local_address: IpAddr::from([192, 0, 2, 1]),
        local_port: 80,
        user: None,
        request_line: b"GET /presentations/images/kibana-search.png HTTP/1.1",
        method: b"GET",
        target: b"/presentations/images/kibana-search.png",
        protocol: b"HTTP/1.1",
        status: 200,
        body_bytes_sent: 203_023,
        bytes_sent: 203_300,
        bytes_received: 512,
        virtual_server: "www.example.com",
        host: Some(b"www.example.com"),
        connection_id: 123_456,
        requests_on_connection: 1,
        connection_state: ConnectionState::KeptAlive,
        pool: "web",
        node: "127.0.0.1:8000",
        request_id: "0000000000012345",
        verdict: "forward",
        rule: "",
        bandwidth_class: "",
        rate_class: "StandardReferer",
        context: b"forum.example",
        queue_micros: 0,
        queue_place: None,
        marks: "",
        kind: "image",
        environment: &[],
        tls: None,
        request_fields: &Visitor,
        response_fields: &NoFields,
    }
}

const AGENT: &[u8] =
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/32.0.1700.77 Safari/537.36";
