//! Decodes or encodes one head a number of times, to count instructions as the difference of two runs:
//!
//! ```text
//! for n in 1000 11000; do valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!     target/release/examples/head_cost decode $n; done
//! ```
//!
//! The first word is `decode`, `decode-response`, `encode` or `encode-response`; a third word `small` takes heads of
//! three fields, as load generators send them, instead of heads of 250 bytes, as browsers and sites do.

use std::hint::black_box;

use http1::{Limits, RequestMethod, connection_options, decode_request, decode_response, encode};
use message::{RequestHead, ResponseHead};

const REQUEST: &[u8] = b"GET /music/song.mp3?visit=1 HTTP/1.1\r\nHost: www.a.example\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\nAccept: */*\r\n\
    Accept-Encoding: gzip, deflate\r\nReferer: http://www.b.example/page.html\r\n\
    Cookie: mark=0123456789abcdef\r\nX-A: 1\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\
    Last-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\nETag: \"6740-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

const SMALL_REQUEST: &[u8] =
    b"GET /1024 HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: engine-tool\r\nAccept: */*\r\n\r\n";

const SMALL_RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: t\r\nContent-Type: application/octet-stream\r\n\
    Content-Length: 1024\r\n\r\n";

fn main() {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    let times: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(1000);
    let small = words.next().as_deref() == Some("small");
    let (request_bytes, response_bytes) =
        if small { (SMALL_REQUEST, SMALL_RESPONSE) } else { (REQUEST, RESPONSE) };
    let limits = Limits::default();
    let mut request = RequestHead::default();
    let mut response = ResponseHead::default();
    let _ = black_box(decode_request(request_bytes, &limits, &mut request));
    let _ = black_box(decode_response(response_bytes, &limits, RequestMethod::Other, &mut response));
    let mut out = Vec::with_capacity(1024);
    for _ in 0..times {
        match what.as_str() {
            "decode" => {
                let _ = black_box(decode_request(black_box(request_bytes), &limits, &mut request));
            }
            "decode-response" => {
                let _ = black_box(decode_response(
                    black_box(response_bytes),
                    &limits,
                    RequestMethod::Other,
                    &mut response,
                ));
            }
            "encode" => {
                out.clear();
                let options = connection_options(request.fields());
                encode::request_head(&mut out, black_box(&request), |name, _, known| {
                    !options.is_hop_by_hop(name, known)
                });
                encode::end_head(&mut out);
                black_box(&out);
            }
            _ => {
                out.clear();
                let options = connection_options(response.fields());
                encode::response_head(&mut out, black_box(&response), |name, _, known| {
                    !options.is_hop_by_hop(name, known)
                });
                encode::end_head(&mut out);
                black_box(&out);
            }
        }
    }
}
